"""Images that a driver describes wrongly: the reason of the verdict says what to set."""

from array import array

import cv2
from fliqe_ros.simulation.scenes.textures import dead_leaves
import numpy as np
import pytest
from sensor_msgs.msg import Image

FRONT = '/flir_front'
FLAGS = np.random.default_rng(1).integers(0, 4, (256, 320)).astype('<u2') << 14


def counts(number):
    """Return frames of a 14-bit camera that moves over a scene, (256, 320)."""
    scene = cv2.GaussianBlur(
        dead_leaves(np.random.default_rng(2), 256, 400).astype(np.float32), (0, 0), 1)
    noise = np.random.default_rng(number).normal(0, 2, (256, 320))
    return (7000 + 12 * scene[:, number:number + 320] + noise).astype('<u2')


def packed(frame):
    """Return a buffer for 16-bit counts, with counts of 12 bits packed at its beginning."""
    bits = ((frame - 6900) >> 1).reshape(-1, 1) >> np.arange(12) & 1
    data = np.packbits(bits.astype(np.uint8), bitorder='little')
    return np.pad(data, (0, 2 * frame.size - len(data))).view('<u2').reshape(frame.shape)


@pytest.mark.parametrize('misread, told', [
    (lambda frame: frame.byteswap(), 'the other byte order: is_bigendian is 0'),
    (packed, 'smooth as Mono12p, which packs its counts: the encoding is mono16'),
    (lambda frame: frame | FLAGS, 'smooth in its lower 14 bits')],
    ids=['byte order', 'packing', 'shift'])
def test_the_reason_says_how_to_mend_misread_images(robot, run_node, misread, told):
    run_node(cameras=[FRONT], min_frames=2, model='')
    front = robot.active_camera(FRONT)
    for number in range(5):
        frame = misread(counts(number))
        front.publish(Image(height=256, width=320, encoding='mono16', step=640,
                            data=array('B', frame.tobytes())))
        robot.wait_for_scores(FRONT, number + 1)
    last = robot.scores[FRONT][-1]
    assert last.status in (last.STATUS_DEGRADED, last.STATUS_BAD)
    assert told in last.reason
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level != s.OK)
    assert told in status.message
