"""Simulated obstruction: what is hidden, what stays sharp, and how much."""

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts import fogging, lens_dirt, obstruction, patches, soft_fields
from fliqe_ros.simulation.artifacts.artifact import Stage
from fliqe_ros.simulation.artifacts.registry import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

KINDS = {**fogging.ARTIFACTS, **lens_dirt.ARTIFACTS, **obstruction.ARTIFACTS,
         **patches.ARTIFACTS}
LOCAL = [name for name, kind in KINDS.items() if not kind.whole]
SHAPES = ((32, 32), (61, 83), (120, 160), (203, 151))


@pytest.fixture(scope='module')
def counts():
    scene = ThermalScene(5, 161, 213)
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))


@pytest.fixture(scope='module')
def frame(counts):
    return GainControl()(counts).astype(np.float32)


def spoil(frame, name, severity=None, seed=0):
    kind = KINDS[name]
    return kind.simulate(frame, kind.strength.at(severity), np.random.default_rng(seed))


def sharpness(frame):
    return float(np.abs(cv2.Laplacian(cv2.GaussianBlur(frame, (0, 0), 1.0), cv2.CV_32F)).mean())


@pytest.mark.parametrize('name', KINDS)
def test_every_frame_can_be_spoilt_visibly_and_again_alike(counts, frame, name):
    assert ARTIFACTS[name] is KINDS[name] and KINDS[name].stage is Stage.SENSOR
    assert KINDS[name].distortion == Distortion.OBSTRUCTION
    for each in (counts, frame.astype(np.uint8)):
        before = each.copy()
        for seed in range(8):
            spoilt = apply_artifact(each, name, rng=np.random.default_rng(seed))
            again = apply_artifact(each, name, rng=np.random.default_rng(seed))
            assert spoilt.dtype == np.uint8 and np.array_equal(spoilt, again)
            assert np.abs(spoilt - frame).mean() > 1.5
        assert np.array_equal(each, before)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('name', KINDS)
def test_any_size_at_any_severity(frame, name, shape):
    small = cv2.resize(frame, shape[::-1], interpolation=cv2.INTER_AREA)
    for seed in range(4):
        for severity in (0.0, None, 1.0):
            spoilt = spoil(small, name, severity, seed)
            assert spoilt.shape == shape and spoilt.dtype == np.float32
            assert np.isfinite(spoilt).all()


@pytest.mark.parametrize('name', KINDS)
def test_severity_grows(frame, name):
    changes = [np.mean([np.abs(spoil(frame, name, severity, seed) - frame).mean()
                        for seed in range(12)]) for severity in (0.0, 0.33, 0.66, 1.0)]
    assert changes == sorted(changes) and changes[-1] > 2 * changes[0]


@pytest.mark.parametrize('name', LOCAL)
def test_elsewhere_the_scene_is_as_it_was(frame, name):
    untouched = []
    for seed in range(10):
        difference = np.abs(spoil(frame, name, None, seed) - frame)
        untouched.append((difference < 1.0).mean())
        assert np.quantile(difference, 0.97) > 15
    assert min(untouched) > 0.05 and np.median(untouched) > 0.3


@pytest.mark.parametrize('name', ['ice', 'smear', 'covered', 'lens_cover'])
@pytest.mark.parametrize('severity', [0.0, None, 0.9])
def test_the_share_that_is_hidden(name, severity):
    checks = np.indices((120, 160)).sum(0) % 2 * 200.0  # what is hidden cannot look alike
    frame = checks.astype(np.float32)
    share = KINDS[name].strength.at(severity)
    shares = [(np.abs(spoil(frame, name, severity, seed) - frame) > 15).mean()
              for seed in range(8)]
    assert np.median(shares) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize('name', ['dirt', 'drops'])
def test_the_share_that_blotches_cover(name):
    frame = np.full((240, 320), 128, np.float32)
    for severity in (0.0, None, 1.0):
        share = KINDS[name].strength.at(severity)
        shares = [(np.abs(spoil(frame, name, severity, seed) - frame) > 8).mean()
                  for seed in range(16)]
        assert 0.3 * share < np.mean(shares) < 1.7 * share


def test_drops_are_2_to_15_percent_of_the_width_and_blur_what_is_behind():
    frame = np.random.default_rng(0).normal(128, 30, (240, 320)).astype(np.float32)
    kept = []
    for seed in range(10):
        spoilt = spoil(frame, 'drops', 0.0, seed)
        hidden = (np.abs(spoilt - frame) > 0.5).astype(np.uint8)
        hidden = cv2.morphologyEx(hidden, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        _, labels, stats, _ = cv2.connectedComponentsWithStats(hidden)
        widths = stats[1:, cv2.CC_STAT_WIDTH] / 320
        assert len(widths) >= 1 and np.median(widths) < 0.25
        inside = cv2.erode(hidden, np.ones((5, 5), np.uint8)) > 0
        if inside.sum() > 50:
            kept.append(spoilt[inside].std() / frame[inside].std())
    assert np.median(kept) < 0.7


def test_fog_veils_and_softens(frame):
    for seed in range(6):
        thin, thick = (spoil(frame, 'fog', severity, seed) for severity in (0.0, 1.0))
        assert frame.std() > thin.std() > thick.std()
        assert sharpness(frame) > sharpness(thin)


def test_breath_is_densest_somewhere_and_nothing_elsewhere(frame):
    spoilt = spoil(frame, 'breath', 1.0, 3)
    blocks = np.abs(spoilt - frame)[:160, :208].reshape(10, 16, 13, 16).mean((1, 3))
    assert blocks.min() < 1.5 and blocks.max() > 30


def test_smears_blur_along_the_wipe_only():
    rng = np.random.default_rng(0)
    frame = rng.normal(128, 40, (160, 200)).astype(np.float32)
    ratios = []
    for seed in range(8):
        spoilt = spoil(frame, 'smear', 1.0, seed)
        spectrum = np.abs(np.fft.fft2(spoilt - spoilt.mean()))**2
        y, x = np.meshgrid(np.fft.fftfreq(160), np.fft.fftfreq(200), indexing='ij')
        near = (np.hypot(x, y) > 0.1) & (np.hypot(x, y) < 0.3)
        turn = np.round((np.arctan2(y, x) % np.pi) / (np.pi / 8)).astype(int) % 8
        power = [spectrum[near & (turn == each)].mean() for each in range(8)]
        ratios.append(max(power) / min(power))
    assert np.median(ratios) > 2


def test_contrasting_levels_and_covering():
    rng = np.random.default_rng(0)
    for behind in (0.0, 100.0, 128.0, 255.0):
        drawn = np.array([soft_fields.contrasting(behind, rng, 60.0) for _ in range(200)])
        assert (np.abs(drawn - behind) >= 60).all() and drawn.min() >= -20 and drawn.max() <= 275
    field = rng.random((100, 120)).astype(np.float32)
    assert soft_fields.covering(field, 0.3, 1e-3).mean() == pytest.approx(0.3, abs=0.03)


def test_wide_blur_keeps_the_mean_and_smooths_like_a_gaussian(frame):
    for sigma in (0.5, 3.0, 20.0):
        blurred = soft_fields.wide_blur(frame, sigma)
        exact = cv2.GaussianBlur(frame, (0, 0), sigma)
        assert blurred.shape == frame.shape
        assert np.abs(blurred - exact)[30:-30, 30:-30].mean() < 2.5
