"""The overlay picture, drawn from arrays."""

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Status
from fliqe_ros.node.messages import bgr_message
from fliqe_ros.node.overlay import draw, reduced
import numpy as np
import pytest
from std_msgs.msg import Header

GRAY = np.full((256, 320), 100, np.uint8)
VERDICT = Verdict(0.5, 10, Status.DEGRADED)


def drawn(frame=GRAY, score=0.4, verdict=VERDICT, distortion=Distortion.LENS_BLUR, **kwargs):
    return draw(frame, score, verdict, distortion, **kwargs)


@pytest.mark.parametrize('shape', [(256, 320), (256, 320, 3), (64, 64), (8, 8), (1024, 2048)])
def test_shape_and_untouched_frame(shape):
    frame = np.full(shape, 100, np.uint8)
    picture = drawn(frame)
    assert picture.shape == (*shape[:2], 3) and picture.dtype == np.uint8
    assert (frame == 100).all()
    assert (picture != 100).any()


def test_frame_shows_below_the_caption():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (256, 320, 3)).astype(np.uint8)
    assert (drawn(frame)[60:-4, 4:-4] == frame[60:-4, 4:-4]).all()


def test_caption_tells_score_status_and_distortion():
    same = drawn()
    assert (same == drawn()).all()
    for change in ({'score': 0.9}, {'distortion': Distortion.GHOSTING},
                   {'verdict': Verdict(0.6, 10, Status.DEGRADED)},
                   {'verdict': Verdict(0.5, 10, Status.BAD)}):
        different = (drawn(**change) != same).any(axis=2)
        assert different[:40].any(), change
        assert not different[40:-4, 4:-4].any(), change


@pytest.mark.parametrize('distortion', Distortion)
@pytest.mark.parametrize('status', Status)
def test_caption_fits_the_width(distortion, status):
    drawn_one = drawn(score=1.0, verdict=Verdict(1.0, 9, status), distortion=distortion)
    band = drawn_one[3:10, :, :].max(axis=(0, 2))
    assert (band[-10:-3] == 0).all() and (band[3:200] > 0).any()


def test_no_two_types_have_the_same_caption():
    bands = {drawn(distortion=distortion)[:20].tobytes() for distortion in Distortion}
    assert len(bands) == len(Distortion)


def test_no_two_statuses_have_the_same_colour():
    borders = {drawn(verdict=Verdict(0.5, 10, status))[-1, 160].tobytes() for status in Status}
    assert len(borders) == len(Status)


@pytest.mark.parametrize('status, strongest', [
    (Status.OK, 1), (Status.BAD, 2)])
def test_border_has_the_colour_of_the_status(status, strongest):
    blue_green_red = drawn(verdict=Verdict(0.5, 10, status))[-1, 160]
    assert blue_green_red.argmax() == strongest


def test_bad_regions_are_red():
    quality_map = np.ones((4, 5), np.float32)
    quality_map[:, 4] = 0
    picture = drawn(quality_map=quality_map)[100:250]
    good, bad = picture[:, 4:100], picture[:, -20:-4]
    assert (good == 100).all()
    assert (bad[..., 2] > 150).all() and (bad[..., :2] < 60).all()


@pytest.mark.parametrize('shape, expected', [
    ((512, 640), (256, 320)), ((512, 640, 3), (256, 320, 3)), ((1, 2000), (1, 320)),
    ((480, 320), (480, 320)), ((60, 80, 3), (60, 80, 3))])
def test_previews_are_small(shape, expected):
    frame = np.full(shape, 100, np.uint8)
    assert reduced(frame).shape == expected
    assert (reduced(frame) == 100).all()


def test_message():
    header = Header(frame_id='optical')
    header.stamp.sec = 5
    picture = drawn()
    message = bgr_message(header, picture)
    assert message.header == header
    assert (message.height, message.width, message.step) == (256, 320, 960)
    assert message.encoding == 'bgr8'
    assert bytes(message.data) == picture.tobytes()
