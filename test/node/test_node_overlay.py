"""The overlay image of the running node."""

import time

import numpy as np
import pytest
from sensor_msgs.msg import Image

FRONT = '/flir_front'


@pytest.fixture
def count_drawn(robot, run_node):
    """Return a function that lets one frame be scored and returns how many were drawn so far."""
    run_node(cameras=[FRONT], warn_below=0.0, error_below=0.0)  # never in doubt
    front = robot.active_camera(FRONT)

    def count() -> int:
        front.publish()
        robot.wait_for_scores(FRONT, len(front.sent))
        status = robot.wait_for_status(
            f'fliqe: {FRONT}', lambda s: ('scored', str(len(front.sent))) in robot.values(s))
        return int(dict(robot.values(status))['overlay images'])

    return count


def test_overlay_is_drawn_only_while_somebody_looks(robot, count_drawn):
    assert [count_drawn() for _ in range(2)] == [0, 0]
    pictures = []
    viewer = robot.node.create_subscription(
        Image, f'{FRONT}/quality/image', pictures.append, 10)
    counts = [0]
    # It takes a moment until the node knows of the viewer, and that it has left.
    while len(pictures) < 2:
        counts.append(count_drawn())
    robot.node.destroy_subscription(viewer)
    while counts[-1] != counts[-2]:
        counts.append(count_drawn())
    assert count_drawn() == counts[-1] >= len(pictures)
    for picture in pictures:
        check(picture, [score.header for score in robot.scores[FRONT]])


def test_previews_are_small_and_few(robot, run_node, to_message):
    run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    previews, images = [], []
    robot.node.create_subscription(Image, f'{FRONT}/quality/preview', previews.append, 100)
    front.run(60, to_message(np.full((64, 640), 100, np.uint8)))
    robot.spin_until(lambda: previews, 'a preview')
    assert (previews[0].height, previews[0].width, previews[0].encoding) == (32, 320, 'bgr8')
    robot.node.create_subscription(Image, f'{FRONT}/quality/image', images.append, 100)
    robot.spin_until(lambda: images, 'an image')
    begun_s, before = time.monotonic(), len(previews)
    robot.spin_until(lambda: len(previews) - before == 8, 'previews')
    assert time.monotonic() - begun_s > 7 * 0.15
    assert len(images) > 8 and images[0].width == 640


def test_the_affected_share_of_the_frame_is_told(robot, run_node, to_message):
    run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    noise = front.frame() + np.random.default_rng(0).normal(0, 40, (128, 160))
    front.publish(to_message(np.clip(noise, 0, 255).astype(np.uint8)))
    *_, score = robot.wait_for_scores(FRONT, 1)
    assert 0.5 < score.affected_share <= 1
    status = robot.wait_for_status(
        f'fliqe: {FRONT}', lambda s: ('scored', '1') in robot.values(s))
    assert ('affected share', f'{score.affected_share:.2f}') in robot.values(status)


def check(picture: Image, headers: list):
    assert picture.header in headers
    assert (picture.height, picture.width, picture.encoding) == (128, 160, 'bgr8')
    assert picture.step == 3 * picture.width
    pixels = np.frombuffer(picture.data, np.uint8).reshape(128, 160, 3)
    # The caption's band is black with coloured writing, below it is the frame.
    assert (pixels[3:5, 4:-4] == 0).mean() > 0.5
    assert pixels[64].mean() > 50
