"""
thermal_s: a small fully convolutional network on the native-resolution gray frame.

It asks two questions. Is the picture distorted in one of the eight ways of the reference? That
is ``ThermalS7``, which was trained first and is frozen here. And does it show what goes wrong in
thermal cameras alone? That is a branch on the same convolutions. So nothing that was learnt of
the eight is lost to the other four.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.line_statistics import (
    line_profiles, picked, PIXEL_LINES, pixel_lines, seams)
from fliqe_ros.models.network import EMBEDDING_SIZE, QualityNetwork, type_head
from fliqe_ros.models.thermal_s7 import ThermalS7, TYPES
from fliqe_ros.models.thermal_trunk import (
    BlockMeans, EDGE_CHANNELS, Maps, mean_of_blocks, STATISTICS, statistics)
import torch
from torch import nn, Tensor
import torch.nn.functional as F

#: Features of a block, and how many of them are kept by place, in a grid of so many cells a side.
BLOCK_FEATURES, PLACED_FEATURES, GRID = 64, 8, 5
#: Features of a block for its vote on the quality map.
VOTE_FEATURES = 48
#: Side of a block, px; there is one every 32 px. Gray levels are taken every second pixel.
BLOCK_PX, LEVEL_STEP = 64, 2
#: Mixtures of edges in which a seam is looked for.
SEAM_CHANNELS = 8
#: Of a block: those of the trunk, and mean and spread of its gray levels.
BLOCK_STATISTICS = STATISTICS + 2
#: Weighs the greatest blocks in a soft maximum: the inverse of the size that counts as a peak.
PEAK_SHARPNESS = 2.0
HIDDEN, DROPOUT = 192, 0.1
# Without them the logits of what is certain would be infinite.
_LEAST_LOG_SCORE, _LEAST_PROBABILITY = -1e-6, 1e-9


class Vote(nn.Module):
    """
    The quality map: statistics of blocks, (N, rows, columns, …) → logits, (N, rows, columns).

    A block knows its neighbours, and nothing of the rest of the frame: told of a whole frame that
    is bad, it would not learn where.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(BLOCK_STATISTICS, VOTE_FEATURES), nn.ReLU())
        self.classifier = nn.Linear(2 * VOTE_FEATURES, 1)

    def forward(self, blocks: Tensor) -> Tensor:
        hidden = self.hidden(blocks).permute(0, 3, 1, 2)
        around = F.avg_pool2d(hidden, 3, 1, 1, count_include_pad=False)
        both = torch.cat([hidden, around], dim=1).permute(0, 2, 3, 1)
        return self.classifier(both).squeeze(3)


class Branch(nn.Module):
    """
    The second question: feature maps → 128-d unit embedding → none, or a type.

    It may be one of the eight, too, where that takes a form that the first question does not know.

    The embedding is computed from

    - the statistics of the whole frame, as in ``ThermalS7``;
    - features of its blocks: their mean, soft maximum and soft minimum, since a drop on the lens
      shows in a few blocks, and a picture behind a sharp display in the others; and a coarse grid
      of them, since shading and covers are a matter of place;
    - profiles of edges and of pixels over rows and columns, in which a single dead line stands
      out, and a seam as a line that is an edge all along.
    """

    def __init__(self) -> None:
        super().__init__()
        self.standardize = nn.BatchNorm1d(BLOCK_STATISTICS)
        self.block = nn.Sequential(nn.Linear(BLOCK_STATISTICS, BLOCK_FEATURES), nn.ReLU())
        self.vote = Vote()
        self.place = nn.Linear(BLOCK_FEATURES, PLACED_FEATURES, bias=False)
        self.seam = nn.Conv2d(EDGE_CHANNELS, SEAM_CHANNELS, 1, bias=False)
        features = (BLOCK_STATISTICS + 3 * BLOCK_FEATURES + PLACED_FEATURES * GRID**2
                    + 4 * EDGE_CHANNELS + 4 * SEAM_CHANNELS + PIXEL_LINES)
        self.projection = nn.Sequential(
            nn.BatchNorm1d(features), nn.Dropout(DROPOUT), nn.Linear(features, HIDDEN),
            nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, EMBEDDING_SIZE))
        self.type_head = type_head(len(CLASSES))

    def forward(self, maps: Maps, gray: Tensor) -> tuple[Tensor, Tensor]:
        """
        Embed frames.

        :param gray: (N, 1, H, W) float, gray levels.
        :return: (N, 128) unit embeddings, (N, rows, columns) logits of blocks.
        """
        levels = picked(gray, LEVEL_STEP, LEVEL_STEP)  # as good for a mean, in less time
        squares = levels * levels
        blocks = _block_statistics(maps, levels, squares)
        count, rows, columns, _ = blocks.shape
        blocks = self.standardize(blocks.flatten(0, 2)).unflatten(0, (count, rows, columns))
        features = self.block(blocks)
        whole = torch.cat([
            _frame_statistics(maps, levels, squares), features.mean((1, 2)),
            _soft_maximum(features), -_soft_maximum(-features), self._placed(features),
            line_profiles(maps.edges),
            seams(self.seam(maps.edges.to(self.seam.weight.dtype)).float().abs()),
            pixel_lines(gray)], dim=1)
        return F.normalize(self.projection(whole), dim=1), self.vote(blocks)

    def _placed(self, features: Tensor) -> Tensor:
        """Return the features of a grid of equal cells over the frame, (N, …)."""
        placed = self.place(features).permute(0, 3, 1, 2)
        by_row, by_column = (_cell_matrix(placed, side) for side in placed.shape[2:])
        # Matrix products, since adaptive pooling cannot be exported for frames of any size.
        return (by_row @ (placed @ by_column.T)).flatten(1)


class ThermalS(QualityNetwork):
    """
    Both questions, and one answer: the score falls where either finds a fault.

    The embedding, 256-d, is that of ``ThermalS7`` and that of the ``Branch`` side by side. Under
    0.5 M parameters.
    """

    architecture: ClassVar[str] = 'thermal_s'
    any_size: ClassVar[bool] = True
    has_map: ClassVar[bool] = True
    first_convolution: ClassVar[str] = 'base.edges.0.0'

    def __init__(self) -> None:
        super().__init__()
        self.base = ThermalS7().requires_grad_(False)
        self.normalize = self.base.normalize
        self.branch = Branch()

    @property
    def types(self) -> tuple[Distortion, ...]:
        """Return all types."""
        return CLASSES

    @property
    def tells_types(self) -> bool:
        """Return that it does."""
        return True

    @property
    def heads(self) -> list[nn.Module]:
        """Return the heads of both."""
        return [*self.base.heads, self.branch.type_head]

    @property
    def map_head(self) -> nn.Module:
        """Return what votes on the quality map."""
        return self.branch.vote

    def train(self, mode: bool = True) -> ThermalS:
        """Set the mode of the branch; what is frozen stays in evaluation mode."""
        super().train(mode)
        self.base.eval()
        return self

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) uint8 → (N, 256) unit embeddings, (N, rows, columns) logits of blocks."""
        with torch.no_grad():  # nothing to learn below, so nothing to keep for it
            maps = self.base.maps(self.levels(batch))
            first = self.base.embed(maps)
        second, votes = self.branch(maps, batch.float())
        return torch.cat([first, second], dim=1) / 2**0.5, votes

    def logit(self, embedding: Tensor) -> Tensor:
        """(N, 256) → (N,): the score is that of the first question, times "none" of the second."""
        first, second = _both(embedding)
        none = self.branch.type_head(second).log_softmax(1)[:, 0]
        log_score = F.logsigmoid(-self.base.logit(first)) + none
        log_score = log_score.clamp_max(_LEAST_LOG_SCORE)
        return torch.log(-torch.expm1(log_score)) - log_score

    def type_logits(self, embedding: Tensor) -> Tensor:
        """(N, 256) → (N, 13): the second question's types, and where none, those of the first."""
        first, second = _both(embedding)
        of_second = self.branch.type_head(second).softmax(1)
        of_first = F.pad(self.base.type_head(first).softmax(1), (0, len(CLASSES) - TYPES))
        none, found = of_second[:, :1], F.pad(of_second[:, 1:], (1, 0))
        return (found + none * of_first).clamp_min(_LEAST_PROBABILITY).log()


def _both(embedding: Tensor) -> Sequence[Tensor]:
    """Embedding → the unit embeddings of both questions."""
    return (2**0.5 * embedding).split(EMBEDDING_SIZE, dim=1)


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


def _cell_matrix(like: Tensor, side: int) -> Tensor:
    """(GRID, side) matrix that averages what lies in each of GRID equal cells of a side."""
    position = torch.arange(side, device=like.device) * GRID  # in units of 1 / GRID
    start = torch.arange(GRID, device=like.device).unsqueeze(1) * side
    overlap = torch.minimum(position + GRID, start + side) - torch.maximum(position, start)
    return overlap.clamp_min(0).to(like.dtype) / side
