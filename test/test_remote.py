"""Recordings elsewhere, by fsspec: the same scores as of files on this machine."""

from contextlib import contextmanager
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


@pytest.fixture(scope='module')
def s3():
    """Serve S3 on loopback, and name it to whatever is started from here."""
    pytest.importorskip('s3fs')
    server = pytest.importorskip('moto.server').ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (('AWS_ENDPOINT_URL', f'http://{host}:{port}'),
                            ('AWS_ACCESS_KEY_ID', 'key'), ('AWS_SECRET_ACCESS_KEY', 'secret'),
                            ('AWS_DEFAULT_REGION', 'us-east-1')):
            environment.setenv(name, value)
        yield 's3://bucket'
    fsspec.get_filesystem_class('s3').clear_instance_cache()  # those of this server
    server.stop()


@pytest.fixture(params=['memory', 's3'])
def elsewhere(request, recordings):  # noqa: F811
    """Return the address of the recordings in a file system of fsspec's own, and on a server."""
    address = request.getfixturevalue('s3') if request.param == 's3' else 'memory:///bucket'
    with put(recordings, address):
        yield address


@contextmanager
def put(folder, address):
    """Have what is in a folder elsewhere too."""
    filesystem, root = fsspec.core.url_to_fs(address)
    filesystem.mkdir(root)
    for file in folder.rglob('*'):
        if file.is_file():
            filesystem.pipe_file(f'{root}/{file.relative_to(folder)}', file.read_bytes())
    yield
    filesystem.rm(root, recursive=True)


def put_file(address, data):
    """Write a file as another process would, whose listings are not those of this one."""
    filesystem, path = fsspec.core.url_to_fs(address, skip_instance_cache=True)
    filesystem.pipe_file(path, data)


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
    put_file(f'{elsewhere}/still.png', blurred)
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


def test_other_processes_ask_the_server_themselves(
        s3, recordings, expected, tmp_path):  # noqa: F811
    with put(recordings, s3):
        assert run(s3, '--out', tmp_path, '--jobs', '2') == 0
    assert local((tmp_path / 'cameras.csv').read_bytes(), s3, recordings) == \
        expected['cameras.csv']


def test_bags_are_folders_and_images_are_sequences_there_too(elsewhere):
    found, aside = find_remote(elsewhere)
    names = {each.name.removeprefix(elsewhere): len(each.files) for each in found}
    assert names == {'/drive': 2, '/film.mp4': 1, '/gray/*.png': 70, '/palettes/*.png': 70,
                     '/still.png': 1}
    assert not aside
    bag = next(each for each in found if each.name.endswith('drive'))
    with fetched(bag) as here:
        folder = here.files[0]
        with open_recording(here) as streams:
            assert [stream.camera for stream in streams] == \
                ['/front/image_raw', '/rear/image_raw']
    assert not folder.exists()


def test_what_was_put_there_since_is_found(elsewhere):
    assert len(find_remote(f'{elsewhere}/gray')[0]) == 1
    put_file(f'{elsewhere}/gray/new.mp4', b'')
    assert len(find_remote(f'{elsewhere}/gray')[0]) == 2


def test_what_is_not_there_or_not_known_is_told(elsewhere, tmp_path, capsys):
    for address, told in ((f'{elsewhere}/none.mcap', 'no such file or folder'),
                          ('nosuch://bucket/a.mcap', 'nosuch')):
        assert run(address, '--out', tmp_path) == 1
        assert told in capsys.readouterr().err
    put_file(f'{elsewhere}/broken.mcap', b'no bag')
    assert run(f'{elsewhere}/broken.mcap', '--out', tmp_path) == 1
    told = capsys.readouterr().err
    assert elsewhere in told and 'broken.mcap' in told and 'fliqe_' not in told
