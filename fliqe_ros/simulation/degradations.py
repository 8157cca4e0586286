"""Any of the distortion types on a frame, by one call."""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts.registry import apply_artifact
from fliqe_ros.simulation.distortions import BEFORE_GAIN_CONTROL, distort
import numpy as np

#: The artifact that stands for a type which is no distortion of the whole picture.
TYPICAL_ARTIFACTS = {
    Distortion.NON_UNIFORMITY: 'row_column_pattern',
    Distortion.OBSTRUCTION: 'fog',
    Distortion.CORRUPTION: 'torn',
    Distortion.BLANK: 'closed_shutter',
}


def degrade(frame: np.ndarray, distortion: Distortion, severity: float | None = None,
            rng: np.random.Generator | None = None,
            gain_control: GainControl = GainControl()) -> np.ndarray:
    """
    Return what a camera would show of a frame with a fault of this type.

    Raw counts are distorted before gain control where physics says so, and else behind it. Of the
    types beyond the eight of the reference, ``TYPICAL_ARTIFACTS`` are shown.

    :param frame: (H, W) uint8, or uint16 raw counts.
    :param distortion: any type but ``UNKNOWN``.
    :param severity: 0 to 1; None is the reference severity.
    :param rng: draws noise, places and directions; None is a fixed seed.
    :param gain_control: turns raw counts into 8 bits.
    :return: (H, W) uint8.
    :raises ValueError: for other types, frames and severities.
    """
    if distortion in TYPICAL_ARTIFACTS:
        return apply_artifact(
            frame, TYPICAL_ARTIFACTS[distortion], severity, rng, gain_control)
    if frame.dtype == np.uint16 and distortion in BEFORE_GAIN_CONTROL:
        return gain_control(distort(frame, distortion, severity, rng))
    return distort(gain_control(frame), distortion, severity, rng)
