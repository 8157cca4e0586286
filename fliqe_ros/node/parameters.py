"""All parameters of the node: one table of defaults, ranges and meanings, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fliqe_ros.backends.base import BACKENDS, is_device, PRECISIONS
from fliqe_ros.parameters.camera_table import (
    camera_fields, CAMERA_PARAMETERS, CameraSettings, NAME)
from fliqe_ros.parameters.spec import Spec
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor


def _check_cameras(cameras: list[str]) -> None:
    for camera in cameras:
        name = camera.removeprefix('/').removesuffix('/')
        if camera not in ('', '/') and not NAME.fullmatch(name):
            raise ValueError(
                f'cameras: {camera!r} is not a topic namespace like /flir_front or flir_front')


def _check_device(device: str) -> None:
    if not is_device(device):
        raise ValueError(f'device: {device!r} is none of auto, cpu, cuda, cuda:N')


PARAMETERS = (
    # An empty list has no type in ROS: [''] is the empty list of cameras.
    Spec('cameras', [''], 'Camera namespaces, e.g. /flir_front. One without a leading slash is '
         "below the node's namespace", check=_check_cameras, fixed=True),
    Spec('discover', 'auto', 'Whether to score cameras that are found, now or later, below the '
         "node's namespace by type and name of their topics: auto where cameras names none, "
         'true always, false never', choices=('auto', 'true', 'false'), fixed=True),
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
    Spec('max_batch', 0, 'Most frames in one forward pass, at most one per camera; '
         '0 is 4 on a CPU, 16 on a GPU', limits=(0, 256)),
    Spec('learn_time', 60.0, 'For how long the learn services watch a camera to learn what is '
         'normal for it [s]', limits=(1.0, 3600.0)),
    Spec('profile_folder', '', 'Where what is normal for each camera is stored; empty for the '
         'folder fliqe in ROS_HOME, which is ~/.ros unless it is set', fixed=True),
    Spec('autostart', True, 'Configure and activate without a lifecycle manager',
         read_only=True),
    *CAMERA_PARAMETERS,
)

SPECS = {spec.name: spec for spec in PARAMETERS}
DEFAULTS = {spec.name: spec.default for spec in PARAMETERS}


@dataclass(frozen=True)
class Settings(CameraSettings):
    """The values of all parameters at one moment, for cameras without own values."""

    cameras: tuple[str, ...]
    discover: str
    model: str
    device: str
    precision: str
    backend: str
    threads: int
    max_batch: int
    learn_time_s: float
    profile_folder: str
    autostart: bool


def settings_from(values: Mapping[str, Any]) -> Settings:
    """
    Return the settings of a complete set of parameter values, keyed by parameter name.

    :raises ValueError: one sentence, if a value or a combination is not allowed.
    """
    for spec in PARAMETERS:
        spec.require(values[spec.name])
    same = ('discover', 'model', 'device', 'precision', 'backend', 'threads', 'max_batch',
            'profile_folder', 'autostart')
    return Settings(
        cameras=tuple(dict.fromkeys(camera for camera in values['cameras'] if camera)),
        learn_time_s=values['learn_time'],
        **{name: values[name] for name in same},
        **camera_fields(values))


def descriptor_of(spec: Spec) -> ParameterDescriptor:
    """Return what ``ros2 param describe`` and rqt show of a parameter."""
    constraints = ['one of: ' + ', '.join(spec.choices)] if spec.choices else []
    if spec.fixed:
        constraints.append('can be set only while the node is unconfigured')
    descriptor = ParameterDescriptor(
        description=spec.description, read_only=spec.read_only, dynamic_typing=spec.is_yes_or_no,
        additional_constraints='; '.join(constraints))
    # A step other than 0 would break rqt's sliders for floating-point parameters.
    if spec.limits and isinstance(spec.default, float):
        descriptor.floating_point_range = [FloatingPointRange(
            from_value=spec.limits[0], to_value=spec.limits[1], step=0.0)]
    elif spec.limits:
        descriptor.integer_range = [IntegerRange(
            from_value=spec.limits[0], to_value=spec.limits[1], step=1)]
    return descriptor
