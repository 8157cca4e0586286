"""Training: the loss, the data split, batches, resuming, and the figures of an evaluation."""

from dataclasses import replace
import math

import cv2
from fliqe_ros.distortion import CLASSES, Distortion
from fliqe_ros.model import load_model, ThermalS
from fliqe_ros.tools import evaluate, train
from fliqe_ros.training.batches import Batches
from fliqe_ros.training.data import (
    grouped_frames, load_sources, noise_level, Source, synthetic_source, validation_groups)
from fliqe_ros.training.encoder import EncoderTraining, Recipe
from fliqe_ros.training.evaluation import auroc, calibration_error, judge, metrics, Verdict
from fliqe_ros.training.heads import train_heads
from fliqe_ros.training.losses import supervised_contrastive_loss
from fliqe_ros.training.textures import dead_leaves, fractal
import numpy as np
import pytest
import torch

TINY = Recipe(epochs=3, steps=2, views=8, head_steps=2, synthetic=0, seed=3)


@pytest.fixture(scope='module')
def sources():
    return [synthetic_source(6, seed=1, height=240, width=320)]


def plain_contrastive_loss(embeddings, labels, temperature):
    """Equation 2 of Khosla et al. (2020), sum by sum."""
    total, anchors = 0.0, 0
    for i in range(len(labels)):
        positives = [p for p in range(len(labels)) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        anchors += 1
        everyone = sum(math.exp(float(embeddings[i] @ embeddings[a]) / temperature)
                       for a in range(len(labels)) if a != i)
        total -= sum(math.log(math.exp(float(embeddings[i] @ embeddings[p]) / temperature)
                              / everyone) for p in positives) / len(positives)
    return total / anchors


def test_contrastive_loss_is_that_of_the_paper():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(12, 8, generator=generator), dim=1)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 0])  # 3 and 4 have no partner
    assert float(supervised_contrastive_loss(embeddings, labels, 0.2)) == pytest.approx(
        plain_contrastive_loss(embeddings.double(), labels.tolist(), 0.2), rel=1e-5)


def test_contrastive_loss_without_any_pair_is_zero():
    embeddings = torch.eye(3, requires_grad=True)
    loss = supervised_contrastive_loss(embeddings, torch.arange(3))
    loss.backward()
    assert loss.item() == 0.0 and torch.isfinite(embeddings.grad).all()


def test_images_and_clips_are_grouped(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('drive_a_0001.png', 'drive_a_0002.png', 'drive_b-7.png'):
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 60000, (48, 64), np.uint16))
    (tmp_path / 'notes.txt').write_text('no image')
    (tmp_path / 'broken_1.png').write_bytes(b'no image')
    writer = cv2.VideoWriter(str(tmp_path / 'clip_03.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10,
                             (64, 48))
    for level in range(40):
        writer.write(np.full((48, 64, 3), level * 5, np.uint8))
    writer.release()
    frames = list(grouped_frames(tmp_path))
    groups = [frame.group for frame in frames]
    assert groups == ['clip_03'] * 4 + ['drive_a', 'drive_a', 'drive_b']
    assert frames[-1].pixels.dtype == np.uint16 and frames[0].pixels.dtype == np.uint8
    levels = [frame.pixels.mean() for frame in frames[:4]]
    assert levels == sorted(levels) and levels[3] - levels[0] > 100


def test_no_group_is_in_both_splits(tmp_path):
    camera = tmp_path / 'camera'
    camera.mkdir()
    smooth = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8),
                              (0, 0), 3)
    for group in range(10):
        for number in range(3):
            cv2.imwrite(str(camera / f'g{group}x_{number}.png'), smooth)
    noisy = np.random.default_rng(2).integers(0, 256, (64, 64), np.uint8)
    cv2.imwrite(str(camera / 'noisy_1.png'), noisy)
    (tmp_path / 'left_out').mkdir()
    cv2.imwrite(str(tmp_path / 'left_out' / 'a.png'), smooth)
    (source,) = load_sources(tmp_path, exclude=('left_out',))
    training = {frame.group for frame in source.training}
    validation = {frame.group for frame in source.validation}
    assert not training & validation
    assert (len(training), len(validation), source.noisy) == (8, 2, 1)
    assert validation_groups(training | validation) == validation, 'the split must not change'
    with pytest.raises(ValueError, match='no folders with thermal images'):
        load_sources(camera)


@pytest.mark.parametrize('sigma', [0.0, 5.0, 20.0])
def test_noise_level(sigma):
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.uniform(0, 255, (300, 300)), (0, 0), 8) * 0.5 + 60
    noisy = np.clip(np.rint(image + sigma * rng.standard_normal(image.shape)), 0, 255)
    assert noise_level(noisy.astype(np.uint8)) == pytest.approx(sigma, abs=0.15 * sigma + 0.6)


def test_generated_textures():
    leaves = dead_leaves(np.random.default_rng(0), 200, 300)
    assert leaves.shape == (200, 300) and leaves.dtype == np.uint8 and leaves.std() > 10
    texture = fractal(np.random.default_rng(0), 256, 256, slope=1.5)
    spectrum = np.abs(np.fft.rfft(texture, axis=1)).mean(0)
    steepness = np.polyfit(np.log(np.arange(4, 100)), np.log(spectrum[4:100]), 1)[0]
    assert -1.6 < steepness < -0.9  # rows cut through the 2-D spectrum: half an octave less


def test_batches_depend_on_seed_epoch_and_step_only(sources):
    network = ThermalS()

    def batch(seed=0, epoch=0, step=0):
        return Batches(sources, network.prepare, (160, 192), 5, 4, seed, epoch)[step]

    images, labels = batch()
    assert images.dtype == torch.uint8 and images.shape[:2] == (15, 1)
    counts = torch.bincount(labels, minlength=len(CLASSES)).tolist()
    assert counts == [5, 1, 2, 1, 1, 1, 1, 2, 1]  # motion blur and ghosting are dealt twice
    again = batch()
    assert torch.equal(images, again[0]) and torch.equal(labels, again[1])
    for other in (batch(seed=1), batch(epoch=1), batch(step=1)):
        assert images.shape != other[0].shape or not torch.equal(images, other[0])


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_killed_run_resumes_with_the_same_result(sources, tmp_path):
    def run(folder, dies_in_epoch=None):
        torch.manual_seed(0)
        training = EncoderTraining(ThermalS(), TINY, 'cpu')
        step, count = training._step, [0]

        def dying_step(images, labels):
            count[0] += 1
            if count[0] == dies_in_epoch:
                raise Killed
            return step(images, labels)

        training._step = dying_step
        return training.run(sources, folder, workers=0).state_dict(), training.history

    expected, history = run(tmp_path / 'whole')
    with pytest.raises(Killed):
        run(tmp_path / 'killed', dies_in_epoch=4)  # in the middle of the second epoch
    torch.manual_seed(99)
    state, resumed_history = run(tmp_path / 'killed')
    assert resumed_history == history and len(history) == TINY.epochs
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    with pytest.raises(ValueError, match='other settings'):
        EncoderTraining(ThermalS(), replace(TINY, seed=4), 'cpu').run(
            sources, tmp_path / 'killed', workers=0)


def test_training_lowers_the_loss(sources, tmp_path):
    torch.manual_seed(0)
    training = EncoderTraining(ThermalS(), replace(TINY, epochs=4, steps=5), 'cpu')
    training.run(sources, tmp_path, workers=0)
    assert training.history[-1]['type'] < training.history[0]['type'] - 0.1
    header, *rows = (tmp_path / 'metrics.csv').read_text().splitlines()
    assert header == 'epoch,contrastive,type,worst,synthetic' and len(rows) == 4


def test_heads_leave_the_encoder_as_it_was(sources):
    network = ThermalS().eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    train_heads(network, sources, TINY, 'cpu', workers=0)
    changed = {key.split('.')[0] for key, value in network.state_dict().items()
               if not torch.equal(value, before[key])}
    assert changed == {'classifier', 'type_head'}


def verdict(truth, score, predicted=Distortion.CLEAN, source='a'):
    return Verdict(source, truth, None, score, predicted)


def test_metrics_by_hand():
    found = metrics([
        verdict(Distortion.CLEAN, 0.9), verdict(Distortion.CLEAN, 0.4),
        verdict(Distortion.GHOSTING, 0.1, Distortion.GHOSTING),
        verdict(Distortion.GHOSTING, 0.3, Distortion.ALIASING),
        verdict(Distortion.LENS_BLUR, 0.6), verdict(Distortion.LENS_BLUR, 0.2)])
    assert found.frames == 6
    assert (found.clean_recall, found.distorted_recall) == (0.5, 0.75)
    assert found.balanced_accuracy == 0.625
    assert found.auroc == pytest.approx(7 / 8)
    assert found.type_accuracy == pytest.approx(3 / 6)
    assert found.mean_scores == pytest.approx({
        Distortion.CLEAN: 0.65, Distortion.LENS_BLUR: 0.4, Distortion.GHOSTING: 0.2})
    assert found.worst_distortion_score == pytest.approx(0.4)


def test_auroc_counts_ties_half():
    assert auroc(np.array([0.5, 0.9]), np.array([0.5, 0.1])) == pytest.approx((0.5 + 1 + 2) / 4)
    assert math.isnan(auroc(np.array([]), np.array([0.5])))


def test_calibration_error():
    rng = np.random.default_rng(0)
    scores = rng.random(200_000)
    clean = rng.random(scores.size) < scores
    assert calibration_error(scores, clean) < 0.01
    assert calibration_error(scores, rng.random(scores.size) < scores**5) > 0.1
    assert math.isnan(calibration_error(scores, np.ones_like(clean)))


def test_judge_sees_every_version_of_validation_frames_only(sources):
    verdicts = judge(ThermalS().eval(), sources, limit=1, random_severities=True)
    assert [each.truth for each in verdicts] == list(CLASSES)
    assert all(0.0 <= each.score <= 1.0 for each in verdicts)
    assert judge(ThermalS().eval(), [Source('empty')]) == []


def train_briefly(folder, run, *options) -> int:
    return train.main([
        '--data', str(folder), '--run', str(run), '--device', 'cpu', '--workers', '0',
        '--epochs', '1', '--steps', '1', '--views', '8', '--head-steps', '1', '--synthetic', '3',
        *options])


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / 'data' / 'camera'
    folder.mkdir(parents=True)
    for index, frame in enumerate(synthetic_source(6, 5, 200, 256).training):
        cv2.imwrite(str(folder / f'place{index}x_0.png'), frame.to_8bit())
    return folder


def test_training_can_start_from_a_checkpoint(camera, tmp_path):
    assert train_briefly(camera.parent, tmp_path / 'a') == 0
    first = tmp_path / 'a' / 'model.pt'
    still = ('--learning-rate', '1e-9', '--seed', '1')
    assert train_briefly(camera.parent, tmp_path / 'b', '--init', str(first), *still) == 0
    assert train_briefly(camera.parent, tmp_path / 'c', *still) == 0
    weights = [load_model(tmp_path / run / 'model.pt').projection[0].weight for run in 'abc']
    assert torch.allclose(weights[0], weights[1], atol=1e-6)
    assert not torch.allclose(weights[0], weights[2], atol=1e-2)


def test_command_lines_from_folder_to_figures(camera, tmp_path, capsys):
    run = tmp_path / 'run'
    assert train_briefly(camera.parent, run, '--licence', 'camera=CC BY 4.0') == 0
    network = load_model(run / 'model.pt')
    assert network.metadata['training_data'] == {'camera': 'CC BY 4.0', 'synthetic': ''}
    assert network.metadata['classes'] == [distortion.label for distortion in CLASSES]
    capsys.readouterr()
    table = tmp_path / 'verdicts.csv'
    assert evaluate.main(['--data', str(tmp_path / 'data'), '--model', str(run / 'model.pt'),
                          '--device', 'cpu', '--csv', str(table)]) == 0
    printed = capsys.readouterr().out
    assert 'camera' in printed and 'balanced' in printed and 'lens_blur' in printed
    assert len(table.read_text().splitlines()) == 1 + 9 * 1
    assert evaluate.main(['--data', str(tmp_path / 'data'), '--model', str(table)]) == 1
    assert 'not a checkpoint' in capsys.readouterr().err
    assert train.main(['--data', str(camera), '--run', str(run)]) == 1
    assert 'no folders' in capsys.readouterr().err
