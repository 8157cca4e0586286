"""
thermal_s: a small fully convolutional network on the native-resolution gray frame.

Noise, aliasing, compression blocks and slight blur live in single pixels and vanish when a frame
is resized, so the frame is never resized. The convolutions are unpadded: padding would draw an
edge around the frame that looks sharp, and the smaller the frame the more it would weigh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.models.network import (
    binary_head, EMBEDDING_SIZE, Normalize, QualityNetwork, type_head)
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
#: Of a block or a frame; see ``statistics``.
STATISTICS = 2 * (TEXTURE_CHANNELS + STRUCTURE_CHANNELS) + len(ECHO_SHIFTS)
#: Brings the autocorrelation of most frames to the size of the other statistics.
ECHO_SCALE = 4.0
#: Features of a block, and how many of them are kept by place, in a grid of so many cells a side.
BLOCK_FEATURES, PLACED_FEATURES, GRID = 64, 8, 5
#: Edge cells on either side that a line of the frame is compared with.
LINE_REACH = 3
#: Mixtures of edges in which a seam is looked for, and the neighbours on either side, in edge
#: cells, that it has to stand out from.
SEAM_CHANNELS, SEAM_REACH = 8, 2
#: Weighs the greatest blocks in a soft maximum: the inverse of the size that counts as a peak.
PEAK_SHARPNESS = 2.0


class BlockMeans(NamedTuple):
    """What is averaged over blocks of 64 px, one every 32 px: (N, channels, rows, columns)."""

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


class Trunk(QualityNetwork):
    """The convolutions of thermal_s, and the autocorrelation of its edges."""

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

    def _echoes(self, edges: Tensor) -> Tensor:
        """Edges times their shifted copies, every second cell, summed over channels; by block."""
        edges = self.echo(edges).float()
        edges = edges - edges.mean((2, 3), keepdim=True)
        rows, columns = (side // 2 - ECHO_REACH for side in edges.shape[2:])
        # Even and odd cells become grids of their own, of which every shift is a plain window.
        grids = edges[:, :, :2 * (rows + ECHO_REACH), :2 * (columns + ECHO_REACH)]
        grids = grids.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 3, 5, 1, 2, 4)

        def shifted(row: int, column: int) -> Tensor:
            (top, odd_row), (left, odd_column) = (
                divmod(ECHO_REACH + shift, 2) for shift in (row, column))
            return grids[:, odd_row, odd_column].narrow(2, top, rows).narrow(3, left, columns)

        copies = torch.cat([shifted(*shift) for shift in ((0, 0), *ECHO_SHIFTS)], dim=1)
        copies = copies.unflatten(1, (-1, ECHO_CHANNELS))
        return F.avg_pool2d((copies[:, :1] * copies).sum(2), 6, 4)


class ThermalS(Trunk):
    """
    Feature statistics → 128-d unit embedding → binary head and type head; quality map beside it.

    Statistics of a block are mean and standard deviation of texture channels (noise, blocks,
    sharpness) and of structure channels with their wider view (motion), and the autocorrelation
    of edges at several shifts, where a ghost is a peak. The embedding is computed from

    - the statistics of the whole frame;
    - features of its blocks: their mean, soft maximum and soft minimum, since a drop on the lens
      shows in a few blocks, and a picture behind a sharp display in the others; and a coarse grid
      of them, since shading and covers are a matter of place;
    - profiles of edges over rows and columns, in which a single dead line stands out, and a seam
      as a line that is an edge all along.

    The quality map is a vote of each block. Under 0.5 M parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Linear(STATISTICS, BLOCK_FEATURES), nn.BatchNorm1d(BLOCK_FEATURES), nn.ReLU())
        self.block_classifier = nn.Linear(BLOCK_FEATURES, 1)
        self.place = nn.Linear(BLOCK_FEATURES, PLACED_FEATURES, bias=False)
        self.seam = nn.Conv2d(EDGE_CHANNELS, SEAM_CHANNELS, 1, bias=False)
        features = (STATISTICS + 3 * BLOCK_FEATURES + PLACED_FEATURES * GRID**2
                    + 4 * EDGE_CHANNELS + 4 * SEAM_CHANNELS)
        self.projection = nn.Sequential(
            nn.BatchNorm1d(features), nn.Linear(features, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, EMBEDDING_SIZE))
        self.classifier = binary_head()
        self.type_head = type_head(len(CLASSES))

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) uint8 → (N, 128) unit embeddings, (N, rows, columns) logits of blocks."""
        edges = self.edges(self.levels(batch))
        blocks = self._block_means(edges)
        features = self._block_features(blocks)
        whole = torch.cat([statistics(blocks.each(mean_of_blocks)), _pooled(features),
                           self._placed(features), _line_profiles(edges.float()),
                           _seams(self.seam(edges).float().abs())], dim=1)
        votes = self.block_classifier(features).squeeze(3)
        return F.normalize(self.projection(whole), dim=1), votes

    def _block_means(self, edges: Tensor) -> BlockMeans:
        texture = self.texture(edges)
        structure = self.structure(texture).float()
        texture = texture.float()
        structure_means = F.avg_pool2d(structure, 4, 2)
        rows, columns = structure_means.shape[2:]  # it needs most margin
        return BlockMeans(
            F.avg_pool2d(texture, 8, 4), F.avg_pool2d(texture * texture, 8, 4),
            self._echoes(edges), structure_means, F.avg_pool2d(structure * structure, 4, 2),
        ).each(lambda means: means[:, :, :rows, :columns])

    def _block_features(self, blocks: BlockMeans) -> Tensor:
        """Return (N, rows, columns, BLOCK_FEATURES)."""
        count, _, rows, columns = blocks.echoes.shape
        each = blocks.each(lambda means: means.permute(0, 2, 3, 1).flatten(0, 2))
        return self.block(statistics(each)).unflatten(0, (count, rows, columns))

    def _placed(self, features: Tensor) -> Tensor:
        """Return the features of a grid of equal cells over the frame, (N, …)."""
        placed = self.place(features).permute(0, 3, 1, 2)
        by_row, by_column = (_cell_matrix(placed, side) for side in placed.shape[2:])
        # Matrix products, since adaptive pooling cannot be exported for frames of any size.
        return (by_row @ (placed @ by_column.T)).flatten(1)


def statistics(means: BlockMeans) -> Tensor:
    """Means of N blocks or frames, (N, channels) each → (N, statistics)."""
    parts = [means.echoes[:, 1:] / (means.echoes[:, :1] + 1e-4) * ECHO_SCALE]
    for mean, mean_of_squares in ((means.texture, means.texture_squares),
                                  (means.structure, means.structure_squares)):
        variance = (mean_of_squares - mean.square()).clamp_min(0.0)
        parts += [mean, variance.add(1e-4).sqrt()]
    return torch.cat(parts, dim=1)


def _pooled(features: Tensor) -> Tensor:
    """Mean, soft maximum and soft minimum of the blocks, (N, 3 * BLOCK_FEATURES)."""
    return torch.cat([features.mean((1, 2)), _soft_maximum(features), -_soft_maximum(-features)],
                     dim=1)


def _soft_maximum(features: Tensor) -> Tensor:
    """
    (N, rows, columns, channels) → (N, channels).

    The greatest of many blocks is greater than that of few, so that a network that learnt from
    small views would be misled on large frames. The mean of exponentials depends on the share of
    the blocks alone.
    """
    greatest = features.detach().amax((1, 2), keepdim=True)  # or the exponentials overflow
    peaks = torch.exp(PEAK_SHARPNESS * (features - greatest)).mean((1, 2))
    return peaks.log() / PEAK_SHARPNESS + greatest.flatten(1)


def _line_profiles(edges: Tensor) -> Tensor:
    """
    Tell how far lines of a frame stand out: (N, channels, h, w) → (N, 4 * channels).

    The profile of the rows is the mean of each row, less that of its neighbours; of it there are
    the greatest and the mean size. The same for columns.
    """
    profiles = []
    for side in (3, 2):
        profile = edges.mean(side)
        around = F.avg_pool1d(profile, 2 * LINE_REACH + 1, 1, LINE_REACH, count_include_pad=False)
        height = (profile - around).abs()
        profiles += [height.amax(2), height.mean(2)]
    return torch.cat(profiles, dim=1)


def _seams(edges: Tensor) -> Tensor:
    """
    Tell how far lines of a frame are edges all along: (N, channels, h, w) → (N, 4 * channels).

    A seam is not strong where it crosses a sky, but it stands out from the cells beside it at
    every point. So each cell is compared with its neighbours before a line is averaged; of the
    profile there are the greatest and the mean. The same for columns.
    """
    seams = []
    for side in (2, 3):
        length = edges.shape[side] - 2 * SEAM_REACH
        before, line, after = (edges.narrow(side, start, length)
                               for start in (0, SEAM_REACH, 2 * SEAM_REACH))
        profile = (line / (line + before + after + 0.05)).mean(5 - side)
        seams += [profile.amax(2), profile.mean(2)]
    return torch.cat(seams, dim=1)


def mean_of_blocks(blocks: Tensor) -> Tensor:
    return blocks.mean((2, 3))


def _cell_matrix(like: Tensor, side: int) -> Tensor:
    """(GRID, side) matrix that averages what lies in each of GRID equal cells of a side."""
    position = torch.arange(side, device=like.device) * GRID  # in units of 1 / GRID
    start = torch.arange(GRID, device=like.device).unsqueeze(1) * side
    overlap = torch.minimum(position + GRID, start + side) - torch.maximum(position, start)
    return overlap.clamp_min(0).to(like.dtype) / side
