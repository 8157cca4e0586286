"""Simulated frames in which there is nothing to see."""

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts.blank import ARTIFACTS
from fliqe_ros.simulation.artifacts.registry import apply_artifact
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

KINDS = ('closed_shutter', 'black', 'white', 'one_level', 'gradient', 'noise_alone',
         'test_picture')
SEEDS = range(12)


@pytest.fixture(scope='module')
def counts():
    scene = ThermalScene(5, 121, 161)
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))


def shown(frame, name, severity, seed):
    return apply_artifact(frame, name, severity, np.random.default_rng(seed))


def trace(frame, name, severity, seed):
    """Contrast of the scene in a blank frame: the slope of the one over the other."""
    scene = GainControl()(frame).astype(float).ravel()
    return abs(np.polyfit(scene, shown(frame, name, severity, seed).astype(float).ravel(), 1)[0])


def test_kinds():
    assert tuple(ARTIFACTS) == KINDS
    assert all(kind.distortion == Distortion.BLANK and kind.whole for kind in ARTIFACTS.values())


@pytest.mark.parametrize('name', KINDS)
def test_any_size_same_seed_and_an_untouched_input(counts, name):
    for seed, shape in enumerate([(32, 32), (60, 80), (33, 47), (61, 37), (121, 161)]):
        raw = np.ascontiguousarray(counts[:shape[0], :shape[1]])
        for clean in (raw, GainControl()(raw)):
            before = clean.copy()
            for severity in (0.0, None, 1.0):
                first, second = (shown(clean, name, severity, seed) for _ in range(2))
                assert first.shape == shape and first.dtype == np.uint8
                assert np.array_equal(first, second)
            assert np.array_equal(clean, before)


@pytest.mark.parametrize('name', KINDS)
def test_scene_is_gone_at_the_reference_and_faint_before(counts, name):
    mild = [trace(counts, name, 0.0, seed) for seed in SEEDS]
    assert np.median(mild) < 0.3
    if name in ('black', 'white', 'one_level'):
        reference, strong = (
            [trace(counts, name, severity, seed) for seed in SEEDS] for severity in (None, 1.0))
        assert np.median(mild) == pytest.approx(0.1, abs=0.03)
        assert np.median(reference) == pytest.approx(0.01, abs=0.01)
        assert max(strong) < 0.01


@pytest.mark.parametrize('name', KINDS)
def test_only_the_trace_differs_between_severities(counts, name):
    for seed in SEEDS:
        mild, reference, strong = (
            shown(counts, name, severity, seed).astype(float) for severity in (0.0, None, 1.0))
        assert np.abs(mild - strong).mean() > np.abs(reference - strong).mean()
        assert np.abs(reference - strong).mean() < 6


def test_levels():
    frame = np.random.default_rng(0).integers(0, 256, (90, 120), np.uint8)
    for seed in SEEDS:
        assert shown(frame, 'black', 1.0, seed).max() <= 25
        assert shown(frame, 'white', 1.0, seed).min() >= 230
        assert np.ptp(shown(frame, 'one_level', 1.0, seed)) <= 8
    levels = [int(np.median(shown(frame, 'one_level', 1.0, seed))) for seed in range(30)]
    assert min(levels) < 60 and max(levels) > 195


def test_shutter_is_stretched_to_the_whole_range_or_stays_gray(counts):
    spans = [np.ptp(np.percentile(shown(counts, 'closed_shutter', 1.0, seed), (1, 99)))
             for seed in range(30)]
    assert max(spans) > 200, 'gain control amplifies noise and pattern'
    assert min(spans) < 70, 'or its gain is limited'


def test_shutter_has_few_counts_of_noise(counts):
    rng = np.random.default_rng(0)
    kind = ARTIFACTS['closed_shutter']
    raw = [kind.simulate(counts, 0.001, rng) for _ in range(20)]
    spans = [float(frame.std()) for frame in raw if frame.dtype == np.uint16]
    assert len(spans) > 8 and max(spans) < 150 < np.ptp(counts)


def test_gradient_is_smooth():
    frame = np.zeros((120, 160), np.uint8)
    for seed in SEEDS:
        blank = shown(frame, 'gradient', None, seed).astype(float)
        assert np.ptp(blank) > 20
        slow = blank.reshape(12, 10, 16, 10).mean((1, 3))
        assert (blank - np.kron(slow, np.ones((10, 10)))).std() < 0.4 * slow.std()


def test_noise_has_no_place():
    frame = np.zeros((120, 160), np.uint8)
    deviations = []
    for seed in range(30):
        blank = shown(frame, 'noise_alone', None, seed).astype(float)
        deviations.append(blank.std())
        halves = blank[:, :80].mean(), blank[:, 80:].mean()
        assert abs(halves[0] - halves[1]) < 0.5 * blank.std()
    assert min(deviations) < 12 and max(deviations) > 60


def test_test_pictures_differ_and_have_levels():
    frame = np.zeros((120, 160), np.uint8)
    pictures = [shown(frame, 'test_picture', None, seed) for seed in range(30)]
    assert len({picture.tobytes() for picture in pictures}) == 30
    assert all(np.ptp(picture) > 60 for picture in pictures)
