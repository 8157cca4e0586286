"""Training an encoder and its heads: results, state, early stopping, logs; killed for real."""

from dataclasses import replace
import io
import math
import os
from pathlib import Path
import signal
import subprocess
import sys

import cv2
from fliqe_ros.data.sources import Source, synthetic_source
from fliqe_ros.distortion_types import DISTORTIONS
from fliqe_ros.evaluation.evaluate import evaluate_methods
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.evaluation.metrics import severity_correlations
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.network import binary_head
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import EMBEDDING_SIZE, ThermalS
from fliqe_ros.models.thermal_s7 import ThermalS7
from fliqe_ros.training.amp import deterministic
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.ema import learned_state
from fliqe_ros.training.encoder import EncoderTraining
from fliqe_ros.training.heads import train_heads
from fliqe_ros.training.quality_map import train_map
from fliqe_ros.training.run_folder import best_epoch, EpochResult, out_of_patience
import numpy as np
import pytest
import torch
from tqdm import tqdm

TINY = TrainingConfig(epochs=3, steps=2, views=8, view_rows=160, view_columns=192, large_rows=224,
                      large_columns=256, statistics_epochs=1, head_steps=2, map_steps=2,
                      score_weight=1.0, synthetic=0, seed=3)


@pytest.fixture(scope='module')
def sources():
    return [synthetic_source(6, seed=1, height=240, width=320)]


def train_encoder(sources, folder, config=TINY, network=None, precision='auto', progress=None):
    torch.manual_seed(0)
    training = EncoderTraining(network or ThermalS(), config, 'cpu', precision)
    training.run(sources, folder, workers=0, progress=progress)
    return training


def same_tensors(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def results(history) -> list:
    """All of a history but the time it took."""
    return [replace(result, seconds=0.0) for result in history]


def test_training_lowers_the_loss_and_logs_every_epoch(sources, tmp_path):
    training = train_encoder(sources, tmp_path, replace(TINY, epochs=4, steps=10))
    first, last = training.history[0], training.history[-1]
    assert last.losses['type'] < first.losses['type'] - 0.1
    header, *rows = (tmp_path / 'metrics.csv').read_text().splitlines()
    assert header == 'epoch,contrastive,type,score,map,worst,synthetic,learning_rate,seconds'
    assert [row.split(',')[0] for row in rows] == ['0', '1', '2', '3']
    values = dict(zip(header.split(','), map(float, rows[-1].split(','))))
    assert values['worst'] == values['synthetic'] == last.worst
    assert values['learning_rate'] < training.history[0].learning_rate / 50
    assert values['seconds'] > 0


class Untyped(ThermalS):
    """Has no type head and no map, as resnet50, but the weights of the packaged model."""

    def __init__(self):
        super().__init__()
        self.load_state_dict(load_model().state_dict())
        self.type_head = None

    def encode(self, batch):
        embedding, _ = super().encode(batch)
        return embedding, None


def test_a_network_without_types_is_validated_by_its_embedding(tmp_path):
    scenes = [synthetic_source(20, seed=7, height=240, width=320)]
    config = replace(TINY, epochs=1, steps=1, learning_rate=1e-9, seed=4)
    training = train_encoder(scenes, tmp_path, config, Untyped())
    assert training.history[0].losses.keys() == {'contrastive', 'score'}
    header = (tmp_path / 'metrics.csv').read_text().splitlines()[0]
    assert header.startswith('epoch,contrastive,score,worst,synthetic')
    assert training.history[0].worst > 0.75, 'chance is 0.5'


def test_bfloat16_trains_as_float32_does(sources, tmp_path):
    config = replace(TINY, epochs=1, seed=4)
    losses = [train_encoder(sources, tmp_path / precision, config, None,
                            precision).history[0].losses for precision in ('float32', 'bfloat16')]
    assert losses[1] == pytest.approx(losses[0], rel=0.05) and losses[1] != losses[0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason='this machine has no GPU')
@pytest.mark.parametrize('precision', ['float32', 'bfloat16', 'float16'])
def test_training_on_a_gpu_is_reproducible(sources, tmp_path, precision):
    states = []
    for folder in (tmp_path / 'a', tmp_path / 'b'):
        torch.manual_seed(0)
        with deterministic():
            training = EncoderTraining(ThermalS(), TINY, 'cuda', precision)
            states.append(training.run(sources, folder, workers=0).state_dict())
    assert same_tensors(*states)
    assert all(torch.isfinite(value).all() for value in states[0].values())


@pytest.mark.parametrize('steps', [1, 5, 9])
def test_runs_of_few_batches_end(sources, tmp_path, steps):
    config = replace(TINY, epochs=1, steps=steps)
    assert len(train_encoder(sources, tmp_path, config).history) == 1


def test_another_start_or_other_frames_are_another_run(sources, tmp_path):
    config = replace(TINY, epochs=1, steps=1)
    torch.manual_seed(8)
    other = ThermalS()
    train_encoder(sources, tmp_path, config)
    with pytest.raises(ValueError, match='other settings'):
        train_encoder(sources, tmp_path, config, other)
    changed = [Source(sources[0].name, sources[0].training[::-1], sources[0].validation)]
    with pytest.raises(ValueError, match='other settings'):
        train_encoder(changed, tmp_path, config)
    assert len(train_encoder(sources, tmp_path, config).history) == 1, 'the same goes on'


def test_functions_in_the_state_of_a_schedule_are_not_saved(sources, tmp_path):
    torch.manual_seed(0)
    training = EncoderTraining(ThermalS(), TINY, 'cpu')
    training.schedule.anneal_func = math.cos  # as in PyTorch 2.1
    training.run(sources, tmp_path, workers=0)
    assert len(train_encoder(sources, tmp_path).history) == TINY.epochs


@pytest.mark.slow
def test_early_stopping_keeps_the_best_epoch_and_resumes(sources, tmp_path):
    still = replace(TINY, epochs=8, steps=1, patience=2, learning_rate=1e-12)
    training = train_encoder(sources, tmp_path, still)
    best = best_epoch(training.history)
    assert len(training.history) == best + 3 < 8
    state = torch.load(tmp_path / 'state.pt', weights_only=True)
    assert same_tensors(state['best'], learned_state(training.ema.module))
    last = {key.replace('module.', '', 1): value for key, value in state['ema'].items()
            if key != 'n_averaged'}
    assert not same_tensors(state['best'], last), 'the statistics of BatchNorm go on moving'
    again = train_encoder(sources, tmp_path, still)
    assert results(again.history) == results(training.history)
    assert same_tensors(learned_state(again.ema.module), state['best'])


def test_early_stopping_needs_something_to_watch(sources, tmp_path):
    unwatched = [Source('synthetic', training=sources[0].training)]
    with pytest.raises(ValueError, match='needs validation frames'):
        train_encoder(unwatched, tmp_path, replace(TINY, patience=1))


def history_of(*worst):
    return [EpochResult(epoch, {}, {'a': value, 'b': 1.0}, 0.0, 1.0)
            for epoch, value in enumerate(worst)]


def test_patience_counts_epochs_without_a_better_worst_source():
    history = history_of(0.5, 0.8, 0.7, 0.8)
    assert best_epoch(history) == 1
    assert out_of_patience(history, 2) and not out_of_patience(history, 3)
    assert not out_of_patience(history, 0) and not out_of_patience([], 1)
    assert best_epoch(history_of(math.nan, 0.6, math.nan)) == 1
    assert math.isnan(EpochResult(0, {}, {}, 0.0, 1.0).worst)


def test_progress_is_that_of_the_whole_run_also_after_resuming(sources, tmp_path):
    def bar():
        return tqdm(total=TINY.epochs * TINY.steps + TINY.head_steps, file=io.StringIO())

    first, second = bar(), bar()
    network = train_encoder(sources, tmp_path, progress=first).ema.module
    assert (first.initial, first.n) == (0, 6)
    train_encoder(sources, tmp_path, progress=second)
    train_heads(network, sources, TINY, 'cpu', 0, second)
    assert (second.initial, second.n, second.total) == (6, 8, 8)


def test_scalars_go_to_tensorboard_where_it_is_installed(sources, tmp_path):
    reader = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    training = train_encoder(sources, tmp_path)
    events = reader.EventAccumulator(str(tmp_path / 'tensorboard')).Reload()
    worst = events.Scalars('balanced_accuracy/worst')
    assert [event.step for event in worst] == [0, 1, 2]
    assert [event.value for event in worst] == pytest.approx(
        [result.worst for result in training.history])
    assert {'loss/contrastive', 'loss/type', 'balanced_accuracy/synthetic', 'learning_rate',
            'seconds'} <= set(events.Tags()['scalars'])


def test_without_tensorboard_training_is_the_same(sources, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    train_encoder(sources, tmp_path, replace(TINY, epochs=1))
    assert not (tmp_path / 'tensorboard').exists()
    assert len((tmp_path / 'metrics.csv').read_text().splitlines()) == 2


def test_a_folder_of_another_run_is_refused(sources, tmp_path):
    train_encoder(sources, tmp_path, replace(TINY, epochs=1))
    for changed, config in ((sources, replace(TINY, epochs=1, seed=4)),
                            ([*sources, Source('more')], replace(TINY, epochs=1))):
        with pytest.raises(ValueError, match='state.pt is of a run with other settings'):
            train_encoder(changed, tmp_path, config)
    (tmp_path / 'state.pt').write_bytes(b'half a file')
    with pytest.raises(ValueError, match='state.pt cannot be read .*remove it'):
        train_encoder(sources, tmp_path, replace(TINY, epochs=1))


def test_another_frozen_backbone_is_another_run(sources, tmp_path):
    config = replace(TINY, epochs=1, steps=1, views=2, large_share=0.0)
    few = [Source('few', training=sources[0].training)]
    train_encoder(few, tmp_path, config, ResNet50())
    torch.manual_seed(5)
    with pytest.raises(ValueError, match='other settings'):
        train_encoder(few, tmp_path, config, ResNet50())


@pytest.mark.parametrize('make, heads', [
    (ThermalS, {'classifier', 'type_head'}), (ThermalS7, {'classifier', 'type_head'}),
    (ResNet50, {'classifier'})])
def test_heads_leave_the_encoder_as_it_was(sources, make, heads):
    network = make()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    train_heads(network, sources, replace(TINY, views=4), 'cpu', workers=0)
    changed = {key for key, value in network.state_dict().items()
               if not torch.equal(value, before[key])}
    assert {head for head in heads if any(key.startswith(head) for key in changed)} == heads
    assert all(key.startswith(tuple(heads)) for key in changed)


def test_heads_can_stay_those_that_the_encoder_learnt_with(sources):
    network = ThermalS()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    train_heads(network, sources, replace(TINY, head_steps=0), 'cpu', workers=0)
    assert same_tensors(network.state_dict(), before) and not network.training


def test_the_map_is_fitted_and_nothing_else(sources):
    network = ThermalS()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    train_map(network, sources, replace(TINY, views=4), 'cpu', workers=0)
    changed = {key for key, value in network.state_dict().items()
               if not torch.equal(value, before[key])}
    assert changed and all(key.startswith('vote.') for key in changed)
    assert train_map(ThermalS7(), sources, TINY, 'cpu', workers=0).map_head is None


def test_the_convolutions_of_the_first_stage_are_left_as_they_were(sources, tmp_path):
    network = ThermalS()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    train_encoder(sources, tmp_path, replace(TINY, epochs=1), network)
    changed = {key for key, value in network.state_dict().items()
               if not torch.equal(value, before[key])}
    assert changed and not any(key.startswith('trunk.') for key in changed)


def test_statistics_of_normalisation_are_kept_after_the_first_epochs(sources, tmp_path):
    def statistics(training):
        return {key: value for key, value in training.network.state_dict().items()
                if 'running_' in key and not key.startswith('trunk.')}

    first = train_encoder(sources, tmp_path / 'first', replace(TINY, epochs=1))
    kept = train_encoder(sources, tmp_path / 'kept', replace(TINY, epochs=1, statistics_epochs=0))
    fresh = statistics(EncoderTraining(ThermalS(), TINY, 'cpu'))
    assert not same_tensors(statistics(first), fresh) and same_tensors(statistics(kept), fresh)


def heads_anew(sources, make=load_model, **settings) -> list:
    """Fit heads to a few views, on an encoder, and score them at several severities."""
    torch.manual_seed(0)
    network = make()
    network.classifier = binary_head(EMBEDDING_SIZE)
    train_heads(network, sources, replace(TINY, head_steps=40, **settings), 'cpu', workers=0)
    method = NetworkMethod('heads', network)
    return evaluate_methods([method], sources, 'graded', limit=2)[method.name]


@pytest.mark.slow
def test_new_heads_learn_the_order_of_severities(sources):
    found = severity_correlations(heads_anew(sources))
    assert np.mean([found[distortion] for distortion in DISTORTIONS[:8]]) < -0.6, 'those it knows'


@pytest.mark.slow
def test_the_more_frames_are_supposed_to_be_clean_the_higher_the_scores(sources):
    """On an encoder that has learnt nothing, and so leaves room for what is supposed."""
    few, many = (np.mean([record.score for record in heads_anew(
        sources, ThermalS, clean_share=share)]) for share in (0.05, 0.95))
    assert many > few + 0.05


# What follows kills processes: it runs the command line as users do.

OPTIONS = ('--device', 'cpu', '--threads', '1', '--workers', '0', '--epochs', '3', '--steps', '3',
           '--views', '4', '--head-steps', '3', '--map-steps', '2', '--synthetic', '3',
           '--large-share', '0.3')
DIES_WRITING = """
import os, signal, sys, torch
from fliqe_ros.tools import train
whole_save = torch.save
def dying_save(content, file, *args, **kwargs):
    if len(content.get('history', ())) == 2:
        file.write(b'half a file')
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    whole_save(content, file, *args, **kwargs)
torch.save = dying_save
sys.exit(train.main(sys.argv[1:]))
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    (folder / 'camera').mkdir()
    for index, frame in enumerate(synthetic_source(6, 5, 200, 256).training):
        cv2.imwrite(str(folder / 'camera' / f'place{index}x_0.png'), frame.to_8bit())
    return folder


def start_training(data, run, *program):
    program = program or ('-m', 'fliqe_ros.tools.train')
    return subprocess.Popen(
        [sys.executable, '-u', *program, '--data', str(data), '--run', str(run), *OPTIONS],
        cwd=data, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'})


def train_to_the_end(data, run) -> dict:
    with start_training(data, run) as process:
        process.communicate()
    assert process.returncode == 0
    return load_model(Path(run) / 'model.pt').state_dict()


@pytest.fixture(scope='module')
def unbroken(data, tmp_path_factory):
    run = tmp_path_factory.mktemp('unbroken')
    return train_to_the_end(data, run), metrics_of(run)


def metrics_of(run) -> list:
    """Rows of metrics.csv but for the seconds."""
    return [line.rsplit(',', 1)[0] for line in (run / 'metrics.csv').read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize('last_line', ['epoch 0,', 'epoch 2,'], ids=['epoch', 'heads'])
def test_a_killed_run_goes_on_to_the_same_bits(data, tmp_path, unbroken, last_line):
    """Killed as soon as an epoch is told to be over: while the next, or the heads, are trained."""
    with start_training(data, tmp_path) as process:
        assert any(line.startswith(last_line) for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / 'state.pt').is_file() and not (tmp_path / 'model.pt').exists()
    state, metrics = unbroken
    assert same_tensors(train_to_the_end(data, tmp_path), state)
    assert metrics_of(tmp_path) == metrics


@pytest.mark.slow
def test_a_run_killed_while_it_writes_goes_on_to_the_same_bits(data, tmp_path, unbroken):
    with start_training(data, tmp_path, '-c', DIES_WRITING) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert b'half a file' == (tmp_path / 'state.pt.part').read_bytes()
    (tmp_path / 'metrics.csv').unlink()  # killed before it came to that
    state, metrics = unbroken
    assert same_tensors(train_to_the_end(data, tmp_path), state)
    assert metrics_of(tmp_path) == metrics
