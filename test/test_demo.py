"""The demo: its report on recorded scores, its processes, and the real thing end to end."""

from contextlib import ExitStack, suppress
import os
from pathlib import Path
import pty
import signal
import socket
import subprocess
import sys

import cv2
from fliqe_ros.distortion_types import DISTORTIONS
from fliqe_ros.models.checkpoint import save_checkpoint
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.tools import demo_system
from fliqe_ros.tools.demo import FRONT, plan, REAR
from fliqe_ros.tools.demo_report import (
    CROP_PX, detail, draw_report, find_problems, format_table, Row, Sample,
    summarise)
from fliqe_ros.tools.demo_system import check_alive, DemoError, isolated, output_of, running
import numpy as np
import pytest
import torch

LABELS = [distortion.label for distortion in DISTORTIONS]


def record(scores_by_phase, seen=None):
    """Make the samples of one camera, ten frames of each phase."""
    phases = [phase for phase in scores_by_phase for _ in range(10)]
    return [Sample(1e9 + i / 10, phase, scores_by_phase[phase], 0.5, seen or phase)
            for i, phase in enumerate(phases)]


@pytest.fixture
def good():
    return {FRONT: record({'clean': 0.9, **dict.fromkeys(LABELS, 0.1)}),
            REAR: record({'clean': 0.85})}


# The report

def test_a_row_sums_up_all_frames_of_a_type():
    samples = [Sample(0.0, 'clean', 0.9, 0.9, 'clean'),
               Sample(1.0, 'ghosting', 0.2, 0.5, 'clean'),
               Sample(2.0, 'clean', 0.7, 0.6, 'clean'),
               Sample(3.0, 'ghosting', 0.1, 0.4, 'ghosting'),
               Sample(4.0, 'ghosting', 0.3, 0.3, 'ghosting')]
    assert summarise('/a', samples) == [
        Row('/a', 'clean', 'clean', pytest.approx(0.8), 2),
        Row('/a', 'ghosting', 'ghosting', pytest.approx(0.2), 3)]


def test_a_working_system_passes(good):
    assert find_problems(good, FRONT) == []


@pytest.mark.parametrize('label', LABELS)
def test_one_distortion_that_scores_as_clean_frames_do_fails(good, label):
    good[FRONT] = record({'clean': 0.9, **dict.fromkeys(LABELS, 0.1), label: 0.9})
    assert find_problems(good, FRONT) == [
        f'{FRONT}: {label} frames scored 0.90, not below the 0.90 of clean ones']


@pytest.mark.parametrize('label', ['clean', *LABELS])
def test_a_phase_without_scores_fails(good, label):
    good[FRONT] = [sample for sample in good[FRONT] if sample.phase != label]
    assert find_problems(good, FRONT) == [f'{FRONT}: no {label} frame was scored']


def test_a_silent_camera_fails(good):
    assert find_problems({**good, REAR: []}, FRONT) == [f'{REAR}: not one score arrived']
    assert find_problems({FRONT: [], REAR: []}, FRONT) == [
        f'{FRONT}: not one score arrived', f'{REAR}: not one score arrived']


def test_a_clean_camera_with_scores_of_a_distorted_one_fails(good):
    good[REAR] = record({'clean': 0.1})
    assert find_problems(good, FRONT) == [
        f'{REAR}: clean frames scored 0.10, not above the 0.10 of distorted ones']


def test_the_table_marks_what_was_seen_wrongly():
    lines = format_table([Row('/a', 'clean', 'clean', 0.912, 30),
                          Row('/a', 'ghosting', 'aliasing', 0.1, 9)]).splitlines()
    assert lines[1].split() == ['/a', 'clean', '✓', 'clean', '0.91', '30']
    assert lines[2].split() == ['/a', 'ghosting', '✗', 'aliasing', '0.10', '9']
    assert len({len(line) for line in lines}) == 1


def test_the_picture_is_drawn_and_depends_on_the_scores(good, tmp_path):
    pictures = {label: np.full((60, 80), 99, np.uint8) for label in ['clean', *LABELS]}
    draw_report(tmp_path / 'a.png', good, pictures)
    good[REAR] = record({'clean': 0.3})
    draw_report(tmp_path / 'b.png', good, pictures)
    first, second = (cv2.imread(str(tmp_path / name)) for name in ('a.png', 'b.png'))
    assert first.shape == (1200, 1600, 3)
    changed_rows = np.flatnonzero((first != second).any(axis=(1, 2)))
    assert changed_rows.size and changed_rows.min() > 800  # only the rear camera's curve


def test_the_detail_is_where_the_picture_shows_something():
    picture = np.zeros((512, 640), np.uint8)
    picture[300:340, 400:440] = np.random.default_rng(0).integers(0, 255, (40, 40))
    piece = detail(picture)
    assert piece.shape == (CROP_PX, CROP_PX)
    assert np.count_nonzero(piece) == np.count_nonzero(picture)
    assert detail(np.zeros((60, 300), np.uint8)).shape == (60, CROP_PX)


def test_the_plan_shows_every_distortion_within_its_time():
    schedule = plan(40)
    phases = [phase.name for phase in schedule.phases]
    assert phases[::2] == ['clean'] * 13 and phases[1::2] == LABELS
    ends = sum(phase.seconds for phase in schedule.phases[:-1])
    assert 38 < ends < 40
    assert schedule.at(1e6).name == 'clean'


# Its domain and processes

def test_the_domain_is_private(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'environ', {'PATH': '', 'ROS_LOCALHOST_ONLY': '0'})
    stack = ExitStack()
    stack.enter_context(isolated(tmp_path))
    assert 215 <= int(os.environ['ROS_DOMAIN_ID']) <= 232  # people and tests have up to 101
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert 'ROS_LOCALHOST_ONLY' not in os.environ
    profile = Path(os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'])
    assert f'<segment_size>{4 * 2**20}<' in profile.read_text()
    assert profile.is_relative_to(tmp_path)
    stack.close()
    assert dict(os.environ) == {'PATH': '', 'ROS_LOCALHOST_ONLY': '0'}


def test_a_domain_that_somebody_uses_is_left_alone(tmp_path, monkeypatch):
    with isolated(tmp_path):
        domain = int(os.environ['ROS_DOMAIN_ID'])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        with suppress(OSError):  # somebody has taken it, just as well
            port.bind(('', 7400 + 250 * domain))
        monkeypatch.setattr(demo_system, '_DOMAINS', [domain])
        with pytest.raises(DemoError, match='no ROS domain is free'), isolated(tmp_path):
            pass


def test_demos_that_start_together_have_domains_of_their_own(tmp_path):
    domains = set()
    with ExitStack() as demos:
        for _ in range(5):
            demos.enter_context(isolated(tmp_path))
            domains.add(os.environ['ROS_DOMAIN_ID'])
    assert len(domains) == 5


@pytest.fixture(autouse=True)
def same_environment(monkeypatch):
    """Undo what ``isolate`` does to this process."""
    for name in ('ROS_DOMAIN_ID', 'ROS_LOG_DIR', 'ROS_LOCALHOST_ONLY', 'ROS_DISTRO',
                 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
                 'FASTDDS_DEFAULT_PROFILES_FILE'):
        monkeypatch.setenv(name, os.environ.get(name, ''))
        if not os.environ[name]:
            monkeypatch.delenv(name)


def write_module(folder, text):
    """Write a program that opens the pipe ``ready`` once it runs; returns the pipe."""
    (folder / 'program.py').write_text(text)
    os.mkfifo(folder / 'ready')
    return folder / 'ready'


def test_a_process_ends_with_its_context_also_after_an_error(tmp_path):
    ready = write_module(tmp_path, "print('hello', flush=True)\nopen('ready', 'w').close()\n"
                                   'import signal\nsignal.pause()\n')
    with pytest.raises(ZeroDivisionError), running('program', {'a': 1}, tmp_path) as process:
        ready.read_text()
        check_alive([process])
        raise ZeroDivisionError
    assert process.poll() == -signal.SIGTERM
    assert output_of(process) == '  | hello'


def test_a_process_that_will_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_system, '_STOP_WITHIN_S', 0.2)
    ready = write_module(tmp_path, 'import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
                                   "open('ready', 'w').close()\nwhile True: signal.pause()\n")
    with running('program', {}, tmp_path) as process:
        ready.read_text()
    assert process.poll() == -signal.SIGKILL


def test_a_process_that_ended_is_noticed(tmp_path):
    (tmp_path / 'program.py').write_text('import sys\nprint(*sys.argv[1:])\nsys.exit(3)\n')
    parameters = {'rate': 5.0, 'cameras': ('/a', '/b'), 'discover': False}
    with running('program', parameters, tmp_path) as process:
        process.wait()
        with pytest.raises(DemoError, match='program ended with status 3'):
            check_alive([process])
    assert output_of(process) == (
        '  | --ros-args -p rate:=5.0 -p cameras:=["/a", "/b"] -p discover:=false')


# The real thing

@pytest.fixture
def indifferent_model(tmp_path):
    """Write a checkpoint to which all frames are alike."""
    network = ThermalS()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    path = tmp_path / 'indifferent.pt'
    save_checkpoint(path, network, {})
    return path


def start_demo(folder, *arguments, variables=(), **options):
    (folder / 'tmp').mkdir()
    # Elsewhere than in the checkout, whose own fliqe_ros has no messages.
    return subprocess.Popen(
        [sys.executable, '-m', 'fliqe_ros.tools.demo', *map(str, arguments)], cwd=folder,
        env={**os.environ, 'TMPDIR': str(folder / 'tmp'), **dict(variables)}, text=True,
        **options)


def run_demo(folder, *arguments, **variables):
    """Run the demo to its end; returns its status and all that it printed."""
    process = start_demo(folder, *arguments, variables=variables, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate()
    finally:
        process.terminate()
        process.wait()
    return process.returncode, output


def processes_in(folder):
    """List the processes that work in this folder or below."""
    found = []
    for entry in Path('/proc').glob('[0-9]*/cwd'):
        with suppress(OSError):
            if Path(os.readlink(entry)).is_relative_to(folder / 'tmp'):
                found.append(entry.parent.name)
    return found


def test_the_demo_separates_clean_from_distorted_frames(tmp_path):
    status, output = run_demo(tmp_path, '--seconds', 24)
    assert status == 0, output
    assert 'PASSED' in output
    table = [line.split() for line in output.splitlines() if '✓' in line or '✗' in line]
    assert [row[:2] for row in table] == [
        [FRONT, 'clean'], *([FRONT, label] for label in LABELS), [REAR, 'clean']]
    assert all(int(row[-1]) >= 3 for row in table)
    assert cv2.imread(str(tmp_path / 'demo.png')) is not None
    assert 'Hz' in output and '\x1b' not in output
    assert processes_in(tmp_path) == [] == list((tmp_path / 'tmp').iterdir())


def test_a_model_that_sees_nothing_fails_and_the_processes_are_heard(tmp_path, indifferent_model):
    status, output = run_demo(tmp_path, '--seconds', 6, '--model', indifferent_model)
    assert status == 1, output
    assert f'FAILED: {FRONT}: ' in output
    assert 'fliqe_ros.node.main printed:' in output
    assert 'fliqe_ros.tools.camera_sim printed:' in output
    assert processes_in(tmp_path) == []


def test_a_node_that_does_not_start_fails_with_its_reason(tmp_path):
    status, output = run_demo(tmp_path, '--model', tmp_path / 'missing.pt')
    assert status == 1
    assert 'FAILED: fliqe_ros.node.main ended with status 1' in output
    assert 'missing.pt' in output.partition('FAILED')[2]


def until_printed(process, text):
    """Read what a demo prints until the text is in it; return all of that."""
    output = ''
    while text not in output:
        line = process.stdout.readline()
        assert line, output
        output += line
    return output


def test_the_demo_goes_on_until_its_window_is_closed(tmp_path):
    process = start_demo(
        tmp_path, '--monitor', '--seconds', 2, stdout=subprocess.PIPE,
        # Else Qt makes a folder for sockets that stays.
        variables={'QT_QPA_PLATFORM': 'offscreen', 'XDG_RUNTIME_DIR': str(tmp_path)}.items())
    try:
        output = until_printed(process, '  ok  ')
        window, = (number for number in processes_in(tmp_path)
                   if b'monitor_window.main' in Path(f'/proc/{number}/cmdline').read_bytes())
        for _ in range(6):  # lines, one a second
            output += process.stdout.readline()
        assert process.poll() is None and 'mean score' not in output
        os.kill(int(window), signal.SIGTERM)  # as closing it does, it ends with status 0
        output += process.stdout.read()
        process.wait()
    finally:
        process.terminate()
        process.wait()
    assert 'could not be shown' not in output and 'mean score' in output, output
    assert processes_in(tmp_path) == [] == list((tmp_path / 'tmp').iterdir())


@pytest.mark.parametrize('platform, told', [
    ('', 'There is no display for the window'), ('no-such', 'The window could not be shown')])
def test_without_a_display_the_demo_shows_lines(tmp_path, platform, told):
    status, output = run_demo(
        tmp_path, '--monitor', '--seconds', 12, DISPLAY='', WAYLAND_DISPLAY='',
        QT_QPA_PLATFORM=platform)
    assert told in output and 'Hz' in output and 'mean score' in output, output
    assert status == 0, output


def test_a_source_that_does_not_exist_is_refused_at_once(tmp_path):
    status, output = run_demo(tmp_path, '--source', tmp_path / 'nothing')
    assert status == 2 and 'nothing: no such file or folder' in output


# What a demo installation does not have
MISSING = ('av', 'onnx', 'rosbags', 'scipy', 'sklearn', 'torch', 'torchvision')
WITHOUT = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({MISSING}))  # None: the import fails
"""


def test_the_demo_needs_neither_torch_nor_the_training_side(tmp_path):
    # Read by every Python of the demo, its processes too
    (tmp_path / 'sitecustomize.py').write_text(WITHOUT)
    python_path = os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')])
    environment = {**os.environ, 'PYTHONPATH': python_path}
    check = subprocess.run([sys.executable, '-c', 'import torch'], env=environment,
                           stderr=subprocess.PIPE, text=True)
    assert 'ModuleNotFoundError' in check.stderr
    status, output = run_demo(tmp_path, '--seconds', 12, PYTHONPATH=python_path)
    assert 'mean score' in output and 'Traceback' not in output, output
    assert status == 0, output


def test_a_path_may_have_quotes_spaces_and_dollars(tmp_path, indifferent_model):
    folder = tmp_path / """o'neil "$HOME" \\ ü"""
    folder.mkdir()
    for i in range(4):
        cv2.imwrite(str(folder / f'{i}.png'), np.random.default_rng(i).integers(
            0, 4000, (128, 160), np.uint16))
    model = indifferent_model.rename(folder / 'model.pt')
    status, output = run_demo(tmp_path, '--seconds', 1, '--source', folder, '--model', model)
    assert f'publishing mono8 from {folder}' in output, output
    assert f'{FRONT}: ' in output and status == 1  # to this model all frames are alike


def test_ctrl_c_works_after_the_demo_in_a_session(tmp_path):
    session = subprocess.run([sys.executable, '-c', """
import os, signal
from fliqe_ros.tools import camera_sim, demo
def handler(*_): pass
signal.signal(signal.SIGTERM, handler)
assert demo.main(['--source', '.', '--model', 'missing.pt', '--seconds', '1']) == 1
assert camera_sim.main(['--ros-args', '-p', 'encoding:=none']) == 1
assert signal.getsignal(signal.SIGTERM) is handler
try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    print('interrupted')
"""], cwd=with_a_frame(tmp_path), stdout=subprocess.PIPE, text=True, timeout=100)
    assert session.stdout.endswith('interrupted\n')


def with_a_frame(folder):
    cv2.imwrite(str(folder / 'frame.png'), np.zeros((64, 80), np.uint8))
    return folder


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('impatient', [False, True])
def test_an_interrupted_demo_leaves_nothing_behind(
        tmp_path, indifferent_model, number, impatient):
    frames = tmp_path / 'frames'
    frames.mkdir()
    for i in range(4):
        cv2.imwrite(str(frames / f'{i}.png'), np.random.default_rng(i).integers(
            0, 4000, (128, 160), np.uint16))
    terminal, inside = pty.openpty()
    process = start_demo(tmp_path, '--model', indifferent_model, '--source', frames,
                         stdout=inside, stderr=inside)
    os.close(inside)
    output = b''
    while output.count(b'\x1b[2F') < 2 or b'score 0.' not in output:
        output += os.read(terminal, 4096)
    assert len(processes_in(tmp_path)) == 2
    process.send_signal(number)
    while impatient and process.poll() is None:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
    assert process.wait() == 128 + number
    assert processes_in(tmp_path) == [] == list((tmp_path / 'tmp').iterdir())
    os.close(terminal)
