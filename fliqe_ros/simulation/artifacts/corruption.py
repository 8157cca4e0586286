"""Corruption: frames that were not read or transferred as they were written."""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


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


ARTIFACTS = {
    'banded': Artifact(
        Distortion.CORRUPTION, _banded, Range(1 / 7, 0.27, 1 / 2, '1 / gray steps'), Stage.PICTURE),
    'interlace': Artifact(
        Distortion.CORRUPTION, _interlace, Range(4, 7.5, 14, 'shift of a field, px'), Stage.PICTURE),
}
