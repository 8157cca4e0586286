"""The lifecycle node: what each transition makes and releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fliqe_ros.errors import one_line
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.image_messages import make_converter, NativeConverter
from fliqe_ros.node.camera_names import named_cameras
from fliqe_ros.node.camera_set import CameraSet
from fliqe_ros.node.diagnostics import NodeReport
from fliqe_ros.node.discovery import Discovery
from fliqe_ros.node.images import ReceivedImage
from fliqe_ros.node.inference_statistics import InferenceReport
from fliqe_ros.node.inference_worker import InferenceWorker
from fliqe_ros.node.latest_frames import LatestFrameBuffer
from fliqe_ros.node.node_parameters import NodeParameters
from fliqe_ros.node.parameters import Settings
from fliqe_ros.node.rclpy_compat import forget_state_machine, refuse_impossible_transitions
from fliqe_ros.node.reporting import model_report, Reporter
from fliqe_ros.node.wiring import Wiring
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.lifecycle.node import LifecycleState
from rclpy.service import Service
from std_srvs.srv import Trigger

# Longest wait for a forward pass to end. A longer one ends by itself and its result is discarded,
# so that nobody who stops the node has to wait for it.
_JOIN_S = 0.3


class QualityNode(LifecycleNode):
    """
    Scores the frames of several thermal cameras with one model.

    configure loads the model and creates publishers and services. activate subscribes to the
    images. deactivate unsubscribes and keeps the scores. cleanup releases the model and its GPU
    memory. A transition that fails logs one sentence, returns FAILURE and leaves the state as it
    was. With the parameter ``autostart`` the node configures and activates itself once it spins;
    ``start_failed`` tells whether this went wrong.

    The executor thread only puts each camera's newest image into the buffer. One worker thread
    does the rest.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('fliqe', **kwargs)
        self.start_failed = False
        self._phase = 'unconfigured'
        self._problem = ''
        self._model: FLIQE | None = None
        self._converter: NativeConverter | None = None
        self._worker: InferenceWorker | None = None
        self._reset_service: Service | None = None
        self._learn_service: Service | None = None
        self._node_parameters = NodeParameters(self, lambda: self._phase != 'unconfigured')
        self._cameras = CameraSet(self, self._node_parameters)
        self._discovery = Discovery(self, self._cameras)
        self._wiring = Wiring(self)
        self._reporter = Reporter(self, self._cameras)
        # A steady clock, because aggregators call a node stale if it falls silent while the
        # simulation is paused. Ages and rates still use the node's clock, so a paused simulation
        # does not make cameras look dead either.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._tick, clock=steady)
        self.create_timer(0.5, self._repeat_troubles, clock=steady)
        if self._node_parameters.current.autostart:
            self._start_timer = self.create_timer(0.0, self._start, clock=steady)
        refuse_impossible_transitions(self)

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Load the model, create publishers and services."""
        return self._attempt('configure', self._configure, self._cleanup, 'inactive')

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and score their frames."""
        return self._attempt('activate', self._activate, self._deactivate, 'active')

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, keep the scores."""
        return self._attempt('deactivate', self._deactivate, None, 'inactive')

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Release the model, its GPU memory, publishers and services."""
        return self._attempt('cleanup', self._cleanup, None, 'unconfigured')

    def on_shutdown(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release everything, from any state."""
        return self._attempt('shutdown', self._release, None, 'finalized')

    def on_error(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured."""
        return self._attempt('error processing', self._release, None, 'unconfigured')

    def close(self) -> None:
        """Go through shutdown, unless the node already did."""
        if self._phase != 'finalized':
            self.trigger_shutdown()

    def destroy_node(self) -> None:
        """Leave the ROS graph."""
        super().destroy_node()
        forget_state_machine(self)

    def _attempt(
        self, name: str, transition: Callable[[], None], undo: Callable[[], None] | None,
        phase: str,
    ) -> TransitionCallbackReturn:
        try:
            transition()
        except Exception as error:
            self._problem = f'{name} failed: {one_line(error)}'
            self.get_logger().error(self._problem)
            if undo:
                undo()
            return TransitionCallbackReturn.FAILURE
        self._problem = ''
        self._phase = phase
        return TransitionCallbackReturn.SUCCESS

    def _start(self) -> None:
        self.destroy_timer(self._start_timer)
        success = TransitionCallbackReturn.SUCCESS
        if self._phase == 'unconfigured':
            self.start_failed = not (
                self.trigger_configure() == success and self.trigger_activate() == success)

    def _configure(self) -> None:
        settings = self._node_parameters.current
        self._converter = make_converter('auto')
        self._model = model = _load_model(settings)
        named = named_cameras(settings.cameras, settings.image_topic, self.get_namespace())
        for camera, image_topic in named.items():
            self._cameras.add(camera, image_topic)
        self._reset_service = self.create_service(Trigger, '~/reset', self._on_reset)
        self._learn_service = self.create_service(
            Trigger, '~/learn',
            lambda _, response: self._cameras.learn(self._cameras.interfaces, response))
        self.get_logger().info(
            f'{model.architecture} from {model.model_path} on {model.device} by {model.backend}')

    def _activate(self) -> None:
        if self._model is None or self._converter is None:
            raise RuntimeError('the node is not configured')
        buffer: LatestFrameBuffer[ReceivedImage] = LatestFrameBuffer()
        self._worker = InferenceWorker(
            self._model, self._converter, buffer, self._cameras,
            lambda: self._node_parameters.current.max_batch, self.get_logger().warning)
        self._worker.start()
        self._cameras.subscribe_all(buffer)

    def _deactivate(self) -> None:
        self._cameras.unsubscribe_all()
        if self._worker:
            self._worker.stop(_JOIN_S)

    def _cleanup(self) -> None:
        self._cameras.clear()
        self._discovery.forget()
        self._wiring.forget()
        if self._reset_service:
            self.destroy_service(self._reset_service)
        if self._learn_service:
            self.destroy_service(self._learn_service)
        if self._model:
            self._model.release()
        self._model = self._converter = self._reset_service = self._learn_service = None

    def _release(self) -> None:
        self._deactivate()
        self._cleanup()

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._cameras.reset_all()
        response.success = True
        response.message = f'the scores of {len(self._cameras.names)} cameras are forgotten'
        return response

    def _tick(self) -> None:
        """Look for dead threads and new cameras, and report; once a second."""
        now_ns = self._cameras.now_ns()
        death = self._worker.restart_if_dead() if self._worker else ''
        if death:
            self.get_logger().error(death)
        if self._phase == 'active':
            if self._node_parameters.discovers:
                self._discovery.look(self._node_parameters.current)
            self._wiring.look(self._cameras.interfaces, now_ns, self._node_parameters.given)
        else:
            self._wiring.faults.clear()
        self._reporter.publish(now_ns, self._report(now_ns, death))

    def _repeat_troubles(self) -> None:
        if self._phase == 'active':
            self._cameras.repeat_troubles()

    def _report(self, now_ns: int, death: str) -> NodeReport:
        if self._worker:
            self._worker.times.sample()
        problems = (self._problem, death, *self._discovery.unusable.values())
        return NodeReport(
            state=self._phase,
            problems=tuple(filter(None, problems)),
            refused_parameters=dict(self._node_parameters.refused),
            unknown_parameters=self._node_parameters.unknown,
            left_aside=dict(self._discovery.left_aside),
            wiring=self._wiring.faults,
            gone=self._wiring.unpublished.intersection(self._cameras.kinds),
            waits_for_clock=now_ns == 0,
            converter=self._converter.name if self._converter else '',
            model=model_report(self._model) if self._model else None,
            times=self._worker.times.report() if self._worker else InferenceReport())


def _load_model(settings: Settings) -> FLIQE:
    model = FLIQE(settings.model or None, settings.device, settings.precision, settings.backend,
                  settings.threads)
    model.warm_up()
    return model
