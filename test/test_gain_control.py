"""Gain control: 16-bit and float frames to 8 bits."""

from pathlib import Path
import warnings

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / 'shared' / 'data'


def stretched(values, low, high):
    """Compute what gain control promises in the plainest way, pixel by pixel."""
    return [round(255 * (min(max(float(v), low), high) - low) / (high - low)) for v in values.flat]


@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
@pytest.mark.parametrize('low, high', [(0, 100), (0.5, 99.5), (5, 80), (33.3, 66.6)])
def test_percentiles_are_exact_on_small_frames(dtype, low, high):
    frame = np.random.default_rng(0).integers(0, 16_384, (37, 53)).astype(dtype)
    gray = GainControl(low=low, high=high)(frame)
    expected = stretched(frame, *np.percentile(frame.astype(float), (low, high)))
    assert gray.dtype == np.uint8 and gray.shape == frame.shape
    assert gray.ravel().tolist() == expected


def test_big_frames_use_every_fourth_row_and_column():
    frame = np.random.default_rng(0).integers(7000, 9000, (512, 640), np.uint16)
    frame[1::4] = 65_535  # rows that are not looked at
    gray = GainControl()(frame)
    expected = stretched(frame[:8], *np.percentile(frame[::4, ::4], (0.5, 99.5)))
    assert gray[:8].ravel().tolist() == expected


def test_percentile_of_the_subsample_is_close_to_that_of_the_frame():
    y, x = np.mgrid[:512, :640]
    frame = (7000 + x + 2 * y + np.random.default_rng(0).normal(0, 5, x.shape)).astype(np.uint16)
    exact = stretched(frame, *np.percentile(frame, (0.5, 99.5)))
    assert np.abs(GainControl()(frame).ravel() - np.array(exact)).max() <= 3


@pytest.mark.parametrize('control', [
    GainControl(), GainControl('fixed_range', 100.5, 40_000.25), GainControl('none'),
    GainControl(input_shift=2)], ids=lambda control: control.mode)
@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
def test_monotonic_over_the_whole_range_without_overflow(control, dtype):
    frame = np.arange(65_536, dtype=np.uint16).reshape(256, 256).astype(dtype)
    gray = control(frame).ravel().astype(int)
    assert (np.diff(gray) >= 0).all()
    assert (gray[0], gray[-1]) == (0, 255)


@pytest.mark.parametrize('mode', ['percentile', 'none'])
def test_uint16_extremes_do_not_wrap(mode):
    frame = np.array([[0, 1, 65_534, 65_535]], np.uint16)
    assert GainControl(mode, 0, 100)(frame).tolist() == [[0, 0, 255, 255]]


@pytest.mark.parametrize('level', [0, 1, 9000, 65_535])
@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
@pytest.mark.parametrize('shape', [(8, 8), (512, 640)])
def test_a_constant_frame_is_mid_gray(level, dtype, shape):
    assert (GainControl()(np.full(shape, level, dtype)) == 128).all()


def test_a_nearly_constant_frame_keeps_its_order():
    frame = np.full((20, 20), 500, np.uint16)
    frame[0, 0], frame[0, 1] = 499, 501
    gray = GainControl()(frame)
    assert (gray[0, 0], gray[0, 1], gray[5, 5]) == (0, 255, 128)


@pytest.mark.parametrize('mode', ['percentile', 'fixed_range'])
def test_nan_and_infinite_pixels_are_left_out_of_the_statistics(mode):
    frame = np.linspace(-20, 120, 400, dtype=np.float32).reshape(20, 20)
    control = GainControl(mode, 10, 90)
    clean = control(frame)
    bad = np.vstack([frame, np.full((5, 20), np.nan), np.full((5, 20), np.inf),
                     np.full((5, 20), -np.inf)]).astype(np.float32)
    gray = control(bad)
    assert np.array_equal(gray[:20], clean)
    assert (gray[20:25] == 0).all()
    assert (gray[25:30] == 255).all()
    assert (gray[30:] == 0).all()


@pytest.mark.parametrize('mode, low, high', [
    ('percentile', 0.5, 99.5), ('fixed_range', 5.0, 45.0)])
def test_the_unit_of_temperatures_changes_nothing(mode, low, high):
    celsius = np.random.default_rng(1).uniform(-5, 60, (64, 80)).round(2)
    gray = GainControl(mode, low, high)(celsius.astype(np.float32))
    assert np.array_equal(gray, GainControl(mode, low, high)(celsius))
    for kelvin, unit in ((celsius + 273.15, 1), (np.rint(100 * (celsius + 273.15)), 100)):
        limits = (low, high) if mode == 'percentile' else (
            unit * (low + 273.15), unit * (high + 273.15))
        for dtype in (np.float32, np.float64) if unit == 1 else (np.uint16, np.float32):
            same = GainControl(mode, *limits)(kelvin.astype(dtype))
            assert np.abs(same.astype(int) - gray).max() <= 1


@pytest.mark.parametrize('size', [(64, 80), (512, 640)])
@pytest.mark.parametrize('border', [np.nan, np.inf, -np.inf])
def test_a_border_without_temperatures_changes_nothing_inside(size, border):
    celsius = np.random.default_rng(1).normal(25, 4, size).astype(np.float32)
    framed = np.pad(celsius, 16, constant_values=border)
    gray = GainControl(high=99)(framed)
    assert np.array_equal(gray[16:-16, 16:-16], GainControl(high=99)(celsius))
    assert (gray[:16] == (255 if border == np.inf else 0)).all()


@pytest.mark.parametrize('mode, low, high', [
    ('percentile', 2, 98), ('fixed_range', 3000, 9000), ('none', 0, 1)])
@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
@pytest.mark.parametrize('size', [(60, 80), (512, 640)])
def test_the_channels_of_a_frame_share_one_range(mode, low, high, dtype, size):
    frame = np.random.default_rng(0).integers(0, 16_384, (*size, 3)).astype(dtype)
    gray = GainControl(mode, low, high)(frame)
    assert gray.shape == frame.shape and gray.dtype == np.uint8
    if mode == 'percentile':
        sample = frame if frame.shape[0] < 512 else frame[::4, ::4]
        low, high = np.percentile(sample.astype(float), (low, high))
        mode = 'fixed_range'
    for channel in range(3):
        one = np.ascontiguousarray(frame[..., channel])
        assert np.array_equal(gray[..., channel], GainControl(mode, low, high)(one))


def test_signalling_nan_are_nan_without_a_warning():
    frame = np.arange(16, dtype=np.float32).reshape(4, 4)
    frame.view(np.uint32)[0, 0] = 0x7F80_0001
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for mode in ('percentile', 'none'):
            assert GainControl(mode)(frame)[0, 0] == 0


def test_a_few_finite_pixels_that_the_subsample_misses_are_enough():
    frame = np.full((512, 640), np.nan, np.float32)
    frame[1, 1:5] = [10, 20, 30, 40]
    assert GainControl(low=0, high=100)(frame)[1, :6].tolist() == [0, 0, 85, 170, 255, 0]


@pytest.mark.parametrize('mode', ['percentile', 'fixed_range', 'none'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_frame_without_a_finite_pixel_is_refused(mode, value):
    with pytest.raises(FrameError, match='no finite pixel') as error:
        GainControl(mode)(np.full((64, 64), value, np.float32))
    assert error.value.cause == 'all_nan'


@pytest.mark.parametrize('extreme', [np.finfo(np.float32).max, 1e-45])
def test_float_extremes(extreme):
    frame = np.array([[-extreme, 0, extreme]], np.float32)
    assert GainControl(low=0, high=100)(frame).tolist() == [[0, 128, 255]]
    assert GainControl(low=40, high=60)(frame[:, ::2]).tolist() == [[0, 255]]


def test_float64_is_taken_like_float32():
    frame = np.array([[-1e300, 0, 50, 100, 1e300]])
    gray = GainControl('fixed_range', 0, 100)(frame)
    assert gray.tolist() == [[0, 0, 128, 255, 255]]


def test_fixed_range_is_in_the_units_of_the_frame():
    control = GainControl('fixed_range', -10, 40.5)
    celsius = np.array([[-50, -10, 15.25, 40.5, 300]], np.float32)
    assert control(celsius).tolist() == [[0, 0, 128, 255, 255]]
    counts = np.array([[0, 999, 1000, 2000, 3000, 3001, 65_535]], np.uint16)
    gray = GainControl('fixed_range', 1000, 3000)(counts)
    assert gray.tolist() == [[0, 0, 0, 128, 255, 255, 255]]


@pytest.mark.parametrize('mode, low, high', [('percentile', 2, 98), ('fixed_range', 3000, 9000)])
def test_left_aligned_14_bits_give_what_right_aligned_ones_do(mode, low, high):
    counts = np.random.default_rng(0).integers(0, 16_384, (60, 80), np.uint16)
    plain = GainControl(mode, low, high)(counts)
    shifted = GainControl(mode, low, high, input_shift=2)(counts << 2)
    assert np.array_equal(plain, shifted)


def test_none_takes_the_upper_8_bits_and_floats_as_they_are():
    counts = np.array([[0, 255, 256, 32_768, 65_535]], np.uint16)
    assert GainControl('none')(counts).tolist() == [[0, 0, 1, 128, 255]]
    floats = np.array([[-5, 0, 99.6, 255, 400]], np.float32)
    assert GainControl('none')(floats).tolist() == [[0, 0, 100, 255, 255]]


@pytest.mark.parametrize('shape', [(4, 6), (4, 6, 3)])
@pytest.mark.parametrize('mode', ['percentile', 'fixed_range', 'none'])
def test_8_bit_frames_pass_untouched(shape, mode):
    frame = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert GainControl(mode)(frame) is frame


def test_the_frame_is_not_changed():
    for dtype in (np.uint16, np.float32):
        frame = np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(dtype)
        frame.flags.writeable = False  # writing into it would raise
        GainControl()(frame)


@pytest.mark.parametrize('frame, cause', [
    (np.zeros((4, 4), np.int32), 'unsupported_dtype'),
    (np.zeros((4, 4), bool), 'unsupported_dtype'),
    (np.zeros((4, 4, 4), np.uint16), 'unsupported_shape'),
    (np.zeros(4, np.float32), 'unsupported_shape'),
    (np.zeros((0, 4), np.uint16), 'zero_size')])
def test_other_frames_are_refused(frame, cause):
    with pytest.raises(FrameError) as error:
        GainControl()(frame)
    assert error.value.cause == cause


@pytest.mark.parametrize('settings, message', [
    ({'mode': 'auto'}, "mode must be one of percentile, fixed_range, none, not 'auto'"),
    ({'low': 60, 'high': 40}, r'low \(60\) must be less than high \(40\)'),
    ({'low': 50, 'high': 50}, r'low \(50\) must be less than high \(50\)'),
    ({'low': -1}, r'low \(-1\) and high \(99.5\) must be percentiles from 0 to 100'),
    ({'high': 100.1}, 'must be percentiles from 0 to 100'),
    ({'mode': 'fixed_range', 'low': 5, 'high': 4}, r'low \(5\) must be less than high \(4\)'),
    ({'mode': 'fixed_range', 'low': float('nan')}, 'must be finite numbers'),
    ({'mode': 'fixed_range', 'high': float('inf')}, 'must be finite numbers'),
    ({'mode': 'fixed_range', 'low': -1e308, 'high': 1e307}, 'must be finite numbers'),
    ({'input_shift': -1}, 'input_shift must be 0 to 15 bits, not -1'),
    ({'input_shift': 16}, 'input_shift must be 0 to 15 bits, not 16'),
    ({'input_shift': 1.5}, 'input_shift must be 0 to 15 bits, not 1.5'),
    ({'mode': 'none', 'input_shift': 99}, 'input_shift must be 0 to 15 bits')])
def test_invalid_settings_are_refused_with_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message) as error:
        GainControl(**settings)
    assert '\n' not in str(error.value)


def test_none_ignores_the_range():
    GainControl('none', low=5, high=1)


@pytest.mark.parametrize('folder', ['a65_raw16', 'handheld_raw16', 'lepton_raw16'])
def test_raw_frames_of_real_cameras_fill_the_range(folder):
    paths = sorted((DATA / folder).glob('*.*'))[:10]
    if not paths:
        pytest.skip(f'no real frames: ../shared/data/{folder} is absent')
    for path in paths:
        frame = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        gray = GainControl()(frame)
        assert gray.dtype == np.uint8 and gray.shape == frame.shape
        assert (gray.min(), gray.max()) == (0, 255)
        assert np.mean((gray == 0) | (gray == 255)) < 0.1
