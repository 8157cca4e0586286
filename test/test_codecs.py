"""Simulated codecs: what H.264, HEVC, JPEG 2000 and WebP lose."""

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts.codecs import ARTIFACTS
from fliqe_ros.simulation.artifacts.registry import apply_artifact
from fliqe_ros.simulation.h264 import decode_frames, encode_frames, h264, hevc
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

pytest.importorskip('av')


@pytest.fixture(scope='module')
def frame():
    scene = ThermalScene(5, 241, 321)  # odd sides, which video codecs do not like
    return GainControl()(scene.sensor_counts(scene.render(0.0), np.random.default_rng(0)))


def rms(a, b) -> float:
    return float(np.sqrt(np.square(a.astype(float) - b.astype(float)).mean()))


@pytest.mark.parametrize('name', ARTIFACTS)
def test_losses_grow_with_severity(frame, name, capfd):
    assert ARTIFACTS[name].distortion == Distortion.COMPRESSION
    before = frame.copy()
    losses = [rms(apply_artifact(frame, name, severity), frame)
              for severity in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert losses == sorted(losses) and 1.0 < losses[0] < 0.75 * losses[-1]
    reference = apply_artifact(frame, name)
    assert np.array_equal(reference, apply_artifact(frame, name))
    assert losses[0] < rms(reference, frame) < losses[-1]
    assert np.array_equal(frame, before)
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize('shape', [(32, 32), (61, 83), (120, 160)])
@pytest.mark.parametrize('name', ARTIFACTS)
def test_any_size(frame, name, shape):
    small = cv2.resize(frame, shape[::-1], interpolation=cv2.INTER_AREA)
    for severity in (0.0, None, 1.0):
        coded = apply_artifact(small, name, severity)
        assert coded.shape == shape and coded.std() > 0.3 * small.std()


@pytest.mark.parametrize('codec, best', [(h264, 0.0), (hevc, 1.5)])
def test_video_keeps_at_low_and_loses_at_high_rate_factors(frame, codec, best):
    errors = [rms(codec(frame, rate), frame) for rate in (0, 23, 47)]
    assert errors[0] <= best and errors[0] < errors[1] < 5.0 < errors[2]


def test_jpeg2000_has_ripples_but_no_blocks(frame):
    coded = apply_artifact(frame, 'jpeg2000').astype(float)
    steps = np.abs(np.diff(coded, axis=1)).mean(axis=0)
    at_blocks = np.arange(1, len(steps) + 1) % 8 == 0
    assert steps[at_blocks].mean() == pytest.approx(steps[~at_blocks].mean(), rel=0.15)


def test_damaged_packets_are_left_out(frame):
    packets = encode_frames([frame, frame[::-1].copy()], 30)
    assert [each.shape for each in decode_frames(packets)] == [(242, 322)] * 2
    assert decode_frames([b'nothing that was ever a stream']) == []
