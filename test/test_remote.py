"""Recordings elsewhere, by fsspec: the same scores as of files on this machine."""

import csv

import cv2
from fliqe_ros.frame_io.remote import fetched, find_remote
from fliqe_ros.frame_io.streams import open_recording
from fliqe_ros.recordings.whole import score_whole
from fliqe_ros.recordings.workers import ThisProcess
import pytest
from test_jobs import (  # noqa: F401, I100
    content, expected, frames, recordings, run, short_spans)

fsspec = pytest.importorskip('fsspec')


@pytest.fixture
def elsewhere(recordings):  # noqa: F811
    """Return the address of the recordings in a file system that only fsspec knows."""
    filesystem = fsspec.filesystem('memory')
    for file in recordings.rglob('*'):
        if file.is_file():
            filesystem.pipe_file(f'/bucket/{file.relative_to(recordings)}', file.read_bytes())
    yield 'memory:///bucket'
    filesystem.rm('/bucket', recursive=True)


def local(names, address, recordings):  # noqa: F811
    return names.replace(address.encode(), str(recordings).encode())


def rows(folder, name):
    with (folder / name).open(newline='') as file:
        return list(csv.DictReader(file))


def test_scores_are_those_of_the_same_files_here(
        elsewhere, recordings, expected, tmp_path, monkeypatch):  # noqa: F811
    parquet = pytest.importorskip('pyarrow.parquet')
    assert run(elsewhere, '--out', tmp_path / 'far') == 0
    for name in ('cameras.csv', 'events.csv'):
        assert local((tmp_path / 'far' / name).read_bytes(), elsewhere, recordings) == \
            expected[name]
    (tmp_path / 'near.parquet').write_bytes(expected['frames.parquet'])
    far = parquet.read_table(tmp_path / 'far' / 'frames.parquet').drop_columns(['recording'])
    assert far.equals(parquet.read_table(tmp_path / 'near.parquet').drop_columns(['recording']))
    assert 'data:image/jpeg' in (tmp_path / 'far' / 'report.html').read_text()

    fetches = []
    monkeypatch.setattr(ThisProcess, 'whole', lambda *_: fetches.append(1))
    assert run(elsewhere, '--out', tmp_path / 'far') == 0
    assert fetches == [], 'what was scored is not fetched again'


def test_what_has_changed_is_scored_again(elsewhere, frames, tmp_path, monkeypatch):  # noqa: F811
    assert run(f'{elsewhere}/still.png', '--out', tmp_path) == 0
    before, = rows(tmp_path, 'cameras.csv')
    blurred = cv2.imencode('.png', cv2.GaussianBlur(frames[0], (0, 0), 4))[1].tobytes()
    fsspec.filesystem('memory').pipe_file('/bucket/still.png', blurred)
    scored = []
    monkeypatch.setattr('fliqe_ros.recordings.workers.score_whole',
                        lambda *given: scored.append(1) or score_whole(*given))
    assert run(f'{elsewhere}/still.png', '--out', tmp_path) == 0
    after, = rows(tmp_path, 'cameras.csv')
    assert scored == [1] and after['mean_score'] != before['mean_score']


def test_other_processes_fetch_for_themselves(
        recordings, expected, tmp_path):  # noqa: F811
    assert run(f'file://{recordings}', '--out', tmp_path, '--jobs', '2') == 0
    assert local((tmp_path / 'cameras.csv').read_bytes(), 'file://', '') == \
        local(expected['cameras.csv'], 'file://', '')


def test_bags_are_folders_and_images_are_sequences_there_too(elsewhere):
    found, aside = find_remote(elsewhere)
    names = {each.name.removeprefix('memory://'): len(each.files) for each in found}
    assert names == {'/bucket/drive': 2, '/bucket/film.mp4': 1, '/bucket/gray/*.png': 70,
                     '/bucket/palettes/*.png': 70, '/bucket/still.png': 1}
    assert not aside
    bag = next(each for each in found if each.name.endswith('drive'))
    with fetched(bag) as here:
        folder = here.files[0]
        with open_recording(here) as streams:
            assert [stream.camera for stream in streams] == \
                ['/front/image_raw', '/rear/image_raw']
    assert not folder.exists()


def test_what_is_not_there_or_not_known_is_told(elsewhere, tmp_path, capsys):
    for address, told in ((f'{elsewhere}/none.mcap', 'no such file or folder'),
                          ('nosuch://bucket/a.mcap', 'nosuch')):
        assert run(address, '--out', tmp_path) == 1
        assert told in capsys.readouterr().err
    fsspec.filesystem('memory').pipe_file('/bucket/broken.mcap', b'no bag')
    assert run(f'{elsewhere}/broken.mcap', '--out', tmp_path) == 1
    told = capsys.readouterr().err
    assert 'memory://' in told and 'broken.mcap' in told and 'fliqe_' not in told
