"""A look at the frame as a whole: what covers a part of it, where it is shaded, how it is torn."""

from __future__ import annotations

from fliqe_ros.models.network import Normalize
from fliqe_ros.models.thermal_trunk import conv
import torch
from torch import nn, Tensor

#: What every frame is shrunk to, as a drop or a shade is of the size that it has of the frame.
ROWS, COLUMNS = 96, 128
#: Rows and columns of its cells, of 8 such pixels a side.
CELLS = 12, 16
#: Features of a cell, and of the whole.
CELL_FEATURES, WHOLE_FEATURES = 64, 96
GLANCE_FEATURES = 2 * WHOLE_FEATURES


class Glance(nn.Module):
    """
    Convolutions on the frame made small: (N, 1, 96, 128) gray levels → features.

    The trunk sees some 60 px around a place of the frame, at native resolution, and averages what
    it finds. This one sees shapes, and where they are, and nothing of single pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize(127.5, 64.0)
        self.cells = nn.Sequential(
            conv(1, 16, 2, padding=1), conv(16, 32, 2, padding=1), conv(32, 32, padding=1),
            conv(32, CELL_FEATURES, 2, padding=1), conv(CELL_FEATURES, CELL_FEATURES, padding=1))
        self.whole = nn.Sequential(
            conv(CELL_FEATURES, WHOLE_FEATURES, 2, padding=1),
            conv(WHOLE_FEATURES, WHOLE_FEATURES, padding=1))

    def forward(self, small: Tensor) -> tuple[Tensor, Tensor]:
        """
        Look at frames.

        :param small: (N, 1, 96, 128) float, 0 to 255.
        :return: (N, GLANCE_FEATURES) of whole frames, (N, CELL_FEATURES, 12, 16) of cells.
        """
        cells = self.cells(self.normalize(small).to(next(self.cells.parameters()).dtype))
        whole = self.whole(cells).float()
        return torch.cat([whole.mean((2, 3)), whole.amax((2, 3))], dim=1), cells.float()


def made_small(gray: Tensor) -> Tensor:
    """(N, 1, H, W) float → (N, 1, 96, 128)."""
    return resampled(gray, ROWS, COLUMNS)


def resampled(maps: Tensor, rows: int, columns: int) -> Tensor:
    """(N, channels, h, w) → (N, channels, rows, columns): means of what lies in equal cells."""
    height, width = maps.shape[2:]
    by_row, by_column = (
        averaging(torch.arange(cells, device=maps.device) * side, side, side, cells)
        for cells, side in ((rows, height), (columns, width)))
    return (by_row @ maps) @ by_column.T


def averaging(starts: Tensor, length: int, items: int, width: int) -> Tensor:
    """
    Return the matrix that averages the items in windows: (windows, items) float.

    Matrix products, since adaptive pooling cannot be exported for frames of any size.

    :param starts: (windows,) where each begins; the first item begins at 0.
    :param length: of a window, in the same unit.
    :param width: of an item.
    """
    position = torch.arange(items, device=starts.device).float() * width
    start = starts.unsqueeze(1).float()
    overlap = torch.minimum(position + width, start + length) - torch.maximum(position, start)
    return overlap.clamp_min(0.0) / length
