"""A robot around the node under test: cameras, listeners and clients in their own participant."""

from collections import defaultdict
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.msg import QualityScore
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import lifecycle_msgs.msg
from lifecycle_msgs.srv import ChangeState, GetState
import numpy as np
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

HEIGHT, WIDTH = 128, 160
#: How long the state may take to be told until it is asked for again.
ASK_AGAIN_S = 1.0
#: What a good camera sees; a gradient would be blank.
_SCENE = ThermalScene(0, HEIGHT, WIDTH)
GOOD_PICTURE = GainControl()(_SCENE.sensor_counts(
    _SCENE.render(0.0), np.random.default_rng(0))).astype(float)
_ENCODINGS = {'uint8': 'mono8', 'uint16': 'mono16', 'float32': '32FC1'}
_TRANSITIONS = {
    'configure': lifecycle_msgs.msg.Transition.TRANSITION_CONFIGURE,
    'activate': lifecycle_msgs.msg.Transition.TRANSITION_ACTIVATE,
    'deactivate': lifecycle_msgs.msg.Transition.TRANSITION_DEACTIVATE,
    'cleanup': lifecycle_msgs.msg.Transition.TRANSITION_CLEANUP,
    'shutdown': lifecycle_msgs.msg.Transition.TRANSITION_INACTIVE_SHUTDOWN,
}


def image_message(frame: np.ndarray) -> Image:
    """Return the image message of a gray frame (H, W), or BGR (H, W, 3) uint8."""
    encoding = 'bgr8' if frame.ndim == 3 else _ENCODINGS[frame.dtype.name]
    height, width = frame.shape[:2]
    return Image(
        height=height, width=width, encoding=encoding, step=frame.strides[0],
        is_bigendian=sys.byteorder == 'big', data=frame.tobytes())


class CameraDriver:
    """Publishes stamped messages as one camera; ``sent`` are their headers."""

    def __init__(self, node, topic, frame_id, message_type, reliability):
        self.sent = []
        self._node = node
        self._frame_id = frame_id
        self._random = np.random.default_rng(len(topic))
        self._timer = None
        self.publisher = node.create_publisher(
            message_type, topic, QoSProfile(depth=5, reliability=reliability))

    def frame(self) -> np.ndarray:
        """Return a new 8-bit frame: a scene, with the noise of its sensor."""
        noisy = GOOD_PICTURE + self._random.normal(0, 1, GOOD_PICTURE.shape)
        return np.clip(noisy, 0, 255).astype(np.uint8)

    def publish(self, message=None):
        """Publish the message, or a new frame, with the stamp of now."""
        message = image_message(self.frame()) if message is None else message
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = self._frame_id
        self.publisher.publish(message)
        self.sent.append(message.header)

    def play(self, rate_hz: float, messages):
        """Publish at a rate from now on what ``messages`` returns each time."""
        self.stop()
        self._timer = self._node.create_timer(1 / rate_hz, lambda: self.publish(messages()))

    def run(self, rate_hz: float, message=None):
        """Publish at a rate from now on, the same message if one is given."""
        self.stop()
        self._timer = self._node.create_timer(1 / rate_hz, lambda: self.publish(message))

    def stop(self):
        """Publish no more."""
        if self._timer:
            self._node.destroy_timer(self._timer)
            self._timer = None


class Robot:
    """Everything around the node under test, which is called ``name``."""

    def __init__(self, name='/fliqe'):
        self.name = name
        self.scores = defaultdict(list)
        self.statuses = {}
        self.seen_statuses = defaultdict(list)
        self.diagnostics_stamp_s = None
        self._clients = {}
        self._context = Context()
        self._context.init()
        self.node = Node('robot', context=self._context, use_global_arguments=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _on_diagnostics(self, message):
        self.diagnostics_stamp_s = message.header.stamp.sec
        for status in message.status:
            # By node and namespace, which the name has with dots.
            camera = dict(self.values(status)).get('camera')
            key = f'{status.name.partition(":")[0]}: {camera}' if camera else status.name
            self.statuses[key] = status
            self.seen_statuses[key].append(status)

    def spin_until(self, predicate, what: str, timeout_s: float = 40.0):
        """Take part in ROS until the predicate holds; fail after the timeout. Return it."""
        deadline = time.monotonic() + timeout_s
        while not (result := predicate()):
            assert time.monotonic() < deadline, f'no {what} within {timeout_s} s'
            self._executor.spin_once(timeout_sec=0.05)
        return result

    def camera(self, namespace, topic='image_raw', message_type=Image, frame_id=None,
               reliability=ReliabilityPolicy.RELIABLE) -> CameraDriver:
        frame_id = frame_id or namespace.strip('/') + '_optical_frame'
        return CameraDriver(
            self.node, f'{namespace}/{topic}', frame_id, message_type, reliability)

    def listen(self, *cameras):
        """Collect the scores of cameras in ``scores``, none lost."""
        for camera in cameras:
            self.node.create_subscription(
                QualityScore, f'{camera}/quality', self.scores[camera].append, 1000)

    def collect(self, topic) -> list:
        """Return a list that fills with the scores of a topic."""
        scores = []
        self.node.create_subscription(QualityScore, topic, scores.append, 1000)
        return scores

    def wait_until_subscribed(self, *drivers):
        for driver in drivers:
            self.spin_until(lambda: driver.publisher.get_subscription_count() > 0,
                            f'subscription of {driver.publisher.topic_name}')

    def active_camera(self, camera, *args, **kwargs) -> CameraDriver:
        """Listen to a camera, start the node, and wait until it has subscribed the images."""
        self.listen(camera)
        driver = self.camera(camera, *args, **kwargs)
        self.start()
        self.wait_until_subscribed(driver)
        self.wait_for_publishers(f'{camera}/quality')
        return driver

    @staticmethod
    def values(status) -> list:
        """Return the (key, value) pairs of a diagnostics status."""
        return [(value.key, value.value) for value in status.values]

    def wait_for_publishers(self, *topics):
        for topic in topics:
            self.spin_until(lambda: self.node.count_publishers(topic) > 0, f'publisher of {topic}')

    def wait_for_scores(self, camera, count, timeout_s=40.0):
        """Return the first ``count`` scores of a camera."""
        self.spin_until(lambda: len(self.scores[camera]) >= count,
                        f'{count} scores of {camera}', timeout_s)
        return self.scores[camera][:count]

    def wait_for_status(self, name, predicate, timeout_s=40.0):
        """Return a diagnostics status, from now on, for which the predicate holds."""
        self.statuses.pop(name, None)
        return self.spin_until(
            lambda: name in self.statuses and predicate(self.statuses[name])
            and self.statuses[name], f'such status of {name!r}', timeout_s)

    def call(self, service_type, service, request):
        if service not in self._clients:
            self._clients[service] = self._make_client(service_type, service)
        future = self._clients[service].call_async(request)
        self.spin_until(future.done, f'answer of {service}')
        return future.result()

    def _make_client(self, service_type, service):
        """
        Return a client that answers reach.

        Answers are lost where the node has not discovered the client yet, though the client has
        discovered the node (ros2/rmw_fastrtps#842). It discovers clients in the order in which
        they are made, so once it answers a later one, it knows this one as well.
        """
        client = self.node.create_client(service_type, service)
        self.spin_until(client.service_is_ready, f'service {service}')
        later = self.node.create_client(GetState, f'{self.name}/get_state')
        self.spin_until(later.service_is_ready, f'service {self.name}/get_state')
        questions = []

        def is_answered():
            if time.monotonic() > ASK_AGAIN_S * len(questions) + begin_s:
                questions.append(later.call_async(GetState.Request()))
            return any(question.done() for question in questions)

        begin_s = time.monotonic()
        self.spin_until(is_answered, f'answer of {self.name}')
        self.node.destroy_client(later)
        return client

    def transition(self, label) -> bool:
        """Ask for a transition; return whether it succeeded."""
        request = ChangeState.Request()
        request.transition.id = _TRANSITIONS[label]
        return self.call(ChangeState, f'{self.name}/change_state', request).success

    def state(self) -> str:
        response = self.call(GetState, f'{self.name}/get_state', GetState.Request())
        return response.current_state.label

    def start(self):
        """Configure and activate the node."""
        assert self.transition('configure')
        assert self.transition('activate')

    def set_parameters(self, **values):
        """Set parameters atomically, ``agc__low`` for ``agc.low``; return the result."""
        request = SetParametersAtomically.Request(parameters=[
            Parameter(name.replace('__', '.'), value=value).to_parameter_msg()
            for name, value in values.items()])
        return self.call(
            SetParametersAtomically, f'{self.name}/set_parameters_atomically', request).result

    def get(self, *names) -> list:
        response = self.call(
            GetParameters, f'{self.name}/get_parameters', GetParameters.Request(names=list(names)))
        return [parameter_value_to_python(value) for value in response.values]

    def trigger(self, service):
        return self.call(Trigger, service, Trigger.Request())
