"""
What the monitor hears, without cameras and a model: one process that publishes as a node does.

Scores of all cameras at a rate, diagnostics at 1 Hz, and for each camera whose preview is
subscribed that at 5 Hz. It ends when its standard input does.
"""

import argparse
from array import array
import select
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fliqe_ros.msg import QualityScore
import numpy as np
import rclpy
from sensor_msgs.msg import Image

_HEIGHT, _WIDTH = 256, 320
_PREVIEWS_HZ = 5.0


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--cameras', type=int, required=True)
    arguments.add_argument('--rate', type=float, required=True, help='of the scores in Hz')
    return arguments


class Publisher:
    """The topics of all cameras."""

    def __init__(self, node, cameras: int):
        self.names = [f'/camera{number:02}' for number in range(cameras)]
        self._scores = [node.create_publisher(QualityScore, f'{name}/quality', 10)
                        for name in self.names]
        self._previews = [node.create_publisher(Image, f'{name}/quality/preview', 1)
                          for name in self.names]
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._rng = np.random.default_rng(0)
        picture = self._rng.integers(0, 255, (_HEIGHT, _WIDTH, 3), np.uint8)
        self._preview = Image(height=_HEIGHT, width=_WIDTH, step=3 * _WIDTH, encoding='bgr8',
                              data=array('B', picture.tobytes()))

    def publish_score(self, number: int) -> None:
        """Publish the score of a camera; one in four is bad."""
        is_bad = number % 4 == 3
        score = float(self._rng.uniform(0.1, 0.2) if is_bad else self._rng.uniform(0.8, 0.9))
        message = QualityScore(
            camera=self.names[number], score=score, smoothed_score=score, status_score=score,
            status=QualityScore.STATUS_BAD if is_bad else QualityScore.STATUS_OK,
            status_distortion=int(is_bad), model='thermal_s 8 0123456789ab',
            reason='lens_blur: focus the lens' if is_bad else '')
        message.latency.nanosec = 20_000_000
        self._scores[number].publish(message)

    def publish_preview(self, number: int) -> None:
        """Publish the preview of a camera, if somebody subscribes it."""
        if self._previews[number].get_subscription_count():
            self._previews[number].publish(self._preview)

    def publish_diagnostics(self) -> None:
        """Publish a status for each camera, with as many values as the node's has."""
        others = [KeyValue(key=f'value {number}', value='1.0') for number in range(25)]
        self._diagnostics.publish(DiagnosticArray(status=[
            DiagnosticStatus(name=f'fliqe: {name[1:]}', values=[
                KeyValue(key='camera', value=name), *others]) for name in self.names]))


def main() -> None:
    """Publish evenly over time until standard input ends."""
    options = parser().parse_args()
    rclpy.init()
    publisher = Publisher(rclpy.create_node('fliqe'), options.cameras)
    places = range(options.cameras)
    # What is to be done, how often in a second, and when it is to be done next.
    due = [[time.monotonic() + (place + 1) / options.cameras / rate, 1 / rate, act, place]
           for act, rate in ((publisher.publish_score, options.rate),
                             (publisher.publish_preview, _PREVIEWS_HZ)) for place in places]
    diagnosed_s = 0.0
    while True:
        nearest = min(due)
        left_s = max(nearest[0] - time.monotonic(), 0)
        if select.select([sys.stdin], [], [], left_s)[0]:
            return
        nearest[2](nearest[3])
        nearest[0] += nearest[1]
        if time.monotonic() - diagnosed_s >= 1:
            diagnosed_s = time.monotonic()
            publisher.publish_diagnostics()


if __name__ == '__main__':
    main()
