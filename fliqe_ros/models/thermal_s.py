"""
thermal_s: a small fully convolutional network on the native-resolution gray frame.

Its convolutions are those of ``ThermalS7``, which learnt the eight distortions of the reference,
and frozen here: they know noise, blocks, blur and doubled edges, and that other cameras look
other. What they find is looked at as a whole, by blocks, by places and by lines; beside it there
are the lines of pixels themselves, and a glance at the whole picture. Evidence that something
lies on the lens is added in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.glance import (
    averaging, CELL_FEATURES, Glance, GLANCE_FEATURES, made_small, resampled)
from fliqe_ros.models.line_statistics import (
    line_profiles, picked, PIXEL_LINES, pixel_lines, seams)
from fliqe_ros.models.network import binary_head, Prediction, QualityNetwork, type_head
from fliqe_ros.models.thermal_trunk import (
    BlockMeans, EDGE_CHANNELS, Maps, mean_of_blocks, STATISTICS, statistics, Trunk)
from fliqe_ros.models.thumbnail import Thumbnail
import torch
from torch import nn, Tensor
import torch.nn.functional as F

#: Features of a block, and how many of them are kept by place, in a grid of so many cells a side.
BLOCK_FEATURES, PLACED_FEATURES, GRID = 64, 8, 5
#: Features of a block for its vote on the quality map.
VOTE_FEATURES = 48
#: Side of a block, px; there is one every 32 px. Gray levels are taken every second pixel.
BLOCK_PX, BLOCK_STEP_PX, LEVEL_STEP = 64, 32, 2
#: What the convolutions see of the frame beyond a block, px: so far from its edge is the first.
MARGIN_PX = 16
#: Mixtures of edges in which a seam is looked for.
SEAM_CHANNELS = 8
#: Of a block: those of the trunk, and mean and spread of its gray levels.
BLOCK_STATISTICS = STATISTICS + 2
#: Weighs the greatest blocks in a soft maximum: the inverse of the size that counts as a peak.
PEAK_SHARPNESS = 2.0
HIDDEN, EMBEDDING_SIZE, DROPOUT = 256, 256, 0.1
_OBSTRUCTION = [float(each == Distortion.OBSTRUCTION) for each in CLASSES]


class Vote(nn.Module):
    """
    The quality map: statistics of blocks, (N, rows, columns, …) → logits, (N, rows, columns).

    A block knows its neighbours, and nothing of the rest of the frame: told of a whole frame that
    is bad, it would not learn where. Of the glance it has the cell that it lies in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(BLOCK_STATISTICS + CELL_FEATURES, VOTE_FEATURES), nn.ReLU())
        self.classifier = nn.Linear(2 * VOTE_FEATURES, 1)

    def forward(self, blocks: Tensor, cells: Tensor, rows_px: int, columns_px: int) -> Tensor:
        seen = in_blocks(cells, blocks.shape[1:3], (rows_px, columns_px)).permute(0, 2, 3, 1)
        hidden = self.hidden(torch.cat([blocks, seen], dim=3)).permute(0, 3, 1, 2)
        around = F.avg_pool2d(hidden, 3, 1, 1, count_include_pad=False)
        both = torch.cat([hidden, around], dim=1).permute(0, 2, 3, 1)
        return self.classifier(both).squeeze(3)


class Observation(NamedTuple):
    """What ``ThermalS`` finds in frames before it glances at them."""

    features: Tensor  #: (N, …) float, of whole frames
    blocks: Tensor    #: (N, rows, columns, BLOCK_STATISTICS) float, for the vote
    levels: Tensor    #: (N, 1, H/2, W/2) float, 0 to 255, to be made small


class ThermalS(QualityNetwork):
    """
    Feature maps → 256-d unit embedding → binary head and type head.

    The embedding is computed from

    - the statistics of the whole frame, as in ``ThermalS7``;
    - features of its blocks: their mean, soft maximum and soft minimum, since a drop on the lens
      shows in a few blocks, and a picture behind a sharp display in the others; and a coarse grid
      of them, since shading and covers are a matter of place;
    - profiles of edges and of pixels over rows and columns, in which a single dead line stands
      out, and a seam as a line that is an edge all along;
    - a glance at the frame as a whole, since drops, frost and shade have a shape.

    ``Thumbnail`` knows nothing of all this. Its evidence of an obstruction is added to the logits,
    as that of witnesses is who have not heard each other (naive Bayes).
    """

    architecture: ClassVar[str] = 'thermal_s'
    any_size: ClassVar[bool] = True
    has_map: ClassVar[bool] = True
    first_convolution: ClassVar[str] = 'trunk.edges.0.0'
    type_head: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk().requires_grad_(False)
        self.normalize = self.trunk.normalize
        self.standardize = nn.BatchNorm1d(BLOCK_STATISTICS)
        self.block = nn.Sequential(nn.Linear(BLOCK_STATISTICS, BLOCK_FEATURES), nn.ReLU())
        self.vote = Vote()
        self.place = nn.Linear(BLOCK_FEATURES, PLACED_FEATURES, bias=False)
        self.seam = nn.Conv2d(EDGE_CHANNELS, SEAM_CHANNELS, 1, bias=False)
        self.glance = Glance()
        features = (BLOCK_STATISTICS + 3 * BLOCK_FEATURES + PLACED_FEATURES * GRID**2
                    + 4 * EDGE_CHANNELS + 4 * SEAM_CHANNELS + PIXEL_LINES + GLANCE_FEATURES)
        self.projection = nn.Sequential(
            nn.BatchNorm1d(features), nn.Dropout(DROPOUT), nn.Linear(features, HIDDEN),
            nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, EMBEDDING_SIZE))
        self.classifier = binary_head(EMBEDDING_SIZE)
        self.type_head = type_head(len(CLASSES), EMBEDDING_SIZE)
        self.thumbnail = Thumbnail().requires_grad_(False)  # until its own stage of training

    @property
    def map_head(self) -> nn.Module:
        """Return what votes on the quality map."""
        return self.vote

    def train(self, mode: bool = True) -> ThermalS:
        """Set the mode of what learns; what is frozen stays in evaluation mode."""
        super().train(mode)
        self.trunk.eval()
        self.thumbnail.eval()
        return self

    def forward(self, batch: Tensor) -> Prediction:
        """(N, 1, H, W) uint8 batch of prepared frames → prediction."""
        seen = self.observe(batch)
        small = made_small(seen.levels)
        embedding, map_logits = self._judge(seen, small, batch)
        evidence = self.thumbnail(small)
        types = self.type_logits(embedding)
        if types is not None:
            types = types + evidence.whole.unsqueeze(1) * types.new_tensor(_OBSTRUCTION)
        of_blocks = in_blocks(evidence.cells.unsqueeze(1), map_logits.shape[1:], batch.shape[2:])
        return Prediction(
            embedding, self.logit(embedding) + evidence.whole, types,
            map_logits + of_blocks.squeeze(1))

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) uint8 → (N, 256) unit embeddings, (N, rows, columns) logits of blocks."""
        seen = self.observe(batch)
        return self._judge(seen, made_small(seen.levels), batch)

    def _judge(self, seen: Observation, small: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        glance, cells = self.glance(small)
        return (self.embed(seen.features, glance),
                self.vote(seen.blocks, cells, *batch.shape[2:]))

    def observe(self, batch: Tensor) -> Observation:
        """(N, 1, H, W) uint8 → what the embedding is made of, but for the glance."""
        with torch.no_grad():  # nothing to learn below, so nothing to keep for it
            maps = self.trunk.maps(self.levels(batch))
        gray = batch.float()
        levels = picked(gray, LEVEL_STEP, LEVEL_STEP)  # as good for a mean, in less time
        squares = levels * levels
        blocks = _block_statistics(maps, levels, squares)
        count, rows, columns, _ = blocks.shape
        blocks = self.standardize(blocks.flatten(0, 2)).unflatten(0, (count, rows, columns))
        features = self.block(blocks)
        return Observation(torch.cat([
            _frame_statistics(maps, levels, squares), features.mean((1, 2)),
            _soft_maximum(features), -_soft_maximum(-features), self._placed(features),
            line_profiles(maps.edges),
            seams(self.seam(maps.edges.to(self.seam.weight.dtype)).float().abs()),
            pixel_lines(gray)], dim=1), blocks, levels)

    def embed(self, features: Tensor, glance: Tensor) -> Tensor:
        """``Observation.features`` and those of the glance → (N, 256) unit embeddings."""
        return F.normalize(self.projection(torch.cat([features, glance], dim=1)), dim=1)

    def _placed(self, features: Tensor) -> Tensor:
        """Return the features of a grid of equal cells over the frame, (N, …)."""
        return resampled(self.place(features).permute(0, 3, 1, 2), GRID, GRID).flatten(1)


def in_blocks(cells: Tensor, grid: Sequence[int], size_px: Sequence[int]) -> Tensor:
    """
    Return the means of cells in the blocks of the quality map.

    :param cells: (N, C, h, w) float, equal cells of the frame.
    :param grid: rows and columns of blocks.
    :param size_px: height and width of the frame.
    :return: (N, C, rows, columns) float.
    """
    def places(count: int, side: int, length_px: int) -> Tensor:
        starts_px = torch.arange(count, device=cells.device) * BLOCK_STEP_PX + MARGIN_PX
        return averaging(starts_px * side, BLOCK_PX * side, side, length_px)

    by_row, by_column = map(places, grid, cells.shape[2:], size_px)
    return by_row @ (cells @ by_column.T)


def _block_statistics(maps: Maps, levels: Tensor, level_squares: Tensor) -> Tensor:
    """Return the statistics of blocks of 64 px, one every 32 px: (N, rows, columns, …)."""
    structure_means = _overlapping(maps.structure, 4)
    rows, columns = structure_means.shape[2:]  # it needs most margin
    means = BlockMeans(
        _overlapping(maps.texture, 8), _overlapping(maps.texture_squares, 8), maps.echoes,
        structure_means, _overlapping(maps.structure_squares, 4),
    ).each(lambda each: each[:, :, :rows, :columns].permute(0, 2, 3, 1).flatten(0, 2))
    of_levels = (_overlapping(each, BLOCK_PX // LEVEL_STEP)[:, :, :rows, :columns].reshape(-1, 1)
                 for each in (levels, level_squares))
    found = torch.cat([statistics(means), _mean_and_spread(*of_levels)], dim=1)
    return found.unflatten(0, (levels.shape[0], rows, columns))


def _overlapping(cells: Tensor, side: int) -> Tensor:
    """Return the means of blocks of so many cells a side, one every half a side."""
    return F.avg_pool2d(F.avg_pool2d(cells, side // 2), 2, 1)


def _frame_statistics(maps: Maps, levels: Tensor, level_squares: Tensor) -> Tensor:
    """Return the statistics of whole frames, (N, BLOCK_STATISTICS)."""
    means = BlockMeans(maps.texture, maps.texture_squares, maps.echoes, maps.structure,
                       maps.structure_squares).each(mean_of_blocks)
    of_levels = map(mean_of_blocks, (levels, level_squares))
    return torch.cat([statistics(means), _mean_and_spread(*of_levels)], dim=1)


def _mean_and_spread(means: Tensor, squares: Tensor) -> Tensor:
    """Mean and spread of gray levels: (N, 1) each → (N, 2)."""
    return torch.cat([means, (squares - means.square()).clamp_min(0.0).add(1e-2).sqrt()], dim=1)


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
