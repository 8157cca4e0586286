"""The second implementations of the faults, by which networks are judged."""

import ast
from pathlib import Path

import cv2
from fliqe_ros.distortion_types import Distortion, DISTORTIONS
from fliqe_ros.evaluation import judging
from fliqe_ros.evaluation.judging import (
    blank, corruption, misreading, non_uniformity, obstruction, optics_and_noise)
from fliqe_ros.evaluation.judging.fields import cover, far_level, power_law, profile
from fliqe_ros.evaluation.judging.registry import JUDGED
from fliqe_ros.simulation.artifacts.artifact import Stage
import numpy as np
import pytest

SHAPES = ((32, 32), (33, 47), (61, 83), (120, 160))
#: What of the training's side may be used here: the nouns, not the simulators.
SHARED = {'fliqe_ros.simulation.artifacts.artifact', 'fliqe_ros.simulation.counts',
          'fliqe_ros.simulation.severity', 'fliqe_ros.distortion_types'}


def scene(shape=(120, 160), seed=3):
    """Return a smooth scene with edges, (H, W) float32, about 0 to 255."""
    rng = np.random.default_rng(seed)
    picture = 128 + 40 * power_law(shape, 2.4, rng)
    for _ in range(6):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        cv2.rectangle(picture, (int(x), int(y)), (int(x) + 30, int(y) + 24),
                      float(rng.uniform(20, 235)), -1)
    return np.clip(picture, 0, 255).astype(np.float32)


def taken(artifact, picture):
    """Return the frame as the artifact's stage takes it."""
    if artifact.stage is Stage.COUNTS:
        return np.rint(3000 + 8 * picture).astype(np.uint16)
    return picture


def simulated(name, severity, seed=0, picture=None):
    """Return the clean frame and the spoilt one, in the same units where there are such."""
    artifact = JUDGED[name]
    frame = taken(artifact, scene() if picture is None else picture)
    rng = np.random.default_rng(seed)
    return frame, artifact.simulate(frame, artifact.strength.at(severity), rng)


def gray(frame):
    """Bring counts to 8 bits as gain control does; float32."""
    if frame.dtype != np.uint16:
        return np.clip(frame, 0, 255).astype(np.float32)
    low, high = np.percentile(frame, (0.5, 99.5))
    return np.clip((frame - low) * np.float32(255 / max(high - low, 1)), 0, 255)


def test_every_type_is_judged():
    assert {artifact.distortion for artifact in JUDGED.values()} == set(DISTORTIONS)
    parts = (non_uniformity, obstruction, corruption, misreading, blank, optics_and_noise)
    assert len(JUDGED) == sum(len(part.ARTIFACTS) for part in parts)


def test_nothing_is_taken_from_the_simulators_of_the_training():
    for path in Path(judging.__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith('fliqe_ros'):
                assert (node.module in SHARED
                        or node.module.startswith('fliqe_ros.evaluation.judging')), path.name


@pytest.mark.parametrize('name', JUDGED)
def test_any_size_gives_the_dtype_of_the_stage_and_leaves_the_input(name):
    artifact = JUDGED[name]
    for shape in SHAPES:
        frame = taken(artifact, scene(shape))
        for seed, strength in enumerate((artifact.strength.mild, artifact.strength.reference,
                                         artifact.strength.strong) * 2):
            before = frame.copy()
            out = artifact.simulate(frame, strength, np.random.default_rng(seed))
            assert out.shape == shape
            if artifact.stage is Stage.COUNTS:
                assert out.dtype in (np.uint16, np.uint8)
            else:
                assert out.dtype == np.float32 and np.isfinite(out).all()
            np.testing.assert_array_equal(frame, before)
            assert not np.shares_memory(out, frame)


@pytest.mark.parametrize('name', JUDGED)
def test_flat_frames_do(name):
    simulated(name, None, picture=np.full((40, 48), 77, np.float32))


@pytest.mark.parametrize('name', JUDGED)
def test_a_seed_gives_one_frame(name):
    np.testing.assert_array_equal(simulated(name, 0.7, 5)[1], simulated(name, 0.7, 5)[1])
    assert (simulated(name, 0.7, 5)[1] != simulated(name, 0.7, 6)[1]).any() or name in (
        'jpeg2000', 'pixelated')


@pytest.mark.parametrize('name', JUDGED)
def test_every_draw_shows_at_the_reference(name):
    for seed in range(12):
        frame, out = simulated(name, None, seed)
        change = np.abs(gray(out) - gray(frame))
        assert change.mean() > 1.5 or (change > 40).mean() > 0.002, seed


#: Where the strength is not an amount of change: a rolled frame is as wrong after 20 rows as
#: after 40, a wrapped one after two wraps as after four.
BY_OTHER_MEASURES = {'tear', 'vertical_roll', 'horizontal_roll', 'slant', 'two_halves',
                     *misreading.ARTIFACTS, *blank.ARTIFACTS}


@pytest.mark.parametrize('name', [name for name in JUDGED if name not in BY_OTHER_MEASURES])
def test_change_grows_with_severity(name):
    changes = []
    for severity in (0.0, None, 1.0):
        pairs = (simulated(name, severity, seed) for seed in range(16))
        changes.append(np.mean([np.abs(gray(out) - gray(frame)).mean() for frame, out in pairs]))
    assert changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize('name', blank.ARTIFACTS)
def test_less_of_the_scene_is_left_of_blank_frames(name):
    left = []
    picture = scene()
    for severity in (0.0, None, 1.0):
        other = []
        for seed in range(6):
            # The same draw over another scene differs by the scene alone.
            _, one = simulated(name, severity, seed, picture)
            _, two = simulated(name, severity, seed, picture[::-1].copy())
            other.append(np.abs(one - two).mean())
        left.append(np.mean(other))
    assert left[0] > left[1] > left[2]
    assert left[1] < 3


@pytest.mark.parametrize('exponent', (0.0, 1.0, 2.0))
def test_noise_has_its_spectrum(exponent):
    rng = np.random.default_rng(0)
    noise = power_law((128, 128), exponent, rng)
    assert noise.mean() == pytest.approx(0, abs=1e-3)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    power = np.abs(np.fft.fft2(noise)) ** 2
    assert power[0, 8] / power[0, 32] == pytest.approx(4 ** exponent, rel=0.02)
    power = np.abs(np.fft.fft(profile(128, exponent, rng))) ** 2
    assert power[8] / power[32] == pytest.approx(4 ** exponent, rel=0.02)


def test_a_cover_has_its_share():
    field = power_law((90, 110), 2.0, np.random.default_rng(1))
    for share in (0.05, 0.3, 0.8):
        assert (cover(field, share, 0.1) > 0.5).mean() == pytest.approx(share, abs=0.01)


def test_far_levels_are_far():
    rng = np.random.default_rng(2)
    for level in np.linspace(-100, 400, 40):
        drawn = far_level(level, 60.0, rng)
        assert abs(drawn - level) >= 60.0 and -20 <= drawn <= 275


@pytest.mark.parametrize('name, axis', (('row_fpn', 1), ('column_fpn', 0)))
def test_lines_are_constant_along_themselves(name, axis):
    frame, out = simulated(name, None)
    pattern = out - frame
    assert pattern.std(axis=axis).max() < 1e-3
    assert pattern.std() == pytest.approx(JUDGED[name].strength.reference, rel=0.01)


@pytest.mark.parametrize('name', ('pixel_fpn', 'row_and_column_fpn', 'correlated_noise'))
def test_patterns_have_the_rms_of_the_strength(name):
    frame, out = simulated(name, None)
    assert (out - frame).std() == pytest.approx(JUDGED[name].strength.reference, rel=0.01)


def test_row_and_column_pattern_has_its_power_on_the_axes():
    frame, out = simulated('row_and_column_fpn', 0.5, 4)
    power = np.abs(np.fft.fft2(out - frame)) ** 2
    v = np.abs(np.fft.fftfreq(120, 1 / 120))[:, None]
    u = np.abs(np.fft.fftfreq(160, 1 / 160))
    assert power[(v > 14) & (u > 14)].sum() < 0.01 * power.sum()


def test_gain_pattern_vanishes_at_one_temperature():
    ramp = np.tile(np.linspace(0, 255, 200, dtype=np.float32)[:, None], (1, 60))
    _, out = simulated('gain_fpn', None, 1, ramp)
    spread = (out - ramp).std(axis=1)
    line = np.polyfit(ramp[:, 0], spread, 1)
    assert abs(line[0]) > 1e-3
    assert np.abs(np.polyval(line, ramp[:, 0]) - spread).max() < 0.4 * spread.mean()


@pytest.mark.parametrize('name', ('low_frequency_shading', 'hot_corner', 'narcissus'))
def test_shading_is_smooth(name):
    for seed in range(6):
        frame, out = simulated(name, None, seed)
        pattern = out - frame
        assert np.abs(np.diff(pattern, axis=1)).max() < 0.2 * np.ptp(pattern)
    assert np.ptp(pattern) > 0.5 * JUDGED[name].strength.reference


@pytest.mark.parametrize('name, axis', (('dead_columns', 0), ('dead_rows', 1)))
def test_dead_lines_are_as_many_as_said(name, axis):
    frame, out = simulated(name, None, 2)
    assert (out != frame).any(axis=axis).sum() == 5


def test_few_pixels_blink():
    frame, out = simulated('blinking_pixels', None)
    assert 0.006 < (out != frame).mean() < 0.013


def test_four_channels():
    frame = np.full((40, 160), 127.5, np.float32)
    for seed in range(8):
        out = JUDGED['four_channel_readout'].simulate(frame, 12.0, np.random.default_rng(seed))
        assert len(np.unique(out)) == 4


@pytest.mark.parametrize('name', obstruction.ARTIFACTS)
def test_obstructions_leave_a_part_clear(name):
    for seed in range(4):
        frame, out = simulated(name, 0.1, seed)
        change = np.abs(cv2.blur(out - frame, (5, 5)))
        assert np.quantile(change, 0.1) < 3


@pytest.mark.parametrize('name', ('half_open_cover', 'mud', 'rain_drops', 'frost'))
def test_the_share_is_covered(name):
    striped = np.tile(np.float32([[0, 255], [255, 0]]), (60, 80))
    covered = []
    for seed in range(8):
        _, out = simulated(name, None, seed, striped)
        covered.append((np.abs(np.diff(out, axis=1)) < 128).mean())
    assert np.mean(covered) == pytest.approx(JUDGED[name].strength.reference, abs=0.06)


def test_a_slant_reads_the_buffer_with_another_width():
    frame, out = simulated('slant', None)
    buffer = np.concatenate([frame.ravel()] * 3)
    starts = (frame.size + 100 * 160 + shift for shift in (-80, 80))
    assert any((out[100] == buffer[start:start + 160]).all() for start in starts)


def test_a_tear_is_across_the_frame():
    frame, out = simulated('tear', None, 0)
    first = np.flatnonzero((out != frame).any(axis=1))[0]
    assert 0.1 * len(frame) < first < 0.9 * len(frame)


def test_a_vertical_roll_turns_the_rows():
    ramp = np.tile(np.linspace(50, 255, 120, dtype=np.float32)[:, None], (1, 40))
    _, out = simulated('vertical_roll', None, 1, ramp)
    assert abs(int(np.diff(out[:, 0]).argmin()) + 1 - 60) == pytest.approx(36, abs=7)


def test_missing_rows_have_their_share():
    shares = []
    for seed in range(20):
        frame, out = simulated('missing_block_rows', None, seed)
        shares.append((out != frame).mean())
    assert np.mean(shares) == pytest.approx(0.15, abs=0.05)


def test_repeated_rows_repeat():
    _, out = simulated('repeated_rows', None)
    same = (np.diff(out, axis=0) == 0).all(axis=1).mean()
    assert 0.2 < same < 0.5


def test_a_comb_leaves_one_field():
    frame, out = simulated('comb_fields', None, 1)
    kept = (out == frame).all(axis=1)
    assert kept[::2].all() != kept[1::2].all()


def test_few_levels_are_few():
    for severity, number in ((0.0, 32), (None, 10), (1.0, 3)):
        assert len(np.unique(simulated('few_levels', severity, 3)[1])) <= number


def test_a_damaged_scan_keeps_what_came_before():
    for seed in range(6):
        frame, out = simulated('smeared_jpeg', None, seed)
        assert 0.25 < (np.abs(out - frame) > 1e-3).mean() < 0.45


def test_bytes_are_those_of_the_counts():
    counts = np.rint(3000 + 8 * scene()).astype(np.uint16)
    whole = misreading.spread(counts, 256 * 4.0, np.random.default_rng(0))
    low = misreading.low_byte(counts, 4.0, np.random.default_rng(0))
    np.testing.assert_array_equal(low, whole & 255)
    swapped = misreading.swapped_bytes(counts, 4.0, np.random.default_rng(0))
    np.testing.assert_array_equal(swapped, (whole & 255) << 8 | whole >> 8)
    assert np.corrcoef(whole.ravel(), counts.ravel())[0, 1] > 0.999
    assert np.ptp(np.percentile(whole, (0.5, 99.5))) == pytest.approx(1024, rel=0.05)


def test_more_wraps_make_more_edges():
    for name in ('low_byte', 'swapped_bytes', 'wrapped_left_shift'):
        steps = []
        for severity in (0.0, None, 1.0):
            out = gray(simulated(name, severity, 2)[1])
            steps.append((np.abs(np.diff(out, axis=1)) > 100).mean())
        assert steps[0] < steps[1] < steps[2]


def test_left_aligned_counts_end_in_zeros():
    out = simulated('wrapped_left_shift', None)[1]
    assert not (out & 3).any()


def test_high_bytes_have_few_levels():
    counts = np.rint(3000 + 8 * scene()).astype(np.uint16)
    for seed in range(6):
        out = misreading.high_byte(counts, 7.0, np.random.default_rng(seed))
        assert 5 <= len(np.unique(out)) <= 10 and out.max() < 256


def test_a_yuv_misreading_can_be_any_of_the_formats():
    dtypes = {simulated('yuv_misread', None, seed)[1].dtype for seed in range(12)}
    assert dtypes == {np.dtype(np.uint8), np.dtype(np.uint16)}


def test_blur_keeps_the_light():
    flat = np.full((60, 80), 90, np.float32)
    for name in ('defocus', 'shake'):
        for seed in range(4):
            np.testing.assert_allclose(simulated(name, 1.0, seed, flat)[1], 90, atol=0.01)


def test_a_point_becomes_a_disc_or_a_path():
    point = np.zeros((81, 81), np.float32)
    point[40, 40] = 1000
    disc = optics_and_noise.defocus(point, 8.0, np.random.default_rng(1))
    assert (disc > 1e-3).sum() == pytest.approx(np.pi * 64, rel=0.35)
    path = optics_and_noise.shake(point, 20.0, np.random.default_rng(0))
    assert 20 <= (path > 1e-3).sum() <= 90


def test_noise_of_photons_grows_with_the_signal():
    halves = np.full((200, 200), 20, np.float32)
    halves[100:] = 220
    _, out = simulated('poisson_like_noise', None, 0, halves)
    assert out[100:].std() > 1.2 * out[:100].std()


def test_exposure_moves_the_middle_of_the_scale():
    flat = np.full((32, 32), 80, np.float32)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert optics_and_noise.highlight_clip(flat, 2.5, rng).min() > 150
        assert optics_and_noise.crushed_blacks(flat, 0.3, rng).max() < 40


def test_pixelated_blocks_are_flat():
    _, out = simulated('pixelated', None)
    blocks = out.reshape(30, 4, 40, 4)
    assert np.ptp(blocks, axis=(1, 3)).max() < 1e-3


def test_types_of_the_eight():
    types = {artifact.distortion for artifact in optics_and_noise.ARTIFACTS.values()}
    assert types == {d for d in DISTORTIONS if d < Distortion.NON_UNIFORMITY}
