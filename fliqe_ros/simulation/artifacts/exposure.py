"""Gain control gone wrong: contrast that is not there, or not used."""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


def _low_contrast(frame: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Hardly any temperature differences: gain control amplifies noise and steps."""
    weak = np.rint(frame * (0.1 * ratio) + 1.2 * rng.standard_normal(frame.shape, np.float32))
    low, high = np.percentile(weak, (0.5, 99.5))
    return (weak - low) * (255 / max(high - low, 4.0))


def _flat(frame: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Collapsed gain control: the whole scene within a few gray levels."""
    level = rng.uniform(5, 250 - width)
    return np.rint(frame * (width / 255)) + level


ARTIFACTS = {
    'low_contrast': Artifact(
        Distortion.GAUSSIAN_NOISE, _low_contrast, Range(0.6, 0.3, 0.15, 'signal'), Stage.SENSOR),
    'flat': Artifact(
        Distortion.UNDEREXPOSURE, _flat, Range(26, 11, 5, 'gray levels'), Stage.PICTURE),
}
