"""All cameras of the node: their images go into the buffer, the worker's results come back."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic_ns

from fliqe_ros.node.camera_interface import CameraInterface
from fliqe_ros.node.camera_session import CameraReport, CameraSession
from fliqe_ros.node.images import ReceivedImage, ScoredImage
from fliqe_ros.node.latest_frames import LatestFrameBuffer
from fliqe_ros.node.node_parameters import NodeParameters
from fliqe_ros.node.picture_kind import PictureKind
from fliqe_ros.parameters.camera_table import CameraSettings
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger


class CameraSet:
    """
    The cameras by their namespaces; the worker's ``ResultListener``.

    The ``on_…`` and ``wants_…`` methods are for the worker's thread, all others for the executor
    thread.
    """

    def __init__(self, node: Node, parameters: NodeParameters) -> None:
        self._node = node
        self._parameters = parameters
        self._interfaces: dict[str, CameraInterface] = {}
        self._buffer: LatestFrameBuffer[ReceivedImage] = LatestFrameBuffer()
        self._last_ns = 0
        #: Of cameras that were found, not named.
        self.kinds: dict[str, PictureKind] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the namespaces of the cameras."""
        return tuple(self._interfaces)

    @property
    def interfaces(self) -> tuple[CameraInterface, ...]:
        """Return the cameras' places in the ROS graph."""
        return tuple(self._interfaces.values())

    @property
    def with_own_topic(self) -> tuple[str, ...]:
        """Return the cameras, also those that are not there, with an image topic of their own."""
        return self._parameters.cameras.with_own('image_topic', 'transport')

    def settings_of(self, camera: str) -> CameraSettings:
        """Return the settings of a camera."""
        return self._parameters.of(camera)

    def add(self, camera: str, image_topic: str) -> None:
        """
        Declare the parameters of a camera, create its publishers and its service.

        :param image_topic: name of its image topic, unless its parameters say another.
        """
        self._parameters.add_camera(camera, image_topic)
        session = CameraSession(camera, self.settings_of(camera).smoothing_window,
                                self._parameters.current.profile_folder)
        if problem := session.learning.load():
            self._node.get_logger().warning(f'{camera}: {problem}')
        self._interfaces[camera] = CameraInterface(self._node, session, self.learn)

    def remove(self, camera: str) -> None:
        """Destroy what ``add`` created, if it did; keep the parameters."""
        if camera in self._interfaces:
            self._interfaces.pop(camera).destroy()
        self._parameters.cameras.remove(camera)
        self.kinds.pop(camera, None)

    def leave_aside(self, camera: str) -> None:
        """Remove a camera that is none, and its parameters."""
        self.remove(camera)
        self._parameters.cameras.undeclare(camera)

    def clear(self) -> None:
        """Remove all cameras."""
        for camera in self.names:
            self.remove(camera)

    def subscribe(self, camera: str) -> None:
        """Subscribe to the images of a camera; they go into the buffer."""
        interface = self._interfaces[camera]
        interface.session.restart_times(self.now_ns())
        interface.stream.restart()
        interface.subscribe(self.settings_of(camera), self._on_image)
        self._node.get_logger().info(f'scoring {camera}')

    def subscribe_all(self, buffer: LatestFrameBuffer[ReceivedImage]) -> None:
        """Subscribe to the images of all cameras, and put them into this buffer from now on."""
        self._buffer = buffer
        for camera in self.names:
            self.subscribe(camera)

    def unsubscribe_all(self) -> None:
        """Receive no more images; keep the scores."""
        for interface in self._interfaces.values():
            interface.unsubscribe()
            interface.session.learning.stop()

    def reset_all(self) -> None:
        """Forget the scores of all cameras."""
        for interface in self._interfaces.values():
            interface.session.reset()

    def repeat_troubles(self) -> None:
        """Publish the status of cameras that are FROZEN or SILENT; call it at 2 Hz."""
        now_ns = self.now_ns()
        for interface in self._interfaces.values():
            interface.repeat(now_ns, self.settings_of(interface.session.namespace).criteria)

    def sample(self, now_ns: int) -> None:
        """Take a sample of all counts for the rates; call it about once a second."""
        for camera, interface in self._interfaces.items():
            interface.session.sample(now_ns)
            learning = interface.session.learning
            if not (learnt := learning.finish(now_ns)):
                continue
            if learnt in learning.problems:
                self._node.get_logger().warning(f'{camera}: {learnt}')
            else:
                self._node.get_logger().info(f'{camera}: {learnt}')

    def learn(
        self, interfaces: Sequence[CameraInterface], response: Trigger.Response,
    ) -> Trigger.Response:
        """Begin to learn what is normal for cameras from their next frames; the service."""
        names = ', '.join(interface.session.namespace for interface in interfaces)
        response.success = bool(interfaces) and all(each.subscription for each in interfaces)
        if not response.success:
            response.message = 'frames are only received while the node is active' if names \
                else 'there is no camera yet'
            return response
        duration_s = self._parameters.current.learn_time_s
        for interface in interfaces:
            interface.session.learning.start(self.now_ns(), duration_s)
        response.message = (f'learning {names} for {duration_s:g} s: show all that is usually '
                            'seen, and only good frames; the diagnostics tell how it went')
        self._node.get_logger().info(response.message)
        return response

    def reports(self, now_ns: int) -> list[CameraReport]:
        """Return the state of each camera at this moment."""
        return [interface.session.report(now_ns) for interface in self._interfaces.values()]

    def now_ns(self) -> int:
        """
        Return the node's clock; if it jumped, restart the times of all cameras.

        Read from one thread, the clock goes back only if a bag starts again or the time was set.
        Simulated time is 0 until it begins, which is a jump too.
        """
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns < self._last_ns or self._last_ns == 0 < now_ns:
            for interface in self._interfaces.values():
                interface.session.restart_times(now_ns)
                interface.stream.restart()
        self._last_ns = now_ns
        return now_ns

    def _on_image(
        self, interface: CameraInterface, message: Image | CompressedImage, waited_ns: int,
    ) -> None:
        session = interface.session
        now_ns, settings = self.now_ns(), self.settings_of(session.namespace)
        interface.stream.record(message, now_ns)
        if session.record_received(now_ns, settings.max_rate_hz):
            image = ReceivedImage(
                session.namespace, message, settings, now_ns, monotonic_ns() - waited_ns,
                session.palette_reader(settings.palette))
            if self._buffer.put(session.namespace, image, settings.priority):
                session.record_dropped()

    def on_picture(self, image: ReceivedImage, pixels: np.ndarray) -> None:
        """Record what the image shows, to notice a frozen picture and a closed shutter."""
        if interface := self._interfaces.get(image.camera):
            interface.session.record_picture(pixels, image.received_ns, image.settings.criteria)

    def on_result(self, result: ScoredImage) -> None:
        """Publish the result."""
        if interface := self._interfaces.get(result.received.camera):
            interface.publish(result)
            if kind := self.kinds.get(result.received.camera):
                kind.record(result.pixels, getattr(result.received.message, 'encoding', ''))

    def on_failure(self, image: ReceivedImage, cause: str, sentence: str) -> None:
        """Count the failure, and log it once a minute."""
        if interface := self._interfaces.get(image.camera):
            interface.fail(cause, sentence)
