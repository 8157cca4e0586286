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
    for profile in (edges.mean(3), mean_of_rows(edges)):
        height = _stand_out(profile, LINE_REACH)
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
        profile = gray.mean(3) if side == 2 else mean_of_rows(gray)
        sizes = []
        for reach in PIXEL_REACHES:
            height = _stand_out(profile, reach)
            sizes += [height.amax(2), height.mean(2)]
        sampled = picked(gray, 1, 2) if side == 2 else gray[:, :, ::2]
        step = _steps(sampled, side, 1)
        by_line = step.mean(3) if side == 2 else mean_of_rows(step)
        around = F.avg_pool1d(by_line, 2 * STEP_REACH + 1, 1, STEP_REACH,
                              count_include_pad=False)
        beside = (by_line + 0.05) / (around + 0.05)
        sizes += [beside.amax(2), beside.amin(2), by_line.mean(2),
                  _steps(sampled, side, 2).mean((2, 3)), (step * step).mean((2, 3))]
        up_to_mean, over_two_lines, spread = (
            (torch.cat(sizes, dim=1) + _LEAST).log().split([len(sizes) - 2, 1, 1], dim=1))
        mean = up_to_mean[:, -1:]
        same = 1.0 - step.clamp_max(1.0).mean((2, 3))  # levels are whole numbers
        found += [up_to_mean, over_two_lines - mean, spread - 2 * mean, same]
    return torch.cat(found, dim=1)


def mean_of_rows(maps: Tensor) -> Tensor:
    """(N, channels, rows, columns) → (N, channels, columns)."""
    # As a product, which ONNX Runtime computes in a tenth of the time of a mean over rows.
    rows = maps.shape[2]
    return (maps.new_full((1, rows), 1.0) @ maps).squeeze(2) / rows


def picked(gray: Tensor, row_step: int, column_step: int) -> Tensor:
    """Return one pixel for every so many rows and columns of (N, 1, H, W), the first first."""
    # A slice, but as pooling, which takes ONNX Runtime half the time.
    return F.max_pool2d(gray, 1, (row_step, column_step))


def _stand_out(profile: Tensor, reach: int) -> Tensor:
    """Return how far each line differs from the mean of those around it; (N, channels, lines)."""
    around = F.avg_pool1d(profile, 2 * reach + 1, 1, reach, count_include_pad=False)
    return (profile - around).abs()


def _steps(gray: Tensor, side: int, lag: int) -> Tensor:
    length = gray.shape[side] - lag
    return (gray.narrow(side, lag, length) - gray.narrow(side, 0, length)).abs()
