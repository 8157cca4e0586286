"""Cameras found by the type and the name of their image topics."""

from __future__ import annotations

from collections.abc import Iterable

from fliqe_ros.errors import one_line
from fliqe_ros.frame_io.topics import COMPRESSED_SUFFIX
from fliqe_ros.node.camera_interface import image_topic_below, image_topic_of
from fliqe_ros.node.camera_names import below, thermal_cameras
from fliqe_ros.node.camera_set import CameraSet
from fliqe_ros.node.parameters import DEFAULTS, Settings
from fliqe_ros.node.picture_kind import PictureKind
from rclpy.node import Node

TYPES = {
    'raw': 'sensor_msgs/msg/Image',
    'compressed': 'sensor_msgs/msg/CompressedImage',
}


class Discovery:
    """
    Adds cameras that appear in the ROS graph.

    ``unusable`` holds one sentence for each camera that was found but cannot be subscribed to,
    ``left_aside`` what each camera shows that turned out to be no thermal one. Those are not
    tried again until ``forget``.
    """

    def __init__(self, node: Node, cameras: CameraSet) -> None:
        self.unusable: dict[str, str] = {}
        self.left_aside: dict[str, str] = {}
        self._node = node
        self._cameras = cameras

    def look(self, settings: Settings) -> None:
        """Add and subscribe every camera that is new."""
        self._leave_aside()
        known = {self._node.resolve_topic_name(
            image_topic_of(camera, self._cameras.settings_of(camera)))
            for camera in self._cameras.names}
        for camera, topic in self._found(settings).items():
            if topic in known or camera in self._cameras.names:
                continue
            if camera in self.unusable or camera in self.left_aside:
                continue
            # A topic that is only subscribed to is not a camera.
            if self._node.count_publishers(topic):
                transport = self._cameras.settings_of(camera).transport
                self._include(camera, _name_below(camera, topic, transport))

    def _found(self, settings: Settings) -> dict[str, str]:
        """Return the namespaces of cameras and their image topics."""
        topics, namespace = self._node.get_topic_names_and_types(), self._node.get_namespace()
        found = cameras_among(topics, settings.image_topic, settings.transport, namespace)
        if settings.image_topic == DEFAULTS['image_topic']:
            found = {**thermal_among(topics, settings.transport, namespace), **found}
        # A camera with an image topic or a transport of its own is found by that alone.
        types = dict(topics)
        for camera in self._cameras.with_own_topic:
            found.pop(camera, None)
            own = self._cameras.settings_of(camera)
            topic = image_topic_of(camera, own)
            if TYPES[own.transport] in types.get(topic, ()):
                found[camera] = topic
        return found

    def forget(self) -> None:
        """Forget which cameras are unusable or left aside."""
        self.unusable.clear()
        self.left_aside.clear()

    def _leave_aside(self) -> None:
        for camera, kind in [*self._cameras.kinds.items()]:
            if kind.other:
                self.left_aside[camera] = kind.other
                self._node.get_logger().warning(
                    f'{camera}: its pictures are {kind.other}, so it is left aside; name it in '
                    'cameras to have it scored')
                self._cameras.leave_aside(camera)

    def _include(self, camera: str, image_topic: str) -> None:
        try:
            self._cameras.add(camera, image_topic)
            self._cameras.kinds[camera] = PictureKind(below(camera, image_topic))
            self._cameras.subscribe(camera)
        except Exception as error:
            self.unusable[camera] = f'{camera} cannot be scored: {one_line(error)}'
            self._node.get_logger().error(self.unusable[camera])
            self._cameras.remove(camera)


def thermal_among(
    topics: Iterable[tuple[str, list[str]]], transport: str, namespace: str,
) -> dict[str, str]:
    """Return cameras with usual thermal names; parameters and result as ``cameras_among``."""
    ending = COMPRESSED_SUFFIX if transport == 'compressed' else ''
    root = below(namespace, '')
    images = [name.removesuffix(ending) for name, types in topics
              if TYPES[transport] in types and name.endswith(ending) and name.startswith(root)]
    return {camera: below(camera, name) + ending
            for camera, name in thermal_cameras(images).items()
            if not camera.endswith('/quality')}


def _name_below(camera: str, topic: str, transport: str) -> str:
    name = topic.removeprefix(below(camera, ''))
    return name.removesuffix(COMPRESSED_SUFFIX) if transport == 'compressed' else name


def cameras_among(
    topics: Iterable[tuple[str, list[str]]], image_topic: str, transport: str, namespace: str,
) -> dict[str, str]:
    """
    Return camera namespaces and their image topics, as in ``{'/flir': '/flir/image_raw'}``.

    :param topics: names and types, as ``Node.get_topic_names_and_types`` returns them.
    :param image_topic: name of the image topic below a camera.
    :param transport: ``raw`` or ``compressed``.
    :param namespace: only cameras below it count, so that each of several robots scores its own.
    """
    ending = below('', image_topic_below(image_topic, transport))
    root = below(namespace, '')
    found = {
        name[:-len(ending)] or '/': name
        for name, types in topics
        if TYPES[transport] in types and name.endswith(ending) and name.startswith(root)
    }
    # <camera>/quality/image is published by this node.
    return {camera: topic for camera, topic in found.items() if not camera.endswith('/quality')}
