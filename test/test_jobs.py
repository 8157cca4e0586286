"""Recordings that several processes score: the same bytes, whatever happens to the processes."""

from functools import partial
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palettes import PALETTES
from fliqe_ros.recordings.processes import Processes
from fliqe_ros.recordings.scoring import Reading
from fliqe_ros.recordings.workers import CrashError, ModelSpec, WorkerError
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import score
import numpy as np
import pytest
from test_bags import Recorder  # noqa: I100
from waiting import wait_for

TABLES = ('frames.parquet', 'cameras.csv', 'events.csv')
#: Frames of a span here.
EACH = 16


@pytest.fixture(scope='module')
def frames():
    """Return frames of a moving scene: some are noisy, a shutter closes, one cannot be read."""
    scene, rng = ThermalScene(5, 96, 128), np.random.default_rng(0)
    moving = [GainControl()(scene.sensor_counts(scene.render(number / 10), rng))
              for number in range(70)]
    moving[12:45] = [distort(frame, Distortion.GAUSSIAN_NOISE, rng=rng)
                     for frame in moving[12:45]]
    moving[31:34] = [moving[31]] * 3  # across the end of a span
    return moving


@pytest.fixture(scope='module')
def recordings(frames, tmp_path_factory):
    """Return a folder with each kind of recording that is parted."""
    pytest.importorskip('pyarrow')
    folder = tmp_path_factory.mktemp('recordings')
    (folder / 'gray').mkdir()
    (folder / 'palettes').mkdir()
    colors = [cv2.merge([PALETTES[name][:, channel].astype(np.uint8)[frame]
                         for channel in range(3)])
              for frame, name in zip(frames, ['ironbow'] * 40 + ['rainbow'] * 30)]
    for number, (gray, color) in enumerate(zip(frames, colors)):
        cv2.imwrite(str(folder / 'gray' / f'{number:03}.png'), gray)
        cv2.imwrite(str(folder / 'palettes' / f'{number:03}.png'), color)
    (folder / 'gray' / '047.png').write_bytes(b'no picture')
    cv2.imwrite(str(folder / 'still.png'), frames[0])
    with Recorder(folder / 'drive', 'mcap') as bag:
        for number, gray in enumerate(frames):
            bag.stamp = number * 50_000_000
            bag.image('/front/image_raw', gray, 'mono8')
            bag.image('/rear/image_raw', frames[-number], 'mono8')
    video(folder / 'film.mp4', frames)
    return folder


def video(path, frames, group=8):
    av = pytest.importorskip('av')
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=10, options={'g': str(group), 'bf': '2'})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = 'yuv420p'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='gray')))
        container.mux(stream.encode())


@pytest.fixture(autouse=True)
def short_spans(monkeypatch):
    monkeypatch.setattr(score, 'Reading', partial(Reading, frames_each=EACH))


def run(*words):
    return score.main([*map(str, words), '--device', 'cpu', '-q'])


def content(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


@pytest.fixture(scope='module')
def expected(recordings, tmp_path_factory):
    """Return the tables of one process."""
    out = tmp_path_factory.mktemp('one')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, 'Reading', partial(Reading, frames_each=EACH))
        assert run(recordings, '--out', out, '--jobs', '1') == 0
    return content(out)


def test_any_number_of_processes_gives_the_same_bytes(recordings, expected, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    for jobs in (2, 3):
        assert run(recordings, '--out', tmp_path / str(jobs), '--jobs', jobs) == 0
        assert content(tmp_path / str(jobs)) == expected
    table = parquet.read_table(tmp_path / '2' / 'frames.parquet')
    assert table.num_rows == 5 * 70 + 1
    page = (tmp_path / '2' / 'report.html').read_text()
    assert 'data:image/jpeg' in page


def test_the_size_of_spans_changes_no_verdict(recordings, expected, tmp_path, monkeypatch):
    """Only batches differ, and with them the last bits of scores."""
    parquet = pytest.importorskip('pyarrow.parquet')
    monkeypatch.setattr(score, 'Reading', Reading)
    assert run(recordings, '--out', tmp_path / 'whole') == 0
    (tmp_path / 'parts').mkdir()
    (tmp_path / 'parts' / 'frames.parquet').write_bytes(expected['frames.parquet'])
    whole, parts = (parquet.read_table(tmp_path / name / 'frames.parquet').to_pydict()
                    for name in ('whole', 'parts'))
    for name in ('recording', 'camera', 'index', 'time_ns', 'stamp_ns', 'status', 'type',
                 'status_distortion', 'error'):
        assert whole[name] == parts[name], name
    both = [np.array(each['score'], float) for each in (whole, parts)]
    np.testing.assert_allclose(*both, atol=1e-4)


def test_a_video_that_hardly_moves_has_a_status(tmp_path):
    """Its frames repeat most of the one before them exactly, across spans too."""
    parquet = pytest.importorskip('pyarrow.parquet')
    scene, rng = ThermalScene(5, 192, 256), np.random.default_rng(0)
    counts = [scene.sensor_counts(scene.render(0.0), rng) for _ in range(160)]
    video(tmp_path / 'still.mp4', [GainControl()(each) for each in counts], group=40)
    tables = []
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        assert run(tmp_path / 'still.mp4', '--out', out, '--jobs', jobs) == 0
        tables.append(parquet.read_table(out / 'frames.parquet').to_pydict())
    assert tables[0] == tables[1]
    status = np.array(tables[0]['status'])
    assert (status == 'ok').mean() > 0.6 and not (status == 'frozen').any()


def test_processes_that_are_killed_cost_nothing_but_time(
        recordings, expected, tmp_path, monkeypatch):
    """Kill whichever process is at work, every now and then, but not the same work each time."""
    killed = []
    ended = threading.Event()

    def kill():
        while not ended.wait(0.5):
            for pid in children(os.getpid())[:1]:
                if len(killed) < 4 and is_at_work(pid):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killer = threading.Thread(target=kill)
    monkeypatch.setattr('fliqe_ros.recordings.processes.ATTEMPTS', 10)
    killer.start()
    try:
        assert run(recordings, '--out', tmp_path, '--jobs', '2') == 0
    finally:
        ended.set()
        killer.join()
    assert killed
    assert content(tmp_path) == expected


def children(pid):
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    found = [int(word) for task in tasks for word in task.read_text().split()]
    return [each for each in found if b'spawn_main' in Path(f'/proc/{each}/cmdline').read_bytes()]


def is_at_work(pid):
    """Tell whether a process has loaded a model."""
    return 'onnxruntime' in Path(f'/proc/{pid}/maps').read_text()


COMMAND = """
import sys
from functools import partial
from fliqe_ros.recordings.scoring import Reading
from fliqe_ros.tools import score
if __name__ == '__main__':
    score.Reading = partial(Reading, frames_each=16)
    sys.exit(score.main(sys.argv[1:]))
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_no_process_and_goes_on(
        recordings, expected, tmp_path, number):
    script = tmp_path / 'command.py'
    script.write_text(COMMAND)
    out = tmp_path / 'out'
    process = subprocess.Popen(
        [sys.executable, str(script), str(recordings), '--device', 'cpu', '-q', '--out', str(out),
         '--jobs', '2'], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(out.glob('journal/*/*.json')))
    workers = children(process.pid)
    assert workers
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert 'Traceback' not in told
    wait_for(lambda: not any(Path(f'/proc/{pid}').exists() for pid in workers))
    before = {path: path.stat().st_mtime_ns for path in out.glob('journal/**/*.rows')}
    assert before and not (out / 'frames.parquet').exists()
    assert run(recordings, '--out', out, '--jobs', '1') == 0
    assert content(out) == expected


LARGE_RESULT = """
from pathlib import Path
from fliqe_ros.recordings.processes import Processes


def large():
    return bytes(100_000_000)


def bytes_read():
    told = dict(line.split(': ') for line in Path('/proc/self/io').read_text().splitlines())
    return int(told['rchar'])


if __name__ == '__main__':
    processes = Processes(1, None)
    processes.submit(int).result()
    before = bytes_read()
    processes.submit(large)
    while bytes_read() < before + 10_000_000:
        pass
    processes.close()
"""


def test_a_result_that_is_half_sent_keeps_nobody_waiting(tmp_path):
    script = tmp_path / 'large_result.py'
    script.write_text(LARGE_RESULT)
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)


def spec(**changed):
    fliqe = FLIQE(device='cpu')
    return ModelSpec(**{'path': None, 'device': 'cpu', 'precision': fliqe.precision,
                        'backend': fliqe.backend, 'threads': 1, 'model_hash': fliqe.model_hash,
                        **changed})


def test_work_that_ends_its_processes_is_given_up_and_others_go_on():
    processes = Processes(1, spec())
    try:
        with pytest.raises(CrashError, match='3 processes'):
            processes.submit(os._exit, 7).result(timeout=240)
        sums = [processes.submit(sum, (1, number)) for number in range(3)]  # more than there are
        assert [each.result(timeout=240) for each in sums] == [1, 2, 3]
    finally:
        processes.close()


def test_a_worker_with_another_model_is_told():
    processes = Processes(1, spec(model_hash='0' * 64))
    try:
        with pytest.raises(WorkerError, match='another model'):
            processes.score([], []).result(timeout=240)
    finally:
        processes.close()


@pytest.mark.parametrize('limit, status', [('0.0', 0), ('1.0', 3)])
def test_a_gate_has_an_exit_status(recordings, tmp_path, limit, status, capsys):
    assert run(recordings / 'still.png', '--fail-below', limit) == status
    assert ('is below' in capsys.readouterr().err) == (status == 3)
    assert run(recordings / 'none.png', '--fail-below', limit) == 1
