"""Simulated non-uniformity: patterns, dead elements, shading."""

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts import dead_elements, non_uniformity, processing, shading
from fliqe_ros.simulation.artifacts.registry import apply_artifact
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

PATTERNS = non_uniformity.ARTIFACTS
LINES = ('row_pattern', 'column_pattern')
ALL = {**PATTERNS, **dead_elements.ARTIFACTS, **shading.ARTIFACTS}
SEEDS = range(20)


@pytest.fixture(scope='module')
def frame():
    """Return a scene, (241, 321) float32 levels."""
    scene = ThermalScene(5, 241, 321)
    counts = scene.sensor_counts(scene.render(0.0), np.random.default_rng(0)).astype(np.float32)
    return processing.regained(counts)


def gray(rows=120, columns=160):
    return np.full((rows, columns), 128, np.float32)


def simulated(frame, name, severity, seed):
    kind = ALL[name]
    return kind.simulate(frame, kind.strength.at(severity), np.random.default_rng(seed))


def change(frame, name, severity, seed):
    return simulated(frame, name, severity, seed) - frame


def rms(values):
    return float(np.sqrt(np.square(values.astype(float)).mean()))


@pytest.mark.parametrize('name', ALL)
def test_any_size_same_seed_and_an_untouched_input(name):
    assert ALL[name].distortion == Distortion.NON_UNIFORMITY
    for seed, shape in enumerate([(32, 32), (60, 80), (33, 47), (61, 37), (120, 161)] * 3):
        clean = np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)
        before = clean.copy()
        for severity in (0.0, None, 1.0):
            first, second = (simulated(clean, name, severity, seed) for _ in range(2))
            assert first.shape == shape and np.isfinite(first).all()
            assert np.array_equal(first, second)
        assert np.array_equal(clean, before)


@pytest.mark.parametrize('name', ALL)
def test_a_fault_is_plain_at_the_reference_and_grows_with_severity(frame, name):
    least = 4.0 if name in ('dead_clusters', 'dead_lines', 'dead_pixels', 'sun_burn') else 7.0
    for seed in SEEDS:
        mild, reference, strong = (
            rms(change(frame, name, severity, seed)) for severity in (0.0, None, 1.0))
        assert 1.0 < mild < reference < strong
        assert reference > least
        # A gain and an offset of the whole frame are no non-uniformity.
        spoilt = np.clip(simulated(frame, name, None, seed), 0, 255).ravel()
        fit = np.polyfit(frame.ravel(), spoilt, 1)
        assert rms(spoilt - np.polyval(fit, frame.ravel())) > least


@pytest.mark.parametrize('name', PATTERNS)
def test_patterns_are_as_strong_as_said(frame, name):
    for seed in SEEDS:
        assert rms(change(frame, name, None, seed)) == pytest.approx(
            PATTERNS[name].strength.reference, rel=0.01)


@pytest.mark.parametrize('name', LINES)
def test_rows_and_columns_hardly_change_along_themselves(name):
    constant = 0
    for seed in range(40):
        pattern = change(gray(), name, None, seed)
        pattern = pattern.T if name == 'column_pattern' else pattern
        along, across = np.diff(pattern, axis=1), np.diff(pattern, axis=0)
        assert rms(along) < 0.6 * rms(across)
        constant += rms(along) < 1e-3
    assert constant >= 12, 'about half have one offset a line'


def test_rows_are_no_columns():
    ratios = [rms(np.diff(change(gray(), name, None, seed), axis=axis))
              for name, axis in (('row_pattern', 1), ('column_pattern', 0)) for seed in SEEDS]
    across = [rms(np.diff(change(gray(), name, None, seed), axis=axis))
              for name, axis in (('row_pattern', 0), ('column_pattern', 1)) for seed in SEEDS]
    assert np.mean(ratios) < 0.2 * np.mean(across)


def test_spectrum_of_rows_and_columns_has_a_ridge_on_each_axis():
    power = np.zeros((128, 128))
    for seed in range(40):
        pattern = change(gray(128, 128), 'row_column_pattern', None, seed)
        power += np.abs(np.fft.fft2(pattern)) ** 2
    power[0, 0] = 0
    elsewhere = power[20:108, 20:108].mean()
    assert power[0, 20:108].mean() > 20 * elsewhere, 'columns'
    assert power[20:108, 0].mean() > 20 * elsewhere, 'rows'
    assert elsewhere > 0, 'and a white part'


def test_gain_differs_from_element_to_element():
    """Half of the draws have gains: the pattern differs from level to level, but not all."""
    dark, bright = np.full((64, 64), 40, np.float32), np.full((64, 64), 220, np.float32)
    same = [np.corrcoef(change(dark, 'fixed_pattern', None, seed).ravel(),
                        change(bright, 'fixed_pattern', None, seed).ravel())[0, 1] > 0.999
            for seed in range(40)]
    assert 8 <= sum(same) <= 32


@pytest.mark.parametrize('channels, width', [(2, 1), (4, 2), (8, 1), (4, 64)])
def test_channels_repeat(channels, width):
    for seed in SEEDS:
        pattern = non_uniformity._channels(
            (64, 256), channels, width, True, np.random.default_rng(seed))
        assert np.ptp(pattern, axis=0).max() == 0
        channel = np.arange(256) // width % channels
        means = np.array([pattern[0, channel == c].mean() for c in range(channels)])
        assert means.std() > 0.9
        assert (pattern[0] - means[channel]).std() < 0.4


def test_channels_are_rows_or_columns_alone_or_in_blocks():
    layouts = {non_uniformity._drawn_layout((512, 640), np.random.default_rng(seed))
               for seed in range(300)}
    assert {channels for channels, _, _ in layouts} == {2, 4, 8, 16}
    assert {width for _, width, vertical in layouts if vertical} >= {1, 2, 80, 160, 320}
    assert {vertical for _, _, vertical in layouts} == {False, True}


def test_dead_pixels_are_as_many_as_said():
    shares = {severity: np.mean([
        (np.abs(change(gray(), 'dead_pixels', severity, seed)) > 40).mean() for seed in range(40)])
        for severity in (0.0, None, 1.0)}
    strength = ALL['dead_pixels'].strength
    assert shares[0.0] == pytest.approx(strength.mild, rel=0.5)
    assert shares[None] == pytest.approx(strength.reference, rel=0.5)
    assert shares[1.0] == pytest.approx(strength.strong, rel=0.5)


def test_some_dead_pixels_come_in_clusters():
    clusters = []
    for seed in range(40):
        dead = (np.abs(change(gray(), 'dead_pixels', None, seed)) > 30).astype(np.uint8)
        sizes = cv2.connectedComponentsWithStats(dead)[2][1:, cv2.CC_STAT_AREA]
        clusters.append(sizes.max())
    assert min(clusters) <= 4 and max(clusters) >= 9


def test_dead_clusters_are_few_patches_of_as_many_pixels_as_said():
    strength = ALL['dead_clusters'].strength
    for severity, share in ((0.0, strength.mild), (None, strength.reference)):
        dead = [np.abs(change(gray(), 'dead_clusters', severity, seed)) > 40 for seed in range(20)]
        assert np.mean(dead) == pytest.approx(share, rel=0.6)
        spread = [cv2.dilate(each.astype(np.uint8), np.ones((9, 9), np.uint8)) for each in dead]
        assert max(cv2.connectedComponents(each)[0] - 1 for each in spread) <= 25
        assert np.mean([cv2.connectedComponents(each)[0] - 1 for each in spread]) < 8


@pytest.mark.parametrize('background', [0.0, 60.0, 128.0, 255.0])
def test_dead_elements_stand_out_on_any_scene(background):
    scene = np.full((90, 120), background, np.float32)
    for seed in SEEDS:
        for name in ('dead_pixels', 'dead_clusters', 'dead_lines'):
            spoilt = np.clip(simulated(scene, name, 0.0, seed), 0, 255)
            assert np.abs(spoilt - background).max() > 30


def test_one_line_is_dead_when_mild_and_five_at_the_reference():
    counts = {0.0: [], None: []}
    for severity, found in counts.items():
        for seed in range(60):
            dead = np.abs(change(gray(), 'dead_lines', severity, seed)) > 20
            # A dead line, or the part of it that is dead, is at least three tenths of its length.
            found.append(int((dead.mean(0) > 0.29).sum() + (dead.mean(1) > 0.29).sum()))
    assert np.median(counts[0.0]) == 1 and min(counts[0.0]) >= 1 and max(counts[0.0]) <= 4
    assert np.median(counts[None]) == 5


def test_lines_die_in_rows_and_in_columns():
    upright = [np.ptp(np.abs(change(gray(), 'dead_lines', None, seed)).mean(0)) >
               np.ptp(np.abs(change(gray(), 'dead_lines', None, seed)).mean(1))
               for seed in range(40)]
    assert 8 < sum(upright) < 35


def test_shading_is_slow_and_as_high_as_said():
    scene = gray()
    heights = []
    for seed in range(40):
        spoilt = simulated(scene, 'shading', None, seed)
        steps = max(np.abs(np.diff(spoilt, axis=0)).max(), np.abs(np.diff(spoilt, axis=1)).max())
        assert steps < 0.2 * np.ptp(spoilt), 'no edges'
        heights.append(np.ptp(np.percentile(spoilt[::4, ::4], (0.5, 99.5))))
    stretched = [height == pytest.approx(255, rel=0.01) for height in heights]
    assert 12 < sum(stretched) < 36
    assert max(height for height, done in zip(heights, stretched) if not done) <= 220


def test_shading_leaves_the_scene_less_of_the_range_of_a_raw_camera(frame):
    counts = np.clip(20_000 + 10 * frame, 0, 65_535).astype(np.uint16)
    texture = [cv2.Laplacian(apply_artifact(counts, 'shading', severity,
                                            np.random.default_rng(3)), cv2.CV_32F).std()
               for severity in (0.0, None, 1.0)]
    assert texture[0] > texture[1] > texture[2]


def test_vignetting_spares_the_middle_and_covers_a_corner():
    for seed in SEEDS:
        difference = np.abs(change(gray(), 'vignetting', 1.0, seed))
        corners = difference[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert difference[50:70, 70:90].max() < 45 < 80 < corners.max()


def test_sun_burn_stays_local():
    for seed in SEEDS:
        burnt = np.abs(change(gray(), 'sun_burn', None, seed))
        assert burnt.max() > 40
        assert 0 < (burnt > 3).mean() < 0.15


def test_ghost_of_a_correction_is_another_scene(frame):
    negative = 0
    for seed in SEEDS:
        ghost = change(frame, 'ghost_of_nuc', 0.0, seed)
        assert np.abs(ghost).max() > 10
        other = shading._other_scene(frame, np.random.default_rng(seed))  # its first draws
        assert abs(np.corrcoef(other.ravel(), frame.ravel())[0, 1]) < 0.99
        fit = np.polyfit(other.ravel(), ghost.ravel(), 1)
        negative += fit[0] < 0
    assert negative >= 14


def test_enlarged_and_softened_patterns_keep_the_shape():
    shapes = set()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        small = processing.sensor_shape((121, 163), processing.drawn_zoom((121, 163), rng))
        shapes.add(small)
        assert processing.shown(np.ones(small, np.float32), (121, 163), rng).shape == (121, 163)
        assert processing.drawn_zoom((60, 80), rng) == 1, 'no camera enlarges so little'
    assert shapes == {(121, 163), (61, 82)}
