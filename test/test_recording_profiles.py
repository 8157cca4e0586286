"""Recordings that are judged by what was learnt of their cameras."""

from dataclasses import replace
from functools import partial
import json

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.profiles.files import load_profile, save_profile
from fliqe_ros.profiles.folder import StoredProfile
from fliqe_ros.profiles.learning import ProfileLearner
from fliqe_ros.recordings.scoring import Reading
from fliqe_ros.recordings.settings import settings_of
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import score
import numpy as np
import pytest
from test_bags import Recorder  # noqa: I100
from test_recordings import content, Interrupts, run

pytest.importorskip('rosbags.rosbag2')
parquet = pytest.importorskip('pyarrow.parquet')

#: Frames of the bag, and of a span of it; those from SOFT on are softer than was learnt.
COUNT, EACH, SOFT = 40, 16, 20


@pytest.fixture(autouse=True)
def short_spans(monkeypatch):
    monkeypatch.setattr(score, 'Reading', partial(Reading, frames_each=EACH))


@pytest.fixture(scope='module')
def frames():
    scene, rng = ThermalScene(77, 128, 160), np.random.default_rng(0)
    moving = [GainControl()(scene.sensor_counts(scene.render(number / 10), rng))
              for number in range(COUNT)]
    moving[SOFT:] = [cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in moving[SOFT:]]
    return moving


@pytest.fixture(scope='module')
def drive(frames, tmp_path_factory):
    """Return a bag of two cameras that show the same."""
    path = tmp_path_factory.mktemp('drives') / 'drive'
    with Recorder(path, 'mcap') as bag:
        for number, frame in enumerate(frames):
            bag.stamp = number * 100_000_000
            bag.image('/robot1/front/image_raw', frame, 'mono8')
            bag.image('/robot1/rear/image_raw', frame, 'mono8')
    return path


def learn(frames, path):
    fliqe = FLIQE(device='cpu', threads=1)
    learner = ProfileLearner(fliqe.model_id)
    for frame in frames:
        prepared = fliqe.prepare(frame)
        assessment, = fliqe.assess_prepared([prepared])
        learner.add(frame, assessment)
    save_profile(learner.profile(), path)


@pytest.fixture(scope='module')
def profiles(frames, tmp_path_factory):
    """Return a folder with the profile of /robot1/front, learnt from its sharp frames."""
    folder = tmp_path_factory.mktemp('profiles')
    learn(frames[:SOFT], folder / 'robot1.front.json')
    return folder


def changed(profiles, folder, name='robot1.front', **values):
    """Write the profile with other values."""
    folder.mkdir(exist_ok=True)
    stored = json.loads((profiles / 'robot1.front.json').read_text())
    (folder / f'{name}.json').write_text(json.dumps({**stored, **values}))
    return folder


def rows_of(out):
    """Return the columns of each camera."""
    table = parquet.read_table(out / 'frames.parquet')
    return [table.filter([each == camera for each in table['camera'].to_pylist()]).to_pydict()
            for camera in ('/robot1/front/image_raw', '/robot1/rear/image_raw')]


@pytest.fixture(scope='module')
def judged(drive, profiles, tmp_path_factory):
    """Return the folder of one process that judged by the profile."""
    out = tmp_path_factory.mktemp('judged')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, 'Reading', partial(Reading, frames_each=EACH))
        assert run(drive, '--profiles', profiles, '--out', out, '--jobs', 1, '-q') == 0
    return out


def test_the_camera_of_a_profile_is_judged_by_it_and_the_other_is_not(judged, profiles):
    front, rear = rows_of(judged)
    assert np.greater_equal(front['score'], rear['score'])[:SOFT].all()
    assert max(front['score'][SOFT:]) < 0.6 < np.median(rear['score'][SOFT:])
    by_profile, by_model = (each['type'].count('lens_blur') for each in (front, rear))
    assert by_profile > 0.9 * (COUNT - SOFT) and by_profile > 1.5 * by_model
    assert front['status'][-1] in ('degraded', 'bad')
    assert front['smoothed'][-1] < rear['smoothed'][-1]
    facts = json.loads((judged / 'run.json').read_text())
    told = facts['SHA-256 of the profile robot1.front']
    assert [each for each in facts if 'profile' in each] == ['SHA-256 of the profile robot1.front']
    assert told in (judged / 'report.html').read_text()


def test_processes_and_interruptions_change_no_byte(
        drive, profiles, judged, tmp_path, monkeypatch, capsys):
    expected = content(judged)
    assert run(drive, '--profiles', profiles, '--out', tmp_path / '2', '--jobs', 2, '-q') == 0
    assert content(tmp_path / '2') == expected
    scoring = Interrupts(monkeypatch, after=6)
    words = [drive, '--profiles', profiles, '--out', tmp_path / 'out', '--jobs', 1, '-q']
    assert run(*words) == 130
    assert 0 < scoring.frames < COUNT
    assert run(*words) == 0 and scoring.frames == 2 * COUNT, 'no frame is scored twice'
    assert content(tmp_path / 'out') == expected


def test_recordings_elsewhere_are_judged_too(drive, profiles, judged, tmp_path):
    pytest.importorskip('fsspec')
    assert run(f'file://{drive}', '--profiles', profiles, '--out', tmp_path, '--jobs', 2,
               '-q') == 0
    for far, near in zip(rows_of(tmp_path), rows_of(judged)):
        assert {**far, 'recording': None} == {**near, 'recording': None}


def test_frames_are_scored_again_only_if_they_were_not_measured(
        drive, profiles, judged, tmp_path, monkeypatch):
    scoring = Interrupts(monkeypatch, after=None)
    words = [drive, '--out', tmp_path / 'out', '--jobs', 1, '-q']
    assert run(*words) == 0 and scoring.frames == 2 * COUNT
    without = content(tmp_path / 'out')
    assert run(*words, '--profiles', profiles) == 0
    assert scoring.frames == 3 * COUNT, 'those of the camera that has a profile'
    assert content(tmp_path / 'out') == content(judged)
    wide = json.loads((profiles / 'robot1.front.json').read_text())
    wide = {each: {**wide[each], 'limit': wide[each]['normal'] + 100}
            for each in ('blur', 'strong_blur', 'noise')}
    assert run(*words, '--profiles', changed(profiles, tmp_path / 'wide', **wide)) == 0
    front, rear = rows_of(tmp_path / 'out')
    assert front['type'] == rear['type']
    assert run(*words) == 0
    assert content(tmp_path / 'out') == without
    assert run(*words, '--profiles', profiles) == 0
    assert content(tmp_path / 'out') == content(judged)
    assert scoring.frames == 3 * COUNT, 'other profiles, and none, only need new verdicts'


@pytest.mark.parametrize('values, told', [
    ({'format': 'other'}, 'robot1.front.json is no profile of a camera: it was not written by'),
    ({'model': 'other 1'}, 'profile of robot1.front: its scores must be learnt anew'),
    ({'height': 256},
     'profile of robot1.front: its sharpness, noise and pattern must be learnt anew'),
])
def test_a_profile_that_cannot_be_used_is_told_once_and_costs_nothing(
        drive, profiles, tmp_path, capsys, values, told):
    folder = changed(profiles, tmp_path / 'profiles', **values)
    assert run(drive, drive, '--profiles', folder, '--out', tmp_path / 'out', '-q') == 1
    heard = capsys.readouterr().err
    assert heard.count(told) == 1
    front, rear = rows_of(tmp_path / 'out')
    assert len(front['score']) == len(rear['score']) and None not in front['score']
    assert told in (tmp_path / 'out' / 'report.html').read_text()
    # sharpness counts with any model, not with frames of another size
    assert (front['type'] == rear['type']) == ('model' not in values)


def test_a_folder_without_a_profile_for_any_camera_is_told(
        drive, profiles, tmp_path, capsys):
    folder = changed(profiles, tmp_path / 'profiles', name='robot2.front')
    assert run(drive, '--profiles', folder, '-q') == 0
    assert 'no profile is of a camera that was scored' in capsys.readouterr().err
    assert run(drive, '--profiles', tmp_path / 'missing', '-q') == 1
    assert 'missing' in capsys.readouterr().err


@pytest.mark.parametrize('topic, name', [
    ('/robot1/front/image_raw', 'robot1.front'), ('/robot2/front/image_raw', 'front'),
    ('/front/image_raw/compressed', 'front'), ('/thermal_image', 'root'),
    ('/rear/image_raw', None), ('', None),
])
def test_a_profile_is_found_as_own_values_are(profiles, topic, name):
    profile = load_profile(profiles / 'robot1.front.json')
    settings = settings_of({'camera_settings.robot1.front.warn_below': 0.8})
    settings = replace(settings, profiles={each: StoredProfile(each, profile, '')
                                           for each in ('robot1.front', 'front', 'root')})
    found = settings.of_camera(topic).profile
    assert (found and found.camera) == name
