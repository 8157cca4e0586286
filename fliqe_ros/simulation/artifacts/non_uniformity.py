"""
Non-uniformity: what is left of the fixed pattern of pixels, rows, columns and channels.

A sensor's elements differ in offset and gain. Correction at one temperature takes the offsets
away, and they come back as the sensor warms up; the gains show the more, the further a scene is
from that temperature (Scribner, Kruer & Killiany 1991, 'Infrared focal plane array technology').
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts import processing
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np

#: Draws a pattern, float32 of the shape (rows, columns) of a sensor.
Draw = Callable[[tuple[int, int], np.random.Generator], np.ndarray]


def _fixed_pattern(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Give each pixel an offset and gain of its own."""
    return _imprinted(frame, sigma, _pixels, rng)


def _row_pattern(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Give each row an offset and gain of its own, from the supply while it was read."""
    return _imprinted(frame, sigma, _rows, rng)


def _column_pattern(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Give each column an offset and gain of its own, from the amplifier at its end."""
    return _imprinted(frame, sigma, _columns, rng)


def _row_column_pattern(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Give rows and columns offsets and gains of their own."""
    return _imprinted(frame, sigma, _cross_hatch, rng)


def _channel_stripes(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Give each of a few readout channels an offset and gain of its own."""
    layout = _drawn_layout(frame.shape, rng)
    return _imprinted(frame, sigma, lambda shape, draw: _channels(shape, *layout, draw), rng)


def _imprinted(frame: np.ndarray, sigma: float, draw: Draw,
               rng: np.random.Generator) -> np.ndarray:
    """
    Add a pattern of offsets and gains.

    :param sigma: RMS of what is added, levels.
    """
    shape = processing.sensor_shape(frame.shape, processing.drawn_zoom(frame.shape, rng))
    pattern = processing.shown(_normal(draw(shape, rng)), frame.shape, rng)
    if rng.random() < 0.5:
        corrected_at, weight = rng.uniform(-100.0, 355.0), rng.uniform(0.3, 1.5)
        gains = processing.shown(_normal(draw(shape, rng)), frame.shape, rng)
        pattern = pattern + gains * ((frame - np.float32(corrected_at)) * np.float32(weight / 128))
    rms = cv2.norm(pattern) / np.sqrt(pattern.size)
    return frame + pattern * np.float32(sigma / max(rms, 1e-6))


def _normal(pattern: np.ndarray) -> np.ndarray:
    """Bring a pattern to mean 0 and standard deviation 1."""
    mean, deviation = cv2.meanStdDev(pattern)
    return (pattern - np.float32(mean.item())) * np.float32(1 / max(deviation.item(), 1e-6))


def _pixels(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """
    Draw a pattern of single pixels, some of it shared by neighbours.

    Neighbours share it because the layers of a sensor vary slowly over its area (El Gamal et
    al. 1998, 'Modeling and estimation of FPN components in CMOS image sensors'). A few pixels
    are much further off than a normal distribution would have it.
    """
    pattern: np.ndarray = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.3:
        pattern *= np.abs(pattern)
    if rng.random() < 0.6:
        sigmas = np.exp(rng.uniform(np.log(0.6), np.log(3.0), 2))
        grain = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), *sigmas)
        pattern = pattern + np.float32(rng.uniform(0.3, 3.0)) * _normal(grain)
    return pattern


def _rows(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern that is the same, or much the same, along a row."""
    rows, columns = shape
    chance = rng.random()
    if chance < 0.25:
        return _strokes(shape, rng)
    if chance < 0.32:  # two readouts, one for each half
        middle = columns // 2
        halves = [np.repeat(_lines(rows, rng)[:, None], width, axis=1)
                  for width in (middle, columns - middle)]
        return np.hstack(halves)
    # Far from the amplifier, a line may be more or less off.
    slope = rng.uniform(-0.9, 0.9) if chance < 0.45 else 0.0
    along = np.linspace(1 - slope, 1 + slope, columns, dtype=np.float32)
    return _lines(rows, rng)[:, None] * along


def _columns(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern that is the same, or much the same, along a column."""
    return np.ascontiguousarray(_rows(shape[::-1], rng).T)


def _cross_hatch(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """
    Draw a pattern of rows and columns over one of pixels.

    The spectrum of infrared sensors is white, with a ridge on each of the two frequency axes
    (Pezoa & Medina 2011, 'Spectral model of fixed-pattern noise in infrared focal-plane
    arrays'). The width of a ridge is the inverse of the length over which a stroke keeps its
    offset.
    """
    both_strokes = rng.random() < 0.5
    rows = _strokes(shape, rng) if both_strokes else _rows(shape, rng)
    columns = _strokes(shape[::-1], rng).T if both_strokes else _columns(shape, rng)
    share, white = rng.uniform(0.3, 0.7), rng.uniform(0.0, 0.6)
    hatch = np.float32(share) * _normal(rows) + np.float32(1 - share) * _normal(
        np.ascontiguousarray(columns))
    return hatch + np.float32(white) * rng.standard_normal(shape, np.float32)


def _strokes(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern that changes slowly along each row, within 6 pixels to its whole length."""
    rows, columns = shape
    length = np.exp(rng.uniform(np.log(6.0), np.log(max(columns, 12))))
    knots = rng.standard_normal((rows, int(np.ceil(columns / length)) + 1), np.float32)
    return cv2.resize(knots, (columns, rows), interpolation=cv2.INTER_CUBIC)


def _lines(count: int, rng: np.random.Generator) -> np.ndarray:
    """
    Draw the offsets of lines: alone, like their neighbours', few far off, in turns, or humming.

    :return: (count,) float32.
    """
    white = rng.standard_normal(count, np.float32)
    chance = rng.random()
    if chance < 0.45:
        return white
    if chance < 0.65:  # first-order autoregressive, as El Gamal et al. found it
        memory = rng.uniform(0.3, 0.95) ** np.arange(60, dtype=np.float32)
        source = rng.standard_normal(count + 59, np.float32)
        return np.convolve(source, memory, 'valid').astype(np.float32) + 0.3 * white
    if chance < 0.8:
        return white * np.abs(white)
    if chance < 0.92:
        turns = np.where(np.arange(count) % 2, 1.0, -1.0)
        return (turns + rng.uniform(0.1, 0.6) * white).astype(np.float32)
    period = np.exp(rng.uniform(np.log(3.0), np.log(max(count / 4, 4.0))))
    wave = np.sin(2 * np.pi * (np.arange(count) / period + rng.random()))
    return (wave + rng.uniform(0.0, 0.4) * white).astype(np.float32)


def _drawn_layout(shape: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, bool]:
    """Draw how many channels there are, how many lines at once each reads, and if columns."""
    vertical = bool(rng.random() < 0.8)
    lines = shape[1] if vertical else shape[0]
    channels = int(rng.choice([2, 2, 4, 4, 8, 16]))
    if rng.random() < 0.3:  # a block of neighbours each
        return channels, -(-lines // (channels * int(rng.integers(1, 3)))), vertical
    return channels, int(rng.choice([1, 1, 1, 2])), vertical


def _channels(shape: tuple[int, int], channels: int, width: int, vertical: bool,
              rng: np.random.Generator) -> np.ndarray:
    """Draw the offsets of channels that read ``width`` lines in turns, and a little of lines."""
    lines = shape[1] if vertical else shape[0]
    offsets = _normal(rng.standard_normal((1, channels), np.float32))[0]
    profile = offsets[np.arange(lines) // width % channels]
    profile = profile + np.float32(rng.uniform(0.0, 0.3)) * rng.standard_normal(lines, np.float32)
    pattern = np.broadcast_to(profile[None, :] if vertical else profile[:, None], shape)
    return np.ascontiguousarray(pattern)


ARTIFACTS = {
    'fixed_pattern': Artifact(
        Distortion.NON_UNIFORMITY, _fixed_pattern, Range(8, 18, 40, 'RMS, levels', 5),
        Stage.SENSOR),
    'row_pattern': Artifact(
        Distortion.NON_UNIFORMITY, _row_pattern, Range(5, 14, 40, 'RMS, levels', 3.5),
        Stage.SENSOR),
    'column_pattern': Artifact(
        Distortion.NON_UNIFORMITY, _column_pattern, Range(5, 14, 40, 'RMS, levels', 3.5),
        Stage.SENSOR),
    'row_column_pattern': Artifact(
        Distortion.NON_UNIFORMITY, _row_column_pattern, Range(5, 14, 40, 'RMS, levels', 3.5),
        Stage.SENSOR),
    'channel_stripes': Artifact(
        Distortion.NON_UNIFORMITY, _channel_stripes, Range(5, 14, 40, 'RMS, levels', 3.5),
        Stage.SENSOR),
}
