"""Frames that people have judged: the lists, how they are read, and what is made of opinions."""

import csv
import json

import cv2
from fliqe_ros.data.frame_tables import FRAME_TABLES
from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.labelled import agreement, labelled_frames
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.tools import evaluate
import numpy as np
import pytest


def rows(path):
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def test_the_native_list_is_what_it_says():
    listed = rows(FRAME_TABLES['native'])
    bad = [row for row in listed if row['type'] != 'clean']
    assert len(bad) >= 150 and len({row['folder'] for row in bad}) >= 10
    for row in listed:
        assert Distortion[row['type'].upper()] in Distortion
        assert row['file'].startswith('good/' if row['type'] == 'clean' else 'bad/')
        assert len(row['sha256']) == 64 and len(row['commit']) == 40 and row['licence']
        assert row['repository'].count('/') == 1 and row['path']
    digests = [row['sha256'] for row in listed]
    assert len(set(digests)) == len(digests)
    trained = {row['sha256'] for row in rows(DEFAULT_MODEL.with_name('frames.csv'))}
    assert not trained & set(digests), 'a frame that was trained on judges nothing'


def test_the_rated_list_has_opinions_of_every_kind():
    listed = rows(FRAME_TABLES['rated'])
    assert len(listed) == 15 and len({row['scene'] for row in listed}) == 6
    assert all(1 <= float(row['opinion']) <= 5 for row in listed)
    assert len({row['type'] for row in listed}) == 4


@pytest.fixture
def labelled(tmp_path):
    """Return a table and a folder with a good frame, a bad one, and one that is missing."""
    rng = np.random.default_rng(0)
    good = synthetic_source(2, seed=3, height=160, width=200).training[0].to_8bit()
    bad = np.clip(good + 60 * rng.standard_normal(good.shape), 0, 255)
    (tmp_path / 'cam' / 'good').mkdir(parents=True)
    (tmp_path / 'cam' / 'bad').mkdir()
    cv2.imwrite(str(tmp_path / 'cam' / 'good' / 'a.png'), good)
    cv2.imwrite(str(tmp_path / 'cam' / 'bad' / 'b.png'), (bad * 20 + 3000).astype(np.uint16))
    table = tmp_path / 'table.csv'
    table.write_text('folder,file,type,opinion,scene\ncam,good/a.png,clean,4.5,x\n'
                     'cam,bad/b.png,gaussian_noise,1.5,x\ncam,bad/gone.png,blank,1,x\n')
    return table, tmp_path


def test_frames_are_read_with_their_labels(labelled):
    good, bad = labelled_frames(*labelled)
    assert (good.truth, bad.truth) == (Distortion.CLEAN, Distortion.GAUSSIAN_NOISE)
    assert (good.opinion, bad.opinion, good.scene) == (4.5, 1.5, 'x')
    assert good.image.dtype == bad.image.dtype == np.uint8, 'counts go through gain control'


def test_the_command_line_tells_how_well_the_model_does(labelled, capsys):
    table, folder = labelled
    assert evaluate.main(['--data', str(folder), '--labels', str(table), '--device', 'cpu']) == 0
    out = capsys.readouterr().out
    assert 'cam' in out and 'gaussian_noise' in out and 'in 1 of 1 pairs' in out
    words = ['--data', str(folder), '--labels', str(table), '--device', 'cpu']
    assert evaluate.main([*words, '--json']) == 0
    told = json.loads(capsys.readouterr().out)
    assert told['cameras']['all']['frames'] == 2 and set(told['kinds']) == {'gaussian_noise'}
    assert told['cameras']['cam']['mean_scores'].keys() == {'clean', 'gaussian_noise'}
    assert told['opinions'] == {'correlation': None, 'pairs': 1, 'right': 1}, 'no NaN in JSON'
    assert evaluate.main([*words, '-q']) == 0
    assert capsys.readouterr().out == ''
    assert evaluate.main(['--data', str(folder / 'cam'), '--labels', str(table)]) == 1
    assert 'No frame of' in capsys.readouterr().err


def test_agreement_counts_pairs_of_a_scene_that_people_tell_apart(labelled):
    frame, _ = labelled_frames(*labelled)
    frames = [frame._replace(opinion=opinion, scene=scene) for opinion, scene in (
        (4.6, 'a'), (4.4, 'a'), (2.0, 'a'), (3.0, 'b'), (float('nan'), 'a'))]
    found = agreement([0.5, 0.9, 0.6, 0.1, 0.0], frames)
    assert (found.pairs, found.right) == (2, 1)
    assert found.correlation == pytest.approx(0.0)
    assert agreement([0.9, 0.8, 0.3, 0.5, 0.0], frames).correlation == pytest.approx(1.0)
