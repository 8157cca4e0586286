"""
A camera that misbehaves: its format changes, it floods, and some of its frames are bad.

While there is a file ``calm`` in its folder, it only sends good frames at its usual rate.
"""

from array import array
from pathlib import Path
import sys
import time

from hostile_frames import hostile_image
import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

RATE_HZ = 10.0
_FLOOD_HZ, _FLOOD_S = 150.0, 1.0
_FORMATS = (('mono8', np.uint8, 1), ('mono16', np.uint16, 1), ('16UC1', np.uint16, 1),
            ('32FC1', np.float32, 1), ('bgr8', np.uint8, 3), ('rgba8', np.uint8, 4),
            ('yuv422_yuy2', np.uint8, 2), ('bayer_rggb8', np.uint8, 1))
_SIZES = ((160, 120), (320, 256), (640, 512))
# Chances of each frame
_BAD, _OTHER_FORMAT, _FLOOD = 0.05, 0.02, 0.005


def good_frames(rng: np.random.Generator) -> list[Image]:
    """Return two frames, a ramp with noise, in a format and a size at random."""
    encoding, dtype, channels = _FORMATS[rng.integers(len(_FORMATS))]
    width, height = _SIZES[rng.integers(len(_SIZES))]
    ramp = np.linspace(60, 180, width * channels)
    frames = []
    for _ in range(2):
        pixels = (ramp + rng.normal(0, 4, (height, width * channels))).astype(dtype)
        frames.append(Image(
            height=height, width=width, encoding=encoding, step=pixels.strides[0],
            is_bigendian=int(sys.byteorder == 'big'), data=array('B', pixels.tobytes())))
    return frames


def bad_frame(rng: np.random.Generator) -> Image:
    """Return a frame with something wrong, or nearly."""
    fields = vars(hostile_image(rng))
    fields['data'] = array('B', fields['data'])
    fields['encoding'] = fields['encoding'].replace('\0', '')  # no string of a message holds it
    return Image(**fields)


def main() -> None:
    """Arguments: image topic, seed."""
    topic, seed = sys.argv[1:]
    rng = np.random.default_rng(int(seed))
    rclpy.init()
    node = rclpy.create_node(f'camera{seed}')
    publisher = node.create_publisher(
        Image, topic, QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
    frames, flood_until_s = good_frames(rng), 0.0
    number = 0
    while rclpy.ok():
        number += 1
        dice, is_calm = rng.random(3), Path('calm').exists()
        if dice[0] < _OTHER_FORMAT:
            frames = good_frames(rng)
        if dice[1] < _FLOOD:
            flood_until_s = time.monotonic() + _FLOOD_S
        is_bad = dice[2] < _BAD and not is_calm
        message = bad_frame(rng) if is_bad else frames[number % 2]
        stamp = message.header.stamp
        stamp.sec, stamp.nanosec = divmod(time.time_ns(), 10**9)
        publisher.publish(message)
        floods = time.monotonic() < flood_until_s and not is_calm
        time.sleep(1 / (_FLOOD_HZ if floods else RATE_HZ))


if __name__ == '__main__':
    main()
