"""
Corruption of numbers: bytes and bits of pixels that are read as what they are not.

A thermal core sends 14 or 16-bit counts as Y16, two bytes a pixel, low byte first; FLIR's and
Hikmicro's also send YUV 4:2:2, in which every pixel has a byte of luma and every second one of
its two chromas (YUYV: Y U Y V; UYVY: U Y V Y; Linux kernel, 'Media uAPI', pixel formats
V4L2_PIX_FMT_Y16, _Y16_BE, _YUYV, _UYVY). Drivers and bridges confuse them.
"""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.counts import levels
from fliqe_ros.simulation.severity import Range
import numpy as np

#: A high byte shows so many levels of a scene at the reference: of 64, nobody misses the others.
HIGH_LEVELS = (4.0, 10.0)


def _low_byte(counts: np.ndarray, fineness: float, rng: np.random.Generator) -> np.ndarray:
    """
    Cut counts to 8 bits: levels rise, fall back to zero and rise again.

    :param fineness: the counts are those of a camera with so many times as many for a kelvin.
    :return: (H, W) uint8.
    """
    return (_wrapping(counts, fineness) & 0xFF).astype(np.uint8)


def _high_byte(counts: np.ndarray, coarseness: float, rng: np.random.Generator) -> np.ndarray:
    """
    Drop the low byte of counts: a few levels are left, shown as they are or stretched.

    :param coarseness: how many times too coarse the levels are.
    :return: (H, W) uint8 as they are, which is dark, or uint16 that gain control stretches.
    """
    high = _of_few_levels(counts, coarseness) >> 8
    return high.astype(np.uint8) if rng.random() < 0.25 else high


def _of_few_levels(counts: np.ndarray, coarseness: float) -> np.ndarray:
    """Scale counts so that their high byte has 4 to 10 levels, or ``coarseness`` times fewer."""
    steps = float(np.clip(_span(counts) / 256, *HIGH_LEVELS)) / coarseness
    return _wrapping(counts, max(steps, 1.5) * 256 / _span(counts))


def _byte_swapped(counts: np.ndarray, fineness: float, rng: np.random.Generator) -> np.ndarray:
    """
    Read counts in the wrong byte order, or from a byte too late: their bytes swap places.

    :param fineness: the counts are those of a camera with so many times as many for a kelvin.
    :return: (H, W) uint16.
    """
    counts = _wrapping(counts, fineness)
    return _slipped(counts, rng.uniform(0.3, 1.0)) if rng.random() < 0.25 else counts.byteswap()


def _slipped(counts: np.ndarray, share: float) -> np.ndarray:
    """Lose a byte: in this share of the frame, a count is a high byte and the next low byte."""
    data = counts.astype('<u2').tobytes()
    lost = len(data) - 2 * round(share * counts.size)
    slipped = data[:lost] + data[lost + 1:] + data[-1:]
    return np.frombuffer(slipped, '<u2').reshape(counts.shape).astype(np.uint16)


def _y16_as_yuyv(counts: np.ndarray, fineness: float, rng: np.random.Generator) -> np.ndarray:
    """Read Y16 as YUYV: luma is every low byte, chroma every high byte."""
    return _as_yuv(_wrapping(counts, fineness), cv2.COLOR_YUV2BGR_YUY2, rng.random() < 0.5)


def _y16_as_uyvy(counts: np.ndarray, coarseness: float, rng: np.random.Generator) -> np.ndarray:
    """Read Y16 as UYVY: luma is every high byte, chroma every low byte."""
    return _as_yuv(_of_few_levels(counts, coarseness), cv2.COLOR_YUV2BGR_UYVY, rng.random() < 0.3)


def _as_yuv(counts: np.ndarray, to_bgr: int, luma_alone: bool) -> np.ndarray:
    """
    Read counts as YUV 4:2:2: the luma alone, or the colours turned into gray.

    :return: (H, W) uint8.
    """
    columns = counts.shape[1]
    even = np.pad(counts, ((0, 0), (0, columns % 2)), 'edge')
    pixels = even.astype('<u2').view(np.uint8).reshape(*even.shape, 2)
    if luma_alone:
        luma: np.ndarray = pixels[..., 0 if to_bgr == cv2.COLOR_YUV2BGR_YUY2 else 1]
    else:  # studio range, and colours that do not exist are cut off
        luma = cv2.cvtColor(cv2.cvtColor(pixels, to_bgr), cv2.COLOR_BGR2GRAY)
    return luma[:, :columns].copy()


def _yuyv_as_y16(frame: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """
    Read a YUYV picture as Y16: luma is one byte of each count, chroma the other.

    With chroma in the high byte, its smallest changes outweigh all of luma: the two chromas
    alternate as columns, and a palette's colours or noise are all that is left of the scene. In
    the other byte order, chroma does not show.

    :param frame: (H, W) float32, the luma.
    :param spread: of the chroma, in 8-bit levels.
    :return: (H, W) float32, the counts as gain control shows them.
    """
    rows, columns = frame.shape
    luma = np.clip(frame, 0, 255)
    chroma = np.full(frame.shape, 128.0, np.float32)
    tint = rng.normal(0.0, 1.0, 2)
    tint[1] = tint[0] + np.copysign(rng.uniform(0.8, 1.6), tint[1])  # U and V differ
    curve, bend = rng.choice((0.0, 1.0)) * rng.normal(0.0, 1.0, (2, 2))
    noise = rng.choice((0.0, 0.05, 0.4)) * rng.uniform(0.5, 1.5)
    for channel in (0, 1):
        part = luma[:, channel::2] / 255 - 0.5
        of_palette = curve[channel] * part + bend[channel] * (np.square(part) - 0.1)
        grain = noise * rng.standard_normal(part.shape, np.float32)
        chroma[:, channel::2] += spread * (tint[channel] + of_palette + grain)
    counts = np.rint(np.clip(chroma, 0, 255)) * 256 + luma
    sample = counts[::4, ::2] if rows * columns > 65_536 else counts
    low, high = np.percentile(sample, (0.5, 99.5))
    return (counts - low) * (255 / max(high - low, 1.0))


def _left_aligned(counts: np.ndarray, bits: float, rng: np.random.Generator) -> np.ndarray:
    """
    Shift counts left too far: their upper bits are lost beyond the sixteenth.

    :param bits: of the scene's range, those that are lost.
    :return: (H, W) uint16.
    """
    shift = int(np.clip(np.ceil(16 - np.log2(_span(counts)) + bits), 1, 15))
    return ((counts.astype(np.uint32) << shift) & 0xFFFF).astype(np.uint16)


def _banded(frame: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """
    Collapse gain control, and stretch what is left: broad bands of equal gray.

    :param width: of a band, in ranges of the picture; 1 / 8 leaves nine levels.
    """
    steps = max(1.0, round(1 / width))
    shape = rng.uniform(0.7, 1.4) if rng.random() < 0.3 else 1.0  # levels are not always even
    even = np.power(np.clip(frame / 255, 0.0, 1.0), shape)
    phase = rng.uniform(-0.3, 0.3)
    level = np.clip(np.rint(even * steps + phase), 0, steps) / steps
    return 255 * np.power(level, 1 / shape)


def _span(counts: np.ndarray) -> float:
    """Return the range of a scene in counts, without its extremes; at least 1."""
    return 255 / float(levels(counts)[1])


def _wrapping(counts: np.ndarray, scale: float) -> np.ndarray:
    """
    Scale counts about their lowest, and move them where a low byte overflows within the scene.

    Counts whose range lies between two multiples of 256 hide every fault of byte order: their
    high byte is the same for all. Those are moved so that a multiple is at their median.

    :return: (H, W) uint16.
    """
    lowest = np.float32(levels(counts)[0])
    scaled = counts.astype(np.float32)
    if scale != 1.0:
        scaled = lowest + (scaled - lowest) * np.float32(scale)
        if scale > 1.0:
            scaled += scale * (_dither(counts.shape) - 0.5)
    scaled = np.rint(scaled)
    low, middle, high = np.percentile(scaled[::4, ::4], (20, 50, 80))
    if low // 256 == high // 256:
        scaled += -middle % 256
    excess = max(float(scaled.max()) - 0xFFFF, 0.0)
    return np.clip(scaled - np.ceil(excess / 256) * 256, 0, 0xFFFF).astype(np.uint16)


def _dither(shape: tuple[int, ...]) -> np.ndarray:
    """Fill the steps of scaled counts: interleaved gradient noise (Jimenez, SIGGRAPH 2014)."""
    y, x = (np.arange(length, dtype=np.float32) for length in shape)
    return np.modf(52.9829189 * np.modf(0.06711056 * x + 0.00583715 * y[:, None])[0])[0]


ARTIFACTS = {
    'low_byte': Artifact(
        Distortion.CORRUPTION, _low_byte, Range(0.5, 1.0, 4.0, 'counts of a count', 0.05),
        Stage.COUNTS),
    'high_byte': Artifact(
        Distortion.CORRUPTION, _high_byte, Range(0.5, 1.0, 4.0, 'coarseness of the levels', 0.05),
        Stage.COUNTS),
    'byte_swapped': Artifact(
        Distortion.CORRUPTION, _byte_swapped, Range(0.5, 1.0, 4.0, 'counts of a count', 0.05),
        Stage.COUNTS),
    'y16_as_yuyv': Artifact(
        Distortion.CORRUPTION, _y16_as_yuyv, Range(0.5, 1.0, 4.0, 'counts of a count', 0.05),
        Stage.COUNTS),
    'y16_as_uyvy': Artifact(
        Distortion.CORRUPTION, _y16_as_uyvy, Range(
            0.5, 1.0, 4.0, 'coarseness of the levels', 0.05),
        Stage.COUNTS),
    'yuyv_as_y16': Artifact(
        Distortion.CORRUPTION, _yuyv_as_y16, Range(
            1, 6, 60, 'spread of chroma, 8-bit levels', 0.1),
        Stage.PICTURE),
    'left_aligned': Artifact(
        Distortion.CORRUPTION, _left_aligned, Range(0.5, 2, 5, 'bits beyond the sixteenth', 0.05),
        Stage.COUNTS),
    'banded': Artifact(
        Distortion.CORRUPTION, _banded, Range(1 / 24, 1 / 10, 1 / 3, '1 / gray steps', 1 / 32),
        Stage.PICTURE),
}
