"""Raw counts and the 8-bit scale in which faults are measured."""

from __future__ import annotations

import numpy as np


def levels(frame: np.ndarray) -> tuple[np.float32, np.float32]:
    """
    Return the offset and factor that bring a frame to the 8-bit scale.

    :param frame: (H, W) uint8, which has that scale, or uint16 counts, whose 0.5 to 99.5
        percentile range becomes 0 to 255.
    """
    if frame.dtype == np.uint8:
        return np.float32(0.0), np.float32(1.0)
    low, high = np.percentile(frame[::4, ::4], (0.5, 99.5))
    return np.float32(low), np.float32(255.0 / max(high - low, 1.0))


def from_levels(frame: np.ndarray, low: np.float32, scale: np.float32,
                dtype: np.dtype) -> np.ndarray:
    """Undo what ``levels`` describes: float32 on the 8-bit scale → ``dtype``, rounded."""
    return np.clip(np.rint(frame / scale + low), 0, np.iinfo(dtype).max).astype(dtype)


def simulated_counts(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    Return the counts of a drawn 14-bit sensor that would be shown as this 8-bit frame.

    :param frame: (H, W) uint8.
    :return: (H, W) uint16; offset, counts per level and noise of cooled and uncooled cores.
    """
    gain = np.exp(rng.uniform(np.log(2.0), np.log(40.0)))
    offset = rng.uniform(0.0, 16_383.0 - 256.0 * gain)
    noise = rng.uniform(0.2, 0.8) * gain * rng.standard_normal(frame.shape, np.float32)
    return np.clip(np.rint(offset + gain * frame + noise), 0, 16_383).astype(np.uint16)
