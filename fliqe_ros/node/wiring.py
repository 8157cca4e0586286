"""How cameras are connected: what the ROS graph tells of their topics, each fault a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
import re
from typing import Any

from fliqe_ros.node.camera_interface import CameraInterface
from fliqe_ros.node.discovery import TYPES
from fliqe_ros.parameters.own_values import dotted, OwnName, parse, PREFIX
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy, qos_check_compatible, QoSCompatibility, QoSProfile, ReliabilityPolicy)
from rclpy.topic_endpoint_info import TopicEndpointInfo

# Where a process was killed its publishers stay in the graph for a while, and new ones take a
# moment to be found: a fault that is gone by the third look was none.
_LOOKS = 3
_SHOWN = 8
_OVERRIDE = re.compile(r'qos_overrides\.(/.*)\.subscription\.\w+')
_OF_ROS = ('/clock', '/parameter_events')


class Wiring:
    """
    Looks once a second at how cameras are connected, and tells each fault once in the log.

    ``faults`` holds the sentences on each camera, and by '' those on all. ``unpublished`` are the
    cameras whose images nobody publishes.
    """

    def __init__(self, node: Node) -> None:
        self.faults: dict[str, tuple[str, ...]] = {}
        self.unpublished: frozenset[str] = frozenset()
        self._node = node
        self._looks: Counter[tuple[str, str]] = Counter()

    def look(
        self, cameras: Sequence[CameraInterface], now_ns: int, given: Iterable[str],
    ) -> None:
        """
        Find the faults of all cameras.

        :param now_ns: the node's clock.
        :param given: names of the parameters that were given at start-up.
        """
        found = {('', override): sentence
                 for override, sentence in stray_overrides(given, cameras).items()}
        names = {dotted(each.session.namespace, self._node.get_namespace()) for each in cameras}
        found.update({('', f'{PREFIX}{camera}'): sentence
                      for camera, sentence in stray_settings(given, names).items()})
        if not cameras:
            found['', 'no camera'] = no_camera(self._node)
        for camera in cameras:
            name = camera.session.namespace
            graph = {**image_faults(self._node, camera), **quality_faults(self._node, camera)}
            found.update({(name, kind): sentence for kind, sentence in graph.items()})
            odd = camera.stream.faults(now_ns)
            if change := camera.session.rate_change:
                odd['rate'] = change
            for kind, sentence in odd.items():
                found[name, kind] = sentence
                self._looks[name, kind] = max(self._looks[name, kind], _LOOKS - 1)
        self._report(found)

    def forget(self) -> None:
        """Forget all faults, and tell them again if they come again."""
        self.faults.clear()
        self._looks.clear()

    def _report(self, found: Mapping[tuple[str, str], str]) -> None:
        self.faults = {}
        for key in [key for key in self._looks if key not in found]:
            # What was told stays told, or a fault that comes and goes would fill the log.
            if self._looks[key] < _LOOKS:
                del self._looks[key]
        for (camera, kind), sentence in found.items():
            self._looks[camera, kind] += 1
            if self._looks[camera, kind] == _LOOKS:
                self._node.get_logger().warning(f'{camera}: {sentence}' if camera else sentence)
            if self._looks[camera, kind] >= _LOOKS:
                self.faults[camera] = (*self.faults.get(camera, ()), sentence)
        self.unpublished = frozenset(
            camera for camera, kind in found
            if kind == 'publisher' and self._looks[camera, kind] >= _LOOKS)


def no_camera(node: Node) -> str:
    """Return which image topics there are, for whoever finds no camera among them."""
    topics = sorted(topic for topic, types in node.get_topic_names_and_types()
                    if set(types) & set(TYPES.values()) and '/quality/' not in topic
                    and node.count_publishers(topic))
    if not topics:
        return 'no camera found: nobody publishes images'
    shown = ', '.join(topics[:_SHOWN]) + (', …' if len(topics) > _SHOWN else '')
    return f'no camera found: set cameras to those of these topics that are thermal: {shown}'


def stray_overrides(
    given: Iterable[str], cameras: Iterable[CameraInterface],
) -> dict[str, str]:
    """Return what to tell of QoS overrides for images that no camera has, by topic."""
    subscribed = {camera.subscription.topic_name for camera in cameras if camera.subscription}
    topics = {match[1] for match in map(_OVERRIDE.fullmatch, given) if match}.difference(_OF_ROS)
    return {topic: f'qos_overrides name {topic}, which is the image topic of no camera'
            for topic in sorted(topics - subscribed)}


def stray_settings(given: Iterable[str], cameras: Iterable[str]) -> dict[str, str]:
    """
    Return what to tell of settings for cameras that there are not, by their dotted names.

    :param given: names of parameters.
    :param cameras: dotted names of all cameras.
    """
    names = {name.camera for name in map(parse, given) if name}
    return {name: f'{PREFIX.rstrip(".")} has values for {name}, but there is no such camera'
            for name in sorted(names.difference(cameras))}


def image_faults(node: Node, camera: CameraInterface) -> dict[str, str]:
    """Return what is wrong with who publishes a camera's images, by kind."""
    subscription = camera.subscription
    if subscription is None:
        return {}
    topic, wanted = subscription.topic_name, type_name(subscription.msg_type)
    publishers = node.get_publishers_info_by_topic(topic)
    fitting = [each for each in publishers if each.topic_type == wanted]
    if not publishers:
        return {'publisher': f'nobody publishes {topic}{_of_root(node, camera, wanted)}'}
    if not fitting:
        return {'type': f'{topic} is of type {publishers[0].topic_type}, not {wanted}: '
                        'set image_topic or transport'}
    faults = {}
    if len(fitting) > 1:
        faults['publishers'] = f'{len(fitting)} publishers on {topic}: {_names(fitting)}'
    for each in fitting:
        if complaint := qos_complaint(each, subscription.qos_profile):
            faults['qos'] = f'{topic}: {complaint}'
    return faults


def _of_root(node: Node, camera: CameraInterface, wanted: str) -> str:
    """Return what to set where the camera's name is an image topic in the root; or ''."""
    name = camera.session.namespace
    if name.count('/') != 1 or wanted not in dict(node.get_topic_names_and_types()).get(name, ()):
        return ''
    return (f', but {name} is an image topic itself: name / in cameras and set '
            f'{OwnName(dotted("/"), "image_topic")} to {name[1:]}')


def quality_faults(node: Node, camera: CameraInterface) -> dict[str, str]:
    """Return which other node publishes the quality of this camera, by kind."""
    own = node.get_name(), node.get_namespace()
    infos = node.get_publishers_info_by_topic(camera.quality_topic)
    others = [each for each in infos if (each.node_name, each.node_namespace) != own]
    same_name = len(infos) - len(others) - 1
    if not others and same_name < 1:
        return {}
    who = _names(others) if others else f'another node of the name {_names(infos[:1])}'
    return {'quality': f'{who} publishes {camera.quality_topic} as well: end one of them, or give '
                       'them different cameras'}


def qos_complaint(publisher: TopicEndpointInfo, wanted: QoSProfile) -> str:
    """Return which side asks for what, if no image can pass between them; else ''."""
    offered = publisher.qos_profile
    compatibility, reason = qos_check_compatible(offered, wanted)
    if compatibility != QoSCompatibility.ERROR:
        return ''
    name = _names([publisher])
    if (wanted.reliability == ReliabilityPolicy.RELIABLE
            and offered.reliability == ReliabilityPolicy.BEST_EFFORT):
        return f'{name} offers best effort, but qos_overrides of this node ask for reliable'
    if (wanted.durability == DurabilityPolicy.TRANSIENT_LOCAL
            and offered.durability == DurabilityPolicy.VOLATILE):
        return f'{name} offers volatile, but qos_overrides of this node ask for transient_local'
    return f'the QoS of {name} does not fit what qos_overrides of this node ask for: {reason}'


def type_name(message_type: Any) -> str:
    """Return the name of a message type as the ROS graph has it."""
    return f'{message_type.__module__.split(".")[0]}/msg/{message_type.__name__}'


def _names(publishers: Iterable[TopicEndpointInfo]) -> str:
    return ' and '.join(f'{each.node_namespace.rstrip("/")}/{each.node_name}'
                        for each in publishers)
