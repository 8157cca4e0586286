"""Recordings that are scored into a folder: tables, events, interruption and faults."""

import csv
import hashlib
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.frame_io.streams import find_recordings, open_recording
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.packaged import DEFAULT_ONNX_MODEL
from fliqe_ros.recordings.journal import ROW
from fliqe_ros.recordings.settings import DEFAULTS, settings_of
from fliqe_ros.recordings.verdicts import judge
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import score
import numpy as np
import pytest

TABLES = ('frames.parquet', 'cameras.csv', 'events.csv')


@pytest.fixture(scope='module')
def scene():
    return ThermalScene(77, 128, 160)


def film(folder, scene, count, trouble=(), name='frame_{:04d}.png'):
    """Write numbered images of a moving scene; those whose number is in ``trouble`` are noisy."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        frame = GainControl()(scene.sensor_counts(scene.render(number / 10), rng))
        if number in trouble:
            frame = distort(frame, Distortion.GAUSSIAN_NOISE, rng=rng)
        cv2.imwrite(str(folder / name.format(number)), frame)
    return folder


def table(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def run(*words):
    return score.main([*map(str, words), '--device', 'cpu', '--threads', '1'])


def content(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


def test_numbered_images_give_frames_a_camera_and_an_event(scene, tmp_path, capsys):
    parquet = pytest.importorskip('pyarrow.parquet')
    film(tmp_path / 'flight', scene, 40, trouble=range(20, 30))
    assert run(tmp_path / 'flight', '--out', tmp_path / 'out') == 0
    frames = parquet.read_table(tmp_path / 'out' / 'frames.parquet').to_pydict()
    assert frames['index'] == list(range(40))
    assert set(frames['recording']) == {str(tmp_path / 'flight' / 'frame_*.png')}
    assert np.diff(frames['time_ns']).tolist() == [100_000_000] * 39
    expected = FLIQE(device='cpu').estimate_image_quality(
        cv2.imread(str(tmp_path / 'flight' / 'frame_0025.png'), cv2.IMREAD_UNCHANGED))
    assert frames['score'][25] == pytest.approx(expected, abs=1e-5)
    assert frames['type'][25] == 'gaussian_noise' and frames['type'][5] == 'clean'
    sums = sum(np.array(frames[f'p_{each.label}']) for each in CLASSES)
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    assert frames['status'][3] == 'unknown' and frames['status'][10] == 'ok'
    assert 'bad' in frames['status'][20:35] and frames['status'][39] == 'ok'

    camera, = table(tmp_path / 'out' / 'cameras.csv')
    assert (camera['frames'], camera['failed'], camera['faults']) == ('40', '0', '')
    assert float(camera['mean_score']) == pytest.approx(np.mean(frames['score']), abs=1e-5)
    assert float(camera['share_gaussian_noise']) == pytest.approx(10 / 40, abs=0.01)
    assert sum(float(camera[name]) for name in camera if name.startswith('share_')) == \
        pytest.approx(2, abs=1e-4), 'all the time, by status and by type'

    event, = table(tmp_path / 'out' / 'events.csv')
    assert event['type'] == 'gaussian_noise' and 20 <= int(event['worst_index']) < 30
    assert 2.0 < float(event['from_s']) < 3.0 < float(event['to_s']) < 4.0
    assert float(event['lowest_score']) == pytest.approx(min(frames['score']), abs=1e-5)
    assert event['what_to_do'] == Distortion.GAUSSIAN_NOISE.advice


def test_two_runs_give_the_same_bytes(scene, tmp_path):
    pytest.importorskip('pyarrow')
    film(tmp_path / 'flight', scene, 11, trouble=range(5, 9))
    for out in ('one', 'two'):
        assert run(tmp_path / 'flight', '--out', tmp_path / out, '-q') == 0
    assert content(tmp_path / 'one') == content(tmp_path / 'two')


class Interrupts:
    """Breaks the scoring off after some forward passes, as Ctrl-C does."""

    def __init__(self, monkeypatch, after):
        self.calls, self.frames, self._after = 0, 0, after
        self._assess = FLIQE.assess_prepared
        # the frames of which pictures are shown are scored for them once more
        monkeypatch.setattr('fliqe_ros.recordings.workers.take_pictures', lambda *_: {})
        monkeypatch.setattr(FLIQE, 'assess_prepared', lambda model, frames: self(model, frames))

    def __call__(self, model, frames):
        self.calls += 1
        if self.calls == self._after:
            raise KeyboardInterrupt
        self.frames += len(frames)
        return self._assess(model, frames)


def test_an_interrupted_run_goes_on_where_it_was_with_the_same_result(
        scene, tmp_path, monkeypatch, capsys):
    pytest.importorskip('pyarrow')
    film(tmp_path / 'a', scene, 6)
    film(tmp_path / 'b', scene, 21, trouble=range(9, 18))
    assert run(tmp_path / 'a', tmp_path / 'b', '--out', tmp_path / 'whole') == 0
    scoring = Interrupts(monkeypatch, after=5)
    assert run(tmp_path / 'a', tmp_path / 'b', '--out', tmp_path / 'out') == 130
    assert 'the same command goes on' in capsys.readouterr().err
    before = scoring.frames
    assert 6 < before < 27
    assert run(tmp_path / 'a', tmp_path / 'b', '--out', tmp_path / 'out') == 0
    assert scoring.frames == 27, 'no frame is scored twice'
    assert content(tmp_path / 'out') == content(tmp_path / 'whole')
    assert run(tmp_path / 'a', tmp_path / 'b', '--out', tmp_path / 'out') == 0
    assert scoring.frames == 27


DIES_SCORING = """
import os, signal, sys
from fliqe_ros import FLIQE
from fliqe_ros.tools.fliqe import main
assess, calls = FLIQE.assess_prepared, []
def dying(model, frames):
    calls.append(frames)
    if len(calls) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return assess(model, frames)
FLIQE.assess_prepared = dying
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_that_is_killed_loses_nothing_but_time(scene, tmp_path):
    pytest.importorskip('pyarrow')
    film(tmp_path / 'flight', scene, 60, trouble=range(30, 45))
    words = ['score', str(tmp_path / 'flight'),
             '--device', 'cpu', '--threads', '1', '--out', str(tmp_path / 'out')]
    killed = subprocess.run([sys.executable, '-c', DIES_SCORING, *words],
                            stderr=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL
    rows, = (tmp_path / 'out' / 'journal').glob('*/*.partial')
    assert rows.stat().st_size > 4 * ROW.itemsize
    command = [sys.executable, '-m', 'fliqe_ros.tools.fliqe', *words]
    with rows.open('ab') as file:  # as if it was killed while it wrote
        file.write(b'half a row')
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    assert run(tmp_path / 'flight', '--out', tmp_path / 'whole', '-q') == 0
    assert content(tmp_path / 'out') == content(tmp_path / 'whole')


def test_scores_are_kept_when_thresholds_change_and_made_again_when_gain_control_does(
        scene, tmp_path, monkeypatch):
    film(tmp_path / 'flight', scene, 9)
    scoring = Interrupts(monkeypatch, after=None)
    words = [tmp_path / 'flight', '--out', tmp_path / 'out', '-q']
    assert run(*words) == 0 and scoring.frames == 9
    params = tmp_path / 'fliqe.yaml'
    params.write_text('/**:\n  ros__parameters:\n    warn_below: 0.95\n    hysteresis: 0.05\n'
                      '    error_below: 0.94\n')
    assert run(*words, '--params', params) == 0 and scoring.frames == 9
    params.write_text('fliqe:\n  ros__parameters:\n    agc: {low: 5, high: 90}\n')
    assert run(*words, '--params', params) == 0 and scoring.frames == 18
    params.write_text('nothing')
    assert run(*words, '--params', params) == 1
    (tmp_path / 'flight' / 'frame_0009.png').write_bytes(
        (tmp_path / 'flight' / 'frame_0000.png').read_bytes())
    assert run(*words) == 0 and scoring.frames == 28
    assert len(list((tmp_path / 'out' / 'journal').glob('*.rows'))) == 1


def test_another_model_scores_again_and_the_tables_tell_which_model_and_parameters_made_them(
        scene, tmp_path, monkeypatch):
    parquet = pytest.importorskip('pyarrow.parquet')
    film(tmp_path / 'flight', scene, 9)
    other = tmp_path / 'other.onnx'
    # an ONNX file is a protobuf message: appended, this replaces the version of its producer
    other.write_bytes(DEFAULT_ONNX_MODEL.read_bytes() + b'\x1a\x05other')
    params = tmp_path / 'fliqe.yaml'
    params.write_text('/**:\n  ros__parameters:\n    warn_below: 0.7\n')
    scoring = Interrupts(monkeypatch, after=None)
    out = tmp_path / 'out'

    def stamp(*words):
        assert run(tmp_path / 'flight', '--out', out, '-q', *words) == 0
        told = json.loads((out / 'run.json').read_text())
        table_ = parquet.read_schema(out / 'frames.parquet').metadata[b'fliqe']
        assert json.loads(table_) == told
        return told['SHA-256 of the model'], told['warn_below']

    before, warn_below = stamp()
    assert scoring.frames == 9
    assert stamp('--params', params) == (before, 0.7) and scoring.frames == 9
    changed, _ = stamp('--model', other)
    assert changed == hashlib.sha256(other.read_bytes()).hexdigest() and scoring.frames == 18
    assert stamp() == (before, warn_below) != (before, 0.7) and scoring.frames == 27


def test_another_run_in_the_same_folder_is_told(scene, tmp_path, capsys):
    from fliqe_ros.recordings.planning import locked
    film(tmp_path / 'flight', scene, 1)
    with locked(tmp_path / 'out'):
        assert run(tmp_path / 'flight', '--out', tmp_path / 'out') == 1
    assert 'another run is writing' in capsys.readouterr().err


def test_bad_frames_are_rows_with_an_error_and_the_rest_is_scored(scene, tmp_path, capsys):
    parquet = pytest.importorskip('pyarrow.parquet')
    film(tmp_path / 'flight', scene, 6)
    (tmp_path / 'flight' / 'frame_0003.png').write_bytes(b'nothing')
    assert run(tmp_path / 'flight', '--out', tmp_path / 'out', '--verbose') == 0
    frames = parquet.read_table(tmp_path / 'out' / 'frames.parquet').to_pydict()
    assert frames['error'] == [None] * 3 + ['undecodable'] + [None] * 2
    assert frames['score'][3] is None and frames['score'][4] is not None
    camera, = table(tmp_path / 'out' / 'cameras.csv')
    assert camera['failed'] == '1' and 'frame_0003.png' in camera['faults']
    assert 'frame_0003.png' in capsys.readouterr().err


def test_without_pyarrow_the_frames_are_csv(scene, tmp_path, monkeypatch):
    film(tmp_path / 'flight', scene, 3)
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    assert run(tmp_path / 'flight', '--out', tmp_path / 'out') == 0
    rows = table(tmp_path / 'out' / 'frames.csv')
    assert [row['index'] for row in rows] == ['0', '1', '2']
    assert sum(float(rows[0][f'p_{each.label}']) for each in CLASSES) == pytest.approx(1, abs=1e-4)
    assert not (tmp_path / 'out' / 'frames.parquet').exists()


def test_json_is_a_line_for_each_camera(scene, tmp_path, capsys):
    film(tmp_path / 'flight', scene, 30, trouble=range(10, 20))
    assert run(tmp_path / 'flight', '--out', tmp_path / 'out', '--json') == 0
    told = capsys.readouterr()
    camera = json.loads(told.out)
    assert camera['frames'] == 30 and camera['events'][0]['type'] == 'gaussian_noise'
    assert told.err == ''


def test_lists_and_patterns_are_expanded(scene, tmp_path, capsys):
    for name in ('x1', 'x2', 'y'):
        film(tmp_path / name, scene, 1)
    (tmp_path / 'list.txt').write_text(f'{tmp_path}/y\n\n{tmp_path}/x*\n{tmp_path}/y\n')
    assert run(f'@{tmp_path}/list.txt', '--out', tmp_path / 'out') == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line.split()[2]).parent.name for line in lines] == ['y', 'x1', 'x2']
    assert run(tmp_path / 'z*', f'@{tmp_path}/none.txt') == 1
    told = capsys.readouterr().err
    assert 'z*: no file has such a name' in told and 'none.txt: not a list' in told


def test_a_folder_tells_what_it_left_aside(tmp_path):
    (tmp_path / 'sub').mkdir()
    for name in ('a.txt', 'sub/b.txt', 'c.yaml', 'README', '.hidden', 'x1.png', 'x10.png',
                 'x2.png', 'sub/y.png'):
        (tmp_path / name).write_bytes(b'')
    recordings, aside = find_recordings(tmp_path)
    assert aside == {'.txt': 2, '.yaml': 1, 'README': 1}
    assert [[file.name for file in each.files] for each in recordings] == [
        ['y.png'], ['x1.png', 'x2.png', 'x10.png']]


def rows_of(scores, step_s=0.1, unchanged=0.0):
    rows = np.zeros(len(scores), ROW)
    rows['time_ns'] = np.round(np.arange(len(scores)) * step_s * 1e9)
    rows['score'] = scores
    rows['probabilities'][:, 0] = scores
    rows['probabilities'][:, int(Distortion.OBSTRUCTION)] = 1 - rows['score']
    rows['distortion'] = np.where(rows['score'] > 0.5, 0, int(Distortion.OBSTRUCTION))
    rows['unchanged'], rows['has_picture'] = unchanged, True
    return rows


def test_silences_and_frozen_pictures_are_events_of_their_own():
    from fliqe_ros.recordings.events import find_events, summarise
    settings = settings_of({})
    rows = rows_of(np.full(200, 0.9))
    rows['time_ns'][100:] += 7 * 10**9
    rows['unchanged'][120:190] = 1.0
    verdicts = judge(rows, settings)
    silence, freeze = find_events(rows, verdicts)
    assert (silence.label, silence.start, silence.end) == ('silent', 99, 100)
    assert silence.end_ns - silence.start_ns == 7_100_000_000
    assert freeze.label == 'frozen' and 165 <= freeze.start <= 170 and freeze.end == 189
    summary = summarise(rows, verdicts, settings)
    shares = {status.label: share for status, share in summary.status_shares.items()}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares['silent'] == pytest.approx(7.1 / 27, abs=0.01)
    assert shares['frozen'] == pytest.approx(2 / 27, abs=0.03)


def test_frames_that_cannot_be_read_for_long_are_a_silence():
    from fliqe_ros.recordings.events import find_events
    rows = rows_of(np.full(100, 0.9))
    rows['error'][20:90] = b'undecodable'
    event, = find_events(rows, judge(rows, settings_of({})))
    assert event.label == 'silent' and (event.start, event.end) == (40, 89)
    assert event.worst == -1 and np.isnan(event.lowest)


def test_the_worst_stretch_is_found():
    from fliqe_ros.recordings.events import summarise
    settings = settings_of({})
    scores = np.full(600, 0.9)
    scores[200:260] = 0.7
    rows = rows_of(scores)
    summary = summarise(rows, judge(rows, settings), settings)
    start_ns, end_ns = summary.stretch_ns
    assert 20e9 <= start_ns <= 21e9 and end_ns - start_ns == 5_000_000_000
    assert summary.stretch_score == pytest.approx(0.7)


def test_a_million_frames_are_judged_in_time_that_grows_with_them():
    settings = settings_of({})
    times = []
    for count in (5_000, 10_000):
        rows = rows_of(np.where(np.arange(count) % 300 < 200, 0.9, 0.2))
        start = time.process_time()
        judge(rows, settings)
        times.append(time.process_time() - start)
    assert times[1] < 3 * times[0] + 0.1


def test_every_parameter_that_changes_a_verdict_counts():
    assert {'smoothing_window', 'warn_below', 'error_below', 'hysteresis', 'min_frames',
            'reaction_time', 'shutter_time', 'stale_after', 'freeze_after', 'agc.mode', 'agc.low',
            'agc.high', 'input_shift', 'crop_top_rows', 'crop_bottom_rows', 'crop_left_columns',
            'crop_right_columns'} <= set(DEFAULTS)
    assert DEFAULTS.keys().isdisjoint({'image_topic', 'transport', 'max_rate', 'priority'})


def test_what_the_node_allows_is_allowed():
    settings = settings_of({'min_frames': 301, 'smoothing_window': 300, 'reaction_time': 2})
    assert settings.criteria.thresholds.min_frames == 301
    assert settings.criteria.reaction_time_s == 2.0


@pytest.mark.parametrize('topic, warn_below', [
    ('/front/image_raw', 0.8), ('/front/image_raw/compressed', 0.8), ('/rear/image_raw', 0.6),
    ('/robot1/front/image_raw', 0.8), ('/robot2/front/image_raw', 0.9), ('/thermal_image', 0.7),
    ('/front/sub/image_raw', 0.6), ('', 0.6),
])
def test_own_values_are_those_of_the_camera_of_a_topic(topic, warn_below):
    settings = settings_of({
        f'camera_settings.{camera}.warn_below': value
        for camera, value in (('front', 0.8), ('robot2.front', 0.9), ('root', 0.7))})
    assert settings.criteria.thresholds.warn_below == 0.6
    of_camera = settings.of_camera(topic)
    assert of_camera.criteria.thresholds.warn_below == warn_below
    assert of_camera.of_scores == settings.of_scores
    assert settings.shown['camera_settings.front.warn_below'] == 0.8


def test_a_bag_is_scored_with_the_own_values_of_its_cameras(scene, tmp_path):
    pytest.importorskip('rosbags.rosbag2')
    from test_bags import Recorder
    params = tmp_path / 'fliqe.yaml'
    params.write_text('/**: {ros__parameters: {camera_settings: {front: {crop_top_rows: 100, '
                      'error_below: 0.9, warn_below: 0.95, min_frames: 1}}, min_frames: 2}}')
    with Recorder(tmp_path / 'drive', 'sqlite3') as bag:
        for number in range(4):
            frame = GainControl()(scene.sensor_counts(
                scene.render(number / 10), np.random.default_rng(number)))
            bag.image('/front/image_raw', frame, 'mono8')
            bag.image('/rear/image_raw', frame, 'mono8')
    words = (tmp_path / 'drive', '--out', tmp_path / 'out', '--params', params)
    assert run(*words) == 0
    front, rear = table(tmp_path / 'out' / 'cameras.csv')
    assert (front['camera'], rear['camera']) == ('/front/image_raw', '/rear/image_raw')
    assert front['mean_score'] != rear['mean_score']
    # min_frames of each: only the first frame of the other is UNKNOWN
    assert float(front['share_unknown']) == 0 < float(rear['share_unknown'])
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'camera_settings.front.crop_top_rows' in page


@pytest.mark.parametrize('values, told', [
    ({'warn_below': 0.2}, 'error_below'), ({'min_frames': 1001}, 'min_frames'),
    ({'freeze_after': 1.0}, 'shutter_time'), ({'hysteresis': 0.5}, 'hysteresis'),
    ({'camera_settings.front.warn_below': 0.2}, r'camera_settings\.front\.error_below'),
    ({'camera_settings.front.min_frames': 'some'}, r'camera_settings\.front\.min_frames'),
    ({'smoothing_window': 'many'}, 'smoothing_window'), ({'agc.low': 99.9}, 'agc|low'),
])
def test_parameters_that_contradict_each_other_are_refused(values, told):
    with pytest.raises(ValueError, match=told):
        settings_of(values)


def test_a_locked_recording_is_told_and_the_rest_is_scored(scene, tmp_path, capsys):
    if os.geteuid() == 0:
        pytest.skip('root reads everything')
    film(tmp_path / 'x', scene, 1)
    (tmp_path / 'x' / 'drive.mcap').touch(mode=0)
    assert run(tmp_path / 'x', '--out', tmp_path / 'out') == 1
    told = capsys.readouterr()
    assert 'drive.mcap' in told.err and 'frame_0000.png' in told.out


def test_streams_of_images_have_times_and_are_read_lazily(scene, tmp_path):
    film(tmp_path / 'flight', scene, 3)
    (recording,), _ = find_recordings(tmp_path / 'flight')
    with open_recording(recording, rate_hz=4) as (stream,):
        frames = list(stream.frames())
    assert stream.length == 3 and [frame.time_ns for frame in frames] == [0, 250e6, 500e6]
    assert frames[2].read().shape == (128, 160)
