"""Synthetic thermal scenes: reproducible, moving, and with the statistics of natural scenes."""

from functools import cache
import itertools

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.scenes.thermal_scene import COUNTS_PER_K, FAMILIES, ThermalScene
import numpy as np
import pytest

HEIGHT, WIDTH = 160, 192


@cache
def scenes_of_every_family():
    """Give one small scene of each family."""
    found = {}
    for seed in itertools.count():
        scene = ThermalScene(seed, HEIGHT, WIDTH)
        found.setdefault(scene.family, scene)
        if len(found) == len(FAMILIES):
            return found
        assert seed < 200, f'only {sorted(found)} in 200 seeds'


@pytest.fixture(scope='module', params=sorted(FAMILIES))
def scene(request):
    return scenes_of_every_family()[request.param]


def spectrum_slope(frame):
    """Slope of the log power over the log spatial frequency."""
    window = np.hanning(frame.shape[0])[:, None] * np.hanning(frame.shape[1])
    power = np.abs(np.fft.fft2((frame - frame.mean()) * window)) ** 2
    fy = np.fft.fftfreq(frame.shape[0])[:, None]
    radius = np.hypot(fy, np.fft.fftfreq(frame.shape[1]))
    edges = np.geomspace(0.03, 0.4, 12)
    rings = [(np.sqrt(low * high), power[(radius >= low) & (radius < high)].mean())
             for low, high in zip(edges, edges[1:])]
    frequencies, means = np.log(np.array(rings)).T
    return np.polyfit(frequencies, means, 1)[0]


def test_frames_are_celsius_of_the_size_asked_for(scene):
    frame = scene.render(1.5)
    assert frame.shape == (HEIGHT, WIDTH) and frame.dtype == np.float32
    assert np.isfinite(frame).all()
    assert -60 < frame.min() and frame.max() < 150
    assert np.percentile(frame, 99) - np.percentile(frame, 1) > 3


def test_the_same_seed_is_the_same_scene_at_every_moment(scene):
    seed = 12
    first, again = (ThermalScene(seed, HEIGHT, WIDTH) for _ in range(2))
    np.testing.assert_array_equal(first.render(4.2), again.render(4.2))
    later = first.render(9.0)
    first.render(0.0)
    np.testing.assert_array_equal(first.render(9.0), later)
    assert not np.array_equal(ThermalScene(seed + 1, HEIGHT, WIDTH).render(4.2), again.render(4.2))


def test_it_moves_smoothly_and_for_ever(scene):
    now, next_frame, later = scene.render(2.0), scene.render(2.1), scene.render(10.0)
    step, leap = np.abs(next_frame - now).mean(), np.abs(later - now).mean()
    assert 0 < step < leap
    assert np.isfinite(scene.render(1e6)).all()


def test_natural_spectrum_with_detail_down_to_pixels(scene):
    frame = scene.render(3.0)
    assert -4.5 < spectrum_slope(frame) < -1.0
    # What a 2-pixel blur takes away is far above the sensor's noise somewhere in the frame.
    fine = frame[1:, 1:] - frame[:-1, :-1]
    assert np.percentile(np.abs(fine), 99) > 0.5


def test_sensor_counts_have_the_noise_asked_for():
    scene = ThermalScene(3, HEIGHT, WIDTH)
    temperature = np.full((HEIGHT, WIDTH), 20.0, np.float32)
    counts = scene.sensor_counts(temperature, np.random.default_rng(0), netd_k=0.05)
    assert counts.shape == (HEIGHT, WIDTH) and counts.dtype == np.uint16
    temporal = counts - counts.mean(axis=0)
    assert temporal.std() / COUNTS_PER_K == pytest.approx(0.05, rel=0.1)
    columns = counts.mean(axis=0).std() / COUNTS_PER_K
    assert 0.008 < columns < 0.02
    warmer = scene.sensor_counts(temperature + 10, np.random.default_rng(0), netd_k=0.05)
    assert warmer.mean() - counts.mean() == pytest.approx(10 * COUNTS_PER_K, rel=0.01)


def test_the_column_pattern_is_fixed_and_the_noise_is_not():
    scene = ThermalScene(3, HEIGHT, WIDTH)
    temperature, rng = scene.render(0.0), np.random.default_rng(0)
    first, second = (scene.sensor_counts(temperature, rng).astype(float) for _ in range(2))
    assert not np.array_equal(first, second)
    still = COUNTS_PER_K * temperature
    pattern_1, pattern_2 = ((counts - still).mean(axis=0) for counts in (first, second))
    assert np.corrcoef(pattern_1, pattern_2)[0, 1] > 0.7


def test_counts_stay_in_14_bits():
    scene = ThermalScene(3, HEIGHT, WIDTH)
    rng = np.random.default_rng(0)
    cold, hot = (scene.sensor_counts(np.full((HEIGHT, WIDTH), t, np.float32), rng)
                 for t in (-273.0, 2000.0))
    assert cold.max() == 0 and hot.min() == 16383


def test_8_bit_frames_use_the_whole_range(scene):
    frame = GainControl()(scene.sensor_counts(scene.render(0.0), np.random.default_rng(0)))
    assert frame.dtype == np.uint8 and frame.shape == (HEIGHT, WIDTH)
    assert frame.min() == 0 and frame.max() == 255


@pytest.mark.parametrize('height,width', [(63, 200), (200, 63), (0, 0)])
def test_too_small_a_frame_is_refused(height, width):
    with pytest.raises(ValueError, match='at least 64x64'):
        ThermalScene(0, height, width)


@pytest.mark.parametrize('seed', range(6))
def test_the_smallest_frame_works(seed):
    assert ThermalScene(seed, 64, 64).render(1.0).shape == (64, 64)
