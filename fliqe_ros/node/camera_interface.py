"""One camera's place in the ROS graph: its topics and its service."""

from collections.abc import Callable

from fliqe_ros.msg import QualityScore
from fliqe_ros.node.camera_session import CameraSession
from fliqe_ros.node.parameters import Settings
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

# Messages that a subscription holds: those that come while the executor lets them gather.
_QUEUE = 5


def image_topic_of(camera: str, settings: Settings) -> str:
    """Return the topic that carries the camera's images."""
    topic = below(camera, settings.image_topic)
    return topic + '/compressed' if settings.transport == 'compressed' else topic


def below(namespace: str, name: str) -> str:
    """Return the name below a camera's namespace, which may be the root ``/``."""
    return f'{namespace.rstrip("/")}/{name}'


class CameraInterface:
    """
    What a camera's quality is published, shown and reset by.

    Publishes ``<camera>/quality`` and ``<camera>/quality/image``, serves
    ``<camera>/quality/reset`` and, between ``subscribe`` and ``unsubscribe``, hands the
    camera's image messages to ``on_image(channel, message)``.
    """

    def __init__(self, node: Node, camera: CameraSession):
        self.camera = camera
        self._node = node
        self._subscription = None
        name = camera.namespace
        self.quality = node.create_publisher(QualityScore, below(name, 'quality'), 10)
        self.overlay = node.create_publisher(Image, below(name, 'quality/image'), 1)
        self._reset = node.create_service(
            Trigger, below(name, 'quality/reset'), self._on_reset)

    @property
    def is_watched(self) -> bool:
        """Whether anybody subscribes the overlay image."""
        return self.overlay.get_subscription_count() > 0

    def subscribe(self, settings: Settings, on_image: Callable) -> None:
        """Subscribe the camera's images, sensor-data QoS unless ``qos_overrides`` say other."""
        self._subscription = self._node.create_subscription(
            CompressedImage if settings.transport == 'compressed' else Image,
            image_topic_of(self.camera.namespace, settings),
            lambda message: self._receive(message, on_image),
            # A profile of its own: the overrides are written into it.
            QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=_QUEUE,
                       reliability=ReliabilityPolicy.BEST_EFFORT),
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=lambda event: self.camera.lose(event.total_count_change)),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())

    def unsubscribe(self) -> None:
        """Receive no more images; the scores stay."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def destroy(self) -> None:
        """Leave the ROS graph."""
        self.unsubscribe()
        self._node.destroy_service(self._reset)
        self._node.destroy_publisher(self.overlay)
        self._node.destroy_publisher(self.quality)

    def _receive(self, message: Image | CompressedImage, on_image: Callable) -> None:
        """Hand over the message and those that wait behind it, which would grow old there."""
        on_image(self, message)
        subscription = self._subscription
        for _ in range(_QUEUE - 1):
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            on_image(self, taken[0])

    def _on_reset(self, _, response: Trigger.Response) -> Trigger.Response:
        self.camera.reset()
        response.success = True
        response.message = f'the scores of {self.camera.namespace} are forgotten'
        return response
