"""One camera's place in the ROS graph: its topics and its service."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from fliqe_ros.frame_io.topics import compressed_topic
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Criteria
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.camera_names import below
from fliqe_ros.node.camera_session import CameraSession
from fliqe_ros.node.image_stream import ImageStream
from fliqe_ros.node.images import ScoredImage
from fliqe_ros.node.messages import bgr_message, quality_message, repeated_message
from fliqe_ros.node.overlay import draw, reduced
from fliqe_ros.node.rclpy_compat import message_callback, SubscriptionEventCallbacks, take_waiting
from fliqe_ros.parameters.camera_table import CameraSettings
import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

# Messages that a subscription holds until the executor takes them.
_QUEUE = 5
# A status that no new frame carries is repeated at twice 1 Hz, the least.
_REPEAT_AFTER_NS = 400_000_000
# Five previews in a second, whatever the rate; frames may come a little early.
_PREVIEW_AFTER_NS = 180_000_000

#: Called with the camera's interface, a message, and how long it waited to be taken, in ns of
#: real time.
OnImage = Callable[['CameraInterface', 'Image | CompressedImage', int], None]
#: Starts to learn cameras and fills the response.
OnLearn = Callable[['list[CameraInterface]', Trigger.Response], Trigger.Response]


def image_topic_below(image_topic: str, transport: str) -> str:
    """Return the name, below a camera's namespace, of the topic that carries its images."""
    return compressed_topic(image_topic) if transport == 'compressed' else image_topic


def image_topic_of(camera: str, settings: CameraSettings) -> str:
    """Return the topic that carries the camera's images."""
    return below(camera, image_topic_below(settings.image_topic, settings.transport))


class CameraInterface:
    """
    The publishers, the service and the subscription of one camera.

    It publishes ``<camera>/quality``, ``<camera>/quality/image`` and ``<camera>/quality/preview``
    and serves ``<camera>/quality/reset`` and ``<camera>/quality/learn``. Between ``subscribe``
    and ``unsubscribe`` it receives the camera's images.

    :param learn: is called for the service that learns.
    """

    def __init__(self, node: Node, session: CameraSession, learn: OnLearn) -> None:
        self.session = session
        self.stream = ImageStream()
        self._node = node
        self._subscription: Subscription | None = None
        self._last: QualityScore | None = None
        self._published_ns = 0
        self._previewed_ns = 0
        name = session.namespace
        self._quality = node.create_publisher(QualityScore, below(name, 'quality'), 10)
        self._overlay = node.create_publisher(Image, below(name, 'quality/image'), 1)
        self._preview = node.create_publisher(Image, below(name, 'quality/preview'), 1)
        self._reset = node.create_service(
            Trigger, below(name, 'quality/reset'), self._on_reset)
        self._learn = node.create_service(
            Trigger, below(name, 'quality/learn'),
            lambda _, response: learn([self], response))

    @property
    def subscription(self) -> Subscription | None:
        """Return the subscription of the images, if there is one."""
        return self._subscription

    @property
    def quality_topic(self) -> str:
        """Return the topic of the scores, as it is remapped."""
        return str(self._quality.topic_name)

    def subscribe(self, settings: CameraSettings, on_image: OnImage) -> None:
        """Subscribe to the images, with sensor-data QoS unless ``qos_overrides`` differ."""
        self._subscription = self._node.create_subscription(
            CompressedImage if settings.transport == 'compressed' else Image,
            image_topic_of(self.session.namespace, settings),
            message_callback(
                lambda message, waited_ns: self._receive(message, waited_ns, on_image)),
            # A profile of its own: the overrides are written into it.
            QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=_QUEUE,
                       reliability=ReliabilityPolicy.BEST_EFFORT),
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=self._on_lost),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())

    def unsubscribe(self) -> None:
        """Receive no more images; keep the scores."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def destroy(self) -> None:
        """Leave the ROS graph."""
        self.unsubscribe()
        self._node.destroy_service(self._reset)
        self._node.destroy_service(self._learn)
        self._node.destroy_publisher(self._preview)
        self._node.destroy_publisher(self._overlay)
        self._node.destroy_publisher(self._quality)

    def publish(self, result: ScoredImage) -> None:
        """Publish a result: the score, and the overlay images if anybody watches."""
        result = self.session.learning.judge(result)
        image, assessment = result.received, result.assessment
        header, settings = image.message.header, image.settings
        verdict = self.session.record_score(
            assessment, image.received_ns, settings.criteria, result.misreading)
        latency_ns = max(monotonic_ns() - image.received_monotonic_ns, 0)
        self._last = quality_message(
            header, image.camera, assessment, verdict, result.model, latency_ns)
        self._publish(self._last)
        self.session.record_latency(latency_ns, self._clock_ns())
        self._publish_overlays(result, verdict)

    def _publish_overlays(self, result: ScoredImage, verdict: Verdict) -> None:
        """Publish the overlay image, and a small one now and then, each if anybody watches."""
        is_watched = self._overlay.get_subscription_count() > 0
        is_due = monotonic_ns() - self._previewed_ns > _PREVIEW_AFTER_NS
        wants_preview = is_due and self._preview.get_subscription_count() > 0
        if not is_watched and not wants_preview:
            return
        assessment, received = result.assessment, result.received
        frame = received.settings.gain(result.pixels)

        def publish(publisher: Publisher, frame: np.ndarray) -> None:
            publisher.publish(bgr_message(received.message.header, draw(
                frame, assessment.score, verdict, assessment.distortion, assessment.quality_map)))
            self.session.record_overlay()
        if is_watched:
            publish(self._overlay, frame)
        if wants_preview:
            self._previewed_ns = monotonic_ns()
            publish(self._preview, reduced(frame))

    def repeat(self, now_ns: int, criteria: Criteria) -> None:
        """Publish the status of a camera that is FROZEN or SILENT, if no frame just did."""
        verdict = self.session.trouble(now_ns, criteria)
        if verdict and monotonic_ns() - self._published_ns > _REPEAT_AFTER_NS:
            self._publish(repeated_message(self._last, self.session.namespace, verdict))

    def _publish(self, message: QualityScore) -> None:
        self._published_ns = monotonic_ns()
        self._quality.publish(message)

    def fail(self, cause: str, sentence: str) -> None:
        """Count an image that cannot be scored, and log it once a minute."""
        if self.session.record_failure(cause, sentence, self._clock_ns()):
            self._node.get_logger().warning(
                f'{self.session.namespace}: a frame is skipped: {sentence} '
                '(counted in the diagnostics, logged once a minute)')

    def _clock_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _receive(
        self, message: Image | CompressedImage, waited_ns: int, on_image: OnImage,
    ) -> None:
        """Hand over the message, and those that wait behind it before they grow old."""
        on_image(self, message, waited_ns)
        if self._subscription is not None:
            for next_message, next_waited_ns in take_waiting(self._subscription, _QUEUE - 1):
                on_image(self, next_message, next_waited_ns)

    def _on_lost(self, event: Any) -> None:  # an event of rclpy's C extension, without types
        self.session.record_lost(event.total_count_change)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.session.reset()
        response.success = True
        response.message = f'the scores of {self.session.namespace} are forgotten'
        return response
