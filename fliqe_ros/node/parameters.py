"""The node's parameters: one table of defaults, ranges and meanings, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import re
from typing import Any, Union

from fliqe_ros.backends.base import BACKENDS, is_device, PRECISIONS
from fliqe_ros.imaging.borders import Borders
from fliqe_ros.imaging.gain_control import GainControl, MODES
from fliqe_ros.monitoring.recent_scores import MOST_FRAMES
from fliqe_ros.monitoring.status import Criteria
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

#: A value of a parameter.
Value = Union[bool, int, float, str, list[str]]

_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*')


def _check_cameras(cameras: list[str]) -> None:
    for camera in cameras:
        name = camera.removeprefix('/').removesuffix('/')
        if camera not in ('', '/') and not _NAME.fullmatch(name):
            raise ValueError(
                f'cameras: {camera!r} is not a topic namespace like /flir_front or flir_front')


def _check_image_topic(topic: str) -> None:
    if not _NAME.fullmatch(topic):
        raise ValueError(
            f'image_topic: {topic!r} is not a topic name below the camera, like image_raw')


def _check_device(device: str) -> None:
    if not is_device(device):
        raise ValueError(f'device: {device!r} is none of auto, cpu, cuda, cuda:N')


@dataclass(frozen=True)
class Spec:
    """
    One parameter.

    ``limits`` are the lowest and the highest allowed value, and ``choices`` the only allowed
    strings. ``check`` raises ``ValueError`` for any other reason. A ``fixed`` parameter takes
    effect at configure and can only be set while the node is unconfigured.
    """

    name: str
    default: Value
    description: str
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None
    fixed: bool = False
    read_only: bool = False

    def typed(self, value: object) -> Value:
        """
        Return a start-up value in this parameter's type: ``max_rate: 10`` in YAML becomes 10.0.

        :raises ValueError: one sentence, if it is of another type.
        """
        if isinstance(self.default, float) and type(value) is int:
            return float(value)
        if isinstance(self.default, list) and not value:
            return self.default
        if isinstance(value, bool) and 'true' in self.choices:  # what YAML makes of true
            return str(value).lower()
        if type(value) is not type(self.default):
            raise ValueError(
                f'{self.name}: {value!r} is not of type {type(self.default).__name__}')
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise ValueError(f'{self.name}: {value!r} is not a list of strings')
        return value

    def require(self, value: Any) -> None:
        """Raise ``ValueError``, one sentence, unless the value is allowed."""
        if self.limits and not self.limits[0] <= value <= self.limits[1]:
            raise ValueError(
                f'{self.name}: {value} is not within {self.limits[0]} to {self.limits[1]}')
        if self.choices and value not in self.choices:
            raise ValueError(f'{self.name}: {value!r} is none of {", ".join(self.choices)}')
        if self.check:
            self.check(value)

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` and rqt show."""
        constraints = ['one of: ' + ', '.join(self.choices)] if self.choices else []
        if self.fixed:
            constraints.append('can be set only while the node is unconfigured')
        descriptor = ParameterDescriptor(
            description=self.description, read_only=self.read_only,
            additional_constraints='; '.join(constraints))
        # A step other than 0 would break rqt's sliders for floating-point parameters.
        if self.limits and isinstance(self.default, float):
            descriptor.floating_point_range = [FloatingPointRange(
                from_value=self.limits[0], to_value=self.limits[1], step=0.0)]
        elif self.limits:
            descriptor.integer_range = [IntegerRange(
                from_value=self.limits[0], to_value=self.limits[1], step=1)]
        return descriptor


PARAMETERS = (
    # An empty list has no type in ROS: [''] is the empty list of cameras.
    Spec('cameras', [''], 'Camera namespaces, e.g. /flir_front. One without a leading slash is '
         "below the node's namespace", check=_check_cameras, fixed=True),
    Spec('discover', 'auto', 'Whether to score cameras that are found, now or later, below the '
         "node's namespace by type and name of their topics: auto where cameras names none, "
         'true always, false never', choices=('auto', 'true', 'false'), fixed=True),
    Spec('image_topic', 'image_raw', 'Name of the image topic below each camera namespace',
         check=_check_image_topic, fixed=True),
    Spec('transport', 'raw', 'Subscribe to the image topic itself or to its /compressed topic',
         choices=('raw', 'compressed'), fixed=True),
    Spec('model', '', 'Path of the model file; empty for the packaged default model', fixed=True),
    Spec('device', 'auto', 'Where the model runs: auto, cpu, cuda or cuda:N',
         check=_check_device, fixed=True),
    Spec('precision', 'auto', 'Number format the model computes in; auto is float16 on a GPU, '
         'else float32', choices=PRECISIONS, fixed=True),
    Spec('backend', 'auto', 'What runs the model. auto is onnxruntime for .onnx files and torch '
         'for other files; for the packaged default model it is onnxruntime on a CPU if installed',
         choices=BACKENDS, fixed=True),
    Spec('threads', 0, 'CPU threads the model uses; 0 is all cores but one', limits=(0, 1024),
         fixed=True),
    Spec('smoothing_window', 300, 'Number of frames that the smoothed score averages',
         limits=(1, 1_000_000), fixed=True),
    Spec('max_rate', 0.0, 'Highest rate at which frames of one camera are scored [Hz]; '
         '0 scores every frame', limits=(0.0, 1000.0)),
    Spec('max_batch', 0, 'Most frames in one forward pass, at most one per camera; '
         '0 is 4 on a CPU, 16 on a GPU', limits=(0, 256)),
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
    Spec('learn_time', 60.0, 'For how long the learn services watch a camera to learn what is '
         'normal for it [s]', limits=(1.0, 3600.0)),
    Spec('profile_folder', '', 'Where what is normal for each camera is stored; empty for the '
         'folder fliqe in ROS_HOME, which is ~/.ros unless it is set', fixed=True),
    Spec('agc.mode', 'percentile', 'How 16-bit and float frames are converted to 8 bits',
         choices=MODES),
    Spec('agc.low', 0.5, 'What becomes black: a percentile, or for fixed_range a pixel value of '
         'the frame', limits=(-1000.0, 65535.0)),
    Spec('agc.high', 99.5, 'What becomes white: a percentile, or for fixed_range a pixel value of '
         'the frame', limits=(-1000.0, 65535.0)),
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
    Spec('autostart', True, 'Configure and activate without a lifecycle manager',
         read_only=True),
)

SPECS = {spec.name: spec for spec in PARAMETERS}
DEFAULTS = {spec.name: spec.default for spec in PARAMETERS}


@dataclass(frozen=True)
class Settings:
    """The values of all parameters at one moment; they fit each other and never change."""

    cameras: tuple[str, ...]
    discover: str
    image_topic: str
    transport: str
    model: str
    device: str
    precision: str
    backend: str
    threads: int
    smoothing_window: int
    max_rate_hz: float
    max_batch: int
    learn_time_s: float
    profile_folder: str
    criteria: Criteria
    gain: GainControl
    borders: Borders
    autostart: bool


def _check_thresholds(values: dict[str, Any]) -> None:
    warn, error, hysteresis = (values[n] for n in ('warn_below', 'error_below', 'hysteresis'))
    if error > warn:
        raise ValueError(f'error_below ({error}) must not be above warn_below ({warn})')
    if warn + hysteresis > 1 and not math.isclose(warn + hysteresis, 1):
        raise ValueError(
            f'warn_below ({warn}) plus hysteresis ({hysteresis}) is above 1, no camera could '
            'recover')


def _check_freeze(values: dict[str, Any]) -> None:
    freeze, shutter = values['freeze_after'], values['shutter_time']
    if 0 < freeze < shutter:
        raise ValueError(f'freeze_after ({freeze}) must not be below shutter_time ({shutter}), '
                         'shutter corrections would be freezes')


def gain_control(values: dict[str, Any]) -> GainControl:
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


def settings_from(values: dict[str, Any]) -> Settings:
    """
    Return the settings of a complete set of parameter values, keyed by parameter name.

    :raises ValueError: one sentence, if a value or a combination is not allowed.
    """
    for spec in PARAMETERS:
        spec.require(values[spec.name])
    for _, check in CROSS_CHECKS:
        check(values)
    same = ('discover', 'image_topic', 'transport', 'model', 'device', 'precision',
            'backend', 'threads', 'smoothing_window', 'max_batch', 'profile_folder', 'autostart')
    return Settings(
        cameras=tuple(dict.fromkeys(camera for camera in values['cameras'] if camera)),
        max_rate_hz=values['max_rate'],
        learn_time_s=values['learn_time'],
        criteria=Criteria.of(values),
        gain=gain_control(values),
        borders=Borders.of(values),
        **{name: values[name] for name in same})
