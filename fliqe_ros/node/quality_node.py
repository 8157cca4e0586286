"""The lifecycle node: wires cameras, model, worker and diagnostics to the ROS graph."""

from diagnostic_msgs.msg import DiagnosticArray
from fliqe_ros.errors import one_line
from fliqe_ros.frame_io.image_messages import make_converter
from fliqe_ros.node.camera_interface import below, CameraInterface, image_topic_of
from fliqe_ros.node.camera_session import CameraSession
from fliqe_ros.node.diagnostics import camera_status, inference_status, ModelReport, NodeReport
from fliqe_ros.node.discovery import cameras_among
from fliqe_ros.node.frame_coalescer import FrameCoalescer
from fliqe_ros.node.inference_statistics import InferenceReport
from fliqe_ros.node.inference_worker import Arrival, InferenceWorker
from fliqe_ros.node.latest_frames import LatestFrameBuffer
from fliqe_ros.node.node_parameters import NodeParameters
from fliqe_ros.node.parameters import Settings
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from std_srvs.srv import Trigger

# Longest wait for a forward pass to end. One that takes longer is left to end by itself and its
# result discarded: nobody who stops the node should have to wait for it.
_JOIN_S = 0.3


class QualityNode(LifecycleNode):
    """
    Scores the frames of several thermal cameras with one model.

    configure loads the model and creates publishers and services, activate subscribes,
    deactivate unsubscribes and keeps the scores, cleanup releases the model and its GPU memory.
    A transition that fails logs one sentence, returns FAILURE and leaves the state it began in.
    With the parameter ``autostart`` the node configures and activates itself once it spins, and
    ``start_failed`` tells whether that went wrong.

    The executor thread only puts each camera's newest message into its slot; one worker thread
    does the rest.
    """

    def __init__(self, **kwargs):
        super().__init__('fliqe', **kwargs)
        self.start_failed = False
        self.coalescer = FrameCoalescer()
        self._phase = 'unconfigured'
        self._problem = ''
        self._model = self._converter = self._worker = self._reset_service = None
        self._slots = LatestFrameBuffer()
        self._channels: dict[str, CameraInterface] = {}
        self._unusable_cameras: dict[str, str] = {}
        self._last_ns = 0
        self._settings = NodeParameters(self, lambda: self._phase != 'unconfigured')
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # A steady clock: aggregators call a node stale that falls silent because the simulation
        # is paused. Ages and rates are by the node's clock all the same, so a paused simulation
        # does not make cameras look dead either.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._tick, clock=steady)
        if self._settings.current.autostart:
            self._start_timer = self.create_timer(0.0, self._start, clock=steady)
        self._survive_impossible_transitions()

    def on_configure(self, _) -> TransitionCallbackReturn:
        """Load the model, create publishers and services."""
        return self._attempt('configure', self._configure, self._cleanup, 'inactive')

    def on_activate(self, _) -> TransitionCallbackReturn:
        """Subscribe the cameras and score their frames."""
        return self._attempt('activate', self._activate, self._deactivate, 'active')

    def on_deactivate(self, _) -> TransitionCallbackReturn:
        """Unsubscribe, keep the scores."""
        return self._attempt('deactivate', self._deactivate, None, 'inactive')

    def on_cleanup(self, _) -> TransitionCallbackReturn:
        """Release the model, its GPU memory, publishers and services."""
        return self._attempt('cleanup', self._cleanup, None, 'unconfigured')

    def on_shutdown(self, _) -> TransitionCallbackReturn:
        """Stop and release everything, from whatever state."""
        return self._attempt('shutdown', self._release, None, 'finalized')

    def on_error(self, _) -> TransitionCallbackReturn:
        """Go back to unconfigured."""
        return self._attempt('error processing', self._release, None, 'unconfigured')

    def close(self) -> None:
        """Go through shutdown, unless the node did already."""
        if self._phase != 'finalized':
            self.trigger_shutdown()

    def destroy_node(self) -> None:
        """Leave the ROS graph."""
        super().destroy_node()
        # rclpy leaves the lifecycle services, and the node with them, in the graph until the
        # last reference to this object is gone, which a forward pass may hold.
        self._state_machine = None

    def _attempt(self, name: str, transition, undo, phase: str) -> TransitionCallbackReturn:
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
        settings = self._settings.current
        self._converter = make_converter('auto')
        self._model = _load_model(settings)
        for camera in dict.fromkeys(
                name if name.startswith('/') else below(self.get_namespace(), name)
                for name in settings.cameras):
            self._add(camera)
        self._reset_service = self.create_service(Trigger, '~/reset', self._on_reset)
        self.get_logger().info(
            f'{self._model.architecture} from {self._model.model_path} on {self._model.device} '
            f'by {self._model.backend}')

    def _activate(self) -> None:
        self._slots = LatestFrameBuffer()
        self._worker = InferenceWorker(
            self._model, self._converter, self._slots, lambda: self._settings.current,
            self._clock_ns, self.get_logger().warning)
        self._worker.start()
        for channel in self._channels.values():
            self._subscribe(channel)

    def _deactivate(self) -> None:
        for channel in self._channels.values():
            channel.unsubscribe()
        if self._worker:
            self._worker.stop(_JOIN_S)

    def _cleanup(self) -> None:
        for channel in self._channels.values():
            channel.destroy()
        self._channels = {}
        self._unusable_cameras = {}
        if self._reset_service:
            self.destroy_service(self._reset_service)
        if self._model:
            self._model.release()
        self._model = self._converter = self._reset_service = None

    def _release(self) -> None:
        self._deactivate()
        self._cleanup()

    def _add(self, camera: str) -> CameraInterface:
        window = self._settings.current.smoothing_window
        self._channels[camera] = CameraInterface(self, CameraSession(camera, window))
        return self._channels[camera]

    def _subscribe(self, channel: CameraInterface) -> None:
        channel.camera.restart_times(self._now_ns())
        channel.subscribe(self._settings.current, self._on_image)
        self.get_logger().info(f'scoring {channel.camera.namespace}')

    def _on_image(self, channel: CameraInterface, message) -> None:
        now_ns = self._now_ns()
        if channel.camera.receive(now_ns, self._settings.current.max_rate_hz):
            arrival = Arrival(channel, message, now_ns)
            if self._slots.put(channel.camera.namespace, arrival):
                channel.camera.drop()
                self.coalescer.stop()

    def _on_reset(self, _, response: Trigger.Response) -> Trigger.Response:
        for channel in self._channels.values():
            channel.camera.reset()
        response.success = True
        response.message = f'the scores of {len(self._channels)} cameras are forgotten'
        return response

    def _clock_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _now_ns(self) -> int:
        """
        Return the node's clock; for the executor thread only.

        Asked from one thread, the clock goes back only where a bag starts over or the time was
        set. Simulated time is 0 until it begins, which is a jump as well.
        """
        now_ns = self._clock_ns()
        if now_ns < self._last_ns or self._last_ns == 0 < now_ns:
            for channel in self._channels.values():
                channel.camera.restart_times(now_ns)
        self._last_ns = now_ns
        return now_ns

    def _tick(self) -> None:
        now_ns = self._now_ns()
        if self._phase == 'active' and self._settings.current.discover:
            self._discover()
        report = self._report(now_ns)
        name = self.get_name()
        message = DiagnosticArray(status=[inference_status(name, report)])
        message.header.stamp = self.get_clock().now().to_msg()
        cameras = [channel.camera.report(now_ns) for channel in self._channels.values()]
        message.status += [
            camera_status(name, camera, self._settings.current, report) for camera in cameras]
        self._diagnostics.publish(message)
        self.coalescer.decide(
            {camera.camera: camera.received for camera in cameras}, report.times.load)

    def _discover(self) -> None:
        settings = self._settings.current
        known = {
            self.resolve_topic_name(image_topic_of(camera, settings)) for camera in self._channels}
        found = cameras_among(
            self.get_topic_names_and_types(), settings.image_topic, settings.transport,
            self.get_namespace())
        for camera, topic in found.items():
            if topic in known or camera in self._channels or camera in self._unusable_cameras:
                continue
            # A topic that somebody only subscribes is no camera.
            if self.count_publishers(topic):
                self._include(camera)

    def _include(self, camera: str) -> None:
        try:
            self._subscribe(self._add(camera))
        except Exception as error:
            self._unusable_cameras[camera] = f'{camera} cannot be scored: {one_line(error)}'
            self.get_logger().error(self._unusable_cameras[camera])
            if camera in self._channels:
                self._channels.pop(camera).destroy()

    def _report(self, now_ns: int) -> NodeReport:
        model = self._model and ModelReport(
            self._model.architecture, self._model.model_path, self._model.model_hash,
            self._model.device, self._model.precision, self._model.backend,
            self._model.threads, self._model.gpu_memory_bytes)
        problems = (self._problem, *self._unusable_cameras.values())
        return NodeReport(
            state=self._phase,
            problems=tuple(filter(None, problems)),
            refused_parameters=dict(self._settings.refused),
            waits_for_clock=now_ns == 0,
            converter=self._converter_name(),
            model=model,
            times=self._worker.times.report() if self._worker else InferenceReport())

    def _converter_name(self) -> str:
        if self._settings.current.transport == 'compressed':
            return 'opencv'
        return self._converter.name if self._converter else ''

    def _survive_impossible_transitions(self) -> None:
        """
        Answer a request for a transition the state does not have with success=False.

        rclpy lets its error out of the executor and leaves the request without an answer.
        """
        service = self._service_change_state
        change_state = service.callback

        def change_state_or_refuse(request, response):
            try:
                return change_state(request, response)
            except Exception as error:
                self.get_logger().warning(f'no such transition now: {one_line(error)}')
                response.success = False
                return response

        service.callback = change_state_or_refuse


def _load_model(settings: Settings):
    # Imported only here: the node appears at once, and a broken backend is a failed transition.
    from fliqe_ros.estimator import FLIQE
    model = FLIQE(settings.model or None, settings.device, settings.precision, settings.backend,
                  settings.threads)
    model.warm_up()
    return model
