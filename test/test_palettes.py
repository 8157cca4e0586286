"""Colour palettes: drawn, learnt from the colours of pictures, and turned back into levels."""

from pathlib import Path

import cv2
from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import FLIQE
from fliqe_ros.imaging.palette_reader import PALETTE_CHOICES, PaletteReader, to_gray
from fliqe_ros.imaging.palettes import colorize, PALETTES, SHOWN_PALETTES
from fliqe_ros.models.preprocessing import preprocess_thermal_s
from fliqe_ros.sessions import OnlineFLIQE
from fliqe_ros.simulation.distortions import distort
import numpy as np
import pytest

CASES = Path(__file__).resolve().parents[2] / 'shared' / 'cases'

#: RGB colours from cold to hot of palettes that are not in the list: an ironbow, a rainbow, a
#: glowbow and an arctic as other cameras draw them, and gray levels with red above.
OTHERS = {
    'iron': ((0, 0, 35), (60, 0, 115), (140, 0, 155), (195, 25, 110), (228, 70, 30),
             (246, 138, 0), (254, 205, 40), (255, 248, 180)),
    'rainbow': ((20, 0, 60), (0, 0, 160), (0, 110, 255), (0, 210, 170), (90, 230, 50),
                (230, 220, 0), (255, 120, 0), (220, 0, 0), (255, 160, 180)),
    'glowbow': ((0, 0, 0), (120, 20, 0), (220, 90, 10), (255, 190, 60), (255, 255, 220)),
    'helix': ((0, 0, 0), (26, 25, 53), (21, 79, 72), (85, 122, 47), (193, 121, 90),
              (208, 151, 210), (196, 213, 240), (255, 255, 255)),
}


@pytest.fixture(scope='module')
def frames():
    """Return frames of little noise: compression mixes the colours of neighbours."""
    return [cv2.GaussianBlur(frame.to_8bit(), (0, 0), 1.0)
            for frame in synthetic_source(8, 5, 240, 320).training[:4]]


@pytest.fixture(scope='module')
def fliqe():
    return FLIQE(device='cpu', threads=1)


def draw(gray, colors):
    """Colour a picture by RGB colours that are evenly spaced from level 0 to 255."""
    steps = np.linspace(0, 255, len(colors))
    channels = [np.interp(np.arange(256), steps, channel) for channel in zip(*colors)]
    return np.rint(np.stack(channels[::-1], axis=1)).astype(np.uint8)[gray]


def transmit(picture, quality=90):
    """Return a picture as JPEG with a quarter of its chroma brings it."""
    done, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def error(ours, levels, scaled=False):
    """Return the mean error in levels; scaled: beside the straight line that is nearest."""
    ours, levels = ours.ravel().astype(float), levels.ravel().astype(float)
    if scaled:
        ours = np.polyval(np.polyfit(ours, levels, 1), ours)
    return np.abs(ours - levels).mean()


@pytest.mark.parametrize('name', SHOWN_PALETTES)
def test_palettes_go_from_dark_to_light(name):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    coloured = colorize(ramp, name)
    assert coloured.shape == (16, 16, 3) and coloured.dtype == np.uint8
    gray = cv2.cvtColor(coloured, cv2.COLOR_BGR2GRAY).ravel().astype(int)
    assert gray[255] > gray[0] + 150
    assert np.ptp(coloured.reshape(-1, 3), axis=1).max() > 100, 'colours'
    assert len(np.unique(coloured.reshape(-1, 3), axis=0)) > 200, 'hardly any level is lost'


@pytest.mark.parametrize('name', PALETTES)
def test_levels_come_back(frames, name):
    for frame in frames:
        assert error(to_gray(colorize(frame, name)), frame, scaled=True) < 2


@pytest.mark.parametrize('axis', [0, 1])
def test_levels_come_back_however_long_the_picture(axis):
    ramp = np.resize(np.arange(256, dtype=np.uint8), (3, 70_000))  # OpenCV takes 32766 at once
    picture = ramp if axis else np.ascontiguousarray(ramp.T)
    levels = PaletteReader('ironbow').to_gray(colorize(picture, 'ironbow'))
    assert levels.shape == picture.shape
    assert np.abs(levels.astype(int) - picture).max() <= 4


@pytest.mark.parametrize('name', SHOWN_PALETTES)
def test_levels_come_back_through_what_happens_to_colours(frames, name):
    for frame in frames:
        transmitted = transmit(colorize(frame, name))
        cv2.putText(transmitted, '-12.3 C', (20, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0))
        assert np.median(np.abs(to_gray(transmitted).astype(int) - frame)) <= 3


@pytest.mark.parametrize('name', OTHERS)
def test_palettes_of_no_list_are_learnt(frames, name):
    errors = []
    for frame in frames:
        picture = draw(frame, OTHERS[name])
        assert error(to_gray(picture), frame, scaled=True) < 7
        transmitted = transmit(cv2.GaussianBlur(picture, (3, 3), 0))
        cv2.putText(transmitted, '32.1', (10, 40), 0, 1, (255, 255, 255), 2)
        cv2.rectangle(transmitted, (0, 220), (120, 240), (90, 90, 90), -1)
        errors.append(error(to_gray(transmitted), frame, scaled=True))
    assert np.median(errors) < 10


@pytest.mark.parametrize('name', OTHERS)
def test_levels_of_a_learnt_palette_rise_and_are_many(name):
    ramp = np.arange(256, dtype=np.uint8).repeat(64).reshape(128, 128)
    levels = to_gray(draw(ramp, OTHERS[name])).ravel()[::64].astype(int)
    assert np.diff(levels).min() >= -1, 'dark end first, in order'
    assert len(np.unique(levels)) >= 160
    assert levels[0] < 20 and levels[-1] > 180


def test_noise_stays_noise(frames):
    for frame in frames:
        noisy = distort(frame, Distortion.GAUSSIAN_NOISE)
        assert error(to_gray(colorize(noisy, 'ironbow')), noisy) < 2


def test_gray_pictures_become_luma(frames):
    picture = np.repeat(frames[0][:, :, None], 3, axis=2)
    assert np.array_equal(to_gray(picture), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    assert np.array_equal(to_gray(picture), frames[0])
    cv2.putText(picture, '32.1', (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 255), 2)
    assert np.array_equal(to_gray(picture), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def test_colours_that_fill_the_cube_become_luma(frames):
    random = np.random.default_rng(0)
    blotches = cv2.resize(random.integers(0, 256, (12, 16, 3), np.uint8), (320, 240))
    composite = np.stack(frames[:3], axis=2)
    for picture in (blotches, composite):
        assert np.array_equal(to_gray(picture), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def test_colours_of_16_bits_become_luma(frames):
    deep = colorize(frames[0], 'ironbow').astype(np.uint16) * 257
    assert np.array_equal(to_gray(deep), cv2.cvtColor(deep, cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize('shape', [(1, 1), (3, 200), (200, 2), (240, 320)])
def test_pictures_of_one_colour(shape):
    gray = np.full(shape, 77, np.uint8)
    assert np.ptp(to_gray(colorize(gray, 'rainbow')).astype(int)) == 0


def test_the_model_sees_the_levels(frames):
    seen = preprocess_thermal_s(colorize(frames[0], 'arctic'))
    assert np.abs(seen[0].astype(int) - preprocess_thermal_s(frames[0])[0]).max() <= 5


def test_unknown_name():
    with pytest.raises(KeyError, match='sepia'):
        colorize(np.zeros((64, 64), np.uint8), 'sepia')


@pytest.mark.parametrize('tint', [(0.6, 0.8, 1), (0, 0, 1), (0.2, 1, 0.3)])
def test_a_tint_is_read_as_its_levels(frames, tint):
    for frame in frames:
        tinted = np.rint(frame[:, :, None] * np.array(tint)).astype(np.uint8)
        assert np.abs(to_gray(tinted).astype(int) - frame).max() <= 1
        assert error(to_gray(transmit(tinted)), frame) < 5


@pytest.mark.parametrize('offset, slope', [
    ((40, 20, 0), (0.6, 0.8, 0.9)), ((60, 50, 45), (0.5, 0.6, 0.7)),
    ((0, 30, 60), (0.75, 0.8, 0.7)), ((70, 20, 20), (0.6, 0.9, 0.6))])
def test_a_tint_above_black_keeps_its_steps(frames, offset, slope):
    for frame in frames:
        tinted = np.rint(np.array(offset) + frame[:, :, None] * np.array(slope)).astype(np.uint8)
        assert error(to_gray(tinted), frame, scaled=True) < 1


@pytest.mark.parametrize('name', [*SHOWN_PALETTES, 'opencv_inferno'])
def test_a_narrow_part_of_a_palette_is_read_as_its_levels(frames, name):
    for lowest in (20, 100, 180):
        frame = lowest + frames[0] // 6
        assert error(to_gray(colorize(frame, name)), frame) < 3


def test_a_palette_is_kept(frames):
    reader = PaletteReader()
    iron, rainbow = (draw(frames[0], OTHERS[name]) for name in ('iron', 'rainbow'))
    first = reader.to_gray(iron)
    reader.to_gray(rainbow)
    assert np.array_equal(reader.to_gray(iron), first), 'one odd frame changes nothing'
    for _ in range(2):
        reader.to_gray(np.zeros_like(iron))
    assert np.array_equal(reader.to_gray(iron), first), 'nor does a closed shutter'


def test_frames_of_a_sequence_are_read_alike(frames):
    reader = PaletteReader()
    reader.to_gray(transmit(draw(frames[0], OTHERS['iron'])))
    ramp = draw(np.arange(40, 216, dtype=np.uint8).repeat(60).reshape(88, 120), OTHERS['iron'])
    before = reader.to_gray(ramp)
    for seed in range(12):
        noisy = distort(frames[seed % 4], Distortion.GAUSSIAN_NOISE) if seed % 3 else frames[1]
        reader.to_gray(transmit(draw(noisy, OTHERS['iron']), 70 + 2 * seed))
    assert error(reader.to_gray(ramp), before) < 3


def test_another_palette_is_noticed_within_three_frames(frames):
    reader = PaletteReader()
    reader.to_gray(draw(frames[0], OTHERS['iron']))
    for picture, levels in ((draw(frames[1], OTHERS['rainbow']), frames[1]),
                            (np.repeat(frames[2][:, :, None], 3, axis=2), frames[2]),
                            (colorize(frames[3], 'lava'), frames[3])):
        for _ in range(2):
            reader.to_gray(picture)
        assert error(reader.to_gray(picture), levels, scaled=True) < 5


def test_colours_beyond_the_known_part_extend_a_palette(frames):
    reader = PaletteReader()
    cold = frames[0] // 2
    reader.to_gray(draw(cold, OTHERS['rainbow']))
    for _ in range(3):
        levels = reader.to_gray(draw(frames[1], OTHERS['rainbow']))
    assert error(levels, frames[1], scaled=True) < 5
    assert error(reader.to_gray(draw(cold, OTHERS['rainbow'])), cold, scaled=True) < 5


def test_the_score_is_that_of_the_gray_frame(frames, fliqe):
    wanted = fliqe.estimate_batch(frames)
    for colors in [*OTHERS.values(), ((0, 0, 0), (255, 0, 0)), ((0, 0, 0), (255, 170, 0))]:
        found = fliqe.estimate_batch([draw(frame, colors) for frame in frames])
        assert np.abs(np.subtract(found, wanted)).mean() < 0.03


def test_a_session_keeps_its_palette(frames):
    online = OnlineFLIQE(smoothing_window_size=1, device='cpu', threads=1)
    for session in 'ab':
        online.create_session(session)
    iron = draw(frames[0], OTHERS['iron'])
    score = online.estimate_smoothed_quality(iron, 'a')
    online.estimate_smoothed_quality(draw(frames[1], OTHERS['rainbow']), 'b')
    assert online.estimate_smoothed_quality(iron, 'a') == score
    # read as the part of ironbow that it is, not as a palette of its own
    dim = draw(frames[0] // 4, OTHERS['iron'])
    kept = online.estimate_smoothed_quality(dim, 'a')
    online.create_session('c')
    assert online.estimate_smoothed_quality(dim, 'c') != kept


@pytest.mark.skipif(not CASES.is_dir(), reason='needs the shared cases')
def test_a_real_frame_in_a_one_colour_palette_scores_as_in_gray(fliqe):
    scores = [fliqe.estimate_image_quality(cv2.imread(str(CASES / name)))
              for name in ('red_monochrome_palette.png', 'red_monochrome_gray.png')]
    assert abs(scores[0] - scores[1]) < 0.02


def test_a_palette_that_is_named_is_kept(frames):
    assert PALETTE_CHOICES == ('auto', 'none', *PALETTES)
    reader, never = PaletteReader('ironbow'), PaletteReader('none')
    rainbow = colorize(frames[0], 'rainbow')
    for _ in range(5):  # another one would be decided by now
        assert error(reader.to_gray(rainbow), frames[0]) > 10
        np.testing.assert_array_equal(
            never.to_gray(rainbow), cv2.cvtColor(rainbow, cv2.COLOR_BGR2GRAY))
    assert error(reader.to_gray(colorize(frames[0], 'ironbow')), frames[0]) < 2
    np.testing.assert_array_equal(reader.to_gray(frames[0]), frames[0])


def test_a_palette_that_is_named_needs_no_colours_to_learn_from():
    few = colorize(np.full((32, 32), 90, np.uint8), 'arctic')
    assert error(PaletteReader('arctic').to_gray(few), np.full((32, 32), 90)) <= 1
    assert error(PaletteReader().to_gray(few), np.full((32, 32), 90)) > 10
