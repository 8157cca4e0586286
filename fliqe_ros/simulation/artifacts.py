"""
Artifacts beyond the eight distortions, each counted as the type that it resembles most.

The message knows nine types; what is simulated here teaches the score to fall for more than those,
and the type head to name the nearest one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.h264 import h264
import numpy as np


@dataclass(frozen=True)
class Artifact:
    """
    A kind of artifact.

    ``simulate`` takes a frame, (H, W) float32 in 8-bit levels, the strength and a generator.
    """

    distortion: Distortion  #: the type it counts as
    simulate: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    mild: float             #: strength at severity 0
    strong: float           #: strength at severity 1
    unit: str               #: of the strength
    whole: bool = True      #: whether it shows all over the frame; else a part may be clean


def apply_artifact(image: np.ndarray, name: str, severity: float | None = None,
                   rng: np.random.Generator | None = None) -> np.ndarray:
    """
    Return a copy of a gray frame with an artifact.

    :param image: (H, W) uint8, at least 32×32.
    :param name: one of ``ARTIFACTS``.
    :param severity: in [0, 1]; None is 0.5.
    :param rng: draws noise and places; None is a fixed seed.
    :return: (H, W) uint8.
    :raises ValueError: for other images and severities.
    :raises KeyError: for other names.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f'Cannot spoil {image.dtype} frames of shape {image.shape}: '
                         'give (H, W) uint8.')
    severity = 0.5 if severity is None else severity
    if not 0.0 <= severity <= 1.0:
        raise ValueError(f'Severity {severity} is not in [0, 1].')
    kind = ARTIFACTS[name]
    strength = kind.mild * (kind.strong / kind.mild) ** severity
    draw = np.random.default_rng(0) if rng is None else rng
    frame = kind.simulate(image.astype(np.float32), strength, draw)
    return to_uint8(frame)


def _fixed_pattern(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Uncorrected offsets of single pixels, some of them shared by neighbours."""
    grain = cv2.GaussianBlur(rng.standard_normal(frame.shape, np.float32), (0, 0), 1.0)
    pattern = rng.standard_normal(frame.shape, np.float32) + rng.uniform(0, 3) * grain
    return frame + sigma * pattern / pattern.std()


def _stripes(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Offsets of the column amplifiers, or of the rows; every second one, or all."""
    rows, columns = frame.shape
    vertical = rng.random() < 0.7
    count = columns if vertical else rows
    lines: np.ndarray = np.asarray(rng.standard_normal(count, np.float32))
    if rng.random() < 0.25:
        lines = np.resize(np.array([-1, 1], np.float32), lines.shape) + 0.3 * lines
    lines = sigma * lines / lines.std()
    return frame + (lines[None, :] if vertical else lines[:, None])


def _dead_pixels(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Pixels stuck at black, white or gray, one in four with its right neighbour."""
    dead = rng.random(frame.shape) < share
    pairs = dead & (rng.random(frame.shape) < 0.25)
    dead[:, 1:] |= pairs[:, :-1]
    levels = rng.choice(np.array([0, 0, 255, 255, 128], np.float32), frame.shape)
    return np.where(dead, levels, frame)


def _low_contrast(frame: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Hardly any temperature differences: gain control amplifies noise and steps."""
    weak = np.rint(frame * (0.1 * ratio) + 1.2 * rng.standard_normal(frame.shape, np.float32))
    low, high = np.percentile(weak, (0.5, 99.5))
    return (weak - low) * (255 / max(high - low, 4.0))


def _vignetting(frame: np.ndarray, darkness: float, rng: np.random.Generator) -> np.ndarray:
    """Corners or a side darkened, as by a lens that does not fit the sensor."""
    rows, columns = frame.shape
    centre = rng.uniform(0.35, 0.65, 2) * (rows, columns)
    y, x = np.ogrid[:rows, :columns]
    radius = np.hypot((y - centre[0]) / rows, (x - centre[1]) / columns) / 0.6
    return frame * (1 - darkness * np.clip(radius, 0, 1) ** rng.uniform(1.5, 3.0))


def _fog(frame: np.ndarray, veil: float, rng: np.random.Generator) -> np.ndarray:
    """Wet or fogged lens: light scattered from all around lies over a soft picture."""
    glow = cv2.GaussianBlur(frame, (0, 0), 0.12 * min(frame.shape))
    soft = cv2.GaussianBlur(frame, (0, 0), 6 * veil)
    level = rng.uniform(60, 200)
    return (1 - veil) * soft + veil * (0.5 * glow + 0.5 * level)


def _covered(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Something out of focus right before the lens hides a part of the view."""
    rows, columns = frame.shape
    side = rng.integers(4)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    along = (y / rows, 1 - y / rows, x / columns, 1 - x / columns)[side]
    across = (x / columns, y / rows)[side // 2]
    edge = share + 0.12 * np.sin(rng.uniform(2, 7) * across + rng.uniform(0, 6))
    cover = 1 / (1 + np.exp((along - edge) / rng.uniform(0.01, 0.06)))
    level = rng.uniform(10, 245) + rng.uniform(-20, 20) * across
    opacity = rng.uniform(0.85, 1.0)
    behind = cv2.GaussianBlur(frame, (0, 0), 0.05 * min(frame.shape))
    return frame * (1 - cover) + cover * (opacity * level + (1 - opacity) * behind)


def _flat(frame: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Collapsed gain control: the whole scene within a few gray levels."""
    level = rng.uniform(5, 250 - width)
    return np.rint(frame * (width / 255)) + level


def _banded(frame: np.ndarray, levels: float, rng: np.random.Generator) -> np.ndarray:
    """Collapsed gain control stretched again: broad bands of equal gray."""
    steps = max(1.0, round(1 / levels))
    return np.rint(frame / 255 * steps) * (255 / steps)


def _interlace(frame: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Two fields of a moving scene, one after the other: edges become combs."""
    shift = int(round(shift)) * int(rng.choice((-1, 1)))
    move = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
    later = cv2.warpAffine(frame, move, frame.shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
    combed = frame.copy()
    combed[1::2] = later[1::2]
    return combed


def _h264(frame: np.ndarray, rate_factor: float, rng: np.random.Generator) -> np.ndarray:
    return h264(to_uint8(frame), round(rate_factor))


ARTIFACTS = {
    'fixed_pattern': Artifact(Distortion.GAUSSIAN_NOISE, _fixed_pattern, 9, 40, 'sigma, levels'),
    'stripes': Artifact(Distortion.GAUSSIAN_NOISE, _stripes, 9, 40, 'sigma, levels'),
    'dead_pixels': Artifact(Distortion.GAUSSIAN_NOISE, _dead_pixels, 0.004, 0.08, 'share'),
    'low_contrast': Artifact(Distortion.GAUSSIAN_NOISE, _low_contrast, 0.6, 0.15, 'signal'),
    'vignetting': Artifact(Distortion.UNDEREXPOSURE, _vignetting, 0.75, 1.0, 'darkness', False),
    'flat': Artifact(Distortion.UNDEREXPOSURE, _flat, 26, 5, 'gray levels'),
    'fog': Artifact(Distortion.LENS_BLUR, _fog, 0.5, 0.9, 'share of the veil'),
    'covered': Artifact(Distortion.LENS_BLUR, _covered, 0.3, 0.8, 'share of the frame', False),
    'banded': Artifact(Distortion.COMPRESSION, _banded, 1 / 7, 1 / 2, '1 / gray steps'),
    'h264': Artifact(Distortion.COMPRESSION, _h264, 38, 50, 'rate factor'),
    'interlace': Artifact(Distortion.ALIASING, _interlace, 4, 14, 'shift of a field, px'),
}
