"""The packaged default model keeps what its card promises, on frames it has never seen."""

import hashlib
from pathlib import Path

from fliqe_ros.distortion import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.model import DEFAULT_MODEL, load_model
from fliqe_ros.training.data import (
    grouped_frames, load_sources, MAX_NATIVE_NOISE, noise_level, Source, synthetic_source)
from fliqe_ros.training.distortions import distort
from fliqe_ros.training.evaluation import judge, metrics, metrics_by_source
import numpy as np
import pytest
import torch

DATA = Path(__file__).resolve().parent.parent.parent / 'shared' / 'data'
CARD = DEFAULT_MODEL.with_name('README.md')

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f'the thermal frames of the model card are not in {DATA}')


@pytest.fixture(scope='module')
def network():
    return load_model()


@pytest.fixture(scope='module')
def sources():
    return load_sources(DATA, exclude=('lepton_raw16',))


@needs_data
def test_reference_severities_on_validation_groups(network, sources):
    verdicts = judge(network, sources, limit=12)
    found = metrics(verdicts)
    assert found.frames >= 9 * 30
    assert found.balanced_accuracy >= 0.93
    assert found.mean_scores[Distortion.CLEAN] >= 0.8
    for distortion in DISTORTIONS:
        assert found.mean_scores[distortion] <= 0.3, distortion.label
    for name, by_source in metrics_by_source(verdicts).items():
        if by_source.frames >= 9 * 8:
            assert by_source.balanced_accuracy >= 0.9, name


@needs_data
def test_natively_noisy_clips_score_below_the_clean_ones_of_the_same_camera(network):
    clean, noisy = [], []
    for frame in list(grouped_frames(DATA / 'boson320'))[::12]:
        level = noise_level(frame.to_8bit())
        group = noisy if level > 3 * MAX_NATIVE_NOISE else clean
        if level > 3 * MAX_NATIVE_NOISE or level < MAX_NATIVE_NOISE / 2:
            with torch.inference_mode():
                batch = network.prepare(frame.to_8bit()).unsqueeze(0)
                group.append(float(network(batch).score))
    assert len(noisy) >= 3 and np.mean(noisy) < 0.3 < np.mean(clean) - 0.3


def test_generated_scenes_no_model_was_trained_on(network):
    source = Source('unseen', validation=synthetic_source(30, seed=4711).training[:20])
    found = metrics(judge(network, [source]))
    assert found.balanced_accuracy >= 0.85
    assert found.type_accuracy >= 0.8


def test_quality_map_shows_which_half_is_bad(network):
    """Left half blurred, then right half: the map follows."""
    for frame in synthetic_source(6, seed=99).training[:3]:
        image = frame.to_8bit()
        blurred = distort(image, Distortion.LENS_BLUR)
        half = image.shape[1] // 2
        left, right = image.copy(), image.copy()
        left[:, :half], right[:, half:] = blurred[:, :half], blurred[:, half:]
        with torch.inference_mode():
            grids = [torch.sigmoid(-network(network.prepare(each).unsqueeze(0)).map_logits)[0]
                     for each in (left, right)]
        columns = grids[0].shape[1] // 2 - 2  # windows across the seam see both halves
        left_of, right_of = ([float(grid[:, :columns].mean()), float(grid[:, -columns:].mean())]
                             for grid in grids)
        assert left_of[0] < left_of[1] - 0.3
        assert right_of[1] < right_of[0] - 0.3


def test_the_card_is_of_this_file():
    card = CARD.read_text()
    digest = hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest()
    assert digest in card, 'the SHA-256 in the card must be that of the shipped file'
    metadata = load_model().metadata
    assert metadata['classes'] == [distortion.label for distortion in CLASSES]
    assert metadata['date'] in card
    assert len(metadata['training_data']) >= 2
    for source, licence in metadata['training_data'].items():
        row, = (line for line in card.splitlines() if line.startswith(f'| `{source}`'))
        assert licence and licence in row
