"""FLIQE and OnlineFLIQE with the packaged default model."""

import subprocess
import sys

import cv2
from fliqe_ros import Assessment, Distortion, FLIQE, OnlineFLIQE
from fliqe_ros.distortion_types import CLASSES, DISTORTIONS
from fliqe_ros.errors import CheckpointError, FrameError
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.simulation.degradations import degrade
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest


@pytest.fixture(scope='module')
def fliqe():
    return FLIQE(device='cpu')


def counts(seed: int, height: int = 256, width: int = 320) -> np.ndarray:
    """14-bit frame of a generated scene that no model was trained on."""
    scene = ThermalScene(10**6 + seed, height, width)
    return scene.sensor_counts(scene.render(1.0), np.random.default_rng(seed))


def clean_frame(seed: int, height: int = 256, width: int = 320) -> np.ndarray:
    return GainControl()(counts(seed, height, width))


def test_default_model_is_small_and_has_its_card():
    assert DEFAULT_MODEL.stat().st_size < 3_300_000
    assert (DEFAULT_MODEL.parent / 'README.md').is_file()


def test_clean_frames_score_above_distorted_ones(fliqe):
    frames = [clean_frame(seed) for seed in range(6)]
    clean = np.mean(fliqe.estimate_batch(frames))
    assert clean > 0.7
    for distortion in DISTORTIONS:
        score = np.mean(fliqe.estimate_batch([
            degrade(f, distortion, None, np.random.default_rng(draw))
            for draw, f in enumerate(2 * frames)]))
        # A seam across a small, busy picture is hard to tell from a scene.
        assert score < (0.5 if distortion == Distortion.CORRUPTION else 0.4), distortion.label


def test_types_are_recognised(fliqe):
    right = [fliqe.assess(degrade(clean_frame(seed), distortion)).distortion == distortion
             for seed in range(3) for distortion in CLASSES]
    assert np.mean(right) > 0.8


def test_assessment(fliqe):
    assessment = fliqe.assess(clean_frame(1))
    assert isinstance(assessment, Assessment)
    assert isinstance(assessment.score, float) and 0.0 <= assessment.score <= 1.0
    assert isinstance(assessment.distortion, Distortion)
    assert len(assessment.probabilities) == len(CLASSES) == 13
    assert sum(assessment.probabilities) == pytest.approx(1.0, abs=1e-5)
    assert assessment.probabilities[assessment.distortion] == max(assessment.probabilities)
    grid = assessment.quality_map
    assert grid.ndim == 2 and grid.dtype == np.float32
    assert 0.0 <= grid.min() <= grid.max() <= 1.0


def test_affected_share_is_that_of_the_map_below_one_half(fliqe):
    noise = np.random.default_rng(0).integers(0, 255, (256, 160)).astype(np.uint8)
    half = clean_frame(1)
    half[:, 160:] = noise
    assessment = fliqe.assess(half)
    assert assessment.affected_share == (assessment.quality_map < 0.5).mean()
    assert 0.1 < assessment.affected_share < 0.9


def test_a_model_of_fewer_types_gives_the_others_no_chance(fliqe, monkeypatch):
    predict = fliqe._backend.predict

    def nine_types(frames):
        outputs = predict(frames)
        nine = outputs.probabilities[:, :9] + np.float32(0.1)
        return outputs._replace(probabilities=nine / nine.sum(1, keepdims=True))

    monkeypatch.setattr(fliqe._backend, 'predict', nine_types)
    assessment = fliqe.assess(clean_frame(1))
    assert len(assessment.probabilities) == 13
    assert assessment.probabilities[9:] == (0.0,) * 4
    assert sum(assessment.probabilities) == pytest.approx(1.0, abs=1e-5)
    assert assessment.distortion == Distortion.CLEAN


def test_the_model_id_tells_models_apart(fliqe):
    words = fliqe.model_id.split()
    assert words == ['thermal_s', str(fliqe.metadata['version']), fliqe.model_hash[:12]]


def test_a_batch_of_mixed_sizes_gives_each_frame_its_own_score(fliqe):
    frames = [clean_frame(0), clean_frame(1, 128, 160), distort(clean_frame(2), CLASSES[3]),
              clean_frame(3, 128, 160), cv2.cvtColor(clean_frame(4), cv2.COLOR_GRAY2BGR)]
    assert fliqe.estimate_batch(frames) == pytest.approx(
        [fliqe.estimate_image_quality(frame) for frame in frames], abs=1e-4)
    assert fliqe.estimate_batch([]) == []


def test_colour_and_alpha_score_as_gray(fliqe):
    gray = clean_frame(2)
    score = fliqe.estimate_image_quality(gray)
    for code in (cv2.COLOR_GRAY2BGR, cv2.COLOR_GRAY2BGRA):
        assert fliqe.estimate_image_quality(cv2.cvtColor(gray, code)) == pytest.approx(
            score, abs=1e-5)


def test_raw_frames_go_through_gain_control(fliqe):
    raw = counts(3)
    eight_bit = fliqe.estimate_image_quality(clean_frame(3))
    assert fliqe.estimate_image_quality(raw) == pytest.approx(eight_bit, abs=1e-5)
    assert fliqe.estimate_image_quality(raw.astype('>u2')) == pytest.approx(eight_bit, abs=1e-5)
    celsius = ((raw.astype(np.float32) - 4000) / 40).astype(np.float32)
    assert fliqe.estimate_image_quality(celsius) == pytest.approx(eight_bit, abs=0.02)


@pytest.mark.parametrize('channels', [3, 4])
@pytest.mark.parametrize('dtype', [np.uint16, np.float32, np.float64])
def test_colours_of_more_than_8_bits_go_through_gain_control(fliqe, dtype, channels):
    raw = counts(3)
    colours = np.dstack([raw] * 3 + [np.full_like(raw, 65_535)])[..., :channels].astype(dtype)
    score = fliqe.estimate_image_quality(colours)
    assert score == fliqe.estimate_image_quality(GainControl()(colours[..., :3]))
    # three times as many values, between which percentiles lie a little elsewhere
    assert score == pytest.approx(fliqe.estimate_image_quality(clean_frame(3)), abs=0.03)


@pytest.mark.parametrize('image', [
    np.zeros((0, 10), np.uint8), np.zeros((10, 10, 2), np.uint8), np.zeros(10, np.uint8),
    np.zeros((64, 64), np.int32), np.zeros((64, 64, 3), np.int32), np.zeros((64, 64), complex),
    np.full((64, 64), np.nan, np.float32)], ids=lambda image: f'{image.dtype}{image.shape}')
def test_bad_images_are_refused(fliqe, image):
    with pytest.raises(FrameError):
        fliqe.estimate_image_quality(image)


@pytest.mark.parametrize('shape', [(1, 1), (1, 300), (64, 64), (90, 700)])
@pytest.mark.parametrize('level', [0, 128, 255])
def test_odd_sizes_and_blank_frames_give_finite_scores(fliqe, shape, level):
    assessment = fliqe.assess(np.full(shape, level, np.uint8))
    assert 0.0 <= assessment.score <= 1.0
    assert np.isfinite(assessment.quality_map).all()


def test_bad_settings_are_named():
    pytest.importorskip('torch')
    with pytest.raises(CheckpointError, match='/nowhere/model.pt: there is no such file'):
        FLIQE('/nowhere/model.pt')
    with pytest.raises(ValueError, match="'tpu' is none of auto, cpu, cuda"):
        FLIQE(device='tpu')
    with pytest.raises(ValueError, match="'cuda:99' is not there"):
        FLIQE(device='cuda:99')
    with pytest.raises(ValueError, match="'float16' needs a GPU: on the CPU take 'bfloat16'"):
        FLIQE(device='cpu', precision='float16')
    with pytest.raises(ValueError, match="'int8' is none of auto, float32"):
        FLIQE(precision='int8')


def test_bfloat16_stays_close(fliqe):
    pytest.importorskip('torch')
    frames = [clean_frame(seed) for seed in range(3)]
    half = FLIQE(device='cpu', precision='bfloat16')
    assert half.estimate_batch(frames) == pytest.approx(fliqe.estimate_batch(frames), abs=0.03)
    assert sum(half.assess(frames[0]).probabilities) == pytest.approx(1, abs=1e-5), 'of float32'


def test_release():
    fliqe = FLIQE(device='cpu')
    fliqe.warm_up(64, 64, batch=2)
    fliqe.release()
    with pytest.raises(RuntimeError, match='released'):
        fliqe.assess(clean_frame(0))


def test_sessions_smooth_their_own_scores(fliqe):
    online = OnlineFLIQE(smoothing_window_size=3, device='cpu')
    online.create_session('front')
    online.create_session('rear')
    frames = [distort(clean_frame(0), CLASSES[index]) for index in range(6)]
    scores = fliqe.estimate_batch(frames)
    for count, frame in enumerate(frames, start=1):
        smoothed = online.estimate_smoothed_quality(frame, session_id='front')
        expected = np.mean(scores[max(0, count - 3):count])
        assert smoothed == pytest.approx(expected, abs=1e-4)
        assert online.get_smoothed_quality('front') == smoothed
        assert online.get_raw_quality('front') == pytest.approx(scores[count - 1], abs=1e-4)
    with pytest.raises(ValueError, match='empty'):
        online.get_smoothed_quality('rear')
    online.create_session('front')
    assert online.estimate_smoothed_quality(frames[0], 'front') == pytest.approx(
        scores[0], abs=1e-4)


def test_unknown_sessions_are_named():
    online = OnlineFLIQE(device='cpu')
    with pytest.raises(ValueError, match="no session 'left'; known sessions: none"):
        online.get_raw_quality('left')
    online.create_session('right')
    online.create_session(7)
    for call in (online.get_smoothed_quality, online.get_raw_quality, online.remove_session,
                 lambda session: online.estimate_smoothed_quality(clean_frame(0), session)):
        with pytest.raises(ValueError, match="no session 'left'; known sessions: 'right', 7"):
            call('left')
    online.remove_session('right')
    with pytest.raises(ValueError, match='known sessions: 7'):
        online.get_raw_quality('right')


def test_window_size_is_checked():
    with pytest.raises(ValueError):
        OnlineFLIQE(smoothing_window_size=0)


PEAK_MEMORY = """
import resource, sys
import numpy as np
from fliqe_ros import FLIQE
fliqe = FLIQE(backend=sys.argv[1], device='cpu', threads=1)
frame = np.arange(256 * 320, dtype=np.uint32).reshape(256, 320).astype(np.uint8)
fliqe.estimate_batch([frame] * 8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert len(fliqe.estimate_batch([frame] * 150)) == 150
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize('backend', ['torch', 'onnxruntime'])
def test_memory_does_not_grow_with_the_number_of_frames(backend):
    pytest.importorskip(backend)
    done = subprocess.run([sys.executable, '-c', PEAK_MEMORY, backend], capture_output=True,
                          text=True, check=True)
    assert int(done.stdout) < 60_000, 'KiB'


def test_sessions_can_be_released():
    online = OnlineFLIQE(smoothing_window_size=3, device='cpu')
    online.create_session(0)
    score = online.estimate_smoothed_quality(clean_frame(0), 0)
    online.release()
    assert online.get_smoothed_quality(0) == score
    with pytest.raises(RuntimeError, match='released'):
        online.estimate_smoothed_quality(clean_frame(0), 0)
