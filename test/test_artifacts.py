"""What holds for every simulated artifact, and for any fault by one call."""

from dataclasses import replace

from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts.artifact import Stage
from fliqe_ros.simulation.artifacts.registry import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.degradations import (
    CHANGING, degrade, degrade_counts, is_changing, TYPICAL_ARTIFACTS)
from fliqe_ros.simulation.distortions import BEFORE_GAIN_CONTROL, distort, RANGES
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

pytest.importorskip('av')


@pytest.fixture(scope='module')
def counts():
    scene = ThermalScene(5, 121, 161)  # odd sides, which video codecs do not like
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))


@pytest.fixture(scope='module')
def frame(counts):
    return GainControl()(counts)


def rms(a, b) -> float:
    return float(np.sqrt(np.square(a.astype(float) - b.astype(float)).mean()))


def shown(frame, name, severity=None, seed=1):
    return apply_artifact(frame, name, severity, np.random.default_rng(seed))


@pytest.mark.parametrize('name', ARTIFACTS)
def test_a_picture_of_8_bits_comes_out_and_the_input_stays(counts, frame, name):
    for image in (counts, frame):
        before = image.copy()
        for severity in (0.0, None, 1.0):
            spoilt = shown(image, name, severity)
            assert spoilt.shape == image.shape and spoilt.dtype == np.uint8
        assert np.array_equal(image, before)


@pytest.mark.parametrize('name', ARTIFACTS)
def test_same_seed_same_artifact_and_no_generator_is_a_fixed_seed(frame, name):
    assert np.array_equal(shown(frame, name, 0.7), shown(frame, name, 0.7))
    assert np.array_equal(apply_artifact(frame, name), shown(frame, name, None, seed=0))


@pytest.mark.parametrize('name', ARTIFACTS)
def test_no_severity_is_the_reference(frame, name, monkeypatch):
    artifact, strengths = ARTIFACTS[name], []

    def simulate(image, strength, rng):
        strengths.append(strength)
        return artifact.simulate(image, strength, rng)

    monkeypatch.setitem(ARTIFACTS, name, replace(artifact, simulate=simulate))
    for severity in (None, 0.0, 1.0, artifact.strength.reference_severity):
        shown(frame, name, severity)
    reference, mild, strong, same = strengths
    assert reference == artifact.strength.reference == pytest.approx(same)
    assert min(mild, strong) < reference < max(mild, strong)


@pytest.mark.parametrize('name', ARTIFACTS)
def test_it_is_seen_at_the_reference(frame, name):
    for seed in range(3):
        difference = np.abs(shown(frame, name, None, seed).astype(float) - frame)
        assert difference.mean() > 0.3 and difference.max() > 15


def test_every_type_beyond_the_eight_has_artifacts_and_a_typical_one():
    types = {artifact.distortion for artifact in ARTIFACTS.values()}
    assert types <= set(DISTORTIONS) and types >= set(TYPICAL_ARTIFACTS)
    assert set(TYPICAL_ARTIFACTS) == set(DISTORTIONS) - set(RANGES)
    for distortion, name in TYPICAL_ARTIFACTS.items():
        assert ARTIFACTS[name].distortion == distortion


def test_unknown_name():
    for call in (apply_artifact, degrade):
        with pytest.raises(KeyError, match='sepia'):
            call(np.zeros((64, 64), np.uint8), 'sepia')


@pytest.mark.parametrize('image, severity, reason', [
    (np.zeros((64, 64), np.float32), None, 'float32'),
    (np.zeros((64, 64, 3), np.uint8), None, r'shape \(64, 64, 3\)'),
    (np.zeros((64, 64), np.uint8), 1.2, 'Severity 1.2'),
])
def test_bad_arguments(image, severity, reason):
    with pytest.raises(ValueError, match=reason):
        apply_artifact(image, 'flat', severity)


# Any fault by one call

@pytest.mark.parametrize('fault', CLASSES, ids=lambda d: d.label)
def test_a_type_is_shown_before_or_after_gain_control(counts, frame, fault):
    seen, seen_of_8_bits = degrade(counts, fault), degrade(frame, fault)
    assert seen.shape == counts.shape and seen.dtype == np.uint8
    if fault in TYPICAL_ARTIFACTS:
        assert np.array_equal(seen, apply_artifact(counts, TYPICAL_ARTIFACTS[fault]))
        return
    before, after = GainControl()(distort(counts, fault)), distort(frame, fault)
    assert np.array_equal(seen, before if fault in BEFORE_GAIN_CONTROL else after)
    assert np.array_equal(seen_of_8_bits, after), '8 bits are behind gain control'
    if fault == Distortion.UNDEREXPOSURE:
        assert rms(before, frame) < 3 < 20 < rms(seen, frame), 'gain control would have undone it'


@pytest.mark.parametrize('name', ARTIFACTS)
def test_an_artifact_is_called_by_its_name(counts, name):
    gain_control = GainControl('percentile', 2.0, 98.0)
    seen = degrade(counts, name, 0.6, np.random.default_rng(2), gain_control)
    assert np.array_equal(
        seen, apply_artifact(counts, name, 0.6, np.random.default_rng(2), gain_control))


@pytest.mark.parametrize('fault', [*CLASSES, *ARTIFACTS], ids=str)
def test_counts_are_delivered_with_the_fault_that_gain_control_shows(counts, fault):
    before = counts.copy()
    spoilt = degrade_counts(counts, fault)
    assert spoilt.shape == counts.shape and spoilt.dtype == np.uint16
    assert np.array_equal(counts, before)
    assert np.array_equal(spoilt, counts) == (fault == Distortion.CLEAN)
    name = TYPICAL_ARTIFACTS.get(fault, fault)
    if name in ARTIFACTS and ARTIFACTS[name].stage is Stage.SENSOR:
        assert np.array_equal(GainControl()(spoilt), apply_artifact(counts, name))
    if name in ARTIFACTS and ARTIFACTS[name].stage is Stage.PICTURE:
        low, high = np.percentile(counts, (0.5, 99.5))
        assert spoilt.min() > low - 0.1 * (high - low)
        assert spoilt.max() < high + 0.1 * (high - low)


def test_noise_and_damage_in_transfer_change_and_what_sits_in_the_camera_stays():
    assert CHANGING <= {*DISTORTIONS, *ARTIFACTS}
    for fault in (Distortion.GAUSSIAN_NOISE, Distortion.CORRUPTION, 'noise_alone', 'lost_rows'):
        assert is_changing(fault)
    for fault in (Distortion.CLEAN, Distortion.MOTION_BLUR, Distortion.NON_UNIFORMITY,
                  Distortion.OBSTRUCTION, 'dead_lines', 'drops', 'byte_swapped', 'sheared'):
        assert not is_changing(fault)
    for name, artifact in ARTIFACTS.items():
        if artifact.distortion in (Distortion.NON_UNIFORMITY, Distortion.OBSTRUCTION):
            assert not is_changing(name)
