"""What the monitor hears of cameras over ROS, and what it asks their node for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.rclpy_compat import take_waiting
from fliqe_ros.tools.monitor_window.calls import Done, ServiceCalls
from fliqe_ros.tools.monitor_window.fleet import Fleet
from fliqe_ros.tools.monitor_window.pixels import picture_of
from fliqe_ros.tools.monitor_window.thresholds import (
    CameraThresholds, own_name, questions)
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

_TYPE = 'fliqe_ros/msg/QualityScore'
_LOOK_EVERY_S = 1.0
#: Messages that wait between two polls: those of a quarter of a second at 200 Hz.
_DEPTH = 50


class _Polled(CallbackGroup):
    """
    Keeps its subscriptions out of the executor's wait set.

    An executor of rclpy builds a wait set for each message, which is too much work for hundreds
    of scores in a second. Instead, what waits is taken five times a second.
    """

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class MonitorClient:
    """
    Fills a ``Fleet`` with what is heard, each time that ``poll`` is called.

    :param context: an initialised context of rclpy; by default that of the process.
    """

    def __init__(self, fleet: Fleet, context: Context | None = None) -> None:
        self.fleet = fleet
        self._node = Node('thermal_quality_monitor', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._group = _Polled()
        self._scores: dict[str, Subscription] = {}
        self._pictures: dict[str, Subscription] = {}
        self._services: frozenset[str] = frozenset()
        self._calls = ServiceCalls(self._node, self._executor)
        self._looked_s = 0.0
        self._diagnostics = self._subscribe(DiagnosticArray, '/diagnostics', _DEPTH)

    def close(self) -> None:
        """Leave the ROS graph."""
        self._executor.shutdown()
        self._node.destroy_node()

    def poll(self) -> list[str]:
        """
        Take in everything that has come since the last call.

        :return: the cameras of which a new picture came.
        """
        now_s = time.time()
        if not 0 <= now_s - self._looked_s < _LOOK_EVERY_S:
            self._look(now_s)
        for topic, subscription in self._scores.items():
            waiting = [data for data, _ in take_waiting(subscription, _DEPTH)]
            if waiting:
                # To read a message takes far longer than to take it, and its status lasts.
                newest = deserialize_message(waiting[-1], QualityScore)
                self.fleet.add(camera_of(topic), topic, now_s)
                self.fleet.hear(camera_of(topic), newest, now_s, len(waiting))
        for message, _ in take_waiting(self._diagnostics, _DEPTH):
            for status in message.status:
                self.fleet.diagnose({each.key: each.value for each in status.values}, now_s)
        self.fleet.tick(now_s)
        self._calls.poll()
        return self._take_pictures()

    def request_pictures(self, names: Iterable[str]) -> None:
        """Subscribe the previews of these cameras, and no others."""
        wanted = {name for name in names if name in self.fleet.rows}
        for name in [name for name in self._pictures if name not in wanted]:
            self._node.destroy_subscription(self._pictures.pop(name))
        for name in wanted.difference(self._pictures):
            self._pictures[name] = self._subscribe(
                Image, f'{self.fleet.rows[name].topic}/preview', 1)

    @property
    def requested(self) -> set[str]:
        """Return the cameras whose previews are subscribed."""
        return set(self._pictures)

    def can(self, name: str, action: str) -> bool:
        """Return whether the node offers an action, ``reset`` or ``learn``, for a camera."""
        row = self.fleet.rows.get(name)
        return row is not None and f'{row.topic}/{action}' in self._services

    def trigger(self, name: str, action: str, done: Done) -> None:
        """Ask the node for an action, ``reset`` or ``learn``, for a camera."""
        service = f'{self.fleet.rows[name].topic}/{action}'
        self._calls.call(Trigger, service, Trigger.Request(),
                         lambda answer: done(answer.success, answer.message), done)

    def scoring_node(self, name: str) -> str:
        """Return the full name of the node that scores a camera; empty if there is none."""
        row = self.fleet.rows.get(name)
        infos = self._node.get_publishers_info_by_topic(row.topic) if row else []
        return next((f'{info.node_namespace.rstrip("/")}/{info.node_name}' for info in infos), '')

    def get_thresholds(
        self, camera: str, node: str, show: Callable[[CameraThresholds | None], None], done: Done,
    ) -> None:
        """Ask a node for the thresholds of a camera, and show them; None if it has none."""
        def take(answer: GetParameters.Response) -> None:
            values = [*map(parameter_value_to_python, answer.values)]
            show(CameraThresholds.of_answer(values))
        self._calls.call(GetParameters, f'{node}/get_parameters',
                         GetParameters.Request(names=questions(camera, node)), take, done)

    def set_thresholds(
        self, camera: str, node: str, values: Mapping[str, float | None], done: Done,
    ) -> None:
        """
        Set own thresholds of a camera, all or none.

        :param values: by the names of parameters; None gives the own value up.
        """
        parameters = [Parameter(own_name(camera, node, name), value=value).to_parameter_msg()
                      for name, value in values.items()]
        self._calls.call(
            SetParametersAtomically, f'{node}/set_parameters_atomically',
            SetParametersAtomically.Request(parameters=parameters),
            lambda answer: done(answer.result.successful, answer.result.reason or (
                f'{camera} follows its node' if None in values.values()
                else f'thresholds of {camera} are set')), done)

    def _subscribe(
        self, message_type: Any, topic: str, depth: int, raw: bool = False,
    ) -> Subscription:
        # Best effort: a monitor that is slow holds nobody up.
        profile = QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        return self._node.create_subscription(
            message_type, topic, lambda _: None, profile, callback_group=self._group, raw=raw)

    def _look(self, now_s: float) -> None:
        """Find cameras and services that have come or gone."""
        self._looked_s = now_s
        self._services = frozenset(
            name for name, _ in self._node.get_service_names_and_types())
        topics = {topic for topic, types in self._node.get_topic_names_and_types()
                  if _TYPE in types and self._node.count_publishers(topic)}
        for topic in topics.difference(self._scores):
            self._scores[topic] = self._subscribe(QualityScore, topic, _DEPTH, raw=True)
            self.fleet.add(camera_of(topic), topic, now_s)
        for topic in [topic for topic in self._scores
                      if topic not in topics and camera_of(topic) not in self.fleet.rows]:
            self._node.destroy_subscription(self._scores.pop(topic))

    def _take_pictures(self) -> list[str]:
        shown = []
        for name, subscription in self._pictures.items():
            for message, _ in take_waiting(subscription, 1):
                picture = picture_of(message)
                if picture is not None:
                    self.fleet.show(name, picture)
                    shown.append(name)
        return shown


def camera_of(topic: str) -> str:
    """Return the camera whose scores a topic carries."""
    return topic.removesuffix('/quality') or '/'
