"""What the soak is made of: the drivers, who observes the node, and samples of its memory."""

from __future__ import annotations

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from fliqe_ros.msg import QualityScore
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from records import memory_mb
from rosgraph_msgs.msg import Clock

CAMERAS = tuple(f'/camera{number}' for number in range(4))
#: Of a camera's counts in the diagnostics, those that a received frame ends in.
ENDS = ('scored', 'skipped by max_rate', 'dropped', 'errors')
#: More file descriptors or threads than this are a leak; participants that went linger.
MORE = 4
_HERE = Path(__file__).parent


class Observer:
    """Hears what the node says, gives it the time, and asks it for transitions."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        #: Of the newest score of each camera.
        self.stamps_ns: dict[str, int] = {}
        self.values: dict[str, dict[str, str]] = {}
        self.deactivations = 0
        self._node = rclpy.create_node('observer')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._clock = self._node.create_publisher(Clock, '/clock', 1)
        self._node.create_timer(0.05, self._tell_time)
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        for camera in CAMERAS:
            self._node.create_subscription(QualityScore, f'{camera}/quality', self._on_score, 100)
        self._change = self._node.create_client(ChangeState, '/fliqe/change_state')
        self._transitions: list[int] = []
        self._answer = None

    def close(self) -> None:
        """Leave the ROS graph."""
        self._executor.shutdown()
        self._node.destroy_node()

    def spin(self) -> None:
        """Take part in ROS for a moment."""
        self._executor.spin_once(timeout_sec=0.05)
        if self._answer is not None and self._answer.done():
            self._answer = None
        if self._transitions and self._answer is None:
            transition = self._transitions.pop(0)
            self.deactivations += transition == Transition.TRANSITION_DEACTIVATE
            if transition == Transition.TRANSITION_CLEANUP:  # counts begin anew
                self.deactivations = 0
            request = ChangeState.Request(transition=Transition(id=transition))
            self._answer = self._change.call_async(request)

    def ask_for(self, transitions: tuple[int, ...]) -> None:
        """Ask for transitions, one after the other, unless others are still going on."""
        if not self.is_changing and self._change.service_is_ready():
            self._transitions = list(transitions)

    @property
    def is_changing(self) -> bool:
        """Return whether transitions are still going on."""
        return bool(self._transitions) or self._answer is not None

    def miscounts(self, counts: dict[str, dict[str, str]]) -> list[str]:
        """Return where frames were received and nothing became of them, or more did."""
        wrong = []
        for camera, values in counts.items():
            missing = int(values['received']) - sum(int(values[name]) for name in ENDS)
            # A deactivation may discard one that waits and one that is being scored.
            if not 0 <= missing <= 2 * self.deactivations:
                wrong.append(f'counts of {camera}: {missing} frames are unaccounted for')
        return wrong

    def _tell_time(self) -> None:
        sec, nanosec = divmod(time.time_ns() + round(self.offset_s * 1e9), 10**9)
        self._clock.publish(Clock(clock=Time(sec=sec, nanosec=nanosec)))

    def _on_score(self, score: QualityScore) -> None:
        stamp = score.header.stamp
        self.stamps_ns[score.camera] = stamp.sec * 10**9 + stamp.nanosec

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {each.key: each.value for each in status.values}
            self.values[values.get('camera', '')] = values


class Drivers:
    """The processes of the cameras' drivers."""

    def __init__(self, folder: Path) -> None:
        self.restarts = 0
        self._folder = folder
        self._processes = {camera: self._start(camera, number)
                           for number, camera in enumerate(CAMERAS)}

    def _start(self, camera: str, seed: int) -> subprocess.Popen:
        with (self._folder / 'cameras.txt').open('a') as log:
            return subprocess.Popen(
                [sys.executable, str(_HERE / 'soak_camera.py'), f'{camera}/image_raw', str(seed)],
                cwd=self._folder, stdout=log, stderr=log)

    def send(self, camera: str, number: int) -> None:
        """Send a signal to a driver."""
        self._processes[camera].send_signal(number)

    def restart(self, camera: str, number: int = signal.SIGKILL) -> None:
        """End a driver by a signal and start another one."""
        self._end(camera, number)
        self.restarts += 1
        self._processes[camera] = self._start(camera, len(CAMERAS) + self.restarts)

    def calm(self) -> None:
        """Let the drivers send good frames only."""
        (self._folder / 'calm').touch()

    def close(self) -> None:
        """Kill all drivers."""
        for camera in self._processes:
            self._end(camera, signal.SIGKILL)

    def _end(self, camera: str, number: int) -> None:
        process = self._processes[camera]
        memory = _shared_memory(process.pid)
        process.send_signal(number)
        process.wait()
        # Fast DDS leaves the shared memory of a killed process behind.
        for file in memory - _shared_memory('[0-9]*'):
            file.unlink(missing_ok=True)


def _shared_memory(process: int | str) -> set[Path]:
    """Return the files in shared memory that a process, or any, has mapped."""
    found = set()
    for maps in Path('/proc').glob(f'{process}/maps'):
        try:
            lines = maps.read_text().splitlines()
        except OSError:  # it has just ended
            continue
        found |= {Path(words[5]) for line in lines if len(words := line.split()) == 6
                  and words[5].startswith('/dev/shm/fastrtps')}
    return found


class Samples:
    """
    Private memory in MB, file descriptors and threads of a process over time in s.

    Memory that is shared belongs to the drivers: Fast DDS keeps it mapped for a while.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._rows: list[tuple[float, float, int, int]] = []

    def take(self, time_s: float) -> None:
        """Take a sample."""
        files, threads = (len(os.listdir(f'/proc/{self._pid}/{kind}')) for kind in ('fd', 'task'))
        self._rows.append((time_s, memory_mb(self._pid, 'RssAnon'), files, threads))

    def slopes(self) -> np.ndarray:
        """Return the growth of each per minute, after the first third of the time."""
        rows = np.array(self._rows)
        rows = rows[rows[:, 0] >= rows[0, 0] + (rows[-1, 0] - rows[0, 0]) / 3]
        return np.array([60 * np.polyfit(rows[:, 0], column, 1)[0] for column in rows.T[1:]])

    def more_files(self) -> list[str]:
        """Return whether there are more file descriptors or threads in the end than before."""
        first, last = self._rows[0], self._rows[-1]
        return [f'{more} more {what} than at the start'
                for what, more in (('file descriptors', last[2] - first[2]),
                                   ('threads', last[3] - first[3])) if more > MORE]

    @property
    def last(self) -> str:
        """Return the last sample."""
        _, memory, files, threads = self._rows[-1]
        return f'{memory:.1f} MB, {files} files, {threads} threads'

    def text(self, name: str) -> str:
        """Return a line about them."""
        first, last = self._rows[len(self._rows) // 3], self._rows[-1]
        memory, files, threads = self.slopes()
        return (f'{name:16} {first[1]:6.1f} → {last[1]:6.1f} MB ({memory:+.2f} a minute), '
                f'{first[2]} → {last[2]} files ({files:+.2f}), '
                f'{first[3]} → {last[3]} threads ({threads:+.2f})')
