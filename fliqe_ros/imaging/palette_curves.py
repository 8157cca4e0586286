"""
Curves of colours: what a palette draws in the cube of colours, and the levels along it.

A palette gives each gray level a colour, so the colours of its pictures lie on one curve. The
curve is learnt from the colours themselves, as a principal curve (Hastie and Stuetzle, Principal
Curves, JASA 84, 1989) that begins as the longest path of a minimum spanning tree: no list of
palettes is complete, and cameras draw the same palette differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

#: Distances beyond this, in levels, count no more than this: of text, logos, bars.
LIMIT = 60.0

#: Weights of blue, green and red in luma (ITU-R BT.601).
LUMA = np.array([0.114, 0.587, 0.299], np.float32)
#: Colours times this matrix have distances in which luma counts four times as much: compression
#: and scaling of a picture harm its chroma more. JPEG of quality 90 moves scores by 0.01 to 0.05
#: with it, by 0.05 to 0.1 without.
_METRIC = np.eye(3, dtype=np.float32) + 3 * np.outer(LUMA, LUMA) / np.square(LUMA).sum()

#: Side of the cells in which colours are gathered, as bits, and the radius of a node, in levels.
_CELL_BITS, _NODE_RADIUS = 3, 18.0
#: Least share of the pixels in a node; nodes farther apart than the gap are not linked, unless
#: as many pixels lie behind it.
_NODE_SHARE, _GAP, _SHARE_BEHIND_GAP = 0.002, 80.0, 0.1
#: Refinements of the curve, by one in how many of the pixels, and the steps of its points, levels.
_REFINEMENTS, _REFINED_OF, _SPACING = 2, 4, 10.0
#: Least share of those pixels along a step; fewer may be text.
_STEP_SHARE = 0.0002
#: The table: cells of two levels on each side of the cube; the spacing, in cells, of the nodes
#: that it is interpolated between; and how many cells beyond each face the nodes begin.
_CELLS, _NODE_CELLS, _OUTSIDE = 128, 7, 6
#: The longest side of what OpenCV looks up at once, px, and where between two places: nowhere.
_LONGEST_PX = 32766
_NO_FRACTIONS = np.empty(0)


@dataclass(frozen=True, eq=False)
class PaletteCurve:
    """
    A polyline through the cube of colours, with a gray level at each of its points.

    One of two points is a straight line that goes on beyond them.
    """

    points: np.ndarray  #: (K, 3) float32 BGR, K of at least 2
    levels: np.ndarray  #: (K,) float32, 0 to 255

    def distances(self, pixels: np.ndarray) -> np.ndarray:
        """
        Return how far colours are from the curve.

        :param pixels: (N, 3) float32 BGR.
        :return: (N,) float32, in levels, at most ``LIMIT``.
        """
        if len(self.points) == 2:
            direction = self.points[1] - self.points[0]
            share = (pixels - self.points[0]) @ (direction / np.square(direction).sum())
            nearest = self.points[0] + share[:, None] * direction
        else:
            segment, share = project(pixels, self.points)
            nearest = self._between(self.points, segment, share[:, None])
        return np.minimum(np.linalg.norm(pixels - nearest, axis=1), LIMIT)

    def to_gray(self, image: np.ndarray) -> np.ndarray:
        """
        Return the level of the nearest point of the curve, for each pixel.

        :param image: (H, W, 3) uint8 BGR.
        :return: (H, W) uint8.
        """
        if len(self.points) == 2:
            direction = self.points[1] - self.points[0]
            normal = _METRIC @ _METRIC @ direction
            weights = normal * (self.levels[1] - self.levels[0]) / (normal @ direction)
            offset = self.levels[0] - self.points[0] @ weights
            return cv2.transform(image, np.append(weights, offset)[np.newaxis].astype(float))
        if max(image.shape[:2]) > _LONGEST_PX:
            axis = int(np.argmax(image.shape[:2]))
            return np.concatenate(
                [self.to_gray(part) for part in np.array_split(image, 2, axis)], axis)
        return cv2.remap(self._table, _cells(image), _NO_FRACTIONS, cv2.INTER_NEAREST)

    @cached_property
    def _table(self) -> np.ndarray:
        """
        Levels of the colours of all cells of the cube: uint8, a row for each cell of red.

        In a row lies a cell of green every 256 columns, and in the first half of these its cells
        of blue: ``_cells`` takes no more than a shift, for 2 MB that are never read.
        """
        outer = _CELLS + 2 * _OUTSIDE
        count = outer // _NODE_CELLS
        side = ((np.arange(count, dtype=np.float32) + 0.5) * _NODE_CELLS - _OUTSIDE) * 2 - 0.5
        red, green, blue = np.meshgrid(side, side, side, indexing='ij')
        nodes = np.stack([blue.ravel(), green.ravel(), red.ravel()], axis=1)
        levels = self._between(
            self.levels, *project(nodes @ _METRIC, self.points @ _METRIC))
        # blue, green, red: the last call, on the most values, is along the slowest axis
        inside = slice(_OUTSIDE, -_OUTSIDE)
        fine = cv2.resize(levels.reshape(-1, count), (outer, count**2))[:, inside]
        fine = fine.reshape(count, count, _CELLS).transpose(1, 0, 2).reshape(count, -1)
        fine = cv2.resize(fine, (count * _CELLS, outer))[inside]
        fine = fine.reshape(_CELLS, count, _CELLS).transpose(1, 0, 2).reshape(count, -1)
        fine = cv2.resize(fine, (_CELLS**2, outer))[inside]
        cube = cv2.convertScaleAbs(fine).reshape(_CELLS, _CELLS, _CELLS)
        spread = np.pad(cube, ((0, 0), (0, 0), (0, _CELLS))).reshape(_CELLS, -1)
        return spread[:, :-_CELLS]  # or it is too wide for OpenCV

    @staticmethod
    def _between(values: np.ndarray, segment: np.ndarray, share: np.ndarray) -> np.ndarray:
        return values[segment] + (values[segment + 1] - values[segment]) * share


def _cells(image: np.ndarray) -> np.ndarray:
    """Return column and row of each colour, (H, W, 3) uint8 BGR, in ``PaletteCurve._table``."""
    packed = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA).view(np.uint32)
    packed >>= 1
    packed &= 0x7F7F7F
    return packed.view(np.int16)


def project(pixels: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the nearest place on a polyline: (N,) number of its segment, (N,) share of it, 0 to 1.

    :param pixels: (N, 3) float32.
    :param points: (K, 3) float32, K of at least 2.
    """
    directions = np.diff(points, axis=0)
    middles = points[:-1] + directions / 2
    segment = np.concatenate([
        (np.square(middles).sum(1) - 2 * part @ middles.T).argmin(1)
        for part in np.array_split(pixels, len(pixels) // 4096 + 1)])
    lengths = np.maximum(np.square(directions).sum(1), 1e-3)
    share = ((pixels - points[segment]) * directions[segment]).sum(1) / lengths[segment]
    # where it lies beyond the end of the segment, the neighbour's is nearer
    neighbour = np.clip(segment + (share > 1) - (share < 0), 0, len(directions) - 1)
    other = ((pixels - points[neighbour]) * directions[neighbour]).sum(1) / lengths[neighbour]
    return neighbour, np.clip(other, 0, 1)


def fit_curve(pixels: np.ndarray) -> np.ndarray | None:
    """
    Return the curve that most of the pixels' colours are nearest to, dark end first.

    :param pixels: (N, 3) uint8 BGR.
    :return: (K, 3) float32, at nearly even steps; None if the colours are as good as one.
    """
    nodes, weights = _nodes(pixels)
    path = _longest_path(nodes, weights)
    if len(path) < 2:
        return None
    points = nodes[path]
    values = pixels[::_REFINED_OF].astype(np.float32)
    for _ in range(_REFINEMENTS):
        refined = _refined(values, points)
        if refined is None:
            return None
        points = refined
    luma = points @ LUMA
    return points if luma[0] <= luma[-1] else points[::-1]


def even_levels(points: np.ndarray) -> np.ndarray:
    """
    Return levels that rise evenly along a curve, as those of a palette with even steps do.

    The scale, which a part of a palette does not tell, is from the least luma of the curve to
    the greatest; on a straight line, such as shades of one colour, it is that of the channel that
    changes most, or less if that ends above 255.

    :param points: (K, 3) float32 BGR.
    :return: (K,) float32.
    """
    along = lengths_along(points)
    scale = points @ LUMA
    if len(points) == 2:
        scale = points[:, np.abs(points[1] - points[0]).argmax()]
        scale = scale * min(1, 255 / max(scale.max(), 1))
    ends = scale.min(), scale.max()
    return np.interp(along, (0, along[-1]), ends).astype(np.float32)


def lengths_along(points: np.ndarray) -> np.ndarray:
    """Return the length of a polyline up to each of its points: (K, 3) → (K,), from 0."""
    return np.append(0, np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum())


def _nodes(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of (M, 3) groups of near colours, and the (M,) shares of the pixels."""
    bits = 8 - _CELL_BITS
    cells = (pixels >> _CELL_BITS).astype(np.int32) @ (1, 1 << bits, 1 << 2 * bits)
    counts = np.bincount(cells, minlength=1 << 3 * bits)
    occupied = np.flatnonzero(counts)
    occupied = occupied[counts[occupied].argsort()[::-1]]
    counts = counts[occupied]
    several = counts >= min(3, counts[0])
    occupied, counts = occupied[several], counts[several]
    sums = np.stack([np.bincount(cells, pixels[:, channel], 1 << 3 * bits)[occupied]
                     for channel in range(3)], axis=1)
    means = sums / counts[:, None]
    free = np.ones(len(means), bool)
    nodes, weights = [], []
    while free.any():
        first = free.argmax()
        near = free & (np.square(means - means[first]).sum(1) <= _NODE_RADIUS**2)
        weight = counts[near].sum()
        if weight >= _NODE_SHARE * len(pixels):
            nodes.append(sums[near].sum(0) / weight)
            weights.append(weight / len(pixels))
        free &= ~near
    return np.array(nodes, np.float32).reshape(-1, 3), np.array(weights)


def _longest_path(nodes: np.ndarray, weights: np.ndarray) -> list[int]:
    """Return the numbers of the nodes on the longest path of their minimum spanning tree."""
    if not len(nodes):
        return []
    distances = np.linalg.norm(nodes[:, None] - nodes, axis=2)
    start = int(weights.argmax())
    nearest, link = distances[start].copy(), np.full(len(nodes), start)
    nearest[start] = np.inf
    edges: list[list[tuple[int, float]]] = [[] for _ in nodes]
    waiting = np.ones(len(nodes), bool)
    waiting[start] = False
    while waiting.any():
        best = int(np.where(waiting, nearest, np.inf).argmin())
        if nearest[best] > _GAP and weights[waiting].sum() < _SHARE_BEHIND_GAP:
            break
        edges[best].append((int(link[best]), float(nearest[best])))
        edges[link[best]].append((best, float(nearest[best])))
        waiting[best] = False
        closer = distances[best] < nearest
        nearest = np.where(closer, distances[best], nearest)
        link = np.where(closer, best, link)
    return _farthest(edges, _farthest(edges, [start])[-1:])


def _farthest(edges: list[list[tuple[int, float]]], path: list[int]) -> list[int]:
    """Return the longest path in a tree that begins at the one node of a path."""
    longest, length = path, 0.0
    stack = [(path, 0.0)]
    while stack:
        path, done = stack.pop()
        if done > length:
            longest, length = path, done
        stack += [([*path, node], done + step) for node, step in edges[path[-1]]
                  if len(path) < 2 or node != path[-2]]
    return longest


def _refined(pixels: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """Move a curve into the middle of the pixels along it; None if nothing is left of it."""
    starts = lengths_along(points)
    lengths = np.diff(starts)
    segment, share = project(pixels, points)
    nearest = points[segment] + (points[segment + 1] - points[segment]) * share[:, None]
    near = np.square(pixels - nearest).sum(1) < (2 * _NODE_RADIUS)**2
    if not near.any():
        return None
    along = (starts[segment] + share * lengths[segment])[near]
    count = max(2, round(starts[-1] / _SPACING))
    bins = np.minimum((along * (count / starts[-1])).astype(int), count - 1)
    sizes = np.bincount(bins, minlength=count)
    full = sizes > max(2, _STEP_SHARE * len(pixels))
    if full.sum() < 2:
        return None
    return np.stack([np.bincount(bins, pixels[near, channel], count)[full] / sizes[full]
                     for channel in range(3)], axis=1).astype(np.float32)
