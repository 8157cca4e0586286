"""Measures of a picture from a few windows of it: sharpness, noise and pattern show in them."""

from __future__ import annotations

import cv2
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.profiles.patterns import measure_pattern, PATTERNS, with_patterns
import numpy as np

#: How many numbers ``measure`` returns, and how many of them, the first, are of detail.
DETAILS = 5
MEASURES = DETAILS + PATTERNS
# Windows of so many pixels along a side, spread over the picture in rows and columns.
_WINDOW, _ROWS, _COLUMNS = 40, 4, 5
# Of a picture that is not 8 bits, these percentiles of every so many pixels become 0 and 255.
_LOW, _HIGH, _STEP = 0.5, 99.5, 8
# The share of the windows that have less texture than the one whose detail counts as noise.
_QUIET = 0.25
# Windows of fewer pixels along a side tell nothing.
_SMALLEST = 12
# 8-bit levels below which nothing is told apart.
_LEAST = 0.05
#: The mild trouble that a camera should notice: blur in px, noise in 8-bit levels. Strong blur
#: shows in other measures, where the picture has hardly any detail left.
MILD_BLUR, MILD_NOISE, STRONG_BLUR = 1.5, 8.0, 5.0


def gray_picture(pixels: np.ndarray, prepared: Prepared) -> np.ndarray:
    """
    Return the gray picture of a frame, (H, W): what the model sees if that is one, else the frame.

    :param pixels: the frame, (H, W) or (H, W, 3).
    :param prepared: the same as ``FLIQE.prepare`` returned it.
    """
    if prepared.gain is None and prepared.pixels.shape[0] == 1:
        return prepared.pixels[0]
    if pixels.ndim == 2:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if pixels.dtype == np.uint8 else pixels[..., 1]


def windows(picture: np.ndarray) -> np.ndarray:
    """
    Return windows of a picture, (rows, columns, h, w) float32, in 8-bit levels.

    :param picture: (H, W) uint8; anything else as if it went through gain control.
    """
    height, width = picture.shape
    side = min(_WINDOW, height, width)
    rows = np.linspace(0, height - side, min(_ROWS, height // side)).astype(int)
    columns = np.linspace(0, width - side, min(_COLUMNS, width // side)).astype(int)
    grid = np.stack([
        picture[row:row + side, column:column + side] for row in rows for column in columns
    ]).reshape(len(rows), len(columns), side, side)
    if picture.dtype == np.uint8:
        return grid.astype(np.float32)
    sample = picture[::_STEP, ::_STEP]
    finite = sample[np.isfinite(sample)]
    low, high = np.percentile(finite, (_LOW, _HIGH)) if finite.size else (0.0, 0.0)
    scaled = (grid.astype(np.float64) - low) * (255 / max(high - low, 1e-9))
    return np.nan_to_num(np.clip(scaled, 0, 255)).astype(np.float32)


def measure(grid: np.ndarray) -> np.ndarray:
    """
    Return the logarithms of five measures of detail and three of fixed pattern, (8,).

    Two are of the quietest windows, where there is little but noise: the mean diagonal difference
    of neighbouring pixels, at full and half resolution. Three are of all, where edges count most:
    the root mean square of second differences, at full, half and quarter resolution. The last
    three are those of ``measure_pattern``.

    :param grid: from ``windows``.
    """
    if min(grid.shape[2:]) < _SMALLEST:
        return np.full(MEASURES, np.log(_LEAST))
    stack = grid.reshape(-1, *grid.shape[2:])
    quiet, edges = [], []
    for level in range(3):
        edges.append(_second_differences(stack))
        if level < 2:
            quiet.append(_quiet_detail(stack))
            stack = _halved(stack)
    return np.log(np.array([*quiet, *edges, *measure_pattern(grid)]) + _LEAST)


def measure_trouble(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the measures with mild blur, mild noise, strong blur, and three patterns, (6, 8)."""
    grid = windows(picture)
    noisy = np.clip(np.rint(grid + rng.normal(0, MILD_NOISE, grid.shape)), 0, 255)
    return np.stack([
        measure(windows(_blurred(picture, MILD_BLUR))), measure(noisy.astype(np.float32)),
        measure(windows(_blurred(picture, STRONG_BLUR))),
        *map(measure, with_patterns(grid, rng))])


def _blurred(picture: np.ndarray, sigma_px: float) -> np.ndarray:
    blurred = cv2.GaussianBlur(np.nan_to_num(picture.astype(np.float32)), (0, 0), sigma_px)
    return blurred.astype(picture.dtype)


def _second_differences(stack: np.ndarray) -> float:
    across = 2 * stack[:, :, 1:-1] - stack[:, :, 2:] - stack[:, :, :-2]
    down = 2 * stack[:, 1:-1] - stack[:, 2:] - stack[:, :-2]
    squares = np.vdot(across, across) / across.size + np.vdot(down, down) / down.size
    return float(np.sqrt(squares / 2))


def _quiet_detail(stack: np.ndarray) -> float:
    columns = stack[:, :, 1:] - stack[:, :, :-1]
    diagonal = np.abs(columns[:, 1:] - columns[:, :-1]) / 2
    means = np.sort(diagonal.mean((1, 2)))  # np.quantile would take as long as all the rest
    return float(means[int(_QUIET * len(means))])


def _halved(stack: np.ndarray) -> np.ndarray:
    height, width = stack.shape[1] // 2 * 2, stack.shape[2] // 2 * 2
    rows = stack[:, 0:height:2, :width] + stack[:, 1:height:2, :width]
    return (rows[:, :, 0::2] + rows[:, :, 1::2]) / 4
