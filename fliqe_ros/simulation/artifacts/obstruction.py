"""Obstruction: something on or right before the lens."""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


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


ARTIFACTS = {
    'fog': Artifact(
        Distortion.OBSTRUCTION, _fog, Range(0.5, 0.67, 0.9, 'share of the veil'), Stage.SENSOR),
    'covered': Artifact(
        Distortion.OBSTRUCTION, _covered, Range(0.3, 0.5, 0.8, 'share of the frame'), Stage.SENSOR, False),
}
