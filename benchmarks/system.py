"""A node, or one for each camera, and cameras around it, every one a process of its own."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, ExitStack
import json
import os
from pathlib import Path
import subprocess
import sys
import time

from fliqe_ros.msg import QualityScore
from fliqe_ros.tools.demo_system import check_alive, DemoError, output_of, running
import rclpy
from rclpy.executors import SingleThreadedExecutor
from records import memory_mb

_START_WITHIN_S = 180.0
_LATE_S = 1.0  # how long after the last frame scores may still come
_TICKS_PER_S = os.sysconf('SC_CLK_TCK')


class System:
    """
    The running system; ``measure`` lets the cameras publish and looks at what comes out.

    A frame's latency is the time from its publication by the camera to the receipt of its score
    here, both by the clock of this machine.
    """

    def __init__(self, nodes: list, cameras: list, names: list):
        self.nodes = nodes
        self._cameras = cameras
        self._names = names
        self._received = {name: {} for name in names}
        self._listener = rclpy.create_node('listener')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._listener)
        for name in names:
            self._listener.create_subscription(
                QualityScore, f'{name}/quality', self._on_score, 1000)

    def close(self) -> None:
        """Stop listening."""
        self._executor.shutdown()
        self._listener.destroy_node()

    def _on_score(self, score: QualityScore) -> None:
        stamp = score.header.stamp
        self._received[score.camera][stamp.sec * 10**9 + stamp.nanosec] = time.time_ns()

    def await_start(self) -> None:
        """Wait until every camera is subscribed and every score is heard."""
        deadline_s = time.monotonic() + _START_WITHIN_S
        topics = [f'{name}/quality' for name in self._names]
        while not all(map(self._listener.count_publishers, topics)):
            check_alive(self.nodes + self._cameras)
            if time.monotonic() > deadline_s:
                raise DemoError('the node did not start in time:\n' + output_of(self.nodes[0]))
            self._executor.spin_once(timeout_sec=0.1)
        for camera in self._cameras:
            if camera.stdout.readline().strip() != 'ready':
                raise DemoError('a camera ended')

    def measure(self, rate_hz: float, seconds: float) -> dict:
        """
        Let all cameras publish at a rate, evenly out of step, for so long.

        :return: latencies of all scored frames in ms, frames sent and scored by camera, the rate
            that the cameras kept up, seconds of CPU and resident memory (MB) of all nodes.
        """
        for received in self._received.values():
            received.clear()
        before_s = self._cpu_s()
        start_s = time.time() + 0.2
        with ThreadPoolExecutor(len(self._cameras)) as threads:
            answers = [
                threads.submit(_run, camera, rate_hz, seconds,
                               start_s + number / (len(self._cameras) * rate_hz))
                for number, camera in enumerate(self._cameras)]
            while not all(answer.done() for answer in answers):
                self._executor.spin_once(timeout_sec=0.05)
        self._listen(_LATE_S)
        sent = [answer.result() for answer in answers]
        cpu_s = self._cpu_s() - before_s
        scored = [[received[stamp] - stamp for stamp in stamps if stamp in received]
                  for stamps, received in zip(sent, self._received.values())]
        return {'latencies_ms': [latency / 1e6 for each in scored for latency in each],
                'sent': [*map(len, sent)], 'scored': [*map(len, scored)],
                'kept_hz': min(map(_rate_hz, sent)), 'cpu_s': cpu_s,
                'memory_mb': sum(memory_mb(node.pid) for node in self.nodes)}

    def _listen(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)
        check_alive(self.nodes + self._cameras)

    def _cpu_s(self) -> float:
        """Return the seconds of CPU that the nodes have used so far."""
        fields = [Path(f'/proc/{node.pid}/stat').read_text().rpartition(')')[2].split()
                  for node in self.nodes]
        return sum(int(each[11]) + int(each[12]) for each in fields) / _TICKS_PER_S


def _run(camera, rate_hz: float, seconds: float, start_s: float) -> list:
    """Let a camera publish; return the stamps of its frames once it is through."""
    print(json.dumps({'rate_hz': rate_hz, 'start_s': start_s, 'seconds': seconds}),
          file=camera.stdin, flush=True)
    return json.loads(camera.stdout.readline())


def _rate_hz(stamps_ns: list) -> float:
    if len(stamps_ns) < 2:
        return 0.0
    return 1e9 * (len(stamps_ns) - 1) / (stamps_ns[-1] - stamps_ns[0])


@contextmanager
def running_system(folder: Path, cameras: int, encoding: str, size: tuple, *,
                   node_for_each: bool = False, reliable: bool = False, **parameters):
    """
    Start a system and stop all of it at the end, whatever happens.

    :param cameras: how many; their frames are of ``encoding`` and ``size`` (width, height).
    :param node_for_each: one node for each camera instead of one for all.
    :param parameters: of the nodes.
    """
    names = [f'/camera{number}' for number in range(cameras)]
    groups = [[name] for name in names] if node_for_each else [names]
    reliability = 'RELIABLE' if reliable else 'BEST_EFFORT'
    with ExitStack() as stack:
        nodes = []
        for number, group in enumerate(groups):
            own = folder / f'node{number}'
            own.mkdir()
            overrides = {f'qos_overrides.{name}/image_raw.subscription.reliability':
                         reliability.lower() for name in group}
            nodes.append(stack.enter_context(running('fliqe_ros.node.main', {
                'cameras': group, 'discover': 'false', 'device': 'cpu',
                **overrides, **parameters}, own)))
        processes = [stack.enter_context(_camera(
            folder, name, encoding, *map(str, size), str(seed), reliability))
            for seed, name in enumerate(names)]
        system = System(nodes, processes, names)
        stack.callback(system.close)
        system.await_start()
        yield system


@contextmanager
def _camera(folder: Path, *arguments):
    with (folder / 'cameras.txt').open('a') as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name('camera.py')), *arguments], text=True,
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    process.log = folder / 'cameras.txt'
    try:
        yield process
    finally:
        process.kill()
        process.wait()
