"""Simulated corruption: what each kind does to rows, bytes and streams."""

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts import broken_streams, pixel_formats, transfer
from fliqe_ros.simulation.artifacts.artifact import Stage
from fliqe_ros.simulation.artifacts.registry import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

pytest.importorskip('av')

KINDS = {**transfer.ARTIFACTS, **pixel_formats.ARTIFACTS, **broken_streams.ARTIFACTS}
SHAPES = ((32, 32), (61, 83), (120, 160), (203, 151))


@pytest.fixture(scope='module')
def counts():
    scene = ThermalScene(5, 161, 213)
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))


@pytest.fixture(scope='module')
def picture(counts):
    return GainControl()(counts)


def spoil(frame, name, severity=None, seed=0):
    """Run a kind's simulation alone, on a picture or on counts."""
    kind = KINDS[name]
    frame = frame if kind.stage is Stage.COUNTS else frame.astype(np.float32)
    rng = np.random.default_rng(seed)
    return np.asarray(kind.simulate(frame, kind.strength.at(severity), rng))


def change(first, second):
    return float(np.abs(first.astype(float) - second).mean())


@pytest.mark.parametrize('name', KINDS)
def test_every_frame_can_be_spoilt_visibly_and_again_alike(counts, picture, name):
    assert ARTIFACTS[name] is KINDS[name] and KINDS[name].distortion == Distortion.CORRUPTION
    for frame in (counts, picture):
        before = frame.copy()
        for seed in range(6):
            spoilt = apply_artifact(frame, name, rng=np.random.default_rng(seed))
            again = apply_artifact(frame, name, rng=np.random.default_rng(seed))
            assert spoilt.dtype == np.uint8 and np.array_equal(spoilt, again)
            assert change(spoilt, picture) > 1.0
        assert np.array_equal(frame, before)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('name', KINDS)
def test_any_size_at_any_severity(counts, name, shape, capfd):
    frame = cv2.resize(counts, shape[::-1], interpolation=cv2.INTER_AREA)
    for seed, severity in enumerate((0.0, None, 1.0)):
        for each in (frame, GainControl()(frame)):
            rng = np.random.default_rng(seed)
            assert apply_artifact(each, name, severity, rng).shape == shape
    for level in (0, 128):
        flat = np.full(shape, level, np.uint8)
        assert apply_artifact(flat, name, 1.0, np.random.default_rng(1)).shape == shape
    assert capfd.readouterr().err == '', 'decoders report damage'


@pytest.mark.parametrize('name', ['torn', 'sheared', 'lost_rows', 'half_frame', 'interlace',
                                  'banded', 'high_byte', 'broken_jpeg', 'broken_h264'])
def test_severity_grows(counts, picture, name):
    frame = counts if KINDS[name].stage is Stage.COUNTS else picture
    changes = [np.mean([change(GainControl()(apply_artifact(
        frame, name, severity, np.random.default_rng(seed))), picture) for seed in range(12)])
        for severity in (0.0, 0.5, 1.0)]
    assert changes[0] < changes[1] < changes[2]


def test_torn_parts_are_whole_rows_and_the_first_is_untouched(picture):
    for seed in range(8):
        torn = spoil(picture, 'torn', None, seed)
        moved = ~np.isclose(torn, picture).all(axis=1)
        first = int(np.argmax(moved))
        assert first >= len(picture) // 10
        steps = np.abs(np.diff(torn, axis=0)).mean(axis=1)
        assert steps[first - 1] > 1.5 * np.median(steps)


def test_rolled_frames_keep_their_pixels():
    frame = np.arange(60 * 80, dtype=np.float32).reshape(60, 80) % 251
    kept = 0
    for seed in range(12):
        rolled = spoil(frame, 'rolled', 1.0, seed)
        assert not np.array_equal(rolled, frame)
        kept += np.array_equal(np.sort(rolled.ravel()), np.sort(frame.ravel()))
    assert kept >= 6, 'all but those with a blank interval'


def test_a_frame_may_lean_by_less_than_its_width():
    """A clock that is not quite right shifts rows by parts of a pixel, one after the other."""
    frame = np.tile(np.arange(96, dtype=np.float32), (120, 1))
    leans = []
    for seed in range(60):
        sheared = spoil(frame, 'sheared', None, seed)
        steps = np.diff(sheared[:, 48])[60:]
        leans.append(np.count_nonzero(steps) / len(steps))
    assert min(leans) < 0.5 and max(leans) == 1.0


def test_sheared_rows_come_from_one_buffer():
    frame = np.random.default_rng(3).integers(0, 256, (50, 64)).astype(np.float32)
    starts = []
    for seed in range(10):
        sheared = spoil(frame, 'sheared', None, seed)
        wrong = (sheared != frame).any(axis=1)
        starts.append(int(np.argmax(wrong)))
        assert wrong[starts[-1]:].all() or wrong[starts[-1]:].mean() > 0.5
        row = sheared[-2]
        stream = np.concatenate((frame, frame)).ravel()
        windows = np.lib.stride_tricks.sliding_window_view(stream, 64)
        in_itself = any(np.array_equal(np.roll(row, by), frame[-2]) for by in range(64))
        assert in_itself or (windows == row).all(axis=1).any()
    assert min(starts) == 0 and 20 <= max(starts) <= 28


@pytest.mark.parametrize('name', ['lost_rows', 'lost_counts'])
@pytest.mark.parametrize('severity', [0.3, None, 1.0])
def test_the_share_that_is_lost(name, severity):
    frame = np.random.default_rng(3).integers(1000, 5000, (200, 100)).astype(np.uint16)
    share = KINDS[name].strength.at(severity)
    shares = [(spoil(frame, name, severity, seed) != frame).mean() for seed in range(5)]
    assert np.allclose(shares, share, rtol=0.1, atol=0.01)


def test_half_frames_have_one_straight_seam(picture):
    for seed in range(8):
        mixed = spoil(picture, 'half_frame', None, seed)
        same = np.isclose(mixed, picture)
        rows, columns = same.all(axis=1).mean(), same.all(axis=0).mean()
        assert 0.55 < max(rows, columns) < 0.75


def test_interlace_leaves_one_field(picture):
    combed = spoil(picture, 'interlace')
    assert np.array_equal(combed[::2], picture[::2])
    assert not np.array_equal(combed[1::2], picture[1::2])


def test_bytes_of_counts(counts):
    assert np.array_equal(spoil(counts, 'low_byte'), counts & 0xFF)
    assert any(np.array_equal(spoil(counts, 'byte_swapped', None, seed), counts.byteswap())
               for seed in range(6))
    yuyv = [spoil(counts, 'y16_as_yuyv', None, seed) for seed in range(6)]
    assert any(np.array_equal(luma, counts & 0xFF) for luma in yuyv)
    for seed in range(6):
        high = spoil(counts, 'high_byte', None, seed)
        assert 3 <= len(np.unique(high)) <= 20 and high.max() < 256


def test_a_byte_less_shifts_what_comes_after(counts):
    slipped = next(each for seed in range(20) if not np.array_equal(
        each := spoil(counts, 'byte_swapped', None, seed), counts.byteswap()))
    start = int(np.argmax((slipped != counts).ravel()))
    expected = (counts.ravel()[start:-1] >> 8) | (counts.ravel()[start + 1:] & 0xFF) << 8
    assert (slipped.ravel()[start:-1] == expected).mean() > 0.99


@pytest.mark.parametrize('name', ['low_byte', 'byte_swapped', 'left_aligned'])
def test_more_of_the_range_wraps_as_severity_grows(name):
    ramp = np.tile(np.linspace(3000, 4000, 400).astype(np.uint16), (40, 1))
    wraps = []
    for severity in (0.0, 0.5, 1.0):
        row = spoil(ramp, name, severity, 1)[0].astype(int)
        wraps.append(int((np.abs(np.diff(row)) > np.ptp(row) / 2).sum()))
    assert 1 <= wraps[0] < wraps[1] < wraps[2]


@pytest.mark.parametrize('name', ['low_byte', 'byte_swapped', 'y16_as_yuyv', 'left_aligned'])
def test_counts_of_a_narrow_range_do_not_hide_it(name):
    ramp = np.tile(np.linspace(3080, 3120, 160).astype(np.uint16), (120, 1))
    for seed in range(4):
        shown = apply_artifact(ramp, name, rng=np.random.default_rng(seed))
        assert change(shown, GainControl()(ramp)) > 20


def test_yuyv_as_y16_alternates_by_columns(picture):
    for seed in range(6):
        shown = np.clip(spoil(picture, 'yuyv_as_y16', None, seed), 0, 255)
        between = np.abs(np.diff(shown, axis=1)).mean()
        assert between > 2 * np.abs(shown[:, 2:] - shown[:, :-2]).mean() or between > 20


def test_banded_has_few_levels(picture):
    for severity, least, most in ((0.0, 15, 25), (None, 7, 11), (1.0, 3, 4)):
        for seed in range(4):
            assert least <= len(np.unique(spoil(picture, 'banded', severity, seed))) <= most


@pytest.mark.parametrize('name', ['broken_jpeg', 'broken_h264'])
def test_streams_break_behind_their_start(picture, name):
    tops, whole = [], []
    for seed in range(12):
        spoilt = spoil(picture, name, 0.2, seed)
        tops.append(change(spoilt[:16], picture[:16]))
        whole.append(change(spoilt, picture))
    assert np.median(tops) < 4 < np.median(whole) + 3
    assert max(whole) < 60
