"""Simulated artifacts beyond the eight distortions, and the video codec."""

import cv2
from fliqe_ros.distortion_types import DISTORTIONS
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.h264 import h264
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest


@pytest.fixture(scope='module')
def frame():
    scene = ThermalScene(5, 241, 321)  # odd sides, which video codecs do not like
    return GainControl()(scene.sensor_counts(scene.render(0.0), np.random.default_rng(0)))


def rms(a, b) -> float:
    return float(np.sqrt(np.square(a.astype(float) - b.astype(float)).mean()))


@pytest.mark.parametrize('name', ARTIFACTS)
def test_trouble_grows_with_severity_and_leaves_the_input(frame, name):
    before = frame.copy()
    changes = []
    for severity in (0.0, 0.5, 1.0):
        troubled = apply_artifact(frame, name, severity, np.random.default_rng(1))
        assert troubled.shape == frame.shape and troubled.dtype == np.uint8
        changes.append(rms(troubled, frame))
    assert np.array_equal(frame, before)
    assert 1.0 < changes[0] < changes[1] < changes[2]
    assert ARTIFACTS[name].distortion in DISTORTIONS


@pytest.mark.parametrize('name', ARTIFACTS)
def test_same_seed_same_trouble(frame, name):
    first, second = (apply_artifact(frame, name, 0.7, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(apply_artifact(frame, name), apply_artifact(frame, name, 0.5))


@pytest.mark.parametrize('name', [name for name, kind in ARTIFACTS.items() if not kind.whole])
def test_what_shows_in_a_part_leaves_another_part_clean(frame, name):
    troubled = apply_artifact(frame, name, 0.2, np.random.default_rng(1))
    difference = np.abs(troubled.astype(float) - frame)
    blocks = difference[:240, :320].reshape(6, 40, 8, 40).mean((1, 3))
    assert blocks.min() < 6 < 30 < blocks.max()


def test_what_each_trouble_does_to_pixels():
    gray = np.full((200, 300), 128, np.uint8)
    gradient = np.tile(np.linspace(20, 230, 300).astype(np.uint8), (200, 1))
    rng = np.random.default_rng(2)

    stripes = apply_artifact(gray, 'stripes', 0.5, rng).astype(int)
    assert min(np.ptp(stripes, axis=0).max(), np.ptp(stripes, axis=1).max()) == 0 < stripes.std()
    pattern = apply_artifact(gray, 'fixed_pattern', 0.0, rng)
    assert pattern.std() == pytest.approx(9, rel=0.05)
    dead = apply_artifact(gray, 'dead_pixels', 1.0, rng)
    assert 0.03 < np.isin(dead, (0, 255)).mean() < 0.12
    assert np.ptp(apply_artifact(gradient, 'flat', 0.0, rng)) <= 26
    assert len(np.unique(apply_artifact(gradient, 'banded', 0.0, rng))) <= 8
    assert len(np.unique(apply_artifact(gradient, 'banded', 1.0, rng))) <= 3

    combed = apply_artifact(gradient, 'interlace', 1.0, rng)
    assert np.array_equal(combed[::2], gradient[::2])
    assert rms(combed[1::2, 20:-20], gradient[1::2, 20:-20]) == pytest.approx(14 * 0.7, rel=0.1)

    weak = apply_artifact(gradient, 'low_contrast', 1.0, rng).astype(float)
    rows = weak - cv2.blur(weak, (9, 9))
    assert rows.std() > 8, 'gain control amplifies the noise of a scene without contrast'


def test_h264_keeps_at_low_and_loses_at_high_rate_factors(frame):
    errors = [rms(h264(frame, rate), frame) for rate in (0, 23, 45)]
    assert errors[0] == 0.0 and 0.0 < errors[1] < 4.0 < errors[2]


def test_unknown_name():
    with pytest.raises(KeyError, match='sepia'):
        apply_artifact(np.zeros((64, 64), np.uint8), 'sepia')


@pytest.mark.parametrize('image, severity, reason', [
    (np.zeros((64, 64), np.uint16), None, 'uint16'),
    (np.zeros((64, 64, 3), np.uint8), None, r'shape \(64, 64, 3\)'),
    (np.zeros((64, 64), np.uint8), 1.2, 'Severity 1.2'),
])
def test_bad_arguments(image, severity, reason):
    with pytest.raises(ValueError, match=reason):
        apply_artifact(image, 'flat', severity)
