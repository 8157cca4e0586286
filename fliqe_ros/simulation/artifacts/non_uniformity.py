"""Non-uniformity: what is left of fixed pattern, shading and dead pixels after correction."""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


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


def _vignetting(frame: np.ndarray, darkness: float, rng: np.random.Generator) -> np.ndarray:
    """Corners or a side darkened, as by a lens that does not fit the sensor."""
    rows, columns = frame.shape
    centre = rng.uniform(0.35, 0.65, 2) * (rows, columns)
    y, x = np.ogrid[:rows, :columns]
    radius = np.hypot((y - centre[0]) / rows, (x - centre[1]) / columns) / 0.6
    return frame * (1 - darkness * np.clip(radius, 0, 1) ** rng.uniform(1.5, 3.0))


ARTIFACTS = {
    'fixed_pattern': Artifact(
        Distortion.NON_UNIFORMITY, _fixed_pattern, Range(9, 20, 40, 'sigma, levels'), Stage.SENSOR),
    'stripes': Artifact(
        Distortion.NON_UNIFORMITY, _stripes, Range(9, 20, 40, 'sigma, levels'), Stage.SENSOR),
    'dead_pixels': Artifact(
        Distortion.NON_UNIFORMITY, _dead_pixels, Range(0.004, 0.02, 0.08, 'share'), Stage.SENSOR),
    'vignetting': Artifact(
        Distortion.NON_UNIFORMITY, _vignetting, Range(0.75, 0.87, 1.0, 'darkness'), Stage.SENSOR, False),
}
