"""Simulated thermal cameras that fail on schedule: rehearse a bad camera without breaking one."""

from __future__ import annotations

from collections.abc import Iterator
import sys
from typing import Any, NoReturn
from zlib import crc32

from fliqe_ros.errors import FrameError, ScheduleError, SourceError
from fliqe_ros.node.launcher import Launcher
from fliqe_ros.simulation.degradations import degrade, degrade_counts, is_changing
from fliqe_ros.simulation.frame_sources import open_source, SYNTHETIC
from fliqe_ros.simulation.schedule import (
    DROPOUT, FREEZE, NAMES, parse_schedules, Phase, Schedule, TOUR)
from fliqe_ros.tools.image_packing import COMPRESSED, ENCODINGS, MONO16, MONO8, to_message
from fliqe_ros.tools.interrupts import noted_signals
import numpy as np
from rcl_interfaces.msg import (
    FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult)
import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import SingleThreadedExecutor
import rclpy.logging
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.signals import SignalHandlerOptions
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

RATES_HZ = (0.1, 240.0)
_BITS_8_TO_14 = 6
_HEED_SIGNALS_S = 0.2
_HELP = """usage: camera_sim [--ros-args -p NAME:=VALUE …]

Simulated thermal cameras that fail on schedule.

  ros2 run fliqe_ros camera_sim --ros-args -p schedule:="/flir_front=clean:10,lens_blur:5"

While it runs, ros2 param list /camera_sim and ros2 param describe tell its parameters.
"""


class CameraSimError(ValueError):
    """The parameters do not describe cameras that can be simulated; the text says why."""


class FaultyCamera:
    """
    Turns a source's frames into what a camera under a schedule would deliver; knows no ROS.

    ``deep`` cameras deliver uint16 counts (14 bits), others uint8 after gain control. A fault
    that lasts in reality, such as a pattern or dirt, is the same in all frames of its phase, and
    whenever it comes back; noise and damage in transfer are new in each frame.
    """

    def __init__(self, frames: Iterator[np.ndarray], schedule: Schedule, seed: int, deep: bool):
        self.schedule = schedule
        self._frames = frames
        self._deep = deep
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._last: np.ndarray | None = None

    def capture(self, elapsed_s: float) -> tuple[Phase, np.ndarray | None]:
        """
        Take the picture of this moment of the schedule.

        :return: (phase, picture): a ``Phase`` and (H, W) uint8 or uint16, or ``None`` during
            dropout. Frames pass unseen meanwhile; while frozen they wait.
        :raises StopIteration: at the end of a source that does not loop.
        """
        phase = self.schedule.at(elapsed_s)
        if phase.name == FREEZE and self._last is not None:
            return phase, self._last
        frame = next(self._frames)
        if phase.name == DROPOUT:
            return phase, None
        fault, rng = phase.fault, self._generator(phase)
        if self._deep:
            self._last = degrade_counts(_counts(frame), fault, phase.severity, rng)
        else:
            self._last = degrade(frame, fault, phase.severity, rng)
        return phase, self._last

    def _generator(self, phase: Phase) -> np.random.Generator:
        if is_changing(phase.fault):
            return self._rng
        return np.random.default_rng((self._seed, crc32(phase.name.encode())))


def _counts(frame: np.ndarray) -> np.ndarray:
    return frame.astype(np.uint16) << _BITS_8_TO_14 if frame.dtype == np.uint8 else frame


class CameraPublisher:
    """One camera's topics and timer, and the moment its schedule began."""

    def __init__(self, node: CameraSim, name: str, camera: FaultyCamera, encoding: str,
                 frame_id: str):
        self.name = name
        self.camera = camera
        self._node = node
        self._encoding = encoding
        self._frame_id = frame_id or name.strip('/').replace('/', '_') + '_optical_frame'
        self._began: Time | None = None
        topic = f'{name}/{node.get_parameter("image_topic").value}'
        compressed = encoding == COMPRESSED
        self._images = node.create_publisher(
            CompressedImage if compressed else Image,
            f'{topic}/compressed' if compressed else topic, qos_profile_sensor_data,
            qos_overriding_options=QoSOverridingOptions.with_default_policies())
        self._phases = node.create_publisher(Header, f'{name}/phase', 10)
        self._timer = node.create_timer(1.0 / node.rate_hz, self._tick)

    def follow(self, schedule: Schedule) -> None:
        """Begin a schedule now."""
        self.camera.schedule = schedule
        self._began = None

    def _tick(self) -> None:
        now = self._node.get_clock().now()
        if self._began is None or now < self._began:  # the clock may jump back
            self._began = now
        try:
            phase, picture = self.camera.capture((now - self._began).nanoseconds / 1e9)
        except StopIteration:
            self._timer.cancel()
            self._node.camera_ended(self.name)
            return
        stamp = now.to_msg()
        self._phases.publish(Header(stamp=stamp, frame_id=phase.truth))
        if picture is not None:
            header = Header(stamp=stamp, frame_id=self._frame_id)
            self._images.publish(to_message(picture, self._encoding, header))


class CameraSim(Node):
    """
    Publishes ``<camera>/image_raw`` of every camera, and ``<camera>/phase`` with the truth.

    ``phase`` is a ``std_msgs/Header`` for each tick, so also for those that dropout withholds:
    the stamp of the image and, as ``frame_id``, what is wrong with it: the label of a type, also
    where the schedule names an artifact, ``dropout`` or ``freeze``.
    The parameter ``schedule`` can be set at any time and begins at once; it is refused, and the
    old one goes on, if it has an error. All the others are read at the start.
    """

    def __init__(self, **options: Any):
        """
        Declare the parameters and open every camera's source.

        :raises CameraSimError, ScheduleError, SourceError: if a parameter is wrong; one
            sentence that says which and why.
        """
        super().__init__('camera_sim', **options)
        _declare_parameters(self)
        cameras = [camera for camera in self.get_parameter('cameras').value if camera]
        if not cameras or len(set(cameras)) < len(cameras):
            raise CameraSimError(f'cameras must be different namespaces, not {cameras}')
        encoding = self._value('encoding')
        if encoding not in ENCODINGS:
            raise CameraSimError(f'encoding {encoding!r} is none of {", ".join(ENCODINGS)}')
        self.rate_hz = _checked_rate(self._value('rate'))
        schedules = parse_schedules(self._value('schedule'), cameras)
        self.cameras = {
            name: CameraPublisher(
                self, name, self._open(i, len(cameras), schedules[name]), encoding,
                self._value('frame_id'))
            for i, name in enumerate(cameras)}
        self._running = set(cameras)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.get_logger().info(f'publishing {encoding} from {self._value("source")}: ' + '; '.join(
            f'{name}={schedule}' for name, schedule in schedules.items()))

    @property
    def ended(self) -> bool:
        """Return whether every camera has come to the end of its source."""
        return not self._running

    def camera_ended(self, name: str) -> None:
        """Note that a camera's source has come to its end."""
        self._running.discard(name)
        self.get_logger().info(f'{name}: the source has ended')

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _open(self, index: int, cameras: int, schedule: Schedule) -> FaultyCamera:
        """Open the source of one camera: each has a scene, or a place to start, of its own."""
        width, height = self._value('width'), self._value('height')
        if (width == 0) != (height == 0):
            raise CameraSimError('width and height must both be given, or both be 0')
        seed = self._value('seed') + index
        frames = open_source(self._value('source'), size=(width, height) if width else None,
                             loop=self._value('loop'), start=index / cameras,
                             rate_hz=self.rate_hz, seed=seed)
        return FaultyCamera(frames, schedule, seed, deep=self._value('encoding') == MONO16)

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name != 'schedule':
                continue
            try:
                schedules = parse_schedules(parameter.value, list(self.cameras))
            except ScheduleError as error:
                return SetParametersResult(successful=False, reason=str(error))
            for name, schedule in schedules.items():
                self.cameras[name].follow(schedule)
        return SetParametersResult(successful=True)


def _declare_parameters(node: Node) -> None:
    """Declare every parameter with its default, range and description."""
    def declare(name: str, default: Any, description: str,
                ranges: FloatingPointRange | IntegerRange | None = None, **settings: bool) -> None:
        descriptor = ParameterDescriptor(description=description,
                                         **{'read_only': True, **settings})
        if isinstance(ranges, FloatingPointRange):
            descriptor.floating_point_range = [ranges]
        elif ranges is not None:
            descriptor.integer_range = [ranges]
        node.declare_parameter(name, default, descriptor)

    side = IntegerRange(from_value=0, to_value=8192, step=1)
    declare('cameras', ['/flir_front', '/flir_rear'], 'Camera namespaces')
    declare('image_topic', 'image_raw', 'Image topic in each namespace')
    declare('frame_id', '', 'frame_id of the images; empty: made from the namespace')
    declare('rate', 10.0, 'Frames per second of each camera',
            FloatingPointRange(from_value=RATES_HZ[0], to_value=RATES_HZ[1]),
            dynamic_typing=True)  # so that rate:=10 is as good as rate:=10.0
    declare('encoding', MONO8, 'One of ' + ', '.join(ENCODINGS))
    declare('source', SYNTHETIC, 'synthetic, an image, a video, a bag, or a folder of them')
    declare('loop', True, 'Start over at the end of the source')
    declare('width', 0, 'Pixels; 0: as the source has it', side)
    declare('height', 0, 'Pixels; 0: as the source has it', side)
    declare('seed', 0, 'Scene and noise; each further camera adds 1',
            IntegerRange(from_value=0, to_value=2 ** 31 - 1, step=1))
    declare('schedule', '', 'camera=phase[@severity][:seconds],…; camera=…  with the phases '
            + ', '.join((*NAMES, TOUR)), read_only=False)


def _checked_rate(rate: Any) -> float:
    if type(rate) not in (int, float) or not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise CameraSimError(f'rate must be {RATES_HZ[0]} to {RATES_HZ[1]} Hz, not {rate!r}')
    return float(rate)


def main(argv: list[str] | None = None, ends_process: bool = False) -> int:
    """
    Run until SIGINT, SIGTERM or the end of the source.

    :param argv: the command line, by default that of the process.
    :param ends_process: see ``interrupts.noted_signals``.
    :return: the exit status: 1 if the parameters are wrong.
    """
    with noted_signals(ends_process) as received:
        rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)
        node, launcher, executor = None, Launcher(), SingleThreadedExecutor()
        try:
            node = CameraSim()
            executor.add_node(node)
            while not (received or node.ended or launcher.has_ended):
                executor.spin_once(timeout_sec=_HEED_SIGNALS_S)
        except (CameraSimError, ScheduleError, SourceError, FrameError, ParameterException,
                NameValidationException) as error:
            rclpy.logging.get_logger('camera_sim').fatal(str(error))
            return 1
        finally:
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()
    return 0


def run_process() -> NoReturn:
    """Run ``main`` as a process of its own, and end it; print help if asked to."""
    if {'-h', '--help'} & set(sys.argv[1:]):
        print(_HELP, end='')
        sys.exit()
    sys.exit(main(ends_process=True))


if __name__ == '__main__':
    run_process()
