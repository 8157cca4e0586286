"""Any fault on a frame by one call: a distortion type, or one artifact by its name."""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts.artifact import Stage
from fliqe_ros.simulation.artifacts.registry import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.counts import from_levels, levels
from fliqe_ros.simulation.distortions import BEFORE_GAIN_CONTROL, distort
import numpy as np

#: The artifact that stands for a type which is no distortion of the whole picture.
TYPICAL_ARTIFACTS = {
    Distortion.NON_UNIFORMITY: 'row_column_pattern',
    Distortion.OBSTRUCTION: 'fog',
    Distortion.CORRUPTION: 'torn',
    Distortion.BLANK: 'closed_shutter',
}
#: What differs from frame to frame while it lasts. All else stays: a pattern of the sensor, dirt
#: on the lens, a driver that reads bytes wrongly, the direction of a vibration.
CHANGING = frozenset((
    Distortion.GAUSSIAN_NOISE, 'low_contrast', 'noise_alone', 'torn', 'lost_rows', 'lost_counts',
    'half_frame', 'broken_jpeg', 'broken_h264'))


class _KeptCounts(GainControl):
    """Leaves counts as they are."""

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        return frame


def degrade(frame: np.ndarray, fault: Distortion | str, severity: float | None = None,
            rng: np.random.Generator | None = None,
            gain_control: GainControl = GainControl()) -> np.ndarray:
    """
    Return what a camera would show of a frame with a fault.

    Raw counts are distorted before gain control where physics says so, and else behind it. Of the
    types beyond the eight of the reference, ``TYPICAL_ARTIFACTS`` are shown.

    :param frame: (H, W) uint8, or uint16 raw counts.
    :param fault: any type but ``UNKNOWN``, or the name of an artifact.
    :param severity: 0 to 1; None is the reference severity.
    :param rng: draws noise, places and directions; None is a fixed seed. Where a fault lasts,
        give a new generator of the same seed for every frame, unless it is one of ``CHANGING``.
    :param gain_control: turns raw counts into 8 bits.
    :return: (H, W) uint8.
    :raises ValueError: for other types, frames and severities.
    :raises KeyError: for other names.
    """
    shown = _shown_as(fault)
    if isinstance(shown, str):
        return apply_artifact(frame, shown, severity, rng, gain_control)
    if frame.dtype == np.uint16 and shown in BEFORE_GAIN_CONTROL:
        return gain_control(distort(frame, shown, severity, rng))
    return distort(gain_control(frame), shown, severity, rng)


def degrade_counts(counts: np.ndarray, fault: Distortion | str, severity: float | None = None,
                   rng: np.random.Generator | None = None) -> np.ndarray:
    """
    Return what a camera that delivers raw counts would deliver with a fault.

    Faults of the 8-bit picture are brought back to the range of the counts.

    :param counts: (H, W) uint16.
    :return: (H, W) uint16; see ``degrade``.
    """
    shown = _shown_as(fault)
    if not isinstance(shown, str):
        return distort(counts, shown, severity, rng)
    if ARTIFACTS[shown].stage is Stage.PICTURE:
        spoilt = apply_artifact(GainControl()(counts), shown, severity, rng)
    else:
        spoilt = apply_artifact(counts, shown, severity, rng, _KeptCounts())
    if spoilt.dtype == np.uint8:
        return from_levels(spoilt.astype(np.float32), *levels(counts), counts.dtype)
    return spoilt


def is_changing(fault: Distortion | str) -> bool:
    """Return whether a fault differs from frame to frame while it lasts."""
    return _shown_as(fault) in CHANGING


def _shown_as(fault: Distortion | str) -> Distortion | str:
    """Return the artifact that stands for a type; anything else is shown as it is."""
    return TYPICAL_ARTIFACTS.get(fault, fault) if isinstance(fault, Distortion) else fault
