"""The executable ``quality_node`` in a process of its own: start, signals, exit status."""

import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

import pytest

FRONT = '/flir_front'
EXIT_S = 2.0
MISSING_TORCH = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")'


def wait_for_good_bye(robot):
    """Wait for less than the lease of 20 s, after which a node that says nothing is gone."""
    robot.spin_until(lambda: 'fliqe' not in robot.node.get_node_names(), 'good-bye', 5)


def interrupt_in_time(process, *signals):
    """Send signals; return the exit status if the process ends within an idle machine's 2 s."""
    begin_s = time.monotonic()
    for number in signals:
        process.interrupt(number)
    status = process.wait(30)
    duration_s = time.monotonic() - begin_s
    assert duration_s < EXIT_S * slowdown(), process.log()
    return status


def slowdown() -> float:
    """Return how many times longer work takes now than on an idle machine, at least 1."""
    begin_s, begin_cpu_s = time.monotonic(), time.process_time()
    while time.process_time() < begin_cpu_s + 0.2:
        pass
    return max((time.monotonic() - begin_s) / 0.2, 1.0)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(robot, run_process, number):
    process = run_process(cameras=[FRONT])
    robot.listen(FRONT)
    front = robot.camera(FRONT)
    robot.wait_until_subscribed(front)
    front.run(15.0)
    robot.wait_for_scores(FRONT, 5)
    assert interrupt_in_time(process, number) == 0
    wait_for_good_bye(robot)
    assert 'Traceback' not in process.log()
    assert '[ERROR]' not in process.log()


@pytest.fixture
def slow_model(tmp_path):
    pytest.importorskip('torch')
    from fliqe_ros.models.checkpoint import save_checkpoint
    from fliqe_ros.models.resnet50 import ResNet50
    path = tmp_path / 'slow.pt'
    save_checkpoint(path, ResNet50(), {})
    return str(path)


@pytest.mark.parametrize('signals', [
    [signal.SIGTERM], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]])
def test_signal_in_the_middle_of_a_forward_pass(
        robot, run_process, slow_model, to_message, signals):
    cameras = [f'/cam{number}' for number in range(32)]
    process = run_process(cameras=cameras, model=slow_model, max_batch=32, stale_after=0.0)
    drivers = [robot.camera(camera) for camera in cameras]
    robot.wait_until_subscribed(*drivers)
    message = to_message(drivers[0].frame())
    for driver in drivers:
        driver.run(2.0, message)
    # From the second pass on it takes the frames of all cameras: seconds of work.
    robot.wait_for_status('fliqe: inference', lambda s: is_in_full_pass(robot.values(s)))
    assert interrupt_in_time(process, *signals) == 0
    wait_for_good_bye(robot)
    assert 'Traceback' not in process.log()


def is_in_full_pass(values):
    values = dict(values)
    return int(values['batches']) >= 1 and 0.1 < float(values['batch in progress for (s)']) < 1.5


def test_signal_during_start_up(robot, run_process, slow_model):
    process = run_process(cameras=[FRONT], model=slow_model)
    robot.spin_until(lambda: 'fliqe' in robot.node.get_node_names(), 'node')
    assert interrupt_in_time(process, signal.SIGINT) == 0
    wait_for_good_bye(robot)


def test_bad_model_stops_the_start_with_one_sentence(run_process, tmp_path):
    pytest.importorskip('torch')
    bad = tmp_path / 'bad.pt'
    bad.write_bytes(b'no model')
    process = run_process(cameras=[FRONT], model=str(bad))
    assert process.wait(60) == 1
    line, = process.log().splitlines()
    assert str(bad) in line and 'it is not a checkpoint' in line


@pytest.fixture
def broken_pytorch(tmp_path):
    """Return an environment in which importing torch fails."""
    (tmp_path / 'torch.py').write_text("raise ImportError('libcudnn.so.9: no such file')")
    return before_the_path(tmp_path)


def before_the_path(folder):
    """Return an environment in which modules of a folder are found first."""
    return {'PYTHONPATH': os.pathsep.join([str(folder), os.environ.get('PYTHONPATH', '')])}


def test_default_model_on_the_cpu_needs_no_pytorch(robot, run_process, broken_pytorch):
    process = run_process(cameras=[FRONT], model='', environment=broken_pytorch)
    robot.listen(FRONT)
    front = robot.camera(FRONT)
    robot.wait_until_subscribed(front)
    front.run(15.0)
    robot.wait_for_scores(FRONT, 2)
    status = robot.wait_for_status('fliqe: inference', lambda s: s.message == 'active')
    assert dict(robot.values(status))['backend'] == 'onnxruntime'
    assert process.process.poll() is None


def test_broken_pytorch_stops_the_start_with_one_sentence(run_process, broken_pytorch):
    pytest.importorskip('torch')
    process = run_process(cameras=[FRONT], environment=broken_pytorch)
    assert process.wait(60) == 1
    line, = process.log().splitlines()
    assert 'configure failed: ' in line and 'libcudnn.so.9: no such file' in line


def test_a_gpu_without_pytorch_is_refused_with_its_cause(run_process, tmp_path):
    blocked = before_the_path(tmp_path)
    # An entry in sys.modules bars the import as a missing package does.
    (tmp_path / 'sitecustomize.py').write_text("import sys; sys.modules['torch'] = None")
    process = run_process(cameras=[FRONT], model='', device='cuda', environment=blocked)
    assert process.wait(60) == 1
    line, = process.log().splitlines()
    assert line.endswith(
        "Device 'cuda' needs PyTorch, which is not installed: pip install torch.")


@pytest.mark.parametrize('tool', ['train', 'evaluate', 'report'])
def test_tools_without_pytorch_name_it(tmp_path, tool):
    (tmp_path / 'torch.py').write_text(MISSING_TORCH)
    done = subprocess.run(
        [sys.executable, '-m', f'fliqe_ros.tools.{tool}'], cwd=tmp_path, text=True,
        capture_output=True, env={**os.environ, **before_the_path(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == (
        'torch is not installed, and this command needs it: pip install torch\n')


@pytest.mark.parametrize('module, program', [
    ('fliqe_ros.node.main', 'quality_node'), ('fliqe_ros.tools.camera_sim', 'camera_sim')])
def test_help_is_printed_and_starts_nothing(module, program, tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', module, '--help'], cwd=tmp_path, text=True,
        capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, '')
    assert f'usage: {program}' in done.stdout
    assert all(Path(file).is_file() for file in re.findall(r'\S+fliqe\.yaml', done.stdout))


def test_bad_model_without_autostart_leaves_it_alive(robot, run_process, tmp_path, model_file):
    process = run_process(cameras=[FRONT], model=str(tmp_path / 'none.pt'), autostart=False)
    assert not robot.transition('configure')
    assert robot.set_parameters(model=model_file).successful
    robot.start()
    assert interrupt_in_time(process, signal.SIGINT) == 0
    assert 'there is no such file' in process.log()


def test_namespaced_renamed_and_remapped(robot, run_process):
    process = run_process(
        '-r', '__ns:=/robot7', '-r', '__node:=watcher', model='', cameras=['flir', '/flir_abs'],
        remappings=[('/robot7/flir/image_raw', '/driver/thermal'),
                    ('/robot7/flir/quality', '/monitor/flir')])
    thermal, absolute = robot.camera('/driver', topic='thermal'), robot.camera('/flir_abs')
    scores = robot.collect('/monitor/flir')
    robot.wait_until_subscribed(thermal, absolute)
    thermal.run(10.0)
    robot.spin_until(lambda: len(scores) >= 3, 'scores')
    assert scores[0].camera == '/robot7/flir'
    # Robots are told apart on one /diagnostics.
    for camera, name in (('/robot7/flir', 'robot7.watcher: robot7.flir'),
                         ('/flir_abs', 'robot7.watcher: flir_abs')):
        status = robot.wait_for_status(f'robot7.watcher: {camera}', lambda s: True)
        assert (status.name, status.hardware_id) == (name, camera)
        assert ('node', '/robot7/watcher') in robot.values(status)
    status = robot.wait_for_status('robot7.watcher: inference', lambda s: True)
    assert status.hardware_id == '/robot7/watcher'
    robot.name = '/robot7/watcher'
    assert robot.trigger('/robot7/watcher/reset').success
    assert robot.trigger('/robot7/flir/quality/reset').success
    assert process.process.poll() is None
