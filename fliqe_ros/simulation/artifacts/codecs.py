"""Lossy codecs beside JPEG."""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.h264 import h264
from fliqe_ros.simulation.severity import Range
import numpy as np


def _h264(frame: np.ndarray, rate_factor: float, rng: np.random.Generator) -> np.ndarray:
    return h264(to_uint8(frame), round(rate_factor))


ARTIFACTS = {
    'h264': Artifact(
        Distortion.COMPRESSION, _h264, Range(38, 44, 50, 'rate factor'), Stage.PICTURE),
}
