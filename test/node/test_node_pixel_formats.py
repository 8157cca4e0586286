"""Pixel formats over DDS: scored as the library scores the frames that they hold."""

from array import array

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

FRONT = '/flir_front'
HEIGHT, WIDTH = 128, 160


@pytest.fixture
def library(model_file):
    return FLIQE(model_file, device='cpu')


def image(pixels, encoding, is_bigendian=0, height=HEIGHT):
    stored = pixels.astype(pixels.dtype.newbyteorder('>' if is_bigendian else '<'))
    return Image(height=height, width=WIDTH, encoding=encoding, is_bigendian=is_bigendian,
                 step=pixels.strides[0], data=array('B', stored.tobytes()))


def test_formats_are_scored_as_the_pictures_that_they_hold(robot, run_node, library):
    run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    gray = front.frame()
    celsius = gray / 8.0 - 10
    celsius[:, :6] = np.nan
    rgb16 = np.dstack([gray.astype(np.uint16) * 99] * 3)
    nv12 = np.vstack([gray, np.full((HEIGHT // 2, WIDTH), 128, np.uint8)])
    gain = GainControl()
    sent = [
        (image(celsius, '64FC1', 1), gain(celsius)),
        (image(gray.astype(np.int16) - 300, '16SC1'), gain(gray.astype(np.float32))),
        (image(rgb16, 'rgb16', 1), gain(rgb16)),
        (image(nv12, 'nv12'), cv2.cvtColor(nv12, cv2.COLOR_YUV2BGR_NV12))]
    for count, (message, picture) in enumerate(sent, 1):
        front.publish(message)
        *_, score = robot.wait_for_scores(FRONT, count)
        assert abs(score.score - library.assess(picture).score) < 1e-5, message.encoding


def test_tiff_of_temperatures(robot, run_node, library):
    run_node(cameras=[FRONT], transport='compressed')
    front = robot.active_camera(FRONT, 'image_raw/compressed', CompressedImage)
    kelvin = front.frame().astype(np.float32) / 8 + 270
    front.publish(CompressedImage(
        format='32FC1; tiff compressed ', data=cv2.imencode('.tiff', kelvin)[1].tobytes()))
    score, = robot.wait_for_scores(FRONT, 1)
    assert abs(score.score - library.assess(kelvin).score) < 1e-5


def test_a_name_without_meaning_is_told_in_the_diagnostics(robot, run_node):
    run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    front.publish(image(front.frame().astype(np.uint16), 'Y16'))
    meant = "'Y16' of the image cannot be read: counts of up to 16 bits are mono16, in the driver"
    robot.wait_for_status(f'fliqe: {FRONT}', lambda s: meant in s.message)
