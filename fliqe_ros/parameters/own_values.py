"""
Own values of one camera, as in ``camera_settings.flir_front.warn_below``.

The camera stands there as in the diagnostics, with dots for slashes and ``root`` for /, but
relative to the node's namespace if it is below that: ``robot1.flir_front`` for /robot1/flir_front,
for a node in /robot1 ``flir_front``. So robots share one file. Cameras of one name share values.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
import re
from typing import Any, NamedTuple

from fliqe_ros.parameters.camera_table import (
    camera_settings, CAMERA_SPECS, CameraSettings, CROSS_CHECKS)

PREFIX = 'camera_settings.'
_ROOT = 'root'
_DOTTED = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*')

#: By the dotted name of a camera, its own values by the names of parameters.
OwnValues = Mapping[str, Mapping[str, Any]]


class OwnName(NamedTuple):
    """A parameter of one camera, which is called by its dotted name."""

    camera: str
    parameter: str

    def __str__(self) -> str:
        """Return the full name of the parameter."""
        return f'{PREFIX}{self.camera}.{self.parameter}'


def parse(name: str) -> OwnName | None:
    """Return which parameter of which camera a full name means; None if there is no such."""
    if not name.startswith(PREFIX):
        return None
    for parameter in CAMERA_SPECS:
        camera = name[len(PREFIX):].removesuffix(f'.{parameter}')
        if PREFIX + camera != name and _DOTTED.fullmatch(camera):
            return OwnName(camera, parameter)
    return None


def nearest(name: str) -> str:
    """Return the parameter that is perhaps meant by a name that ``parse`` does not know; or ''."""
    camera, _, parameter = name.removeprefix(PREFIX).rpartition('.')
    if camera.endswith('.agc'):
        camera, parameter = camera.removesuffix('.agc'), f'agc.{parameter}'
    camera = camera.strip('/').replace('/', '.')
    close = get_close_matches(parameter, CAMERA_SPECS, 1)
    return str(OwnName(camera, close[0])) if close and _DOTTED.fullmatch(camera) else ''


def dotted(camera: str, namespace: str = '/') -> str:
    """
    Return what a camera is called in the names of its parameters.

    :param camera: its namespace.
    :param namespace: that of the node.
    """
    below = namespace.rstrip('/') + '/'
    return camera.removeprefix(below).strip('/').replace('/', '.') or _ROOT


def undotted(name: str, namespace: str) -> str:
    """Return the namespace, below that of the node, of the camera that is called so."""
    if name == dotted(namespace, namespace):
        return namespace
    return f'{namespace.rstrip("/")}/{name.replace(".", "/")}'


def settings_of_camera(camera: str, values: Mapping[str, Any]) -> CameraSettings:
    """
    Return the settings of a camera.

    :param camera: its dotted name.
    :param values: all its parameters, own and others.
    :raises ValueError: one sentence, if a value or a combination is not allowed.
    """
    try:
        return camera_settings(values)
    except ValueError as error:  # which begins with the parameter's name
        raise ValueError(f'{PREFIX}{camera}.{error}') from error


def misfits(values: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, str]:
    """Return which own values do not fit the others of the camera, and why, as a sentence."""
    found: dict[str, str] = {}
    for names, check in CROSS_CHECKS:
        try:
            check({**values, **own})
        except ValueError as error:
            found.update(dict.fromkeys([name for name in names if name in own], str(error)))
    return found
