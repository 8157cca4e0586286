"""The pictures of an evaluation, and the command line that writes the whole report."""

from collections import namedtuple
import csv
from dataclasses import replace
import re
import shutil

import cv2
from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.evaluation import figures
from fliqe_ros.evaluation.methods import Estimates, NetworkMethod
from fliqe_ros.evaluation.metrics import EvaluationRecord
from fliqe_ros.evaluation.protocols import PROTOCOLS, Version
from fliqe_ros.evaluation.report.page import page
from fliqe_ros.evaluation.report.pictures import draw_all
from fliqe_ros.evaluation.report.results import Results
from fliqe_ros.models.checkpoint import save_checkpoint
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS
from fliqe_ros.tools import report
import numpy as np
import pytest
import torch

PICTURES = ('grid', 'confusion', 'severity', 'reliability', 'tsne')
RULES = ('laplacian', 'tenengrad', 'entropy', 'histogram', 'autoware', 'autoware fitted', 'piqe')


def bgr(colour):
    return tuple(int(colour[start:start + 2], 16) for start in (5, 3, 1))


def pixels_of(path, colour):
    """Count pixels of exactly this colour, '#RRGGBB'."""
    image = cv2.imread(str(path))
    return int((image == bgr(colour)).all(2).sum())


def synthetic_records(seed=0, frames=40):
    """Scores that fall with severity, types that are mostly right."""
    rng = np.random.default_rng(seed)
    records = []
    for frame in range(frames):
        for truth in CLASSES:
            for severity in ([None] if truth == Distortion.CLEAN else [0.0, 0.5, 1.0]):
                score = 0.8 if severity is None else 0.5 - 0.4 * severity
                predicted = truth if rng.random() < 0.8 else CLASSES[rng.integers(len(CLASSES))]
                records.append(EvaluationRecord(
                    'camera', truth, severity, float(np.clip(score + 0.1 * rng.normal(), 0, 1)),
                    predicted, truth.label, frame,
                    np.eye(13, dtype=np.float32)[truth] + 0.1 * rng.random(13, np.float32)))
    return records


def versions_of_a_frame():
    image = np.random.default_rng(0).integers(0, 256, (300, 400)).astype(np.uint8)
    return [Version(image, distortion, None, distortion.label) for distortion in CLASSES]


def test_grid_marks_wrong_scores(tmp_path):
    scores = np.array([0.9] + [0.1] * 12)
    path = tmp_path / 'grid.png'
    figures.draw_grid(path, 'grid', versions_of_a_frame(), Estimates(scores, list(CLASSES)))
    assert pixels_of(path, figures.RED) == 0
    right = pixels_of(path, figures.BLUE)
    scores[3] = 0.8
    figures.draw_grid(path, 'grid', versions_of_a_frame(), Estimates(scores, list(CLASSES)))
    assert pixels_of(path, figures.RED) > 1000
    assert 0.9 < pixels_of(path, figures.BLUE) / right < 0.95  # twelve frames of thirteen


def test_confusion_is_dark_where_frames_are(tmp_path):
    path, darkest = tmp_path / 'confusion.png', '#08306B'
    right = [EvaluationRecord('a', d, None, 0.5, d) for d in CLASSES]
    figures.draw_confusion(path, 'right', right)
    all_right = pixels_of(path, darkest)
    figures.draw_confusion(path, 'wrong', [EvaluationRecord('a', d, None, 0.5, CLASSES[n % 4])
                                           for d in CLASSES[:1] for n in range(4)])
    assert all_right > 13 * 1000 > 1000 > pixels_of(path, darkest)


def test_embeddings_show_every_type_in_its_colour(tmp_path):
    path = tmp_path / 'tsne.png'
    figures.draw_embeddings(path, 't-SNE', synthetic_records(frames=6))
    first = path.read_bytes()
    hues = cv2.imread(str(path)).reshape(-1, 3).astype(int)
    for colour in figures.COLOURS:
        blended = np.rint(0.75 * np.array(bgr(colour)) + 0.25 * 255)
        assert (np.abs(hues - blended).max(1) <= 3).sum() > 25, colour
    figures.draw_embeddings(path, 't-SNE', synthetic_records(frames=6))
    assert path.read_bytes() == first, 'the same embeddings must give the same picture'


def test_types_stay_distinguishable():
    assert len(figures.COLOURS) == len(figures.MARKERS) == len(CLASSES)
    assert len(set(figures.MARKERS)) == len(CLASSES)
    lab = cv2.cvtColor(np.float32([[bgr(colour) for colour in figures.COLOURS]]) / 255,
                       cv2.COLOR_BGR2LAB)[0]
    distances = np.linalg.norm(lab[:, None] - lab, axis=2)
    # 2.3 can just be told apart side by side (CIE 1976), ten times as much in a crowd.
    assert distances[~np.eye(len(CLASSES), dtype=bool)].min() > 23


def test_severity_shows_the_types_that_were_graded(tmp_path):
    heights = []
    for last in (Distortion.GHOSTING, Distortion.BLANK):
        path = tmp_path / f'{last.label}.png'
        figures.draw_severity(path, 'title', [
            record for record in synthetic_records() if record.truth <= last])
        heights.append(cv2.imread(str(path)).shape[0])
    assert heights[0] < 0.8 * heights[1], 'two rows, and three'


def test_curves_of_good_and_bad_methods_differ(tmp_path):
    records = synthetic_records()
    shuffled = [EvaluationRecord('a', v.truth, v.severity, score, v.predicted) for v, score in
                zip(records, np.random.default_rng(0).permutation([v.score for v in records]))]
    for draw in (figures.draw_severity, figures.draw_reliability):
        path = tmp_path / f'{draw.__name__}.png'
        draw(path, 'same title', records)
        good = cv2.imread(str(path))
        draw(path, 'same title', records)
        assert np.array_equal(good, cv2.imread(str(path)))
        draw(path, 'same title', shuffled)
        bad = cv2.imread(str(path))
        assert good.shape[0] > 700 and good.shape[1] > 700
        assert good.shape != bad.shape or (good != bad).any(2).mean() > 0.005
    path = tmp_path / 'roc.png'
    figures.draw_roc(path, 'ROC', {'reference': {'ours': records, 'rule': shuffled},
                                   'random': {'ours': records, 'rule': shuffled}}, ('ours',))
    assert pixels_of(path, figures.BLUE) > 2000, 'ours is drawn thick'


@pytest.fixture(scope='module')
def cameras(tmp_path_factory):
    root = tmp_path_factory.mktemp('thermal')
    for number, camera in enumerate(('front', 'rear')):
        (root / camera).mkdir()
        for index, frame in enumerate(synthetic_source(5, number, 160, 200).training):
            cv2.imwrite(str(root / camera / f'place{index}x_0.png'), frame.to_8bit())
    return root


@pytest.fixture(scope='module')
def written(cameras, tmp_path_factory):
    """Write the report of two models and all baselines; one camera evaluated, one fitted to."""
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp('report')
    untrained = out / 'untrained.pt'
    save_checkpoint(untrained, ThermalS(), {})
    assert report.main([
        '--data', str(cameras), '--only', 'rear', '--device', 'cpu', '--out', str(out),
        '--model', str(DEFAULT_MODEL), str(untrained), '--limit', '1', '--fit-limit', '2']) == 0
    return out


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_report_has_every_method_under_every_protocol(written):
    rows = rows_of(written / 'methods.csv')
    methods = dict.fromkeys(row['method'] for row in rows)
    assert set(methods) >= {'thermal_s', 'untrained', *RULES}
    for protocol in ('reference', 'random'):
        assert {row['method'] for row in rows if row['protocol'] == protocol} == set(methods)
    protocols = {row['protocol'] for row in rows if row['method'] == 'thermal_s'}
    assert protocols == set(PROTOCOLS) - {'raw'}, 'there is no raw frame among them'
    assert {row['kind'] for row in rows if row['protocol'] == 'artifacts'} == {'all', *ARTIFACTS}
    for row in rows:
        assert 0 <= float(row['balanced_accuracy']) <= 1
        assert float(row['false_alarms']) == pytest.approx(1 - float(row['clean_recall']))
        assert float(row['milliseconds_per_frame']) > 0
        has_types = row['method'] in ('thermal_s', 'untrained', 'efficientnet_lite0')
        assert (row['type_accuracy'] != 'nan') == has_types, row['method']


@pytest.mark.slow
def test_records_add_up_to_the_metrics(written):
    records = [row for row in rows_of(written / 'verdicts.csv')
               if (row['method'], row['protocol']) == ('thermal_s', 'graded')]
    assert len(records) == 1 + 5 * len(DISTORTIONS)
    found = np.mean([float(row['score']) < 0.5 for row in records if row['truth'] != 'clean'])
    figure, = (row for row in rows_of(written / 'methods.csv')
               if (row['method'], row['protocol'], row['source'], row['kind'])
               == ('thermal_s', 'graded', 'all', 'all'))
    assert float(figure['distorted_recall']) == pytest.approx(found)


@pytest.mark.slow
def test_page_shows_pictures_tables_and_published_figures(written):
    text = (written / 'report.md').read_text()
    linked = re.findall(r'!\[[^\]]+\]\(([^)]+)\)', text)
    assert set(linked) == {
        'roc.png', *(f'{name}.png' for name in PICTURES),
        *(f'{name}-untrained.png' for name in PICTURES)}
    for name in linked:
        assert cv2.imread(str(written / name)) is not None, name
    for distortion in DISTORTIONS:
        assert f'| {distortion.label} | {distortion.meaning} | {distortion.advice} |' in text
    for line in ('| FLIQE reference | private set, split by frame | 0.9275 |',
                 '| ARNIQA | FLIR ADAS v2, validation | 0.810 |'):
        assert line in text
    assert 'published, on other data' in text and 'front 2' in text and 'rear 1' in text
    tables = re.findall(r'(?:^\|.*\|\n)+', text, re.MULTILINE)
    assert len(tables) >= 12
    for table in tables:
        assert len({line.count('|') for line in table.splitlines()}) == 1, table


def test_a_model_without_types_has_no_confusion(tmp_path):
    records = [replace(record, predicted=Distortion.UNKNOWN, kind='gray')
               for record in synthetic_records(frames=3)]
    sources = [synthetic_source(5, seed=0, height=160, width=200)]
    results = Results([NetworkMethod('resnet50', ResNet50().eval())],
                      {protocol: {'resnet50': records} for protocol in PROTOCOLS},
                      {'resnet50': 70.0})
    results.records['raw'] = {'resnet50': []}
    drawn = draw_all(tmp_path, results, sources, limit=1)
    assert set(drawn) == {'roc.png', 'grid.png', 'severity.png', 'reliability.png', 'tsne.png'}
    text = page(results, drawn, '')
    assert 'Types' not in text and '| resnet50 |' in text
    assert '### Calibration' in text


def test_the_former_name_of_an_option_still_works():
    options = ['--data', 'x', '--out', 'y']
    assert not report.parser().parse_args(options).no_baselines
    assert report.parser().parse_args([*options, '--no-alternatives']).no_baselines


def test_report_says_in_a_sentence_what_is_wrong(cameras, tmp_path, monkeypatch, capsys):
    (tmp_path / 'broken.pt').write_text('no model')
    (tmp_path / 'file').write_text('no folder')
    fitting = 'No frames are left to fit the baselines to'
    for options, words in (
            (['--data', str(tmp_path / 'none')], 'There is no folder'),
            (['--model', str(tmp_path / 'broken.pt')], 'not a checkpoint'),
            (['--out', str(tmp_path / 'file')], 'File exists'),
            (['--only', 'front', 'rear'], fitting),
            (['--all-frames'], fitting)):
        assert report.main(['--data', str(cameras), '--device', 'cpu',
                            '--out', str(tmp_path / 'out'), *options]) == 1
        error = capsys.readouterr().err
        assert words in error and error.count('\n') == 1, options
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage(2**30, 2**30, 2**20))
    assert report.main(['--data', str(cameras), '--out', str(tmp_path / 'out')]) == 1
    assert 'has 1 MB free' in capsys.readouterr().err
