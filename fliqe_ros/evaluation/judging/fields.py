"""Random fields and masks that the judged faults share."""

from __future__ import annotations

from collections.abc import Callable
import math

import cv2
import numpy as np

#: Signature of a simulator: frame, strength and generator → a new frame.
Simulate = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def coordinates(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return y, (H, 1), and x, (1, W), float32 from the centre; the corners are at radius 1."""
    height, width = shape
    half = np.hypot(height, width) / 2
    y = (np.arange(height) - (height - 1) / 2) / half
    x = (np.arange(width) - (width - 1) / 2) / half
    return y[:, None].astype(np.float32), x[None].astype(np.float32)


def with_spectrum(amplitude: np.ndarray, shape: tuple[int, ...],
                  rng: np.random.Generator) -> np.ndarray:
    """
    Return noise with an amplitude spectrum and random phases.

    :param amplitude: (H, W // 2 + 1), as ``numpy.fft.rfft2`` orders it; its mean is not used.
    :return: (H, W) float32, mean 0, rms 1.
    """
    phase = rng.random(amplitude.shape, np.float32) * np.float32(2 * np.pi)
    spectrum = amplitude * np.exp(1j * phase)
    spectrum[0, 0] = 0
    return normalized(np.fft.irfft2(spectrum, s=shape).astype(np.float32))


def power_law(shape: tuple[int, ...], exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Return noise whose power falls as 1 / f ** exponent: (H, W) float32, mean 0, rms 1."""
    height, width = shape
    fy = np.fft.fftfreq(height).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(width).astype(np.float32)
    square = fy * fy + fx * fx
    square[0, 0] = 1
    return with_spectrum(square ** np.float32(-exponent / 4), shape, rng)


def profile(length: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Return a line of such noise: (length,) float32, mean 0, rms 1."""
    frequency = np.maximum(np.fft.rfftfreq(length), 1 / length)
    phase = rng.uniform(0, 2 * np.pi, frequency.size)
    spectrum = frequency ** (-exponent / 2) * np.exp(1j * phase)
    spectrum[0] = 0
    return normalized(np.fft.irfft(spectrum, length).astype(np.float32))


def normalized(field: np.ndarray) -> np.ndarray:
    """Return the field with mean 0 and rms 1."""
    field = field - field.mean()
    return field / max(float(np.sqrt(np.mean(field * field))), 1e-6)


def coarse(shape: tuple[int, ...], longest: int = 96) -> tuple[int, int]:
    """Return the size of a grid with about the frame's proportions, at most ``longest`` long."""
    height, width = shape
    factor = min(1.0, longest / max(height, width))
    return max(8, round(height * factor)), max(8, round(width * factor))


def enlarged(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bring a coarse field to the size of the frame."""
    return cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def cover(field: np.ndarray, share: float, softness: float) -> np.ndarray:
    """
    Return the opacity, 0 to 1, of something that lies where a field is high.

    :param field: (h, w) float32, any scale.
    :param share: of the frame that is covered by more than a half.
    :param softness: width of the edge, in the field's standard deviations.
    """
    threshold = np.float32(np.quantile(field, 1.0 - min(share, 0.98)))
    slope = (field - threshold) / max(softness * float(field.std()), 1e-6)
    return np.asarray(0.5 + 0.5 * np.tanh(slope), np.float32)


def far_level(level: float, gap: float, rng: np.random.Generator) -> float:
    """Draw a level of the scale 0 to 255, or just outside, at least ``gap`` from another."""
    level = min(max(level, -20.0), 275.0)
    below, above = max(level - gap + 20.0, 0.0), max(275.0 - level - gap, 0.0)
    if below + above == 0.0:
        return -20.0 if level > 127.5 else 275.0
    draw = rng.uniform(-below, above)
    return level - gap + draw if draw < 0.0 else level + gap + draw


def direction(rng: np.random.Generator) -> tuple[float, float]:
    """Draw a direction: its cosine and sine."""
    turn = rng.uniform(0, 2 * math.pi)
    return math.cos(turn), math.sin(turn)


def sign(rng: np.random.Generator) -> float:
    """Draw -1 or 1."""
    return float(rng.choice((-1.0, 1.0)))


def middle(frame: np.ndarray) -> float:
    """Return about the median of a frame."""
    step = max(1, min(frame.shape) // 64)
    return float(np.median(frame[::step, ::step]))
