"""Tells from the frame made small alone whether something lies on the lens, and where."""

from __future__ import annotations

from typing import NamedTuple

from fliqe_ros.models.network import Normalize
from fliqe_ros.models.thermal_trunk import conv
import torch
from torch import nn, Tensor

#: Channels of the first convolutions, and of the cells; how far apart the taps of each
#: convolution on the cells lie.
CHANNELS, CELL_CHANNELS, DILATIONS = (12, 24), 32, (1, 2, 3, 1)
#: Worst cells of which the mean is told to what judges the whole.
WORST_CELLS = 8
SUMMARY, HIDDEN, DROPOUT = 2 * CELL_CHANNELS + 3, 64, 0.1


class Evidence(NamedTuple):
    """What is to be added to logits of an obstruction, and so of "distorted"."""

    #: (N,) float, of frames, 0 or more: that nothing lies on the lens excuses no other fault
    whole: Tensor
    #: (N, 12, 16) float, of their cells: where something lies, and where not, if it does at all
    cells: Tensor


class Thumbnail(nn.Module):
    """
    Convolutions on the frame made small: (N, 1, 96, 128) gray levels → evidence.

    Unlike ``Glance``, whose features are judged together with all else, it gives an answer of its
    own. So it learns from pictures of anything, too small and too noisy for the rest: scenes by
    the thousand instead of by the hundred, since what has to be told apart is what lies on the
    lens and what belongs to the scene.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize(127.5, 64.0)
        inner, outer = CHANNELS
        self.stem = nn.Sequential(
            conv(1, inner, 2, padding=1), conv(inner, outer, 2, padding=1),
            conv(outer, CELL_CHANNELS, 2, padding=1))
        self.blocks = nn.ModuleList(
            conv(CELL_CHANNELS, CELL_CHANNELS, padding=dilation, dilation=dilation)
            for dilation in DILATIONS)
        self.surroundings = nn.Sequential(nn.Linear(2 * CELL_CHANNELS, CELL_CHANNELS), nn.ReLU())
        self.where = nn.Conv2d(CELL_CHANNELS, 1, 1)
        self.summary = nn.Sequential(nn.Linear(SUMMARY, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT))
        self.whole = nn.Linear(HIDDEN, 1)
        for last in (self.where, self.whole):  # until it has learnt it has nothing to say
            nn.init.zeros_(last.weight)
            assert last.bias is not None
            nn.init.zeros_(last.bias)

    def forward(self, small: Tensor) -> Evidence:
        """
        Look at frames.

        :param small: (N, 1, 96, 128) float, 0 to 255.
        """
        summary, cells = self.summarize(small)
        whole = self.whole(summary).squeeze(1).relu()
        return Evidence(whole, cells * whole.clamp(max=1.0)[:, None, None])

    def summarize(self, small: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the whole is judged by, (N, HIDDEN) float, and logits of cells."""
        seen = self.stem(self.normalize(small).to(next(self.parameters()).dtype))
        *first, last = self.blocks
        for block in first:
            seen = seen + block(seen)
        around = self.surroundings(_pooled(seen)).to(seen.dtype)
        seen = seen + around[:, :, None, None]
        seen = seen + last(seen)
        cells = self.where(seen).squeeze(1).float()
        worst = cells.flatten(1).topk(WORST_CELLS, dim=1).values
        return self.summary(torch.cat([
            _pooled(seen), worst[:, :1], worst.mean(1, keepdim=True),
            cells.sigmoid().mean((1, 2)).unsqueeze(1)], dim=1)), cells


def _pooled(maps: Tensor) -> Tensor:
    """Mean and greatest value of each channel: (N, C, h, w) → (N, 2 C) float."""
    maps = maps.float()
    return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
