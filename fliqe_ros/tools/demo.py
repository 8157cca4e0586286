"""The whole system at work: two simulated cameras, the real node, live scores, a report."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
import sys
import tempfile
import time

from builtin_interfaces.msg import Duration, Time
from fliqe_ros.distortion_types import Distortion, DISTORTIONS
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.files import find_files
from fliqe_ros.frame_io.image_messages import make_converter
from fliqe_ros.monitoring.status import Status
from fliqe_ros.msg import QualityScore
from fliqe_ros.simulation.frame_sources import SYNTHETIC
from fliqe_ros.simulation.schedule import Phase, Schedule, tour
from fliqe_ros.tools.demo_report import (
    draw_report, find_problems, format_table, Sample, summarise)
from fliqe_ros.tools.demo_system import (
    check_alive, DemoError, isolated, output_of, Process, running)
from fliqe_ros.tools.demo_window import DemoWindow
from fliqe_ros.tools.interrupts import noted_signals
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

FRONT, REAR = CAMERAS = ('/flir_front', '/flir_rear')
SMOOTHING_WINDOW = 15
START_WITHIN_S = 120.0
SILENCE_S = 15.0
_DISTORTED_SHARE = 0.68  # of the time; the rest is clean, before, between and after
_SLACK_S = 5.0
_REDRAW_S = {True: 0.2, False: 1.0}  # on a terminal, elsewhere


class CameraRecorder:
    """Hears everything about one camera: its images, the truth about them, their scores."""

    def __init__(self, node: Node, camera: str):
        self.camera = camera
        self.phases: dict[float, str] = {}  # by stamp, s
        self.pictures: dict[str, np.ndarray] = {}  # the newest frame of each phase
        self.last_s = time.monotonic()
        self._scores: dict[float, QualityScore] = {}  # by stamp, s
        self._arrivals_s: deque[float] = deque(maxlen=20)
        self._converter = make_converter('native')
        node.create_subscription(Header, f'{camera}/phase', self._on_phase, 100)
        node.create_subscription(Image, f'{camera}/image_raw', self._on_image,
                                 qos_profile_sensor_data)
        node.create_subscription(QualityScore, f'{camera}/quality', self._on_score, 100)

    @property
    def elapsed_s(self) -> float:
        """Return how much of the schedule is over, by the camera's stamps."""
        return max(self.phases) - min(self.phases) if self.phases else 0.0

    def _on_phase(self, header: Header) -> None:
        self.phases[_seconds(header.stamp)] = header.frame_id
        self.last_s = time.monotonic()

    def _on_image(self, image: Image) -> None:
        phase = self.phases.get(_seconds(image.header.stamp))
        if phase is not None:
            self.pictures[phase] = self._converter.to_array(image)

    def _on_score(self, score: QualityScore) -> None:
        self._scores[_seconds(score.header.stamp)] = score
        self._arrivals_s.append(time.monotonic())

    def forget(self, older_than_s: float) -> None:
        """Forget what came so long before the newest frame; a window may stay open for days."""
        for kept in (self.phases, self._scores):
            for stamp_s in [stamp_s for stamp_s in kept if stamp_s < max(kept) - older_than_s]:
                del kept[stamp_s]

    def samples(self) -> list[Sample]:
        """Return the scored frames whose phase is known, in the order of their stamps."""
        return [Sample(stamp_s, self.phases[stamp_s], score.score, score.smoothed_score,
                       Distortion(score.distortion).label)
                for stamp_s, score in sorted(self._scores.items()) if stamp_s in self.phases]

    def live_line(self) -> str:
        """Describe the newest score in one line that fits a terminal of 80 columns."""
        if not self._scores:
            return f'{self.camera:<12}waiting for the first score'
        score = self._scores[max(self._scores)]
        latency_ms = 1e3 * _seconds(score.latency)
        seen = Distortion(score.distortion).label
        return (f'{self.camera:<12}score {score.score:.2f} smoothed {score.smoothed_score:.2f}  '
                f'{Status(score.status).label:<9}{seen:<15}'
                f'{self._rate_hz():4.1f} Hz {latency_ms:4.0f} ms')

    def _rate_hz(self) -> float:
        since_s = time.monotonic() - self._arrivals_s[0]
        return (len(self._arrivals_s) - 1) / max(since_s, 1e-3)


def _seconds(time_message: Time | Duration) -> float:
    return time_message.sec + time_message.nanosec * 1e-9


def plan(seconds: float, once: bool = True) -> Schedule:
    """
    Return a schedule of each type, with clean frames around each.

    :param once: at the end clean frames for ever, else the same again.
    """
    distorted_s = round(seconds * _DISTORTED_SHARE / len(DISTORTIONS), 3)
    clean_s = round(seconds * (1 - _DISTORTED_SHARE) / (len(DISTORTIONS) + 1), 3)
    last = Phase('clean') if once else Phase('clean', clean_s)
    return Schedule((*tour(distorted_s, clean_s), last))


def watch(options: argparse.Namespace, folder: Path, stack: ExitStack,
          processes: list[Process], received: list[int]) -> dict[str, CameraRecorder]:
    """
    Start the node and the cameras and listen until the schedule is through.

    :param processes: takes those that are started, for ``stack`` to end.
    :param received: the numbers of signals; the first one ends it.
    :return: a ``CameraRecorder`` for each camera.
    :raises DemoError: if a signal comes or a process ends, or the node or the cameras stay silent.
    """
    executor = SingleThreadedExecutor()
    node = Node('demo')
    stack.callback(node.destroy_node)
    executor.add_node(node)
    spin_once = partial(_spin_once, executor, processes, received)
    print('Starting quality_node …', flush=True)
    processes.append(stack.enter_context(running('fliqe_ros.node.main', {
        'cameras': CAMERAS, 'discover': False, 'smoothing_window': SMOOTHING_WINDOW,
        'model': options.model}, folder)))
    _await_node(node, spin_once)
    window = DemoWindow(folder, stack) if options.monitor else None
    schedule = plan(options.seconds, once=window is None)
    recorders = {camera: CameraRecorder(node, camera) for camera in CAMERAS}
    print(f'Starting camera_sim … {FRONT} goes through every distortion, {REAR} stays clean',
          flush=True)
    processes.append(stack.enter_context(running('fliqe_ros.tools.camera_sim', {
        'cameras': CAMERAS, 'rate': float(options.rate), 'source': options.source,
        'seed': options.seed, 'schedule': f'{FRONT}={schedule}'}, folder)))
    _follow(recorders, options.seconds, window, spin_once)
    return recorders


def _spin_once(executor: SingleThreadedExecutor, processes: list[Process],
               received: list[int]) -> None:
    executor.spin_once(timeout_sec=0.1)
    check_alive(processes)
    if received:
        raise DemoError('interrupted')


def _await_node(node: Node, spin_once: Callable[[], None]) -> None:
    """Wait until the node has its model and listens to every camera."""
    deadline_s = time.monotonic() + START_WITHIN_S
    while not all(node.count_subscribers(f'{camera}/image_raw') for camera in CAMERAS):
        spin_once()
        if time.monotonic() > deadline_s:
            raise DemoError(f'quality_node did not subscribe within {START_WITHIN_S:.0f} s')


def _is_through(recorders: dict[str, CameraRecorder], seconds: float) -> bool:
    return min(recorder.elapsed_s for recorder in recorders.values()) >= seconds


def _follow(recorders: dict[str, CameraRecorder], seconds: float, window: DemoWindow | None,
            spin_once: Callable[[], None]) -> None:
    """Listen and show live lines until the schedule has run, or until the window is closed."""
    terminal = sys.stdout.isatty()
    shown_s, lines_up = 0.0, 0
    while window.is_open if window and not window.failed else not _is_through(recorders, seconds):
        spin_once()
        now_s = time.monotonic()
        # Before the first frame camera_sim is still starting.
        patience_s = SILENCE_S if all(recorder.phases for recorder in recorders.values()) \
            else START_WITHIN_S
        if now_s - min(recorder.last_s for recorder in recorders.values()) > patience_s:
            raise DemoError(f'a camera of camera_sim has been silent for {patience_s:.0f} s')
        if now_s - shown_s >= _REDRAW_S[terminal]:
            for recorder in recorders.values():
                recorder.forget(seconds + _SLACK_S)
            lines = [recorder.live_line() for recorder in recorders.values()]
            rewind = f'\x1b[{lines_up}F' if lines_up else ''
            clear = '\x1b[K' if terminal else ''
            print(rewind + '\n'.join(line + clear for line in lines), flush=True)
            shown_s, lines_up = now_s, len(lines) if terminal else 0


def report(recorders: dict[str, CameraRecorder], output: Path) -> int:
    """Print the table and the record, write the picture; 0 if all is well, else 1."""
    recordings = {camera: recorder.samples() for camera, recorder in recorders.items()}
    print('\n' + format_table([row for camera, samples in recordings.items()
                               for row in summarise(camera, samples)]))
    problems = find_problems(recordings, FRONT)
    if all(recordings.values()):
        front, rear = (dict(recorders[camera].pictures) for camera in CAMERAS)
        pictures = {name.replace('_', ' '): picture for name, picture in front.items()}
        pictures.update({f'{REAR}': rear['clean']} if 'clean' in rear else {})
        draw_report(output, recordings, pictures)
        print(f'\nWrote {output}')
    for problem in problems:
        print(f'FAILED: {problem}', file=sys.stderr)
    if not problems:
        print('PASSED: every distortion scored below clean frames of the same camera')
    return 1 if problems else 0


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line; ends the process where they are wrong."""
    parser = argparse.ArgumentParser(prog='demo', description=__doc__)
    parser.add_argument('--source', default=SYNTHETIC, help='synthetic (default), an image, a '
                        'video, a ROS bag, or a folder of them')
    parser.add_argument('--monitor', action='store_true', help='show the cameras in a window, '
                        'where there is a display, until it is closed')
    parser.add_argument('--seconds', type=float, default=40.0, help='length (default 40)')
    parser.add_argument('--rate', type=float, default=10.0, help='Hz per camera (default 10)')
    parser.add_argument('--seed', type=int, default=14, help='which synthetic scenes')
    parser.add_argument('--model', default='', help='checkpoint to score with (default: the one '
                        'of the package)')
    parser.add_argument('--output', type=Path, default=Path('demo.png'), help='picture to write')
    options = parser.parse_args(argv)
    if not options.seconds > 0:
        parser.error('--seconds must be above 0')
    if options.model:
        options.model = str(Path(options.model).expanduser().resolve())
    if options.source != SYNTHETIC:
        try:
            find_files(options.source)
        except SourceError as error:
            parser.error(str(error))
        options.source = str(Path(options.source).expanduser().resolve())
    return options


def main(argv: Sequence[str] | None = None, ends_process: bool = False) -> int:
    """
    Run the demo.

    :param argv: the command line, by default that of the process.
    :param ends_process: see ``interrupts.noted_signals``.
    :return: the exit status: 0 if both cameras were scored, and clean frames above distorted ones.
    """
    options = parse_arguments(argv)
    processes: list[Process] = []
    with noted_signals(ends_process) as received, \
            tempfile.TemporaryDirectory(prefix='fliqe_demo_') as folder:
        try:
            with isolated(Path(folder)), ExitStack() as stack:
                rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
                stack.callback(rclpy.try_shutdown)
                recorders = watch(options, Path(folder), stack, processes, received)
            closed_early = options.monitor and not _is_through(recorders, options.seconds)
            status = 0 if closed_early else report(recorders, options.output)
        except DemoError as error:
            if not received:  # else a process that ended may have received it, too
                print(f'FAILED: {error}', file=sys.stderr)
            status = 1
        if received:
            return 128 + received[0]
        if status:
            for process in processes:
                print(f'{process.log.stem} printed:\n{output_of(process)}', file=sys.stderr)
    return status


if __name__ == '__main__':
    sys.exit(main(ends_process=True))
