"""The parameters of single cameras as declared on the node: own values, or those for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from fliqe_ros.node.camera_names import named_cameras
from fliqe_ros.node.parameters import descriptor_of
from fliqe_ros.parameters.camera_table import CAMERA_SPECS, CameraSettings
from fliqe_ros.parameters.own_values import (
    dotted, misfits, OwnName, OwnValues, parse, PREFIX, settings_of_camera, undotted)
from fliqe_ros.parameters.spec import Spec
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter

#: By the dotted name of a camera, its values in force by the names of parameters.
InForce = dict[str, dict[str, Any]]


class CameraParameters:
    """
    Declares the parameters of each camera, and shows there what is in force for it.

    ``own`` holds the values that single cameras have of their own, also for cameras that are not
    there yet: these are declared as well, so that they can be changed. A parameter that is deleted
    gives its own value up: it is declared again at once and follows the value for all cameras.
    """

    def __init__(self, node: Node) -> None:
        self.own: OwnValues = {}
        self.is_showing = False
        self._node = node
        self._namespace = node.get_namespace()
        #: Of cameras that were added, the name of the image topic.
        self._added: dict[str, str] = {}
        #: Dotted names of cameras whose parameters are declared, or will be.
        self._declared: dict[str, None] = {}
        self._in_force: InForce = {}
        #: By dotted name, and by the namespaces of those that are named or were added.
        self._by_name: dict[str, CameraSettings] = {}
        self._settings: dict[str, CameraSettings] = {}
        # Parameters cannot be set from within the callback that is asked whether one may be.
        self._timer = node.create_timer(
            0.0, self.show, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._timer.cancel()

    def of(self, camera: str) -> CameraSettings | None:
        """Return the settings of a camera by its namespace; None if it has none of its own."""
        return self._settings.get(camera) or self._by_name.get(dotted(camera, self._namespace))

    def read(
        self, given: Iterable[str], value_of: Callable[[str], object], values: Mapping[str, Any],
        refuse: Callable[[str, str], None],
    ) -> None:
        """
        Take the own values that were given at start-up.

        :param given: names of all parameters that were given.
        :param value_of: returns the value of one.
        :param values: those for all cameras.
        :param refuse: is told the name of a parameter and why its value is not allowed.
        """
        own: dict[str, dict[str, Any]] = {}
        for name in filter(None, map(parse, given)):
            spec = CAMERA_SPECS[name.parameter]
            try:
                value = spec.typed(value_of(str(name)))
                spec.require(value)
            except ValueError as error:
                refuse(str(name), f'{PREFIX}{name.camera}.{error}')
                continue
            own.setdefault(name.camera, {})[name.parameter] = value
        for camera, its_own in own.items():
            for parameter, why in misfits(values, its_own).items():
                refuse(str(OwnName(camera, parameter)), f'{PREFIX}{camera}.{why}')
                del its_own[parameter]
        self.own = own

    def changed(self, parameters: Iterable[Parameter]) -> OwnValues:
        """
        Return the own values once these parameters are set.

        :raises ValueError: one sentence, if a value is of another type.
        """
        own = {camera: dict(values) for camera, values in self.own.items()}
        for parameter in parameters:
            name = parse(parameter.name)
            if name is None:
                continue
            its_own = own.setdefault(name.camera, {})
            if parameter.type_ == Parameter.Type.NOT_SET:
                its_own.pop(name.parameter, None)
            else:
                _require_type(CAMERA_SPECS[name.parameter], parameter)
                its_own[name.parameter] = parameter.value
        return {camera: values for camera, values in own.items() if values}

    def in_force(self, values: Mapping[str, Any], own: OwnValues) -> InForce:
        """
        Return the values of every camera that is named or known.

        :param values: those of the node.
        :param own: own values of cameras.
        """
        topics = {dotted(camera, self._namespace): topic
                  for camera, topic in self._topics(values).items()}
        for_all = {name: values[name] for name in CAMERA_SPECS}
        return {camera: {**for_all, 'image_topic': topics.get(camera, values['image_topic']),
                         **own.get(camera, {})}
                for camera in {**topics, **self._declared, **own}}

    def _topics(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the image topics of cameras that are named or were added, by namespace."""
        return {**named_cameras(values['cameras'], values['image_topic'], self._namespace),
                **self._added}

    def require_unchanged(self, after: InForce) -> None:
        """Raise ``ValueError`` if a fixed parameter of a camera would change."""
        for camera, values in self._in_force.items():
            for name, value in values.items():
                if CAMERA_SPECS[name].fixed and after.get(camera, values)[name] != value:
                    raise ValueError(f'{OwnName(camera, name)} takes effect at configure: clean '
                                     'the node up before changing it')

    def take(self, values: Mapping[str, Any], own: OwnValues) -> None:
        """
        Let these values be in force, and show them soon.

        :raises ValueError: one sentence, if they are not allowed; nothing is changed.
        """
        in_force = self.in_force(values, own)
        by_name = {camera: settings_of_camera(camera, each) for camera, each in in_force.items()}
        self._settings = {}
        for camera, topic in self._topics(values).items():
            name = dotted(camera, self._namespace)
            topic = own.get(name, {}).get('image_topic', topic)
            self._settings[camera] = replace(by_name[name], image_topic=topic)
        self.own, self._in_force, self._by_name = own, in_force, by_name
        self._declared.update(dict.fromkeys(in_force))
        self._timer.reset()

    def add(self, camera: str, image_topic: str, values: Mapping[str, Any]) -> None:
        """
        Declare the parameters of a camera.

        :param image_topic: name of its image topic, unless its parameters say another.
        :param values: those for all cameras.
        """
        self._added[camera] = image_topic
        self.take(values, self.own)
        self.show()

    def remove(self, camera: str) -> None:
        """Keep the parameters of a camera, and forget the topic that it was found with."""
        self._added.pop(camera, None)

    def undeclare(self, camera: str) -> None:
        """Take the parameters of a camera back, unless it has own values."""
        name = dotted(camera, self._namespace)
        if name in self._declared and name not in self.own:
            del self._declared[name]
            for parameter in CAMERA_SPECS:
                self._node.undeclare_parameter(str(OwnName(name, parameter)))

    def with_own(self, *parameters: str) -> tuple[str, ...]:
        """Return the namespaces of cameras that have own values of one of these parameters."""
        return tuple(undotted(camera, self._namespace) for camera, values in self.own.items()
                     if not values.keys().isdisjoint(parameters))

    def show(self) -> None:
        """Declare what is missing, and set what differs from what is in force."""
        self._timer.cancel()
        self.is_showing = True
        try:
            for camera in self._declared:
                for parameter, value in self._in_force[camera].items():
                    self._show(OwnName(camera, parameter), value)
        finally:
            self.is_showing = False

    def _show(self, name: OwnName, value: Any) -> None:
        if not self._node.has_parameter(str(name)):
            self._node.declare_parameter(
                str(name), value, _descriptor(name), ignore_override=True)
        elif self._node.get_parameter(str(name)).value != value:
            self._node.set_parameters([Parameter(str(name), value=value)])


def _descriptor(name: OwnName) -> ParameterDescriptor:
    descriptor = descriptor_of(CAMERA_SPECS[name.parameter])
    descriptor.dynamic_typing = True  # else it could not be deleted
    own = f'follows {name.parameter} until it is set; delete it to follow again'
    descriptor.additional_constraints = '; '.join(
        filter(None, [descriptor.additional_constraints, own]))
    return descriptor


def _require_type(spec: Spec, parameter: Parameter) -> None:
    if type(parameter.value) is not type(spec.default):
        raise ValueError(f'{parameter.name}: {spec.not_of_type(parameter.value)}')
