"""The crop that is shown of a picture, and the way back to 8 bits."""

import subprocess
import sys

from fliqe_ros.imaging.crops import richest_corner
from fliqe_ros.imaging.pixels import to_uint8
import numpy as np


def test_the_crop_lies_where_the_structure_is():
    image = np.full((200, 300), 90, np.uint8)
    blocks = np.random.default_rng(0).integers(0, 2, (5, 5)).astype(np.uint8) * 200
    image[120:180, 40:100] = np.kron(blocks, np.ones((12, 12), np.uint8))
    row, column = richest_corner(image, 80)
    assert 90 <= row <= 125 and 15 <= column <= 45


def test_a_crop_larger_than_the_picture_is_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (60, 90)).astype(np.uint8)
    assert richest_corner(image, 224) == (0, 0)
    row, column = richest_corner(image, 70)
    assert row == 0 and 0 <= column <= 20


def test_levels_are_rounded_and_clipped():
    levels = to_uint8(np.array([[-3.0, 0.4, 0.6], [254.7, 255.2, 300.0]], np.float32))
    assert levels.dtype == np.uint8 and levels.tolist() == [[0, 0, 1], [255, 255, 255]]


def test_crops_need_no_training_side(tmp_path):
    program = ("import sys; sys.modules.update(dict.fromkeys(('torch', 'sklearn', 'av')));"
               'import fliqe_ros.imaging.crops, fliqe_ros.imaging.pixels')
    subprocess.run([sys.executable, '-c', program], cwd=tmp_path, check=True)
