"""
What single lines of a frame tell: a dead column, a seam, rows that come twice, few levels.

Means over a whole frame or a block cannot see one line. Rows and columns are treated alike.
"""

from __future__ import annotations

import torch
from torch import Tensor
import torch.nn.functional as F

#: Edge cells on either side that a line of the frame is compared with.
LINE_REACH = 3
#: Neighbours on either side, in edge cells, that a seam has to stand out from.
SEAM_REACH = 2
#: Pixels on either side that a line of pixels is compared with.
PIXEL_REACHES, STEP_REACH = (1, 3, 8), 4
#: How many numbers ``pixel_lines`` gives.
PIXEL_LINES = 2 * (2 * len(PIXEL_REACHES) + 6)
#: Below this, parts of a gray level, differences are of no interest.
_LEAST = 1e-3


def line_profiles(edges: Tensor) -> Tensor:
    """
    Tell how far lines of a frame stand out: (N, channels, h, w) → (N, 4 * channels).

    The profile of the rows is the mean of each row, less that of its neighbours; of it there are
    the greatest and the mean size. The same for columns.
    """
    profiles = []
    for side in (3, 2):
        height = _stand_out(edges.mean(side), LINE_REACH)
        profiles += [height.amax(2), height.mean(2)]
    return torch.cat(profiles, dim=1)


def seams(edges: Tensor) -> Tensor:
    """
    Tell how far lines of a frame are edges all along: (N, channels, h, w) → (N, 4 * channels).

    A seam is not strong where it crosses a sky, but it stands out from the cells beside it at
    every point. So each cell is compared with its neighbours before a line is averaged; of the
    profile there are the greatest and the mean. The same for columns.
    """
    found = []
    for side in (2, 3):
        length = edges.shape[side] - 2 * SEAM_REACH
        before, line, after = (edges.narrow(side, start, length)
                               for start in (0, SEAM_REACH, 2 * SEAM_REACH))
        profile = (line / (line + before + after + 0.05)).mean(5 - side)
        found += [profile.amax(2), profile.mean(2)]
    return torch.cat(found, dim=1)


def pixel_lines(gray: Tensor) -> Tensor:
    """
    Tell of lines of single pixels: (N, 1, H, W) gray levels, float → (N, PIXEL_LINES).

    For rows and for columns, in logarithms: how far a line stands out from those beside it,
    greatest and mean, at some reaches (fixed pattern, dead lines, stripes); the greatest and the
    least step from one line to the next beside the steps around it (torn, doubled); the mean step;
    that over two lines (combs); the spread of the steps and the share of those that are none (few
    levels).
    """
    found = []
    for side in (2, 3):
        profile = gray.mean(5 - side)
        for reach in PIXEL_REACHES:
            height = _stand_out(profile, reach)
            found += [_log(height.amax(2)), _log(height.mean(2))]
        sampled = gray[:, :, :, ::2] if side == 2 else gray[:, :, ::2]
        step = _steps(sampled, side, 1)
        by_line = step.mean(5 - side)
        around = F.avg_pool1d(by_line, 2 * STEP_REACH + 1, 1, STEP_REACH,
                              count_include_pad=False)
        beside = (by_line + 0.05) / (around + 0.05)
        mean = by_line.mean(2)
        found += [_log(beside.amax(2)), _log(beside.amin(2)), _log(mean),
                  _log(_steps(sampled, side, 2).mean((2, 3))) - _log(mean),
                  _log((step * step).mean((2, 3))) - 2 * _log(mean),
                  (step < 0.5).float().mean((2, 3))]
    return torch.cat(found, dim=1)


def _stand_out(profile: Tensor, reach: int) -> Tensor:
    """Return how far each line differs from the mean of those around it; (N, channels, lines)."""
    around = F.avg_pool1d(profile, 2 * reach + 1, 1, reach, count_include_pad=False)
    return (profile - around).abs()


def _steps(gray: Tensor, side: int, lag: int) -> Tensor:
    length = gray.shape[side] - lag
    return (gray.narrow(side, lag, length) - gray.narrow(side, 0, length)).abs()


def _log(size: Tensor) -> Tensor:
    return (size + _LEAST).log()
