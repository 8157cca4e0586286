"""
thermal_s as it was up to version 7, with nine types: the packaged model.

A small fully convolutional network on the native-resolution gray frame. Its successor is in
``thermal_s``.

Noise, aliasing, compression blocks and slight blur live in single pixels and vanish when a frame
is resized, so the frame is never resized. The convolutions are unpadded: padding would draw an
edge around the frame that looks sharp, and the smaller the frame the more it would weigh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from fliqe_ros.models.network import (
    binary_head, EMBEDDING_SIZE, Normalize, QualityNetwork)
import torch
from torch import nn, Tensor
import torch.nn.functional as F

#: Multiples of 16, the width that CPUs compute convolutions in.
EDGE_CHANNELS, TEXTURE_CHANNELS, STRUCTURE_CHANNELS = 16, 48, 96
ECHO_CHANNELS = 4
#: Shifts, rows and columns in edge cells of 4 px, at which a frame is compared with itself: all in
#: one half-plane up to a reach that covers the ghosts seen in practice.
ECHO_REACH = 4
ECHO_SHIFTS = tuple(
    (row, column) for row in range(ECHO_REACH + 1) for column in range(-ECHO_REACH, ECHO_REACH + 1)
    if (row, column) > (0, 0) and row * row + column * column <= ECHO_REACH**2 + 1)
#: Brings the autocorrelation of most frames to the size of the other statistics.
ECHO_SCALE = 4.0
#: The first of ``CLASSES``.
TYPES = 9
#: Side of the quality map's windows, in blocks of 32 px; there is one for every block.
MAP_WINDOW = 4


class BlockMeans(NamedTuple):
    """What is averaged over blocks of 32 px: (N, channels, rows, columns) each, float32."""

    texture: Tensor
    texture_squares: Tensor
    echoes: Tensor  # unshifted first
    structure: Tensor
    structure_squares: Tensor

    def each(self, function: Callable[[Tensor], Tensor]) -> BlockMeans:
        """Apply a function to all of them."""
        return BlockMeans(*map(function, self))


def _conv(channels_in: int, channels_out: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, bias=False),
        nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


class ThermalS7(QualityNetwork):
    """
    Feature statistics → 128-d unit embedding → binary head, type head and quality map.

    The embedding is computed from three kinds of statistics: mean and standard deviation of
    texture channels (noise, blocks, sharpness) and of structure channels with their wider view
    (motion), and the autocorrelation of edges at several shifts, where a ghost is a peak. Over
    the whole frame they give score and type, over windows of it the map.
    Under 0.5 M parameters.
    """

    architecture: ClassVar[str] = 'thermal_s'
    any_size: ClassVar[bool] = True
    has_map: ClassVar[bool] = True
    first_convolution: ClassVar[str] = 'edges.0.0'

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize(115.0, 64.0)
        self.edges = nn.Sequential(          # 1 x H x W
            _conv(1, 16, 2, size=5),         # 16 x H/2
            _conv(16, EDGE_CHANNELS, 2))     # 16 x H/4
        self.texture = nn.Sequential(
            _conv(EDGE_CHANNELS, TEXTURE_CHANNELS, 2))  # 48 x H/8
        self.structure = nn.Sequential(
            _conv(TEXTURE_CHANNELS, 64, 2),  # 64 x H/16
            _conv(64, STRUCTURE_CHANNELS))   # 96 x H/16
        self.echo = nn.Conv2d(EDGE_CHANNELS, ECHO_CHANNELS, 1, bias=False)
        statistics = 2 * (TEXTURE_CHANNELS + STRUCTURE_CHANNELS) + len(ECHO_SHIFTS)
        self.projection = nn.Sequential(
            nn.Linear(statistics, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, EMBEDDING_SIZE))
        self.classifier = binary_head()
        self.type_head = nn.Sequential(
            nn.Linear(EMBEDDING_SIZE, 64), nn.ReLU(), nn.BatchNorm1d(64),
            nn.Linear(64, TYPES))

    def block_means(self, batch: Tensor) -> BlockMeans:
        """(N, 1, H, W) uint8 → statistics of the blocks that lie in the frame as a whole."""
        edges = self.edges(self.levels(batch))
        texture = self.texture(edges)
        structure = self.structure(texture).float()
        texture = texture.float()
        echoes = self._echoes(edges)
        rows, columns = echoes.shape[2:]  # they need most margin
        # Texture is averaged over twice the block, which is what structure sees of the frame.
        return BlockMeans(
            F.avg_pool2d(texture, 8, 4), F.avg_pool2d(texture * texture, 8, 4), echoes,
            F.avg_pool2d(structure, 2), F.avg_pool2d(structure * structure, 2),
        ).each(lambda means: means[:, :, :rows, :columns])

    def _echoes(self, edges: Tensor) -> Tensor:
        """Edges times their shifted copies, every second cell, summed over channels; by block."""
        edges = self.echo(edges).float()
        edges = edges - edges.mean((2, 3), keepdim=True)
        rows, columns = (side // 2 - ECHO_REACH for side in edges.shape[2:])
        # Even and odd columns become grids of their own, of which every shift is a plain window;
        # one transposition is much quicker than to pick columns for each shift.
        grids = edges[:, :, :, :2 * (columns + ECHO_REACH)].unflatten(3, (-1, 2))
        grids = grids.permute(0, 4, 1, 2, 3).flatten(1, 2)

        def shifted(row: int, column: int) -> Tensor:
            top, (left, odd) = ECHO_REACH + row, divmod(ECHO_REACH + column, 2)
            return grids[:, ECHO_CHANNELS * odd:ECHO_CHANNELS * (odd + 1),
                         top:top + 2 * rows - 1:2, left:left + columns]

        copies = torch.cat([shifted(*shift) for shift in ((0, 0), *ECHO_SHIFTS)], dim=1)
        copies = copies.unflatten(1, (-1, ECHO_CHANNELS))
        return F.avg_pool2d((copies[:, :1] * copies).sum(2), 6, 4)

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) uint8 → (N, 128) unit embeddings, (N, rows, columns) logits of windows."""
        blocks = self.block_means(batch)
        return self._embed(blocks.each(_mean)), self._map_logits(*blocks)

    def _embed(self, means: BlockMeans) -> Tensor:
        """Means of N frames or windows, (N, channels) each → (N, 128) unit embeddings."""
        statistics = [means.echoes[:, 1:] / (means.echoes[:, :1] + 1e-4) * ECHO_SCALE]
        for mean, mean_of_squares in ((means.texture, means.texture_squares),
                                      (means.structure, means.structure_squares)):
            variance = (mean_of_squares - mean.square()).clamp_min(0.0)
            statistics += [mean, variance.add(1e-4).sqrt()]
        return F.normalize(self.projection(torch.cat(statistics, dim=1)), dim=1)

    def _map_logits(self, *blocks: Tensor) -> Tensor:
        """Classify windows of the frame: fields of BlockMeans → (N, rows, columns) logits."""
        together = torch.cat(blocks, dim=1)
        by_row, by_column = (_window_matrix(together, side) for side in together.shape[2:])
        # Matrix products, since pooling layers that fit small frames too cannot be exported.
        windows = by_row @ (together @ by_column.T)
        count, _, rows, columns = windows.shape
        windows = windows.permute(0, 2, 3, 1).flatten(0, 2)
        means = BlockMeans(*windows.split([means.shape[1] for means in blocks], dim=1))
        return self.classifier(self._embed(means)).reshape(count, rows, columns)


def _mean(blocks: Tensor) -> Tensor:
    return blocks.mean((2, 3))


def _window_matrix(like: Tensor, side: int) -> Tensor:
    """(windows, side) matrix that averages the neighbours in each window."""
    length = _window_length(side)
    position = torch.arange(side, device=like.device)
    first = torch.arange(side - length + 1, device=like.device).unsqueeze(1)
    return ((position >= first) & (position < first + length)).to(like.dtype) / length


def _window_length(side: int) -> int:
    """Return ``MAP_WINDOW``, or all blocks if there are less."""
    return torch.sym_min(MAP_WINDOW, side)  # type: ignore[return-value]  # a SymInt in an export
