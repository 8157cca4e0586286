"""Evaluation: figures by hand, methods, protocols, and the command line."""

import csv
import json
import math
import time

import cv2
from fliqe_ros.data.sources import Frame, Source, synthetic_source
from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.estimator import FLIQE
from fliqe_ros.evaluation.evaluate import evaluate_methods, evaluate_network
from fliqe_ros.evaluation.judging.registry import JUDGED
from fliqe_ros.evaluation.methods import Estimates, milliseconds_per_frame, NetworkMethod
from fliqe_ros.evaluation.metrics import (
    auroc, calibration_error, confusion, EvaluationRecord, metrics, metrics_by_kind,
    metrics_by_source, reliability, roc, severity_correlations, spearman, worst_first)
from fliqe_ros.evaluation.protocols import GRADES, PROTOCOLS
from fliqe_ros.imaging.palettes import colorize, SHOWN_PALETTES
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.tools import evaluate
from fliqe_ros.tools.evaluation_options import evaluation_options, evaluation_sources, model_names
import numpy as np
import pytest
import torch


@pytest.fixture(scope='module')
def sources():
    return [synthetic_source(6, seed=1, height=240, width=320)]


@pytest.fixture(scope='module')
def thermal_s():
    return NetworkMethod('thermal_s', load_model())


def record(truth, score, predicted=Distortion.CLEAN, source='a', severity=None, kind=''):
    return EvaluationRecord(source, truth, severity, score, predicted, kind)


def test_metrics_by_hand():
    found = metrics([
        record(Distortion.CLEAN, 0.9), record(Distortion.CLEAN, 0.4),
        record(Distortion.GHOSTING, 0.1, Distortion.GHOSTING),
        record(Distortion.GHOSTING, 0.3, Distortion.ALIASING),
        record(Distortion.LENS_BLUR, 0.6), record(Distortion.LENS_BLUR, 0.2)])
    assert found.frames == 6
    assert (found.clean_recall, found.distorted_recall) == (0.5, 0.75)
    assert found.false_alarms == 0.5
    assert found.balanced_accuracy == 0.625
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.precision == pytest.approx(3 / 4)  # of four called distorted, one is clean
    assert found.f1 == pytest.approx(6 / 8)
    assert found.auroc == pytest.approx(7 / 8)
    assert found.type_accuracy == pytest.approx(3 / 6)
    assert found.mean_scores == pytest.approx({
        Distortion.CLEAN: 0.65, Distortion.LENS_BLUR: 0.4, Distortion.GHOSTING: 0.2})


def test_metrics_without_frames_are_nan():
    found = metrics([record(Distortion.CLEAN, 0.9, Distortion.UNKNOWN)])
    assert found.accuracy == 1.0 and found.clean_recall == 1.0
    for name in ('precision', 'f1', 'distorted_recall', 'auroc', 'type_accuracy',
                 'calibration_error', 'balanced_accuracy'):
        assert math.isnan(getattr(found, name)), name


def test_auroc_counts_ties_half():
    assert auroc(np.array([0.5, 0.9]), np.array([0.5, 0.1])) == pytest.approx((0.5 + 1 + 2) / 4)
    assert math.isnan(auroc(np.array([]), np.array([0.5])))


def test_roc_passes_through_every_threshold():
    scores = np.array([0.1, 0.4, 0.4, 0.8, 0.9])
    clean = np.array([False, False, True, False, True])
    alarms, hits = roc(scores, clean)
    assert alarms.tolist() == [0, 0, 0.5, 0.5, 1]
    assert hits.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    rng = np.random.default_rng(0)
    scores, clean = np.round(rng.random(500), 2), rng.random(500) < 0.3
    alarms, hits = roc(scores, clean)
    area = np.sum(np.diff(alarms) * (hits[1:] + hits[:-1]) / 2)
    assert area == pytest.approx(auroc(scores[clean], scores[~clean]))


def test_calibration_error():
    rng = np.random.default_rng(0)
    scores = rng.random(200_000)
    clean = rng.random(scores.size) < scores
    assert calibration_error(scores, clean) < 0.01
    assert calibration_error(scores, rng.random(scores.size) < scores**5) > 0.1
    assert math.isnan(calibration_error(scores, np.ones_like(clean)))


def test_reliability_by_hand():
    """One clean frame weighs as much as three distorted ones."""
    scores = np.array([0.84, 0.81, 0.05, 1.0])
    clean = np.array([True, False, False, False])
    low, middle, high = reliability(scores, clean)
    assert low == pytest.approx((0.05, 0.0, 1 / 6))
    assert middle == pytest.approx(((0.84 * 0.5 + 0.81 / 6) / (4 / 6), 0.75, 4 / 6))
    assert high == pytest.approx((1.0, 0.0, 1 / 6))
    assert calibration_error(scores, clean) == pytest.approx(
        0.05 / 6 + (0.84 * 0.5 + 0.81 / 6 - 0.5) + 1 / 6)
    assert reliability(scores, np.zeros(4, bool)) == []


def test_spearman_by_hand():
    assert spearman([1, 2, 3, 4], [10, 100, 50, 1000]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert spearman([1, 2, 3], [9, 4, 1]) == pytest.approx(-1)
    # ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4
    assert spearman([0, 5, 5, 7], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3])) and math.isnan(spearman([1], [1]))


def test_severity_correlation_has_clean_frames_below_severity_0():
    falling = [record(Distortion.CLEAN, 0.9)] + [
        record(Distortion.GHOSTING, 0.8 - severity / 2, severity=severity)
        for severity in (0.0, 0.5, 1.0)]
    assert severity_correlations(falling) == {Distortion.GHOSTING: pytest.approx(-1)}
    falling[0] = record(Distortion.CLEAN, 0.1)
    assert severity_correlations(falling)[Distortion.GHOSTING] > -1 / 3


def test_confusion_counts_truth_by_rows():
    counts = confusion([
        record(Distortion.CLEAN, 0.9), record(Distortion.GHOSTING, 0.9),
        record(Distortion.GHOSTING, 0.9), record(Distortion.GHOSTING, 0.1, Distortion.ALIASING),
        record(Distortion.GHOSTING, 0.1, Distortion.UNKNOWN)])
    expected = np.zeros((13, 13), int)
    expected[0, 0], expected[7, 0], expected[7, 8] = 1, 2, 1
    assert np.array_equal(counts, expected)


def test_the_source_with_most_false_alarms_comes_first():
    found = metrics_by_source([
        record(Distortion.CLEAN, 0.9, source='good'),
        record(Distortion.CLEAN, 0.2, source='bad'),
        record(Distortion.GHOSTING, 0.2, source='never clean')])
    assert list(found) == ['good', 'bad', 'never clean']
    assert list(worst_first(found)) == ['bad', 'good', 'never clean']
    assert worst_first(found)['bad'].false_alarms == 1.0


def test_kinds_are_compared_with_their_own_clean_frames_or_all():
    clean, gray, iron = (record(Distortion.CLEAN, score, kind=kind) for score, kind in (
        (0.9, 'clean'), (0.8, 'gray'), (0.1, 'iron')))
    bad = [record(Distortion.GHOSTING, 0.2, kind=kind) for kind in ('stripes', 'gray', 'iron')]
    artifacts = metrics_by_kind([clean, bad[0]])
    assert list(artifacts) == ['stripes'] and artifacts['stripes'].balanced_accuracy == 1.0
    palettes = metrics_by_kind([gray, iron, *bad[1:]])
    assert palettes['gray'].balanced_accuracy == 1.0
    assert palettes['iron'].balanced_accuracy == 0.5


def test_a_network_scores_every_version_of_validation_frames_only(sources):
    records = evaluate_network(ThermalS().eval(), sources, limit=1)
    assert [each.truth for each in records] == list(CLASSES)
    assert all(0.0 <= each.score <= 1.0 for each in records)
    assert {each.severity for each in records} == {None}
    assert evaluate_network(ThermalS().eval(), [Source('empty')]) == []


def test_methods_agree_with_the_library(thermal_s, sources):
    """Also for colours, and for frames of several sizes at once."""
    gray = sources[0].validation[0].to_8bit()
    frames = [gray, distort(gray, Distortion.LENS_BLUR), gray[:150, :200],
              colorize(gray, 'ironbow'), gray[:90, :90]]
    estimates = thermal_s.estimate(frames)
    assert estimates.embeddings.shape == (5, 256)
    for frame, score, seen in zip(frames, estimates.scores, estimates.types):
        expected = FLIQE(device='cpu').assess(frame)
        assert score == pytest.approx(expected.score, abs=1e-4)
        assert seen == expected.distortion


def test_a_network_without_types_can_be_evaluated():
    torch.manual_seed(0)
    estimates = NetworkMethod('resnet50', ResNet50().eval()).estimate(
        [np.zeros((64, 64), np.uint8), np.full((64, 80, 3), 200, np.uint8)])
    assert estimates.types == [Distortion.UNKNOWN] * 2
    assert estimates.scores.shape == (2,) and estimates.embeddings.shape == (2, 128)


class Recorder:
    """Keeps what it is shown; calls everything clean."""

    def __init__(self, name):
        self.name, self.seen = name, []

    def estimate(self, frames):
        self.seen += frames
        return Estimates(np.ones(len(frames)), [Distortion.UNKNOWN] * len(frames))


@pytest.fixture(scope='module')
def raw_frame():
    frame = synthetic_source(2, seed=5, height=160, width=192).training[0]
    assert frame.pixels.dtype == np.uint16
    return frame


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_all_methods_see_the_same_frames(raw_frame, protocol):
    first, second, again = Recorder('first'), Recorder('second'), Recorder('again')
    sources = [Source('camera', validation=[raw_frame])]
    found = evaluate_methods([first, second], sources, protocol)
    assert len(first.seen) == len(second.seen) == len(found['first']) >= 9
    assert all(map(np.array_equal, first.seen, second.seen))
    assert found['first'] == found['second']
    evaluate_methods([again], sources, protocol)
    assert all(map(np.array_equal, first.seen, again.seen)), 'not reproducible'


def versions(protocol, frame, seed=0):
    return list(PROTOCOLS[protocol](frame, np.random.default_rng(seed)))


def test_all_generated_pictures_are_evaluated_and_none_is_trained_on(tmp_path):
    (tmp_path / 'camera').mkdir()
    cv2.imwrite(str(tmp_path / 'camera' / 'a.png'), np.full((64, 64), 100, np.uint8))
    options = evaluation_options().parse_args(['--data', str(tmp_path), '--synthetic', '3'])
    generated = evaluation_sources(options)[-1]
    assert (len(generated.training), len(generated.validation)) == (0, 3)
    trained = [frame.pixels for seed in range(3) for frame in synthetic_source(3, seed).training]
    assert not any(np.array_equal(frame.pixels, pixels)
                   for frame in generated.validation for pixels in trained)


@pytest.mark.parametrize('option', ['--limit', '--synthetic'])
def test_no_frames_at_all_cannot_be_asked_for(option, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(['--data', '.', option, '0'])
    assert 'whole number from 1' in capsys.readouterr().err


def test_graded_versions_differ_in_severity_alone(raw_frame):
    found = versions('graded', raw_frame)
    assert [(v.truth, v.severity) for v in found] == [(Distortion.CLEAN, None)] + [
        (distortion, severity) for distortion in DISTORTIONS for severity in GRADES]
    clean = found[0].image.astype(float)
    for distortion in (Distortion.GAUSSIAN_NOISE, Distortion.LENS_BLUR, Distortion.OVEREXPOSURE):
        errors = [np.square(v.image - clean).mean() for v in found if v.truth == distortion]
        assert errors == sorted(errors) and errors[0] > 0, distortion.label


@pytest.mark.parametrize('kinds, table', [('artifacts', ARTIFACTS), ('judged', JUDGED)])
def test_kinds_keep_the_type_they_are_mapped_to(raw_frame, kinds, table):
    found = versions(kinds, raw_frame)
    assert {v.kind: v.truth for v in found} == {
        'clean': Distortion.CLEAN, **{name: kind.distortion for name, kind in table.items()}}
    assert all(v.image.dtype == np.uint8 for v in found)
    mild, strong = (versions(f'{kinds}_{end}', raw_frame) for end in ('mild', 'strong'))
    assert [{v.severity for v in each} for each in (mild, strong)] == [{None, 0.0}, {None, 1.0}]
    clean = found[0].image.astype(float)
    changes = [np.median([np.abs(v.image - clean).mean() for v in each[1:]])
               for each in (mild, found, strong)]
    assert changes == sorted(changes) and changes[0] > 0


def test_raw_frames_are_distorted_before_their_gain_control(raw_frame):
    found = versions('raw', raw_frame)
    after, before = ([v for v in found if v.kind == kind] for kind in ('8-bit', 'raw'))
    assert [v.truth for v in after] == [v.truth for v in before] == list(CLASSES)
    assert np.array_equal(after[0].image, before[0].image), 'the clean frame is the same'
    noisy = CLASSES.index(Distortion.GAUSSIAN_NOISE)
    assert not np.array_equal(after[noisy].image, before[noisy].image)
    assert versions('raw', Frame(raw_frame.to_8bit(), 'g')) == []


def test_palettes_colour_what_was_distorted_in_gray(raw_frame):
    found = versions('palettes', raw_frame)
    gray = [v for v in found if v.kind == 'gray']
    assert len(found) == len(CLASSES) * (1 + len(SHOWN_PALETTES))
    for name in SHOWN_PALETTES:
        coloured = [v for v in found if v.kind == name]
        assert [v.truth for v in coloured] == list(CLASSES)
        assert np.array_equal(coloured[3].image, colorize(gray[3].image, name))


class Sleeper(Recorder):
    """Takes at least a hundredth of a second for each frame."""

    def estimate(self, frames):
        assert torch.get_num_threads() == 1 and len(frames) == 1
        ready_s = time.perf_counter() + 0.01
        while time.perf_counter() < ready_s:
            pass
        return super().estimate(frames)


def test_time_per_frame_is_in_milliseconds_and_leaves_threads_alone():
    before = torch.get_num_threads()
    method = Sleeper('sleeper')
    assert milliseconds_per_frame(method, [np.zeros((8, 8), np.uint8)] * 3) >= 10
    assert len(method.seen) == 4 and torch.get_num_threads() == before


def test_models_are_named_apart():
    assert model_names(['a/thermal_s.pt', 'b/other.pt']) == ['thermal_s', 'other']
    assert model_names(['a/model.pt', 'b/model.pt']) == ['a/model', 'b/model']
    assert model_names(['a/model.pt', 'a/model.pt']) == ['a/model 1', 'a/model 2']


@pytest.fixture
def cameras(tmp_path):
    for number, camera in enumerate(('front', 'rear')):
        folder = tmp_path / 'data' / camera
        folder.mkdir(parents=True)
        for index, frame in enumerate(synthetic_source(5, number, 160, 200).training):
            cv2.imwrite(str(folder / f'place{index}x_0.png'), frame.to_8bit())
    return tmp_path / 'data'


def test_command_line(cameras, tmp_path, capsys):
    table = tmp_path / 'records.csv'
    assert evaluate.main(['--data', str(cameras), '--device', 'cpu', '--csv', str(table)]) == 0
    printed = capsys.readouterr().out
    for word in ('front', 'rear', 'balanced', 'lens_blur', 'reference'):
        assert word in printed
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row['truth'] for row in rows] == 2 * [d.label for d in CLASSES]
    assert all(row['method'] == 'thermal_s' and 0 <= float(row['score']) <= 1 for row in rows)


@pytest.mark.parametrize('severities, word', [
    ('judged', 'dead_columns'), ('troubles', ', artifacts\n'), ('palettes', 'ironbow'),
    ('graded', 'rank correlation')])
def test_command_line_shows_each_protocol(cameras, capsys, severities, word):
    assert evaluate.main(['--data', str(cameras), '--device', 'cpu', '--only', 'rear',
                          '--limit', '1', '--severities', severities]) == 0
    printed = capsys.readouterr().out
    assert word in printed and 'rear' in printed and 'front' not in printed


def test_command_line_tells_programs_what_it_tells_people(cameras, capsys):
    assert evaluate.main(['--data', str(cameras), '--device', 'cpu', '--limit', '1', '--json',
                          '--severities', 'graded']) == 0
    told = json.loads(capsys.readouterr().out)
    assert told['cameras'].keys() == {'front', 'rear', 'all'} and told['evaluated'] == 'graded'
    assert told['severity_correlations'].keys() == {d.label for d in DISTORTIONS}
    assert told['cameras']['all']['mean_scores'].keys() == {d.label for d in CLASSES}


def test_command_line_says_in_a_sentence_what_is_wrong(cameras, tmp_path, capsys):
    broken = tmp_path / 'broken.pt'
    broken.write_text('no model')
    for options, words in (
            (['--data', str(tmp_path / 'none')], 'There is no folder'),
            (['--data', str(cameras / 'front')], 'no folders with clean thermal images'),
            (['--data', str(cameras), '--only', 'side'], 'There is no side'),
            (['--data', str(cameras), '--model', str(broken)], 'not a checkpoint'),
            (['--data', str(cameras), '--severities', 'raw'], 'There are no frames'),
            (['--data', str(cameras), '--csv', str(tmp_path / 'no' / 'file')], 'No such file'),
            (['--data', str(cameras), '--device', 'cuda:99'], 'Device')):
        assert evaluate.main(['--model', str(DEFAULT_MODEL), '--device', 'cpu', *options]) == 1
        error = capsys.readouterr().err
        assert words in error and error.count('\n') == 1, options
