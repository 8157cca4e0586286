"""
Judged kinds of corruption by which good counts are read wrongly: width, order, format.

How often the wrong number wraps depends on how many counts the scene spans, so that the span,
in wraps or levels, is the strength. All take (H, W) uint16 counts.
"""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.judging.fields import Simulate
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.counts import levels
from fliqe_ros.simulation.severity import Range
import numpy as np


def spread(counts: np.ndarray, span: float, rng: np.random.Generator,
           top: float = 65_535.0) -> np.ndarray:
    """
    Return the counts of a sensor on which the same scene spans ``span`` counts.

    The offset is drawn below ``top``; where counts are spread, the gaps are filled with noise.
    """
    low, scale = levels(counts)
    gain = scale * span / 255
    noise = rng.random(counts.shape, np.float32) - np.float32(0.5)
    offset = rng.uniform(0.0, max(top - 1.1 * span, 1.0)) + 0.05 * span
    spread_out = (counts - low + noise) * np.float32(gain) + np.float32(offset)
    return np.clip(np.rint(spread_out), 0, top).astype(np.uint16)


def low_byte(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Keep the low bytes: a picture that wraps every 256 counts."""
    return (spread(counts, 256 * strength, rng) & 255).astype(np.uint8)


def high_byte(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Keep the high bytes: few levels, dark as they are or stretched by gain control."""
    top = float(rng.choice((16_383, 65_535)))
    high = spread(counts, 256 * strength, rng, top) >> 8
    return high if rng.random() < 0.75 else high.astype(np.uint8)


def swapped_bytes(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Read big-endian counts as little-endian, or the reverse."""
    return spread(counts, 256 * strength, rng).byteswap()


def wrapped_left_shift(counts: np.ndarray, strength: float,
                       rng: np.random.Generator) -> np.ndarray:
    """Align counts to the left of 16 bits by more bits than are free, so that the top is lost."""
    bits = int(rng.integers(2, 7))
    shifted = spread(counts, strength * 2 ** (16 - bits), rng).astype(np.uint32) << bits
    return (shifted & 0xFFFF).astype(np.uint16)


def yuv_misread(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Confuse 16-bit counts with formats of 8 bits.

    YUYV and UYVY hold two pixels in four bytes: Y0 U Y1 V and U Y0 V Y1. Counts are read as
    either, or as one byte a pixel; or a coloured picture in YUYV is read as counts.
    """
    read = (_as_yuyv, _as_uyvy, _as_bytes, _yuyv_as_counts)[rng.integers(4)]
    width = counts.shape[1]
    even = np.pad(counts, ((0, 0), (0, width % 2)), mode='edge')
    return np.ascontiguousarray(read(even, strength, rng)[:, :width])


def _as_yuyv(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    wrapped = spread(counts, 256 * strength, rng)
    return _gray(wrapped & 255, wrapped >> 8)


def _as_uyvy(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    wrapped = spread(counts, 256 * strength, rng)
    return _gray(wrapped >> 8, wrapped & 255)


def _gray(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Convert to RGB as ITU-R BT.601 has it, clipped, and that to gray; U and V alternate."""
    y = luma.astype(np.float32)
    u, v = (np.repeat(chroma[:, each::2], 2, axis=1).astype(np.float32) - 128 for each in (0, 1))
    red, blue = np.clip(y + 1.402 * v, 0, 255), np.clip(y + 1.772 * u, 0, 255)
    green = np.clip(y - 0.344 * u - 0.714 * v, 0, 255)
    return np.rint(0.299 * red + 0.587 * green + 0.114 * blue).astype(np.uint8)


def _as_bytes(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Read the first half of the buffer as one byte a pixel: a row's halves on two rows."""
    wrapped = np.ascontiguousarray(spread(counts, 256 * strength, rng))
    return wrapped.view(np.uint8).reshape(-1)[:counts.size].reshape(counts.shape)


def _yuyv_as_counts(counts: np.ndarray, strength: float,
                    rng: np.random.Generator) -> np.ndarray:
    """Read the luma as low byte and the chroma of a smooth palette as high byte."""
    low, scale = levels(counts)
    luma = np.clip((counts - low) * scale, 0, 255)
    turns = rng.uniform(0.4, 1.5) * np.pi / 255
    phases = rng.uniform(0, 2 * np.pi, 2)
    size = min(110.0, 30.0 * strength)
    chroma = np.empty_like(luma)
    for each, phase in enumerate(phases):
        chroma[:, each::2] = 128 + size * np.sin(turns * luma[:, each::2] + phase)
    return luma.astype(np.uint16) | np.rint(chroma).astype(np.uint16) << 8


def _artifact(simulate: Simulate, mild: float, reference: float, strong: float,
              unit: str = 'wraps') -> Artifact:
    return Artifact(Distortion.CORRUPTION, simulate, Range(mild, reference, strong, unit),
                    Stage.COUNTS)


ARTIFACTS = {
    'low_byte': _artifact(low_byte, 1.2, 4, 24),
    'high_byte': _artifact(high_byte, 24, 7, 2, 'levels'),
    'swapped_bytes': _artifact(swapped_bytes, 1.2, 4, 24),
    'yuv_misread': _artifact(yuv_misread, 1.2, 4, 24),
    'wrapped_left_shift': _artifact(wrapped_left_shift, 1.2, 3, 10),
}
