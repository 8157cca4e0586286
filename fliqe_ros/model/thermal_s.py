"""
thermal_s: a small fully convolutional network on the native-resolution gray frame.

Noise, aliasing, compression blocks and slight blur live in single pixels and vanish when a frame
is resized, so the frame is never resized. The convolutions are unpadded: padding would draw an
edge around the frame that looks sharp, and the smaller the frame the more it would weigh.
"""

from typing import Callable, ClassVar

from fliqe_ros.distortion import CLASSES
from fliqe_ros.model.network import (
    binary_head, EMBEDDING_SIZE, Normalize, Prediction, QualityNetwork)
import torch
from torch import nn, Tensor
import torch.nn.functional as F

#: Side and stride, in structure cells of 16 px, of the quality map's windows (128 px every 32 px).
MAP_WINDOW, MAP_STRIDE = 8, 2
EDGE_CHANNELS, TEXTURE_CHANNELS, STRUCTURE_CHANNELS, ECHO_CHANNELS = 24, 48, 128, 6
#: Shifts, rows and columns in edge cells of 4 px, at which a frame is compared with itself: all in
#: one half-plane up to a reach that covers the ghosts seen in practice.
ECHO_REACH = 4
ECHO_SHIFTS = tuple(
    (row, column) for row in range(ECHO_REACH + 1) for column in range(-ECHO_REACH, ECHO_REACH + 1)
    if (row, column) > (0, 0) and row * row + column * column <= ECHO_REACH**2 + 1)

#: Brings the autocorrelation of most frames to the size of the other statistics.
ECHO_SCALE = 4.0


def _conv(channels_in: int, channels_out: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, bias=False),
        nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


def _texture_cells(structure_cells: int) -> int:
    """How many texture cells lie in the midst of a number of structure cells in a row."""
    return 2 * structure_cells + 3


class ThermalS(QualityNetwork):
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
    convolutions: ClassVar[tuple] = ('edges', 'texture', 'structure')
    first_convolution: ClassVar[str] = 'edges.0.0'

    def __init__(self):
        super().__init__()
        self.normalize = Normalize(115.0, 64.0)
        self.edges = nn.Sequential(      # 1 x H x W
            _conv(1, 16, 2, size=5),     # 16 x H/2
            _conv(16, EDGE_CHANNELS, 2))     # 24 x H/4
        self.texture = nn.Sequential(
            _conv(EDGE_CHANNELS, 48, 2),     # 48 x H/8
            _conv(48, TEXTURE_CHANNELS))
        self.structure = nn.Sequential(
            _conv(TEXTURE_CHANNELS, 96, 2),  # 96 x H/16
            _conv(96, STRUCTURE_CHANNELS))
        self.echo = nn.Conv2d(EDGE_CHANNELS, ECHO_CHANNELS, 3, bias=False)
        statistics = 2 * (TEXTURE_CHANNELS + STRUCTURE_CHANNELS) + len(ECHO_SHIFTS)
        self.projection = nn.Sequential(
            nn.Linear(statistics, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, EMBEDDING_SIZE))
        self.classifier = binary_head()
        self.type_head = nn.Sequential(
            nn.Linear(EMBEDDING_SIZE, 64), nn.ReLU(), nn.BatchNorm1d(64),
            nn.Linear(64, len(CLASSES)))

    def feature_maps(self, batch: Tensor) -> tuple:
        """
        (N, 1, H, W) uint8 → maps of texture, echoes and structure.

        Texture (N, 48, h, w) and echoes (N, 1 + shifts, h, w) have a cell every 8 px, structure
        (N, 128, h', w') every 16 px.
        """
        edges = self.edges(self.normalize(batch.float()))
        texture = self.texture(edges)
        structure = self.structure(texture)
        # the margin that the shifts need is one texture cell on each side
        return texture[:, :, 1:-1, 1:-1].float(), self._echoes(edges), structure.float()

    def _echoes(self, edges: Tensor) -> Tensor:
        """Edges times their copies, unshifted first: every second cell, summed over channels."""
        edges = self.echo(edges).float()
        edges = edges - edges.mean((2, 3), keepdim=True)
        rows, columns = ((side - 2 * ECHO_REACH + 1) // 2 for side in edges.shape[2:])
        # Every shift is a plain window of one of the four grids of every second cell, which is
        # much quicker to copy than every second cell itself.
        grids = [[edges[:, :, row::2, column::2] for column in (0, 1)] for row in (0, 1)]

        def shifted(row, column):
            (top, odd_row), (left, odd_column) = (
                divmod(ECHO_REACH + shift, 2) for shift in (row, column))
            return grids[odd_row][odd_column][:, :, top:top + rows, left:left + columns]

        copies = torch.cat([shifted(*shift) for shift in ((0, 0), *ECHO_SHIFTS)], dim=1)
        copies = copies.unflatten(1, (-1, ECHO_CHANNELS))
        return (copies[:, :1] * copies).sum(2)

    def encode(self, batch: Tensor) -> Tensor:
        """(N, 1, H, W) uint8 → (N, 128) unit embeddings."""
        return self._embed_frame(self.feature_maps(batch))

    def encode_views(self, batch: Tensor) -> list:
        """Embed whole frames, and one corner of them, so that windows score as frames do."""
        features = self.feature_maps(batch)
        return [self._embed_frame(features), self._embed_frame(_random_corner(*features))]

    def forward(self, batch: Tensor) -> Prediction:
        """(N, 1, H, W) uint8 → prediction with types and map."""
        features = self.feature_maps(batch)
        embedding = self._embed_frame(features)
        return Prediction(
            embedding=embedding,
            logit=self.classifier(embedding).squeeze(1),
            type_logits=self.type_head(embedding),
            map_logits=self._map_logits(features))

    def _embed_frame(self, features: tuple) -> Tensor:
        def mean(values):
            return values.mean((2, 3))
        return self._embed(*_moments(features, mean, mean))

    def _embed(self, texture: tuple, echoes: Tensor, structure: tuple) -> Tensor:
        """Moments of N frames or windows, as ``_moments`` gives them → (N, 128) embeddings."""
        statistics = [echoes[:, 1:] / (echoes[:, :1] + 1e-4) * ECHO_SCALE]
        for mean, mean_of_squares in (texture, structure):
            variance = (mean_of_squares - mean.square()).clamp_min(0.0)
            statistics += [mean, variance.add(1e-4).sqrt()]
        return F.normalize(self.projection(torch.cat(statistics, dim=1)), dim=1)

    def _map_logits(self, features: tuple) -> Tensor:
        """Classify windows of the frame: (N, rows, columns) logits."""
        texture, _, structure = features
        cells = tuple(torch.sym_min(MAP_WINDOW, side) for side in structure.shape[2:])
        fine = _window_means(texture, tuple(map(_texture_cells, cells)), 2 * MAP_STRIDE)
        coarse = _window_means(structure, cells, MAP_STRIDE)
        count, _, rows, columns = coarse(structure[:, :1]).shape
        moments = _moments(features, lambda values: _flat(fine(values)),
                           lambda values: _flat(coarse(values)))
        return self.classifier(self._embed(*moments)).reshape(count, rows, columns)


def _window_means(like: Tensor, cells: tuple, stride: int) -> Callable:
    """Return a function that averages (N, C, h, w) over windows: (N, C, rows, columns)."""
    by_row, by_column = (_window_matrix(like, side, length, stride)
                         for side, length in zip(like.shape[2:], cells))
    # One matrix product for each direction: pooling layers add up every window by itself, six
    # times the work for windows that overlap this much, and exported they are of fixed size.
    return lambda values: by_row @ (values @ by_column.T)


def _window_matrix(like: Tensor, side: int, cells: int, stride: int) -> Tensor:
    """(windows, side) matrix that averages ``cells`` neighbours, every ``stride`` of them."""
    position = torch.arange(side, device=like.device)
    first = stride * torch.arange((side - cells) // stride + 1, device=like.device).unsqueeze(1)
    return ((position >= first) & (position < first + cells)).to(like.dtype) / cells


def _flat(windows: Tensor) -> Tensor:
    """(N, C, rows, columns) → (N * rows * columns, C)."""
    return windows.permute(0, 2, 3, 1).flatten(0, 2)


def _moments(features: tuple, fine_mean: Callable, coarse_mean: Callable) -> tuple:
    """Mean and mean of squares of texture, mean of echoes, both of structure."""
    texture, echoes, structure = features
    return ((fine_mean(texture), fine_mean(texture * texture)), fine_mean(echoes),
            (coarse_mean(structure), coarse_mean(structure * structure)))


def _random_corner(texture: Tensor, echoes: Tensor, structure: Tensor) -> tuple:
    """Cut the same corner, about two thirds of each side, from all feature maps."""
    corner = int(torch.randint(4, ()))
    fine, coarse = [], []
    for side, at_end in zip(structure.shape[2:], (corner // 2, corner % 2)):
        cells = max(1, round(0.65 * side))
        start = (side - cells) * at_end
        fine.append(slice(2 * start, 2 * start + _texture_cells(cells)))
        coarse.append(slice(start, start + cells))
    return tuple(features[:, :, places[0], places[1]] for features, places
                 in ((texture, fine), (echoes, fine), (structure, coarse)))
