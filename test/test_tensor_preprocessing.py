"""What a GPU does of the preparation: the same as NumPy, OpenCV and PIL do on the CPU."""

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.preprocessing import preprocess_resnet50
from fliqe_ros.models.registry import ARCHITECTURES
from fliqe_ros.models.tensor_preprocessing import (
    ResNet50Preprocessing, stretch, ThermalSPreprocessing)
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest
import torch

CPU = torch.device('cpu')


def raw_frames(height, width):
    """Return scenes, and what is hard for gain control: flat, two-valued, all of the range."""
    rng = np.random.default_rng(7)
    scene = ThermalScene(4, height, width)
    ramp = np.arange(height * width).reshape(height, width) * 65_536 // (height * width)
    return np.stack([
        scene.sensor_counts(scene.render(0.0), rng),
        rng.integers(0, 65_536, (height, width)),
        np.full((height, width), 40_000), np.full((height, width), 65_535),
        np.where(rng.random((height, width)) < 0.004, 9_000, 8_999),
        ramp]).astype(np.uint16)


def as_bits(frames):
    """Return an int16 tensor of the same bits, as the GPU gets it."""
    return torch.from_numpy(frames.view(np.int16))


@pytest.mark.parametrize('size', [(128, 131), (256, 320), (512, 640)])
@pytest.mark.parametrize('gain', [
    GainControl(), GainControl(low=0, high=100), GainControl(low=3.3, high=71.7, input_shift=2),
    GainControl('fixed_range', 7000, 9000.5), GainControl('fixed_range', -20, 3000, 3),
    GainControl('none'), GainControl('none', input_shift=2)], ids=str)
def test_gain_control_gives_the_same_levels(gain, size):
    frames = raw_frames(*size)
    expected = np.stack([gain(frame) for frame in frames])
    assert np.array_equal(stretch(as_bits(frames), gain).numpy(), expected)


@pytest.mark.parametrize('size', [(100, 60), (120, 160), (224, 224), (512, 640), (300, 224),
                                  (1, 7), (3, 2000)])
@pytest.mark.parametrize('channels', [(), (3,)], ids=['gray', 'colour'])
def test_frames_are_resized_as_by_pil(size, channels):
    frames = np.random.default_rng(1).integers(0, 256, (2, *size, *channels), np.uint8)
    preprocess = ResNet50Preprocessing(frames.shape[1:], GainControl(), CPU)
    ours = preprocess(torch.from_numpy(frames)).numpy()
    expected = np.stack([preprocess_resnet50(frame) for frame in frames])
    assert ours.shape == expected.shape and ours.dtype == np.uint8
    assert np.array_equal(ours, expected)


def test_both_together():
    gain, frames = GainControl(), raw_frames(256, 320)
    for architecture in ARCHITECTURES.values():
        preprocess = architecture.tensor_preprocessing()((256, 320), gain, CPU)
        ours = preprocess(as_bits(frames)).numpy()
        theirs = np.stack([architecture.preprocess(gain(frame)) for frame in frames])
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize('shape, dtype, thermal_s, resnet50', [
    ((128, 128), np.uint8, True, True), ((512, 640), np.uint16, True, True),
    ((120, 160), np.uint16, False, True), ((512, 640, 3), np.uint8, False, True),
    ((512, 640), np.float32, False, False), ((512, 640), '>u2', False, False)])
def test_the_rest_is_left_to_the_cpu(shape, dtype, thermal_s, resnet50):
    frame = np.zeros(shape, dtype)
    assert ThermalSPreprocessing.accepts(frame) == thermal_s
    assert ResNet50Preprocessing.accepts(frame) == resnet50
