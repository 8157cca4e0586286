"""The node's parameters as declared on it: validated when set, read as one ``Settings``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from fliqe_ros.node.camera_parameters import CameraParameters
from fliqe_ros.node.parameters import (
    DEFAULTS, descriptor_of, PARAMETERS, settings_from, SPECS)
from fliqe_ros.node.rclpy_compat import parameter_overrides
from fliqe_ros.parameters.camera_table import CameraSettings, CROSS_CHECKS
from fliqe_ros.parameters.own_values import nearest, parse, PREFIX
from fliqe_ros.parameters.spec import Spec, Value
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

# Declared by rclpy itself.
_OF_ROS = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')


def unknown_overrides(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the names given at start-up are no parameters of the node."""
    return tuple(sorted(
        name for name in names
        if name not in SPECS and not parse(name) and not name.startswith(_OF_ROS)))


def unknown_sentence(name: str) -> str:
    """Return what to tell of a start-up parameter that does not exist."""
    of_camera = name.startswith(PREFIX)
    close = [nearest(name)] if of_camera else get_close_matches(name, SPECS, 1)
    if any(close):
        return f'there is no parameter {name}, did you mean {close[0]}?'
    return f'there is no parameter {name}' + (' of a single camera' if of_camera else '')


class NodeParameters:
    """
    Declares the parameters of the table on a node and keeps ``current`` in step with them.

    A start-up value that is not allowed does not stop the node. It is logged, and ``refused``
    tells why, by name, until the parameter is set; the default is used instead. A value set later
    that is not allowed is rejected with a sentence and changes nothing.
    """

    def __init__(self, node: Node, is_configured: Callable[[], bool]) -> None:
        self.refused: dict[str, str] = {}
        self._node = node
        self._is_configured = is_configured
        self.cameras = CameraParameters(node)
        self._values = {spec.name: self._declare(spec) for spec in PARAMETERS}
        for names, check in CROSS_CHECKS:
            self._require_together(names, check)
        self.current = settings_from(self._values)
        self.given = parameter_overrides(node)
        self.unknown = unknown_overrides(self.given)
        for name in self.unknown:
            node.get_logger().warning(unknown_sentence(name))
        self.cameras.read(self.given, self._start_value, self._values, self._refuse_own)
        self.cameras.take(self._values, self.cameras.own)
        self.cameras.show()
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def discovers(self) -> bool:
        """Return whether to find cameras; a refused list of them is not an empty one."""
        if self.current.discover == 'auto':
            return not self.current.cameras and 'cameras' not in self.refused
        return self.current.discover == 'true'

    def of(self, camera: str) -> CameraSettings:
        """Return the settings of a camera by its namespace."""
        return self.cameras.of(camera) or self.current

    def add_camera(self, camera: str, image_topic: str) -> None:
        """Declare the parameters of a camera; see ``CameraParameters.add``."""
        self.cameras.add(camera, image_topic, self._values)

    def _declare(self, spec: Spec) -> Value:
        try:
            value = spec.typed(self._start_value(spec.name))
            spec.require(value)
        except ValueError as error:
            self._refuse([spec.name], str(error))
            value = spec.default
        self._node.declare_parameter(
            spec.name, value, descriptor_of(spec), ignore_override=True)
        return value

    def _start_value(self, name: str) -> object:
        """Return the value given at start-up, of whatever type, or the default."""
        any_type = ParameterDescriptor(dynamic_typing=True)
        value = self._node.declare_parameter(name, DEFAULTS.get(name), any_type).value
        self._node.undeclare_parameter(name)
        return value

    def _require_together(
        self, names: Sequence[str], check: Callable[[dict[str, Any]], object],
    ) -> None:
        try:
            check(self._values)
        except ValueError as error:
            self._refuse(names, str(error))
            self._values.update({name: DEFAULTS[name] for name in names})
            self._node.set_parameters(
                [Parameter(name, value=DEFAULTS[name]) for name in names])

    def _refuse(self, names: Sequence[str], reason: str) -> None:
        self.refused.update(dict.fromkeys(names, reason))
        defaults = ', '.join(f'{name} = {DEFAULTS[name]}' for name in names)
        self._node.get_logger().error(
            f'a start-up parameter is refused and {defaults} used instead: {reason}')

    def _refuse_own(self, name: str, reason: str) -> None:
        self.refused[name] = reason
        self._node.get_logger().error(
            f'a start-up parameter is refused and that of all cameras used instead: {reason}')

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        # Humble has no callback that runs after the set. No other callback can reject after this.
        if self.cameras.is_showing:
            return SetParametersResult(successful=True)
        try:
            changed = {p.name: SPECS[p.name].typed(p.value) for p in parameters if p.name in SPECS}
            values = {**self._values, **changed}
            own = self.cameras.changed(parameters)
            self._require_changeable(changed)
            if self._is_configured():
                self.cameras.require_unchanged(self.cameras.in_force(values, own))
            current = settings_from(values)
            self.cameras.take(values, own)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values, self.current = values, current
        for parameter in parameters:
            self.refused.pop(parameter.name, None)
        return SetParametersResult(successful=True)

    def _require_changeable(self, changed: dict[str, Any]) -> None:
        if not self._is_configured():
            return
        for name, value in changed.items():
            if SPECS[name].fixed and value != self._values[name]:
                raise ValueError(
                    f'{name} takes effect at configure: clean the node up before changing it')
