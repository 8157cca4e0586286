"""The cameras that training draws: natural variety that is the same for all versions of a view."""

from fliqe_ros.data.sources import Frame
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS
from fliqe_ros.simulation.scenes.textures import dead_leaves
from fliqe_ros.training.augmentation import CameraAugmentation, COUNTS_PER_LEVEL, random_view
from fliqe_ros.training.batches import CLEAN, Fault, version
import numpy as np
import pytest


@pytest.fixture(scope='module')
def frame():
    return Frame(dead_leaves(np.random.default_rng(3), 240, 320), 'leaves')


def cameras(count):
    rng = np.random.default_rng(1)
    return [CameraAugmentation.draw(rng) for _ in range(count)]


def test_the_same_camera_shows_the_same_frame_in_the_same_way(frame):
    for number, camera in enumerate(cameras(20)):
        view = random_view(frame, (120, 160), camera, np.random.default_rng(number))
        assert view.shape == (120, 160) and view.dtype == np.uint8
        assert np.array_equal(camera.sense(view), camera.sense(view))
        shown = [version(view, CLEAN, camera, np.random.default_rng(seed)) for seed in (1, 2)]
        assert np.array_equal(*shown), 'a clean version depends on nothing but the camera'


def test_draws_cover_raw_palette_and_compressed_cameras():
    drawn = cameras(400)
    assert 60 < sum(camera.raw for camera in drawn) < 140
    assert {camera.palette for camera in drawn} > {'', 'ironbow', 'rainbow', 'arctic'}
    assert {camera.quality is None for camera in drawn} == {True, False}
    assert 100 < sum(bool(camera.display) for camera in drawn) < 180
    assert len({camera.seed for camera in drawn}) == len(drawn)


def test_a_plain_camera_adds_nothing(frame):
    camera = CameraAugmentation()
    view = random_view(frame, frame.pixels.shape, camera, np.random.default_rng(0))
    assert any(np.array_equal(view, each) for each in (frame.pixels, frame.pixels[:, ::-1]))
    assert np.array_equal(camera.sense(view), view)
    assert np.array_equal(version(view, CLEAN, camera, np.random.default_rng(0)), view)


def test_a_raw_camera_distorts_before_its_gain_control(frame):
    camera = CameraAugmentation(varied=True, seed=2, raw=True)
    view = (frame.pixels // 4 + 90).astype(np.uint8)  # a quarter of the range
    counts = camera.sense(view)
    assert counts.dtype == np.uint16
    assert np.corrcoef(counts.ravel(), view.ravel())[0, 1] > 0.98
    assert np.ptp(counts) == pytest.approx(np.ptp(view.astype(int)) * COUNTS_PER_LEVEL, rel=0.2)
    shown = version(view, CLEAN, camera, np.random.default_rng(0))
    assert shown.min() == 0 and shown.max() == 255, 'stretched by gain control'
    dark = version(view, Fault(Distortion.UNDEREXPOSURE), camera, np.random.default_rng(0))
    assert dark.max() == pytest.approx(0.3 * 255, abs=1), 'exposure acts behind gain control'


@pytest.mark.parametrize('name', ARTIFACTS)
def test_artifacts_reach_the_view_of_every_kind_of_camera(frame, name):
    fault = Fault(ARTIFACTS[name].distortion, 1.0, name)
    for camera in (CameraAugmentation(), CameraAugmentation(varied=True, seed=1, raw=True),
                   CameraAugmentation(varied=True, seed=1, palette='arctic', quality=80)):
        clean, spoilt = (version(frame.pixels, each, camera, np.random.default_rng(0))
                         for each in (CLEAN, fault))
        least = 1.5 if ARTIFACTS[name].whole else 0.5
        assert np.abs(clean.astype(float) - spoilt).mean() > least


def test_softness_sets_how_soft_a_clean_view_may_be(frame):
    def sharpness(softness):
        camera = CameraAugmentation(varied=True)
        views = [random_view(frame, (120, 160), camera, np.random.default_rng(seed), softness)
                 for seed in range(60)]
        return np.array([np.abs(np.diff(view.astype(int))).mean() for view in views])

    ordinary, softer = sharpness(1.2), sharpness(3.0)
    assert np.mean(softer < ordinary) > 0.2, 'some views are softer'
    assert np.median(softer / ordinary) > 0.9, 'but not most of them'
