"""The baselines: what they measure, how they are fitted, which are left out."""

import sys

import cv2
from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.evaluation.baselines.autoware_rules import block_score, block_states
from fliqe_ros.evaluation.baselines.calibration import calibrate, fit_probability, measured
from fliqe_ros.evaluation.baselines.image_statistics import (
    entropy, histogram, laplacian, tenengrad)
from fliqe_ros.evaluation.baselines.nss_metrics import make_brisque, make_niqe, piqe, WORST
from fliqe_ros.evaluation.baselines.registry import Baseline, find_baselines
from fliqe_ros.imaging.palettes import colorize
from fliqe_ros.simulation.degradations import degrade
from fliqe_ros.simulation.distortions import distort
import numpy as np
import pytest

#: The distortions that each statistic has to notice, whatever the camera.
NOTICES = {
    laplacian: (Distortion.LENS_BLUR, Distortion.MOTION_BLUR),
    tenengrad: (Distortion.LENS_BLUR, Distortion.MOTION_BLUR, Distortion.UNDEREXPOSURE),
    entropy: (Distortion.UNDEREXPOSURE, Distortion.COMPRESSION),
}


@pytest.fixture(scope='module')
def source():
    return synthetic_source(6, seed=2, height=256, width=320)


@pytest.fixture(scope='module')
def scene(source):
    return source.training[0].to_8bit()


@pytest.mark.parametrize('measure', NOTICES, ids=lambda measure: measure.__name__)
def test_rules_notice_what_they_are_made_for(measure, source):
    for frame in source.training[:3]:
        image = frame.to_8bit()
        for distortion in NOTICES[measure]:
            assert measure(distort(image, distortion)) < measure(image), distortion.label


def test_sharpness_of_a_chequerboard():
    """Of levels 10 and 20: the Laplacian is ±40 everywhere, the Sobel gradient 0."""
    image = np.where(np.indices((32, 32)).sum(0) % 2, 20, 10).astype(np.uint8)
    assert laplacian(image) == pytest.approx(np.log(1 + 40**2))
    assert tenengrad(image) == 0.0
    slope = np.tile(np.arange(0, 96, 3, dtype=np.uint8), (32, 1))
    inner = np.full(32, 24.0**2)  # Sobel: 8 times the step of 3
    inner[[0, -1]] = 0.0
    assert tenengrad(slope) == pytest.approx(np.log1p(inner.mean()), rel=1e-5)


def test_entropy_and_histogram_by_hand():
    image = np.repeat(np.uint8([0, 100, 200, 255]), 25).reshape(10, 10)
    assert entropy(image) == pytest.approx(2.0) and entropy(image * 0) == 0.0
    assert histogram(image) == pytest.approx([0.25, 0.25, 1.0, 555 / 4 / 255])


def grid_of(blocks):
    """Put 25 pictures of one size together, five in a row."""
    return np.vstack([np.hstack(blocks[start:start + 5]) for start in range(0, 25, 5)])


def test_block_rules_tell_the_states_apart():
    rng = np.random.default_rng(0)
    textured = rng.integers(60, 200, (96, 128)).astype(np.uint8)
    dark, flat, bright = (np.full((96, 128), level, np.uint8) for level in (3, 120, 250))
    image = grid_of([dark] * 2 + [flat] * 4 + [bright] * 3 + [textured] * 16)
    assert image.shape == (480, 640)
    dark, blockage, low_visibility, backlight, detail = block_states(image)
    assert (dark, blockage, low_visibility, backlight) == (2, 0, 4, 3)
    assert block_states(grid_of([textured] * 25))[-1] > detail


def test_block_means_are_truncated_as_in_the_node():
    """A mean of 230.5 is 230 there, neither above nor below its threshold: a normal block."""
    half = np.where(np.indices((96, 128)).sum(0) % 2, 230, 231).astype(np.uint8)
    assert half.mean() == 230.5
    assert block_states(grid_of([half] * 25))[:4].tolist() == [0, 0, 0, 0]
    assert block_states(grid_of([half + 1] * 25))[3] == 25


def test_the_width_of_the_resized_frame_is_truncated_as_in_the_node():
    """533 columns of 400 rows become 639 (of 639.6), blocks of 127 px, the last four unused."""
    image = np.random.default_rng(0).integers(60, 200, (400, 533)).astype(np.uint8)
    image[:, 529:] = 255
    other = image.copy()
    other[:, 531:] = 0  # lies wholly behind column 635 of 639
    assert np.array_equal(block_states(image), block_states(other))
    assert not np.array_equal(block_states(image), block_states(image[:, :500]))


@pytest.mark.parametrize('states, score', [
    ((10, 3, 2, 2), 1.0), ((11, 0, 0, 0), 0.25), ((0, 0, 0, 3), 0.25), ((20, 0, 0, 0), 0.25),
    ((21, 0, 0, 0), 0.0), ((0, 6, 0, 0), 0.0), ((0, 0, 5, 0), 0.0), ((0, 0, 0, 4), 0.0)])
def test_block_score_follows_the_thresholds_of_the_node(states, score):
    assert block_score(np.array([*states, 5.0])) == score


def test_piqe_gives_what_the_published_program_gives():
    """Figures of the package pypiqe 1.2 for pictures that need no file."""
    rows, columns = np.indices((75, 100))
    waves = np.rint(128 + 60 * np.sin(rows / 3) + 50 * np.sin(columns / 2.3)).astype(np.uint8)
    noise = np.rint(20 * np.sin(1000.0 * rows * columns))
    assert piqe(waves) == pytest.approx(80.9677922, abs=1e-6)
    assert piqe(waves // 64 * 64) == pytest.approx(15.9229764, abs=1e-6)
    assert piqe(np.clip(waves + noise, 0, 255).astype(np.uint8)) == pytest.approx(
        38.1564963, abs=1e-6)
    assert piqe(np.full((64, 64), 80, np.uint8)) == WORST == piqe(np.zeros((64, 64), np.uint8))


@pytest.mark.parametrize('make, package', [
    (make_brisque, 'brisque'), (make_niqe, 'skvideo'), (lambda: piqe, 'numpy')],
    ids=['brisque', 'niqe', 'piqe'])
def test_classics_give_more_for_worse(make, package):
    """On dead leaves, which have the statistics of natural pictures."""
    pytest.importorskip(package)
    measure, image = make(), synthetic_source(3, seed=2, height=480, width=640).training[2].pixels
    assert image.dtype == np.uint8
    for distortion in (Distortion.LENS_BLUR, Distortion.GAUSSIAN_NOISE, Distortion.COMPRESSION,
                       Distortion.ALIASING):
        assert measure(distort(image, distortion)) > measure(image), distortion.label


def test_brisque_is_that_of_the_package(scene):
    """Our shim must not change the figure: features of the package, its scaling, its SVM."""
    brisque = pytest.importorskip('brisque')
    package = brisque.BRISQUE(url=False)
    gray = cv2.cvtColor(scene, cv2.COLOR_GRAY2RGB) / 255.0
    halves = (gray[..., 0], cv2.resize(gray[..., 0], None, fx=0.5, fy=0.5,
                                       interpolation=cv2.INTER_CUBIC))
    features = [np.asarray(feature).item() for image in halves
                for feature in package.calculate_brisque_features(image)]
    expected = package.calculate_image_quality_score(np.array(features))
    assert make_brisque()(scene) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize('make, package', [(make_brisque, 'brisque'), (make_niqe, 'skvideo')])
def test_classics_take_any_frame(make, package):
    pytest.importorskip(package)
    measure = make()
    rng = np.random.default_rng(0)
    for image in (np.zeros((120, 160), np.uint8), np.full((128, 160), 255, np.uint8),
                  rng.integers(0, 256, (60, 80), np.uint8)):
        assert np.isfinite(measure(image))


def test_colours_are_measured_in_gray(scene):
    coloured = colorize(scene, 'ironbow')
    expected = laplacian(cv2.cvtColor(coloured, cv2.COLOR_BGR2GRAY))
    assert measured(laplacian, coloured) == pytest.approx([expected])
    assert measured(histogram, scene).shape == (4,)


def test_platt_scaling_recovers_its_parameters():
    rng = np.random.default_rng(0)
    measures = rng.normal(20.0, 4.0, 40_000)
    truth = 1 / (1 + np.exp(-(0.5 * measures - 10.0)))
    clean = rng.random(measures.size) < truth  # about half of them: the classes are balanced
    probability = fit_probability(measures[:, None], clean)
    for value in (12.0, 18.0, 20.0, 26.0):
        assert probability(np.array([value])) == pytest.approx(
            1 / (1 + np.exp(-(0.5 * value - 10.0))), abs=0.02)


def test_classes_weigh_the_same_however_many_there_are():
    rng = np.random.default_rng(0)
    measures = np.append(rng.normal(1, 1, 1_000), rng.normal(-1, 1, 16_000))[:, None]
    probability = fit_probability(measures, np.arange(17_000) < 1_000)
    assert probability(np.array([0.0])) == pytest.approx(0.5, abs=0.05)
    assert probability(np.array([1.0])) == pytest.approx(1 / (1 + np.exp(-2)), abs=0.05)


def test_baselines_are_fitted_to_the_training_split(source):
    seen = []

    def peek(image):
        seen.append(image)
        return laplacian(image)

    method, = calibrate([Baseline('peek', peek)], [source], limit=2)
    assert len(seen) == 2 * 2 * len(CLASSES)
    training = [frame.to_8bit() for frame in source.training]
    assert any(np.array_equal(seen[0], image) for image in training)
    held_out = [frame.to_8bit() for frame in source.validation]
    assert not any(np.array_equal(image, other) for image in seen for other in held_out)
    image = source.validation[0].to_8bit()
    estimates = method.estimate([image, distort(image, Distortion.LENS_BLUR)])
    assert 1 >= estimates.scores[0] > estimates.scores[1] >= 0
    assert estimates.types == [Distortion.UNKNOWN] * 2 and estimates.embeddings is None


def test_every_baseline_scores_every_distortion(source):
    baselines, missing = find_baselines()
    assert len(baselines) + len(missing) == 9
    image = source.validation[0].to_8bit()
    versions = [degrade(image, distortion) for distortion in CLASSES]
    for method in calibrate(baselines, [source], limit=1):
        scores = method.estimate(versions).scores
        assert scores.shape == (13,) and ((scores >= 0) & (scores <= 1)).all(), method.name


@pytest.mark.parametrize('package, gone', [
    ('brisque', {'brisque'}), ('skvideo.utils', {'niqe'})])
def test_what_is_not_installed_is_left_out_with_a_line(monkeypatch, package, gone):
    monkeypatch.setitem(sys.modules, package, None)
    found, missing = find_baselines()
    assert not gone & {each.name for each in found}
    assert 'autoware' in {each.name for each in found}
    for name in gone:
        line, = (line for line in missing if line.startswith(f'{name} is left out'))
        assert 'pip install "fliqe_ros[baselines]"' in line
