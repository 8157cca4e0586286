"""The parameters that concern a camera, and the settings that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
import re
from typing import Any

from fliqe_ros.imaging.borders import Borders
from fliqe_ros.imaging.gain_control import GainControl, MODES
from fliqe_ros.imaging.palette_reader import AUTO, PALETTE_CHOICES
from fliqe_ros.monitoring.recent_scores import MOST_FRAMES
from fliqe_ros.monitoring.status import Criteria
from fliqe_ros.parameters.spec import Spec

#: The name of a topic or of a namespace, without a leading slash.
NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*')


def _check_image_topic(topic: str) -> None:
    if not NAME.fullmatch(topic):
        raise ValueError(
            f'image_topic: {topic!r} is not a topic name below the camera, like image_raw')


CAMERA_PARAMETERS = (
    Spec('image_topic', 'image_raw', 'Name of the image topic below each camera namespace',
         check=_check_image_topic, fixed=True),
    Spec('transport', 'raw', 'Subscribe to the image topic itself or to its /compressed topic',
         choices=('raw', 'compressed'), fixed=True),
    Spec('smoothing_window', 300, 'Number of frames that the smoothed score averages',
         limits=(1, 1_000_000), fixed=True),
    Spec('max_rate', 0.0, 'Highest rate at which frames of one camera are scored [Hz]; '
         '0 scores every frame', limits=(0.0, 1000.0)),
    Spec('priority', 0, 'Where not every frame can be scored, cameras of a lower priority skip '
         'frames first', limits=(-100, 100)),
    Spec('warn_below', 0.6, 'A score below this is DEGRADED', limits=(0.0, 1.0)),
    Spec('error_below', 0.3, 'A score below this is BAD', limits=(0.0, 1.0)),
    Spec('hysteresis', 0.05, 'How far above a threshold the score must rise before the status '
         'recovers', limits=(0.0, 0.5)),
    Spec('reaction_time', 1.0, 'The status is judged by the frames of so long [s], whatever the '
         'rate', limits=(0.0, 60.0)),
    Spec('min_frames', 5, 'Least number of frames that the status is judged by, also if they '
         'take longer', limits=(1, MOST_FRAMES)),
    Spec('stale_after', 2.0, 'Time without a readable frame after which a camera is SILENT [s]; '
         '0 is never', limits=(0.0, 3600.0)),
    Spec('freeze_after', 5.0, 'Time with the same picture after which a camera is FROZEN [s]; '
         '0 is never', limits=(0.0, 3600.0)),
    Spec('shutter_time', 3.0, 'Longest time for which a shutter correction freezes or blanks the '
         'picture [s]; these frames are left out. 0 if there are none', limits=(0.0, 60.0)),
    Spec('agc.mode', 'percentile', 'How 16-bit and float frames are converted to 8 bits',
         choices=MODES),
    Spec('agc.low', 0.5, 'What becomes black: a percentile, or for fixed_range a pixel value of '
         'the frame', limits=(-1000.0, 65535.0)),
    Spec('agc.high', 99.5, 'What becomes white: a percentile, or for fixed_range a pixel value of '
         'the frame', limits=(-1000.0, 65535.0)),
    Spec('palette', AUTO, 'Colours in which the camera shows its gray levels: auto learns them '
         'from its frames, none takes the brightness of colours', choices=PALETTE_CHOICES),
    Spec('input_shift', 0, 'Bits to shift 16-bit frames to the right: 2 if the upper 14 bits hold '
         'the picture', limits=(0, 15)),
    Spec('crop_top_rows', 0, 'Rows of telemetry to cut off at the top of the frame',
         limits=(0, 4096)),
    Spec('crop_bottom_rows', 0, 'Rows of telemetry to cut off at the bottom of the frame',
         limits=(0, 4096)),
    Spec('crop_left_columns', 0, 'Columns to cut off at the left of the frame',
         limits=(0, 4096)),
    Spec('crop_right_columns', 0, 'Columns to cut off at the right of the frame',
         limits=(0, 4096)),
)

CAMERA_SPECS = {spec.name: spec for spec in CAMERA_PARAMETERS}


@dataclass(frozen=True)
class CameraSettings:
    """The values of a camera's parameters at one moment; they fit each other, never change."""

    image_topic: str
    transport: str
    smoothing_window: int
    max_rate_hz: float
    priority: int
    criteria: Criteria
    gain: GainControl
    palette: str
    borders: Borders


def _check_thresholds(values: Mapping[str, Any]) -> None:
    warn, error, hysteresis = (values[n] for n in ('warn_below', 'error_below', 'hysteresis'))
    if error > warn:
        raise ValueError(f'error_below ({error}) must not be above warn_below ({warn})')
    if warn + hysteresis > 1 and not math.isclose(warn + hysteresis, 1):
        raise ValueError(
            f'warn_below ({warn}) plus hysteresis ({hysteresis}) is above 1, no camera could '
            'recover')


def _check_freeze(values: Mapping[str, Any]) -> None:
    freeze, shutter = values['freeze_after'], values['shutter_time']
    if 0 < freeze < shutter:
        raise ValueError(f'freeze_after ({freeze}) must not be below shutter_time ({shutter}), '
                         'shutter corrections would be freezes')


def gain_control(values: Mapping[str, Any]) -> GainControl:
    """
    Return the gain control that the parameters describe.

    :raises ValueError: if they contradict each other.
    """
    try:
        return GainControl(
            values['agc.mode'], values['agc.low'], values['agc.high'], values['input_shift'])
    except ValueError as error:
        raise ValueError(f'agc: {error}; agc.mode, agc.low and agc.high may have to be set '
                         'together') from error


#: Parameters that must fit each other, and the check that raises ``ValueError`` if they do not.
CROSS_CHECKS = (
    (('warn_below', 'error_below', 'hysteresis'), _check_thresholds),
    (('freeze_after', 'shutter_time'), _check_freeze),
    (('agc.mode', 'agc.low', 'agc.high', 'input_shift'), gain_control),
)


def camera_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields of ``CameraSettings`` by a complete set of values, keyed by parameter name.

    :raises ValueError: one sentence, if a value or a combination is not allowed.
    """
    for spec in CAMERA_PARAMETERS:
        spec.require(values[spec.name])
    for _, check in CROSS_CHECKS:
        check(values)
    same = ('image_topic', 'transport', 'smoothing_window', 'priority', 'palette')
    return {
        'max_rate_hz': values['max_rate'],
        'criteria': Criteria.of(values),
        'gain': gain_control(values),
        'borders': Borders.of(values),
        **{name: values[name] for name in same},
    }


def camera_settings(values: Mapping[str, Any]) -> CameraSettings:
    """Return the settings of a camera; see ``camera_fields``."""
    return CameraSettings(**camera_fields(values))
