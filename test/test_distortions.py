"""The simulated distortions do what their names say, to 8-bit and to raw frames."""

import cv2
from fliqe_ros.distortion_types import Distortion, DISTORTIONS
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.distortions import distort, motion_kernel, RANGES
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest


#: With it the ghost is the weaker of the two copies.
SEED = 0


@pytest.fixture(scope='module')
def counts():
    scene = ThermalScene(5, 256, 320)
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))


@pytest.fixture(scope='module')
def frame(counts):
    return GainControl()(counts)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize('distortion', (Distortion.CLEAN, *RANGES), ids=lambda d: d.label)
@pytest.mark.parametrize('severity', [None, 0.0, 1.0])
def test_shape_dtype_and_input_stay(frame, counts, distortion, severity):
    for image in (frame, counts):
        before = image.copy()
        distorted = distort(image, distortion, severity, np.random.default_rng(1))
        assert distorted.shape == image.shape and distorted.dtype == image.dtype
        assert np.array_equal(image, before)
        assert np.array_equal(distorted, image) == (distortion == Distortion.CLEAN)


@pytest.mark.parametrize('distortion', RANGES, ids=lambda d: d.label)
def test_severity_grows_and_reference_lies_within(frame, distortion):
    changes = [difference(distort(frame, distortion, severity, np.random.default_rng(SEED)), frame)
               for severity in (0.0, 0.5, 1.0)]
    assert changes[0] < changes[1] < changes[2]
    limits = RANGES[distortion]
    assert min(limits.mild, limits.strong) <= limits.reference <= max(limits.mild, limits.strong)
    assert limits.at(limits.reference_severity) == pytest.approx(limits.reference)


@pytest.mark.parametrize('distortion', RANGES, ids=lambda d: d.label)
def test_same_seed_same_frame(frame, distortion):
    first, second = (distort(frame, distortion, 0.4, np.random.default_rng(2)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(distort(frame, distortion), distort(frame, distortion))


def test_reference_severities(frame):
    """Each against the published definition, written out."""
    as_float = frame.astype(np.float32)
    assert difference(distort(frame, Distortion.LENS_BLUR),
                      cv2.GaussianBlur(frame, (11, 11), 0)) < 0.5
    assert difference(distort(frame, Distortion.OVEREXPOSURE),
                      np.clip(as_float * 2.5, 0, 255)) <= 0.5
    assert difference(distort(frame, Distortion.UNDEREXPOSURE), as_float * 0.3) <= 0.5
    noise = distort(np.full((300, 300), 128, np.uint8), Distortion.GAUSSIAN_NOISE).astype(float)
    assert noise.std() == pytest.approx(25, rel=0.02) and noise.mean() == pytest.approx(128, abs=1)
    data = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, 5])[1]
    assert np.array_equal(distort(frame, Distortion.COMPRESSION), cv2.imdecode(data, 0))
    ghost = distort(frame, Distortion.GHOSTING)[:, 10:]
    assert difference(ghost, 0.4 * as_float[:, 10:] + 0.6 * as_float[:, :-10]) <= 0.5
    blocks = distort(frame, Distortion.ALIASING)
    assert np.array_equal(blocks, np.kron(frame[::4, ::4], np.ones((4, 4), np.uint8)))


def test_there_are_eight():
    assert tuple(RANGES) == DISTORTIONS[:8]


def test_motion_kernel():
    kernel = motion_kernel(15, 45)
    assert kernel.sum() == pytest.approx(1.0)
    rows, columns = np.nonzero(kernel > 0.01)
    assert np.corrcoef(rows, columns)[0, 1] < -0.95, 'upwards to the right'
    across = motion_kernel(21, 0)
    assert np.count_nonzero(across.sum(1) > 1e-6) == 1
    assert np.count_nonzero(across.sum(0) > 0.01) == 21


def test_raw_frames_keep_their_level(counts):
    """A raw frame's offset is no light: exposure acts on the range that the scene fills."""
    low, high = np.percentile(counts, (1, 99))
    dark = distort(counts, Distortion.UNDEREXPOSURE)
    assert np.percentile(dark, 1) == pytest.approx(low, abs=0.2 * (high - low))
    assert np.ptp(np.percentile(dark, (1, 99))) == pytest.approx(0.3 * (high - low), rel=0.1)


def test_noise_of_raw_frames_is_not_clipped_at_the_range_of_the_scene(counts):
    noisy = distort(counts, Distortion.GAUSSIAN_NOISE)
    low, high = np.percentile(counts, (0.5, 99.5))
    assert (noisy < low - 0.05 * (high - low)).any() and (noisy > high + 0.05 * (high - low)).any()


@pytest.mark.parametrize('image, distortion, severity, reason', [
    (np.zeros((8, 8, 3), np.uint8), Distortion.CLEAN, None, r'shape \(8, 8, 3\)'),
    (np.zeros((8, 8), np.float32), Distortion.CLEAN, None, 'float32'),
    (np.zeros((8, 8), np.uint8), Distortion.UNKNOWN, None, 'UNKNOWN'),
    (np.zeros((8, 8), np.uint8), Distortion.BLANK, None, 'BLANK'),
    (np.zeros((8, 8), np.uint8), Distortion.LENS_BLUR, 1.5, 'Severity 1.5'),
    (np.zeros((8, 8), np.uint8), Distortion.LENS_BLUR, -0.4, 'Severity -0.4'),
])
def test_bad_arguments(image, distortion, severity, reason):
    with pytest.raises(ValueError, match=reason):
        distort(image, distortion, severity)
