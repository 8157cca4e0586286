"""By what recordings are scored: the node's parameters that change a score or a verdict."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fliqe_ros.frame_io.topics import camera_of
from fliqe_ros.parameters.camera_table import (
    camera_fields, CAMERA_PARAMETERS, CAMERA_SPECS, CameraSettings)
from fliqe_ros.parameters.own_values import dotted, OwnName, OwnValues, parse, PREFIX
from fliqe_ros.profiles.folder import StoredProfile

#: Parameters of a camera that do not count here: what is recorded is scored, frame by frame.
_OF_THE_NODE = ('image_topic', 'transport', 'max_rate', 'priority')
#: The parameters of the node that count here, with the node's own defaults.
DEFAULTS: dict[str, Any] = {
    spec.name: spec.default for spec in CAMERA_PARAMETERS if spec.name not in _OF_THE_NODE}


@dataclass(frozen=True)
class ScoringSettings(CameraSettings):
    """
    What decides scores and verdicts.

    ``values`` are the parameters that it follows from, ``own`` those that single cameras have
    their own values of, and ``profiles`` what was learnt of some, by the dotted names of the
    cameras. ``profile`` is that of the one camera whose settings these are.
    """

    values: Mapping[str, Any]
    own: OwnValues
    profiles: Mapping[str, StoredProfile] = field(default_factory=dict)
    profile: StoredProfile | None = None

    @property
    def of_scores(self) -> list[Any]:
        """Return the values that scores depend on; verdicts are made anew each time."""
        return [self.values[name] for name in DEFAULTS
                if name.startswith(('agc.', 'crop_')) or name in ('input_shift', 'palette')]

    def of_camera(self, topic: str) -> ScoringSettings:
        """
        Return the settings of one camera.

        Its own values and its profile are those of its full name, ``robot1.flir_front``, or else
        of what a node in the namespace of the robot calls it, ``flir_front``.

        :param topic: that of its images; '' if it has none.
        """
        own = self.own.get(_name_among(self.own, topic))
        settings = _settings({**self.values, **own}) if own else self
        return replace(settings, profile=self.profiles.get(_name_among(self.profiles, topic)))

    @property
    def shown(self) -> dict[str, Any]:
        """Return all values by the names of their parameters."""
        return {**self.values, **{str(OwnName(camera, name)): value
                                  for camera, values in self.own.items()
                                  for name, value in values.items()}}


def _name_among(names: Container[str], topic: str) -> str:
    """Return which of the dotted names is that of the camera of a topic; '' if none is."""
    name = dotted(camera_of(topic)) if topic else ''
    while name and name not in names:
        name = name.partition('.')[2]
    return name


def settings_of(values: Mapping[str, Any]) -> ScoringSettings:
    """
    Return the settings that parameters of the node describe; what is not given has its default.

    :raises ValueError: if a value is of another type, not allowed, or contradicts another.
    """
    own: dict[str, dict[str, Any]] = {}
    for name in filter(None, map(parse, values)):
        if name.parameter in DEFAULTS:
            try:
                value = CAMERA_SPECS[name.parameter].typed(values[str(name)])
            except ValueError as error:
                raise ValueError(f'{PREFIX}{name.camera}.{error}') from error
            own.setdefault(name.camera, {})[name.parameter] = value
    merged = {name: CAMERA_SPECS[name].typed(values.get(name, default))
              for name, default in DEFAULTS.items()}
    for camera, its_own in own.items():
        try:
            _settings({**merged, **its_own})
        except ValueError as error:
            raise ValueError(f'{PREFIX}{camera}.{error}') from error
    return _settings(merged, own)


def _settings(values: Mapping[str, Any], own: OwnValues | None = None) -> ScoringSettings:
    of_the_node = {name: CAMERA_SPECS[name].default for name in _OF_THE_NODE}
    return ScoringSettings(
        values=values, own=own or {}, **camera_fields({**of_the_node, **values}))


def read_parameters(path: Path) -> dict[str, Any]:
    """
    Read a file of ROS parameters, such as config/fliqe.yaml, as flat names and values.

    :raises ValueError: if it is no such file, or PyYAML is missing.
    :raises OSError: if it cannot be read.
    """
    try:
        import yaml  # optional
    except ImportError as error:
        raise ValueError(f'{path}: reading it needs the Python package pyyaml') from error
    try:
        loaded = yaml.safe_load(path.read_text(encoding='utf-8'))
        nodes = [node['ros__parameters'] for node in loaded.values()]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not a file of ROS parameters') from error
    found: dict[str, Any] = {}
    for parameters in nodes:
        found.update(_flat(parameters or {}))
    return found


def _flat(parameters: Mapping[str, Any], before: str = '') -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f'{before}{name}.'))
        else:
            found[f'{before}{name}'] = value
    return found
