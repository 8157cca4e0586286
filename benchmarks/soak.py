"""
A node under everything that goes wrong on a robot, for an hour, or for --seconds.

Four cameras change their encodings and sizes, flood, and send bad frames. Meanwhile drivers are
killed and started again, the node and the drivers are stopped for a moment (SIGSTOP), the clock
jumps, and the node goes through its lifecycle. Then all is calm, and it must have come through:
no traceback, a fresh score of every camera, counts that add up, no more file descriptors or
threads. The growth of its memory is told beside that of a plain subscriber of the same topics.
The exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
import random
import signal
import subprocess
import sys
import tempfile
import time

from fliqe_ros.tools.demo_system import check_alive, isolated, output_of, Process, running
from lifecycle_msgs.msg import Transition
import rclpy
from soak_system import CAMERAS, Drivers, ENDS, Observer, Samples

_START_WITHIN_S = 180.0
_SAMPLES, _LINES = 60, 10
_CALM_WITHIN_S = 60.0
_PAUSE_S = 1.5
_MOST_JUMP_S = 600.0
_CYCLE = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE)
_LONG_CYCLE = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
               Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)


class Trouble:
    """Makes one trouble at a time, of those that are chosen, at random."""

    def __init__(self, node: Process, drivers: Drivers, observer: Observer, seed: int,
                 chosen: list[str]) -> None:
        self.made: Counter[str] = Counter()
        self._node, self._drivers, self._observer = node, drivers, observer
        self._random = random.Random(seed)
        self._kinds = {name: KINDS[name] for name in chosen}
        self._ends: list[tuple[float, Callable[[], None]]] = []

    def make(self) -> None:
        """Make one."""
        if self._kinds:
            name = self._random.choice(list(self._kinds))
            self._kinds[name](self)
            self.made[name] += 1

    def end_what_is_over(self, everything: bool = False) -> None:
        """Let those go on that have been stopped long enough."""
        for end in list(self._ends):
            if everything or time.monotonic() > end[0]:
                self._ends.remove(end)
                end[1]()

    def _camera(self) -> str:
        return self._random.choice(CAMERAS)

    def kill(self) -> None:
        """Kill a driver; another one starts."""
        self.end_what_is_over(everything=True)
        self._drivers.restart(self._camera())

    def renew(self) -> None:
        """End a driver as a launch system does; another one starts."""
        self.end_what_is_over(everything=True)
        self._drivers.restart(self._camera(), signal.SIGTERM)

    def pause_node(self) -> None:
        """Stop the node for a moment."""
        self._node.send_signal(signal.SIGSTOP)
        self._later(lambda: self._node.send_signal(signal.SIGCONT))

    def pause_driver(self) -> None:
        """Stop a driver for a moment."""
        camera = self._camera()
        self._drivers.send(camera, signal.SIGSTOP)
        self._later(lambda: self._drivers.send(camera, signal.SIGCONT))

    def jump(self) -> None:
        """Let the clock jump, forwards or back."""
        self._observer.offset_s = self._random.uniform(-_MOST_JUMP_S, _MOST_JUMP_S)

    def cycle(self) -> None:
        """Let the node go through part of its lifecycle, or all of it."""
        self._observer.ask_for(self._random.choice((_CYCLE, _LONG_CYCLE)))

    def _later(self, function: Callable[[], None]) -> None:
        self._ends.append((time.monotonic() + _PAUSE_S, function))


KINDS = {'kill': Trouble.kill, 'renew': Trouble.renew, 'pause_node': Trouble.pause_node,
         'pause_driver': Trouble.pause_driver, 'jump': Trouble.jump, 'cycle': Trouble.cycle}


class Soak:
    """The node, a plain subscriber, and what is done to them."""

    def __init__(self, stack: ExitStack, folder: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._began_s = self._next_line_s = 0.0
        self._node = stack.enter_context(running('fliqe_ros.node.main', {
            'cameras': list(CAMERAS), 'use_sim_time': True, 'device': 'cpu',
            'threads': 1}, folder))
        topics = [f'{camera}/image_raw' for camera in CAMERAS]
        self._plain = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name('soak_subscriber.py')), *topics])
        stack.callback(self._plain.wait)
        stack.callback(self._plain.kill)
        self._drivers = Drivers(folder)
        stack.callback(self._drivers.close)
        self._observer = Observer()
        stack.callback(self._observer.close)
        self._trouble = Trouble(
            self._node, self._drivers, self._observer, options.seed, options.troubles)
        self._samples = {'node': Samples(self._node.pid), 'plain subscriber':
                         Samples(self._plain.pid)}

    def run(self) -> list[str]:
        """Run it all; return what is wrong in the end."""
        self._wait_for_scores(_START_WITHIN_S)
        begin_s = self._began_s = self._next_line_s = time.monotonic()
        self._sample()
        next_sample_s = next_trouble_s = begin_s
        while (now_s := time.monotonic()) < begin_s + self._options.seconds:
            self._observer.spin()
            check_alive([self._node])
            self._trouble.end_what_is_over()
            if now_s >= next_sample_s:
                next_sample_s = now_s + self._options.seconds / _SAMPLES
                self._sample()
            if now_s >= next_trouble_s:
                next_trouble_s = now_s + self._options.every
                self._trouble.make()
        return self._end()

    def _end(self) -> list[str]:
        self._trouble.end_what_is_over(everything=True)
        self._drivers.calm()
        self._spin_until(lambda: not self._observer.is_changing, _CALM_WITHIN_S)
        wrong = [f'{camera} is lost' for camera in self._wait_for_scores(_CALM_WITHIN_S)]
        self._sample()
        self._drivers.close()
        counts = self._last_counts()
        for camera, values in counts.items():
            print(camera, {name: values[name] for name in ('received', *ENDS)})
        wrong += self._observer.miscounts(counts)
        if 'Traceback' in self._node.log.read_text(errors='replace'):
            wrong.append('a traceback:\n' + output_of(self._node))
        print(f'troubles: {dict(self._trouble.made)}')
        for name, samples in self._samples.items():
            print(samples.text(name))
        return wrong + self._samples['node'].more_files()

    def _last_counts(self) -> dict[str, dict[str, str]]:
        """Return the counts once no frame is under way any more."""
        before: dict[str, dict[str, str]] = {}
        for _ in range(20):
            self._observer.values.clear()
            self._spin_until(lambda: set(CAMERAS) <= set(self._observer.values), _CALM_WITHIN_S)
            now = {camera: self._observer.values[camera] for camera in CAMERAS}
            if before and all(now[camera][name] == before[camera][name]
                              for camera in CAMERAS for name in ('received', *ENDS)):
                break
            before = now
        return now

    def _sample(self) -> None:
        now_s = time.monotonic()
        for samples in self._samples.values():
            samples.take(now_s)
        if now_s >= self._next_line_s:
            self._next_line_s = now_s + self._options.seconds / _LINES
            print(f'{now_s - self._began_s:5.0f} s: ' + '; '.join(
                f'{name} {samples.last}' for name, samples in self._samples.items()), flush=True)

    def _wait_for_scores(self, most_s: float) -> list[str]:
        """Wait for a score of a frame from now on of each camera; return who has none."""
        now_ns = time.time_ns()

        def silent() -> list[str]:
            return [camera for camera in CAMERAS
                    if self._observer.stamps_ns.get(camera, 0) < now_ns]

        self._spin_until(lambda: not silent(), most_s)
        return silent()

    def _spin_until(self, predicate: Callable[[], bool], most_s: float) -> None:
        until_s = time.monotonic() + most_s
        while not predicate() and time.monotonic() < until_s:
            self._observer.spin()
            check_alive([self._node])


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--seconds', type=float, default=3600.0, help='default an hour')
    arguments.add_argument('--every', type=float, default=2.0, metavar='SECONDS',
                           help='between troubles, default 2')
    arguments.add_argument('--troubles', nargs='*', choices=KINDS, default=list(KINDS),
                           help='which kinds, default all')
    arguments.add_argument('--seed', type=int, default=0, help='of the troubles')
    arguments.add_argument('--folder', type=Path, help='for the logs; default one that goes')
    return arguments


def main() -> int:
    """Run the soak and tell what is wrong."""
    options = parser().parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(isolated(folder, segment_mb=2.0))
        rclpy.init()
        stack.callback(rclpy.try_shutdown)
        wrong = Soak(stack, folder, options).run()
    for sentence in wrong:
        print(f'wrong: {sentence}')
    return bool(wrong)


if __name__ == '__main__':
    sys.exit(main())
