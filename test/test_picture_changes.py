"""Frozen pictures behind what still moves, living ones that hardly change, and closed shutters."""

from io import BytesIO

import cv2
from fliqe_ros.monitoring.picture_changes import (
    PictureWatch, REPEATED_SHARE, unchanged_share)
from fliqe_ros.monitoring.shutter import ShutterWatch
import numpy as np
import pytest

SIZES = pytest.mark.parametrize('height, width', [(60, 80), (120, 160), (256, 320), (512, 640)])


def scene(height, width, seed=0):
    """Return a scene in float gray levels: soft ground, a warm body, a clipped sky."""
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), width / 20)
    picture = 110 + 40 * ground / ground.std()
    cv2.ellipse(picture, (width // 2, height // 2), (width // 12, height // 5), 0, 0, 360, 220, -1)
    picture[:height // 8] = -40.0
    return picture


def clock(picture, number):
    height, width = picture.shape
    size = height / 400
    cv2.putText(picture, f'12:00:{number % 60:02}.{number % 10}', (width // 20, height // 6),
                cv2.FONT_HERSHEY_SIMPLEX, size, 255, max(round(size), 1))


def telemetry(edge):
    def draw(picture, number):
        rng = np.random.default_rng(number)
        place = {'top': picture[:2], 'bottom': picture[-2:], 'left': picture[:, :2],
                 'right': picture[:, -2:]}[edge]
        place[:] = rng.integers(0, 256, place.shape)
    return draw


def cross(picture, number):
    """Draw a cross over the whole picture that moves with every frame."""
    picture[(7 * number) % picture.shape[0]] = 255
    picture[:, (11 * number) % picture.shape[1]] = 255


EDGES = ('top', 'bottom', 'left', 'right')
DISPLAYS = {'clock': clock, 'cross': cross,
            **{f'telemetry {edge}': telemetry(edge) for edge in EDGES}}


@SIZES
@pytest.mark.parametrize('display', DISPLAYS)
@pytest.mark.parametrize('colour', [False, True])
def test_a_frozen_picture_is_noticed_behind_a_display(height, width, display, colour):
    watch = PictureWatch()
    frozen = np.clip(scene(height, width), 0, 255).astype(np.uint8)
    changes = []
    for number in range(20):
        picture = frozen.copy()
        DISPLAYS[display](picture, number)
        if colour:
            picture = cv2.applyColorMap(picture, cv2.COLORMAP_INFERNO)
        changes.append(watch.look(picture))
    assert not changes[0].is_repeated
    assert all(change.is_repeated for change in changes[1:])
    assert any(change.unchanged < 1 for change in changes[1:])


@SIZES
@pytest.mark.parametrize('display', DISPLAYS)
def test_a_display_never_makes_a_frozen_picture_develop(height, width, display):
    watch = PictureWatch()
    frozen = np.clip(scene(height, width), 0, 255).astype(np.uint8)
    for number in range(300):
        picture = frozen.copy()
        DISPLAYS[display](picture, number)
        change = watch.look(picture)
        assert number == 0 or change.is_same and not change.is_video


def coded(pictures, crf):
    """Return pictures as an H.264 video shows them."""
    av = pytest.importorskip('av')
    file = BytesIO()
    with av.open(file, 'w', format='matroska') as container:
        stream = container.add_stream('libx264', rate=30, options={
            'crf': str(crf), 'g': '250', 'threads': '1'})
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = 'yuv420p'
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='gray')))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format='gray') for frame in container.decode(video=0)]


@pytest.mark.parametrize('noise, crf', [(0.3, 18), (1.5, 23), (1.5, 32), (4, 32)])
def test_a_video_that_hardly_moves_is_no_freeze(noise, crf):
    rng, still = np.random.default_rng(3), scene(256, 320)
    pictures = []
    for number in range(240):  # a warm body walks by, slowly
        picture = still + rng.normal(0, noise, still.shape)
        cv2.circle(picture, (20 + number, 150), 9, 200, -1)
        pictures.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    watch, since, longest = PictureWatch(), 0, 0
    changes = [watch.look(picture) for picture in coded(pictures, crf)]
    assert np.mean([change.unchanged > REPEATED_SHARE for change in changes]) > 0.5
    for number, change in enumerate(changes):
        since = since if change.is_same else number
        longest = max(longest, number - since)
    assert longest < 150, 'it is FROZEN after 5 s'
    assert sum(change.is_repeated for change in changes[120:]) < 15


def test_a_video_that_freezes_is_noticed_behind_a_clock():
    rng, still, pictures = np.random.default_rng(4), scene(256, 320), []
    for number in range(240):
        if number < 90:
            picture = np.clip(still + rng.normal(0, 6, still.shape), 0, 255)
            cv2.circle(picture, (20 + number, 150), 9, 200, -1)
        shown = picture.astype(np.uint8)
        clock(shown, number)
        pictures.append(shown)
    watch = PictureWatch()
    changes = [watch.look(picture) for picture in coded(pictures, 28)]
    assert not all(change.is_same for change in changes[30:90])
    assert sum(change.is_same for change in changes[130:]) > 100


@SIZES
@pytest.mark.parametrize('noise', [0.02, 0.05, 0.2, 1.0, 5.0])
def test_sensor_noise_on_a_static_scene_is_no_freeze(height, width, noise):
    """Noise is in levels of 8 bits, so that most pixels stay the same where it is small."""
    watch, rng, still = PictureWatch(), np.random.default_rng(1), scene(height, width)
    for number in range(60):
        picture = np.clip(still + rng.normal(0, noise, still.shape), 0, 255)
        picture = np.rint(picture).astype(np.uint8)
        clock(picture, 0)  # a display that stands still is no frozen picture
        change = watch.look(picture)
        assert not change.is_repeated and not change.is_blank


def test_a_clipped_sky_is_no_freeze():
    watch, rng = PictureWatch(), np.random.default_rng(1)
    for _ in range(30):
        picture = np.zeros((256, 320), np.uint8)
        picture[230:] = rng.integers(90, 110, (26, 320))
        assert not watch.look(picture).is_repeated


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32, np.float64])
def test_the_share_that_stays_the_same(dtype):
    before = np.arange(60 * 60).reshape(60, 60).astype(dtype)
    assert unchanged_share(before, before.copy()) == 1.0
    after = before.copy()
    after[:15] += 1
    assert unchanged_share(before, after) == 0.75
    after[:45] += 1
    assert unchanged_share(before, after) <= 0.25
    assert unchanged_share(before, (before + 1).astype(dtype)) == 0.0
    assert unchanged_share(before, before[:30]) == 0.0
    assert unchanged_share(before, before.astype(np.int32)) == 0.0


def test_pixels_that_are_no_number_stay_the_same():
    before = np.full((64, 64), np.nan, np.float32)
    before[8:-8, 8:-8] = 20.0
    assert unchanged_share(before, before.copy()) == 1.0
    assert not PictureWatch().look(before).is_blank


def counts(picture, rng):
    """Return 14-bit counts of a picture with the sensor's noise."""
    return (5000 + 10 * picture + rng.normal(0, 6, picture.shape)).astype(np.uint16)


def stretched(picture, rng):
    """Return what a camera shows in 8 bits, whose gain control stretches whatever there is."""
    raw = counts(picture, rng).astype(float)
    low, high = np.percentile(raw, (0.5, 99.5))
    return np.clip((raw - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def shutter(height, width):
    """Return a closed shutter with a little shading."""
    return 100 + np.linspace(0, 0.4, width)[None, :] + np.zeros((height, 1))


@SIZES
@pytest.mark.parametrize('camera', [counts, stretched])
def test_a_closed_shutter_is_blank(height, width, camera):
    watch, rng = PictureWatch(), np.random.default_rng(2)
    for _ in range(5):
        assert not watch.look(camera(scene(height, width), rng)).is_blank
    for _ in range(5):
        assert watch.look(camera(shutter(height, width), rng)).is_blank
    for _ in range(5):
        assert not watch.look(camera(scene(height, width, seed=7), rng)).is_blank
    assert watch.look(np.full((height, width), 128, camera(scene(height, width), rng).dtype)
                      ).is_blank


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('odd', [np.nan, np.inf, 3e38])
def test_a_closed_shutter_is_noticed_after_pixels_that_are_no_number(odd):
    watch, rng = PictureWatch(), np.random.default_rng(2)

    def bordered(picture):
        picture = counts(picture, rng).astype(np.float32)
        picture[:9] = np.nan
        return picture

    for _ in range(5):
        assert not watch.look(bordered(scene(120, 160))).is_blank
    assert not watch.look(np.full((120, 160), odd, np.float32)).is_blank
    assert not watch.look(bordered(scene(120, 160))).is_blank
    assert watch.look(bordered(shutter(120, 160))).is_blank


@pytest.mark.parametrize('fault', [
    lambda picture, rng: picture + rng.normal(0, 60, picture.shape),
    lambda picture, rng: picture * 0.3,
    lambda picture, rng: cv2.GaussianBlur(picture, (0, 0), 12),
    lambda picture, rng: 0.5 * picture + 0.5 * np.roll(picture, 10, 1),
    lambda picture, rng: picture[::-1, ::-1],
], ids=['noise', 'dark', 'blur', 'ghost', 'turned'])
def test_a_fault_is_no_closed_shutter(fault):
    watch, rng = PictureWatch(), np.random.default_rng(2)
    for number in range(20):
        picture = scene(256, 320)
        picture = fault(picture, rng) if number > 9 else picture + rng.normal(0, 1, picture.shape)
        assert not watch.look(np.clip(picture, 0, 255).astype(np.uint8)).is_blank


def test_a_picture_that_stays_blank_is_usual_once_it_is_accepted():
    watch, rng = PictureWatch(), np.random.default_rng(2)
    watch.look(counts(scene(120, 160), rng))
    assert watch.look(counts(shutter(120, 160), rng)).is_blank
    watch.accept()
    assert not watch.look(counts(shutter(120, 160), rng)).is_blank


def recorded(shutter, closed, rate_hz=10.0, longest_s=3.0):
    """Record a frame for each letter, ``x`` with a closed shutter; return the time after it."""
    for number, letter in enumerate(closed):
        shutter.record(letter == 'x', number / rate_hz, longest_s)
    return len(closed) / rate_hz


@pytest.mark.parametrize('closed, corrections', [
    ('----xxxx----', 1),
    ('-x-x-x-x-x-x', 0),                 # every frame is sent twice
    ('----xx----', 0),                   # as short as a hiccup
    ('-' + 31 * 'x' + '-', 1),
    ('-' + 33 * 'x' + '-', 0),           # a freeze
    ('xxxxxx', 0),                       # it goes on
    ('xxxx-xxxx-xxxx-', 3),
])
def test_a_correction_is_a_short_spell(closed, corrections):
    shutter = ShutterWatch()
    recorded(shutter, closed)
    assert shutter.corrections == corrections
    assert (shutter.closed_s > 0) == (closed[-2:] == 'xx')


def test_when_corrections_were_and_how_often_they_come():
    shutter = ShutterWatch()
    assert shutter.last_s is None and shutter.interval_s is None
    recorded(shutter, '-xxxx' + '---xxxx' + 3 * '--------xxxx' + '-')
    assert shutter.last_s == pytest.approx(4.8)
    assert shutter.interval_s == pytest.approx((4.8 - 0.5) / 4)
    shutter.restart_times()
    assert shutter.last_s is None and shutter.corrections == 5
