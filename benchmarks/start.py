"""
How long starts take: the node until its first score, and `fliqe score` of one picture.

Beside each is what the imports of the libraries that it cannot do without take, in a process of
their own. All take turns, round by round.
"""

import argparse
from pathlib import Path
import subprocess
import sys
import tempfile
from time import perf_counter

from camera import messages
import cv2
from fliqe_ros.msg import QualityScore
from fliqe_ros.tools.demo_system import check_alive, isolated, running
from growth import table
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from records import write
from sensor_msgs.msg import Image

_CAMERA, _RATE_HZ = '/camera', 30
_WIDTH, _HEIGHT = 640, 512


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--rounds', type=int, default=9, help='default 9')
    arguments.add_argument('--out', type=Path, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='one round')
    return arguments


class Robot:
    """A camera that runs all the time, and a listener to its scores."""

    def __init__(self, frame: Image):
        self.scores = 0
        self._node = rclpy.create_node('robot')
        publisher = self._node.create_publisher(
            Image, f'{_CAMERA}/image_raw', qos_profile_sensor_data)
        self._node.create_timer(1 / _RATE_HZ, lambda: self._publish(publisher, frame))
        self._node.create_subscription(
            QualityScore, f'{_CAMERA}/quality', self._on_score, qos_profile_sensor_data)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)

    def close(self) -> None:
        """Leave."""
        self._executor.shutdown()
        self._node.destroy_node()

    def await_score(self, process) -> None:
        """Return when a score has come; raise ``DemoError`` if the node ends before."""
        self.scores = 0
        while not self.scores:
            self._executor.spin_once(timeout_sec=0.01)
            check_alive([process])

    def _publish(self, publisher, frame: Image) -> None:
        frame.header.stamp = self._node.get_clock().now().to_msg()
        publisher.publish(frame)

    def _on_score(self, _: QualityScore) -> None:
        self.scores += 1


def start_node(robot: Robot, folder: Path) -> float:
    """Start the node with the camera named; return the seconds until its first score."""
    began_s = perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as own, running('fliqe_ros.node.main', {
            'cameras': [_CAMERA], 'discover': 'false', 'device': 'cpu'}, Path(own)) as node:
        robot.await_score(node)
        return perf_counter() - began_s


def run(*words: str) -> float:
    """Run Python; return the seconds that takes."""
    began_s = perf_counter()
    # In a folder without a fliqe_ros; -I would hide what a workspace puts on PYTHONPATH.
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL,
                   cwd=tempfile.gettempdir())
    return perf_counter() - began_s


def measure(rounds: int, folder: Path) -> list:
    """Return a row for each start: seconds, median and lowest, and times its imports."""
    image = messages('mono8', _WIDTH, _HEIGHT, 0)[0]
    picture = folder / 'picture.png'
    cv2.imwrite(str(picture), np.frombuffer(image.data, np.uint8).reshape(_HEIGHT, _WIDTH))
    rclpy.init()
    robot = Robot(image)
    libraries = 'import numpy, cv2, onnxruntime'
    times = np.array([[
        (start_node(robot, folder), run('-c', f'{libraries}, rclpy.node')),
        (run('-m', 'fliqe_ros.tools.fliqe', 'score', str(picture)), run('-c', libraries))]
        for _ in range(rounds)])  # round, start, (itself, its imports)
    robot.close()
    rclpy.shutdown()
    return [{'start': name, 'median_s': float(np.median(took)), 'lowest_s': float(took.min()),
             'imports_s': float(np.median(imports)),
             'times_imports': float(np.median(took / imports))}
            for name, (took, imports) in zip(
                ('node, to its first score', 'fliqe score of a picture'),
                times.transpose(1, 2, 0))]


def main() -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args()
    rounds = 1 if options.quick else options.rounds
    with tempfile.TemporaryDirectory() as scratch, isolated(Path(scratch)):
        starts = measure(rounds, Path(scratch))
    print(table(starts, {
        'Start': lambda r: r['start'], 's': lambda r: r['median_s'],
        'lowest': lambda r: r['lowest_s'], 'its imports (s)': lambda r: r['imports_s'],
        'times its imports': lambda r: r['times_imports']}))
    if options.out or not options.quick:
        write('start', {'rounds': rounds}, {'starts': starts}, *filter(None, [options.out]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
