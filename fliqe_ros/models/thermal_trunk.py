"""
The convolutions of thermal_s, on the native-resolution gray frame, and what is averaged of them.

Noise, aliasing, compression blocks and slight blur live in single pixels and vanish when a frame
is resized, so the frame is never resized. The convolutions are unpadded: padding would draw an
edge around the frame that looks sharp, and the smaller the frame the more it would weigh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fliqe_ros.models.network import Normalize
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


class Maps(NamedTuple):
    """What the convolutions make of frames: (N, channels, rows, columns) float32."""

    edges: Tensor      # a cell every 4 px
    texture: Tensor    # 8 px
    texture_squares: Tensor
    structure: Tensor  # 16 px
    structure_squares: Tensor
    echoes: Tensor     # the autocorrelation of edges, of blocks of 48 px every 32 px


class BlockMeans(NamedTuple):
    """What is averaged over blocks, one every 32 px: (N, channels, rows, columns)."""

    texture: Tensor
    texture_squares: Tensor
    echoes: Tensor  # unshifted first
    structure: Tensor
    structure_squares: Tensor

    def each(self, function: Callable[[Tensor], Tensor]) -> BlockMeans:
        """Apply a function to all of them."""
        return BlockMeans(*map(function, self))


def conv(channels_in: int, channels_out: int, stride: int = 1, size: int = 3,
         padding: int = 0, dilation: int = 1) -> nn.Sequential:
    """Return a convolution with normalisation and ReLU behind it."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


class Trunk(nn.Module):
    """The convolutions, and the autocorrelation of their edges."""

    normalize: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize(115.0, 64.0)
        self.edges = nn.Sequential(          # 1 x H x W
            conv(1, 16, 2, size=5),         # 16 x H/2
            conv(16, EDGE_CHANNELS, 2))     # 16 x H/4
        self.texture = nn.Sequential(
            conv(EDGE_CHANNELS, TEXTURE_CHANNELS, 2))  # 48 x H/8
        self.structure = nn.Sequential(
            conv(TEXTURE_CHANNELS, 64, 2),  # 64 x H/16
            conv(64, STRUCTURE_CHANNELS))   # 96 x H/16
        self.echo = nn.Conv2d(EDGE_CHANNELS, ECHO_CHANNELS, 1, bias=False)

    def maps(self, levels: Tensor) -> Maps:
        """(N, 1, H, W) normalised gray levels → what the convolutions make of them."""
        edges = self.edges(levels)
        texture = self.texture(edges)
        structure = self.structure(texture).float()
        texture = texture.float()
        return Maps(edges.float(), texture, texture * texture, structure, structure * structure,
                    self._echoes(edges))

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


def statistics(means: BlockMeans) -> Tensor:
    """Means of N blocks or frames, (N, channels) each → (N, statistics)."""
    parts = [means.echoes[:, 1:] / (means.echoes[:, :1] + 1e-4) * ECHO_SCALE]
    for mean, mean_of_squares in ((means.texture, means.texture_squares),
                                  (means.structure, means.structure_squares)):
        variance = (mean_of_squares - mean.square()).clamp_min(0.0)
        parts += [mean, variance.add(1e-4).sqrt()]
    return torch.cat(parts, dim=1)


def mean_of_blocks(blocks: Tensor) -> Tensor:
    """(N, channels, rows, columns) → (N, channels)."""
    return blocks.mean((2, 3))
