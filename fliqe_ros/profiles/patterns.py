"""Measures of the fixed pattern of a picture, from a few windows of it: rows, columns, pixels."""

from __future__ import annotations

import cv2
import numpy as np

#: How many numbers ``measure_pattern`` returns.
PATTERNS = 3
# Differences of neighbouring pixels count up to so many levels: edges are no pattern.
_EDGE = 16.0
# The pixel that stands out most is taken of each column of a window, and this share of those:
# about one pixel in a thousand.
_FARTHEST = 0.04
_AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
# The new pattern that a camera should notice: stripes that a person just sees in a smooth part of
# the picture, by the standard deviation of rows or columns in 8-bit levels; and single pixels that
# are seen at once, by their share and by how many levels they are off.
_STRIPES, _BAD_SHARE, _BAD_LEVELS = 2.5, 0.003, 60.0


def measure_pattern(grid: np.ndarray) -> np.ndarray:
    """
    Return how far rows, columns and single pixels stand out, (3,), in levels.

    A row of a sensor stands out along all of it, an edge of the scene along a part. So the mean
    difference of neighbouring rows is taken in each window, and the median of windows side by
    side.

    :param grid: see ``windows``.
    """
    mean = np.full(grid.shape[3], 1 / grid.shape[3], np.float32)  # times this: faster than .mean()
    rows = _without_edges(grid[:, :, 1:] - grid[:, :, :-1]) @ mean
    columns = mean @ _without_edges(grid[..., 1:] - grid[..., :-1])
    return np.array([np.abs(_median(rows, 1)).mean(), np.abs(_median(columns, 0)).mean(),
                     _bad_pixels(grid)])


def with_patterns(grid: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the grid with a mild pattern of rows, of columns and of pixels."""
    rows, columns, height, width = grid.shape
    far = rng.choice((-_BAD_LEVELS, _BAD_LEVELS), grid.shape)
    patterns = (rng.normal(0, _STRIPES, (rows, 1, height, 1)),
                rng.normal(0, _STRIPES, (1, columns, 1, width)),
                np.where(rng.random(grid.shape) < _BAD_SHARE, far, 0))
    return [np.clip(np.rint(grid + each), 0, 255).astype(np.float32) for each in patterns]


def _without_edges(differences: np.ndarray) -> np.ndarray:
    return np.clip(differences, -_EDGE, _EDGE, out=differences)


def _median(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the median; np.median takes twice as long."""
    ordered, count = np.sort(values, axis), values.shape[axis]
    return (ordered.take(count // 2, axis) + ordered.take((count - 1) // 2, axis)) / 2


def _bad_pixels(grid: np.ndarray) -> float:
    """Return how far pixels are above or below all eight neighbours, where they are farthest."""
    height, width = grid.shape[2:]
    tall = grid.reshape(-1, width).astype(np.uint8)  # a quarter of the time of float32
    above = cv2.subtract(tall, cv2.dilate(tall, _AROUND))  # 0 where it would be negative
    below = cv2.subtract(cv2.erode(tall, _AROUND), tall)
    apart = cv2.max(above, below).reshape(-1, height, width)[:, 1:-1, 1:-1]
    farthest = np.sort(apart.max(1), axis=None)
    return float(farthest[-max(1, int(_FARTHEST * len(farthest))):].mean())
