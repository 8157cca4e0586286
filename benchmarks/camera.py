"""
A camera for benchmarks: one process that publishes prepared frames when it is told to.

It reads lines ``{"rate_hz": 30, "start_s": unix time, "seconds": 5}`` from standard input, and
answers each, once it has published so long, with the stamps of the frames in ns. The frames are
made beforehand, so that the camera itself takes next to no time from what is measured.
"""

from array import array
import json
import sys
import time

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

_FRAMES = 4


def messages(encoding: str, width: int, height: int, seed: int) -> list:
    """Return a few different image messages, ``mono8`` or ``mono16``."""
    scene, rng = ThermalScene(seed, height, width), np.random.default_rng(seed)
    pictures = [scene.sensor_counts(scene.render(n / 30), rng) for n in range(_FRAMES)]
    if encoding == 'mono8':
        pictures = [GainControl()(counts) for counts in pictures]
    return [Image(height=height, width=width, encoding=encoding, step=picture.strides[0],
                  is_bigendian=int(sys.byteorder == 'big'), data=array('B', picture.tobytes()))
            for picture in pictures]


def publish(publisher, frames: list, rate_hz: float, start_s: float, seconds: float) -> list:
    """Publish two frames or more at a fixed rate; return the stamps in ns."""
    stamps_ns = []
    for number in range(max(round(rate_hz * seconds), 2)):
        time.sleep(max(start_s + number / rate_hz - time.time(), 0))
        message = frames[number % len(frames)]
        stamps_ns.append(time.time_ns())
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamps_ns[-1], 10**9)
        publisher.publish(message)
    return stamps_ns


def main() -> None:
    """Arguments: namespace, encoding, width, height, seed, reliability."""
    name, encoding, width, height, seed, reliability = sys.argv[1:]
    frames = messages(encoding, int(width), int(height), int(seed))
    rclpy.init()
    node = rclpy.create_node('camera', namespace=name)
    publisher = node.create_publisher(
        Image, 'image_raw', QoSProfile(depth=5, reliability=ReliabilityPolicy[reliability]))
    while not publisher.get_subscription_count():
        time.sleep(0.02)
    print('ready', flush=True)
    for line in sys.stdin:
        print(json.dumps(publish(publisher, frames, **json.loads(line))), flush=True)


if __name__ == '__main__':
    main()
