"""Recordings that a Dask cluster scores: a real scheduler and real workers on loopback."""

import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import threading

import fliqe_ros
from fliqe_ros.errors import one_line
from fliqe_ros.recordings import cluster
from fliqe_ros.recordings.cluster import Cluster
from fliqe_ros.recordings.workers import WorkerError
import pytest
from test_jobs import (  # noqa: F401, I100
    content, expected, frames, is_at_work, recordings, run, short_spans, spec)
from test_remote import local, put, s3  # noqa: F401
from waiting import wait_for

pytest.importorskip('distributed')


class Dask:
    """A scheduler and its workers, as an operator starts them."""

    def __init__(self, folder):
        self.file, self.folder = folder / 'scheduler.json', folder
        self.processes = []
        # kept alive though many workers are killed here
        self.environment = {**os.environ, 'DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES': '20',
                            'DASK_DISTRIBUTED__WORKER__DAEMON': 'False'}
        self.scheduler = self._start('scheduler', '--host', '127.0.0.1', '--port', '0',
                                     '--no-dashboard', '--scheduler-file', str(self.file))
        wait_for(self.file.exists)

    def work(self, **environment):
        return self._start('worker', '--scheduler-file', str(self.file), '--nthreads', '1',
                           '--no-nanny', '--no-dashboard', '--local-directory',
                           str(self.folder), **environment)

    def _start(self, kind, *words, **environment):
        with (self.folder / f'{kind}.log').open('ab') as log:
            process = subprocess.Popen(
                [sys.executable, '-m', 'dask', kind, *words], stdout=log, stderr=log,
                cwd=self.folder, env={**self.environment, **environment})
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def dask(tmp_path):
    started = Dask(tmp_path)
    yield started
    started.close()


def test_workers_that_are_killed_cost_nothing_but_time(
        dask, recordings, expected, tmp_path):  # noqa: F811
    workers = [dask.work(), dask.work()]
    killed = []
    ended = threading.Event()

    def kill():
        while not ended.wait(0.7) and len(killed) < 3:
            worker = workers[len(killed) % 2]
            if worker.poll() is None and is_at_work(worker.pid):
                worker.send_signal(signal.SIGKILL)
                worker.wait()
                killed.append(worker.pid)
                workers[workers.index(worker)] = dask.work()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert run(recordings, '--out', tmp_path / 'out', '--cluster', dask.file) == 0
    finally:
        ended.set()
        killer.join()
    assert killed
    assert content(tmp_path / 'out') == expected


def test_workers_fetch_from_a_server(
        s3, dask, recordings, expected, tmp_path):  # noqa: F811
    dask.work()
    dask.work()
    with put(recordings, s3):
        assert run(s3, '--out', tmp_path / 'out', '--cluster', dask.file) == 0
    for name in ('cameras.csv', 'events.csv'):
        assert local((tmp_path / 'out' / name).read_bytes(), s3, recordings) == expected[name]


def test_a_scheduler_that_goes_away_is_told_and_the_run_goes_on_elsewhere(
        dask, recordings, expected, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setattr(cluster, '_GONE_S', 1.0)
    dask.work()
    out = tmp_path / 'out'

    def end():
        wait_for(lambda: list(out.glob('journal/**/*.json')))
        dask.scheduler.kill()

    ending = threading.Thread(target=end)
    ending.start()
    assert run(recordings, '--out', out, '--cluster', dask.file) == 1
    ending.join()
    told = capsys.readouterr().err
    assert 'the scheduler went away' in told and 'same command goes on' in told
    assert run(recordings, '--out', out, '--jobs', '1') == 0
    assert content(out) == expected


def test_a_worker_of_another_version_is_told(dask, recordings, tmp_path, capsys):  # noqa: F811
    other = tmp_path / 'other' / 'fliqe_ros'
    shutil.copytree(Path(fliqe_ros.__file__).parent, other, ignore=shutil.ignore_patterns(
        '__pycache__', '*.so'))
    with (other / 'errors.py').open('a') as file:
        file.write('# another version\n')
    dask.work(PYTHONPATH=str(other.parent))
    assert run(recordings / 'still.png', '--cluster', dask.file) == 1
    assert 'another version of fliqe_ros' in capsys.readouterr().err


def test_a_worker_without_the_package_is_told(dask, recordings, tmp_path, capsys):  # noqa: F811
    (tmp_path / 'none' / 'fliqe_ros').mkdir(parents=True)
    (tmp_path / 'none' / 'fliqe_ros' / '__init__.py').touch()
    dask.work(PYTHONPATH=str(tmp_path / 'none'))
    assert run(recordings / 'still.png', '--cluster', dask.file) == 1
    told = capsys.readouterr().err
    assert 'a worker has no fliqe_ros, or another version' in told, told


def test_no_scheduler_and_no_worker_are_told(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, '_SCHEDULER_S', 2.0)
    monkeypatch.setattr(cluster, '_WORKER_S', 1.0)
    for address, told in ((str(tmp_path / 'none.json'), 'no such scheduler file'),
                          ('tcp://127.0.0.1:9', 'no scheduler answers'),
                          (str(dask.file), 'not one worker')):
        with pytest.raises(WorkerError, match=told) as error:
            Cluster(address, spec())
        assert address in one_line(error.value)
