"""Colour palettes: drawn, found again, and turned back into the levels they colour."""

import cv2
from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.palettes import colorize, find_palette, PALETTES, SHOWN_PALETTES, to_gray
from fliqe_ros.models.preprocessing import preprocess_thermal_s
from fliqe_ros.simulation.distortions import distort
import numpy as np
import pytest


@pytest.fixture(scope='module')
def frames():
    return [frame.to_8bit() for frame in synthetic_source(8, 5, 240, 320).training[:4]]


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
        coloured = colorize(frame, name)
        assert find_palette(coloured) == name
        difference = np.abs(to_gray(coloured).astype(int) - frame)
        assert difference.mean() < 0.2 and difference.max() <= 3


@pytest.mark.parametrize('name', SHOWN_PALETTES)
def test_levels_come_back_through_what_happens_to_colours(frames, name):
    for frame in frames:
        coloured = colorize(frame, name)
        done, data = cv2.imencode('.jpg', coloured, [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert done
        transmitted = cv2.imdecode(data, cv2.IMREAD_COLOR)
        cv2.putText(transmitted, '-12.3 C', (20, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0))
        assert find_palette(transmitted) == name
        assert np.median(np.abs(to_gray(transmitted).astype(int) - frame)) <= 5


def test_noise_stays_noise(frames):
    for frame in frames:
        noisy = distort(frame, Distortion.GAUSSIAN_NOISE)
        assert np.array_equal(to_gray(colorize(noisy, 'ironbow')), noisy)


def test_gray_and_other_pictures_become_luma(frames):
    random = np.random.default_rng(0)
    blotches = cv2.resize(random.integers(0, 256, (12, 16, 3), np.uint8), (320, 240))
    tinted = np.stack([frames[0], frames[0], cv2.add(frames[0], 9)], axis=-1)
    for image in (np.repeat(frames[0][:, :, None], 3, axis=2), tinted, blotches):
        assert find_palette(image) is None
        assert np.array_equal(to_gray(image), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def test_colours_of_16_bits_become_luma(frames):
    deep = colorize(frames[0], 'ironbow').astype(np.uint16) * 257
    assert find_palette(deep) is None
    assert np.array_equal(to_gray(deep), cv2.cvtColor(deep, cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize('shape', [(1, 1), (3, 200), (200, 2)])
def test_small_pictures(shape):
    gray = np.full(shape, 77, np.uint8)
    assert np.ptp(to_gray(colorize(gray, 'rainbow')).astype(int)) == 0


def test_the_model_sees_the_levels(frames):
    seen = preprocess_thermal_s(colorize(frames[0], 'arctic'))
    assert np.abs(seen[0].astype(int) - preprocess_thermal_s(frames[0])[0]).max() <= 3


def test_unknown_name():
    with pytest.raises(KeyError, match='sepia'):
        colorize(np.zeros((64, 64), np.uint8), 'sepia')


@pytest.mark.parametrize('tint', [(0.6, 0.8, 1), (0, 0, 1), (0.2, 1, 0.3)])
def test_a_tint_is_read_as_its_levels(frames, tint):
    for frame in frames:
        tinted = np.rint(frame[:, :, None] * np.array(tint)).astype(np.uint8)
        assert find_palette(tinted) is None
        assert np.abs(to_gray(tinted).astype(int) - frame).max() <= 1


@pytest.mark.parametrize('offset, slope', [
    ((40, 20, 0), (0.6, 0.8, 1)), ((60, 50, 45), (0.5, 0.6, 0.7)), ((0, 30, 60), (1, 0.8, 0.7)),
    ((70, 20, 20), (0.6, 0.9, 0.6))])
def test_a_tint_above_black_is_no_palette(frames, offset, slope):
    for frame in frames:
        tinted = np.rint(np.array(offset) + frame[:, :, None] * np.array(slope)).astype(np.uint8)
        assert find_palette(tinted) is None


@pytest.mark.parametrize('name', [*SHOWN_PALETTES, 'opencv_inferno', 'opencv_viridis'])
def test_a_narrow_part_of_a_palette_is_read_as_its_levels(frames, name):
    for lowest in (20, 100, 180):
        frame = lowest + frames[0] // 6
        assert np.abs(to_gray(colorize(frame, name)).astype(int) - frame).mean() < 3
