"""
thermal_s7: tells the eight distortions of the reference; thermal_s as it was up to version 7.

It is trained first. What ``thermal_s`` adds for the other types stands on its frozen feature maps.
"""

from __future__ import annotations

from typing import ClassVar

from fliqe_ros.models.network import (
    binary_head, EMBEDDING_SIZE, QualityNetwork, type_head)
from fliqe_ros.models.thermal_trunk import (
    BlockMeans, Maps, mean_of_blocks, STATISTICS, statistics, Trunk)
import torch
from torch import nn, Tensor
import torch.nn.functional as F

#: The first of ``CLASSES``.
TYPES = 9
#: Side of the quality map's windows, in blocks of 32 px; there is one for every block.
MAP_WINDOW = 4


class ThermalS7(Trunk, QualityNetwork):
    """
    Feature statistics → 128-d unit embedding → binary head, type head and quality map.

    The embedding is computed from three kinds of statistics: mean and standard deviation of
    texture channels (noise, blocks, sharpness) and of structure channels with their wider view
    (motion), and the autocorrelation of edges at several shifts, where a ghost is a peak. Over
    the whole frame they give score and type, over windows of it the map.
    Under 0.5 M parameters.
    """

    architecture: ClassVar[str] = 'thermal_s7'
    any_size: ClassVar[bool] = True
    has_map: ClassVar[bool] = True
    first_convolution: ClassVar[str] = 'edges.0.0'
    type_head: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Sequential(
            nn.Linear(STATISTICS, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, EMBEDDING_SIZE))
        self.classifier = binary_head()
        self.type_head = type_head(TYPES)

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) uint8 → (N, 128) unit embeddings, (N, rows, columns) logits of windows."""
        blocks = _block_means(self.maps(self.levels(batch)))
        return self._embed(blocks.each(mean_of_blocks)), self._map_logits(*blocks)

    def _embed(self, means: BlockMeans) -> Tensor:
        """Means of N frames or windows, (N, channels) each → (N, 128) unit embeddings."""
        return F.normalize(self.projection(statistics(means)), dim=1)

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


def _block_means(maps: Maps) -> BlockMeans:
    """Return the means of the blocks that lie in the frame as a whole."""
    rows, columns = maps.echoes.shape[2:]  # they need most margin
    # Texture is averaged over twice the block, which is what structure sees of the frame.
    return BlockMeans(
        F.avg_pool2d(maps.texture, 8, 4), F.avg_pool2d(maps.texture_squares, 8, 4), maps.echoes,
        F.avg_pool2d(maps.structure, 2), F.avg_pool2d(maps.structure_squares, 2),
    ).each(lambda means: means[:, :, :rows, :columns])


def _window_matrix(like: Tensor, side: int) -> Tensor:
    """(windows, side) matrix that averages the neighbours in each window."""
    length = _window_length(side)
    position = torch.arange(side, device=like.device)
    first = torch.arange(side - length + 1, device=like.device).unsqueeze(1)
    return ((position >= first) & (position < first + length)).to(like.dtype) / length


def _window_length(side: int) -> int:
    """Return ``MAP_WINDOW``, or all blocks if there are less."""
    return torch.sym_min(MAP_WINDOW, side)  # type: ignore[return-value]  # a SymInt in an export
