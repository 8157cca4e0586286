"""What the README says is true: its programs run, its commands and its parameters exist."""

import ast
import os
from pathlib import Path
import re
import subprocess
import sys

import cv2
import fliqe_ros
from fliqe_ros.distortion_types import DISTORTIONS
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.parameters import DEFAULTS
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import evaluate, export, report, train
from geometry_msgs.msg import Twist
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / 'README.md').read_text()
BLOCKS = re.findall(r'```(\w+)\n(.*?)```', README, re.DOTALL)
PROGRAMS = [text for language, text in BLOCKS if language == 'python']
COMMANDS = [line.split('#')[0].strip() for language, text in BLOCKS if language == 'bash'
            for line in text.splitlines()]
#: Of lib/pythonX.Y/site-packages/fliqe_ros, or of colcon's install/fliqe_ros
PREFIX = Path(fliqe_ros.__file__).parents[4]
SHARE = PREFIX / 'share' / 'fliqe_ros'


def program_with(word: str) -> str:
    program, = (text for text in PROGRAMS if word in text)
    return program


@pytest.fixture
def frame_folder(tmp_path):
    scene = ThermalScene(3, 240, 320)
    counts = scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))
    cv2.imwrite(str(tmp_path / 'frame.png'), counts)
    return tmp_path


def run_python(arguments, folder):
    # in a folder without a fliqe_ros; -I would hide what a workspace puts on PYTHONPATH
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True,
                          timeout=100)


def test_library_example(frame_folder):
    done = run_python(['-c', program_with('OnlineFLIQE')], frame_folder)
    assert done.returncode == 0, done.stderr
    score, distortion, smoothed = done.stdout.split()
    assert 0.0 <= float(score) <= 1.0 and float(smoothed) == pytest.approx(float(score), abs=1e-6)
    assert distortion.islower()


class Robot:
    """The topics around the gate."""

    def __init__(self):
        self.node = rclpy.create_node('robot')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.quality = self.node.create_publisher(QualityScore, '/flir_front/quality', 10)
        self.command = self.node.create_publisher(Twist, 'cmd_vel_nav', 1)
        self.speeds = []
        self.node.create_subscription(
            Twist, 'cmd_vel', lambda twist: self.speeds.append(twist.linear.x), 10)

    def exchange(self, status):
        """Publish status and a command of 1 m/s, take what the gate lets through."""
        self.quality.publish(QualityScore(status=status))
        command = Twist()
        command.linear.x = 1.0
        self.command.publish(command)
        self.executor.spin_once(timeout_sec=0.1)

    def speed_comes_out_at(self, status, expected) -> bool:
        """Exchange messages with the gate until it lets ``expected`` through."""
        for _ in range(300):
            self.speeds.clear()
            self.exchange(status)
            if self.speeds and self.speeds[-1] == expected:
                return True
        return False

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


def test_gate_example(tmp_path):
    rclpy.init()
    robot = Robot()
    gate = subprocess.Popen([sys.executable, '-c', program_with('ThermalGate')], cwd=tmp_path,
                            stderr=subprocess.DEVNULL, env=os.environ)
    try:
        assert robot.speed_comes_out_at(QualityScore.STATUS_OK, 1.0)
        assert robot.speed_comes_out_at(QualityScore.STATUS_BAD, 0.0)
        assert robot.speed_comes_out_at(QualityScore.STATUS_DEGRADED, 1.0)
        for status in ('UNKNOWN', 'FROZEN', 'SILENT'):
            assert robot.speed_comes_out_at(getattr(QualityScore, f'STATUS_{status}'), 0.0)
            assert robot.speed_comes_out_at(QualityScore.STATUS_OK, 1.0)
    finally:
        # Fast DDS may crash here, rarely, where a process it shares memory with is killed.
        gate.terminate()
        # rclpy wakes spin() before it shuts the context down: where spin() is back in its wait by
        # then, it ends with the next message.
        while gate.poll() is None:
            robot.exchange(QualityScore.STATUS_OK)
        robot.close()
        rclpy.shutdown()


def test_every_parameter_is_listed_with_its_default():
    table = README[README.index('| Parameter |'):README.index('</details>')]
    listed = {}
    for row in table.splitlines()[2:]:
        if row.startswith('|'):
            names, values, _ = (cell.strip() for cell in row.strip('|').split('|'))
            listed.update(zip(re.findall(r'`([^`]+)`', names), values.split('`, `')))
    assert set(listed) == set(DEFAULTS)
    for name, text in listed.items():
        text = text.strip('`')
        if name == 'model':
            assert text == 'packaged' and DEFAULTS[name] == ''
        elif isinstance(DEFAULTS[name], str):
            assert text.split('`')[0] == DEFAULTS[name], name
        else:
            assert ast.literal_eval(text.capitalize()) == DEFAULTS[name], name


def test_every_type_is_listed_with_what_to_do():
    section = README[README.index('## What is wrong, and what to do'):README.index('## Gate')]
    rows = re.findall(r'^\| `(\w+)` \| (.+) \| (.+) \|$', section, re.MULTILINE)
    assert rows == [(each.label, each.meaning, each.advice) for each in DISTORTIONS]


def test_every_field_of_the_message_is_listed():
    section = README[README.index('| Field |'):README.index('Fields are not changed')]
    named = set(re.findall(r'`(\w+)`', section))
    assert named == set(QualityScore.get_fields_and_field_types()) - {'header', 'camera'}


def test_score_command(frame_folder):
    single, folder = (line.partition('#')[0].split()[1:] for line in COMMANDS
                      if line.startswith('fliqe score'))
    done = run_python(['-m', 'fliqe_ros.tools.fliqe', *single], frame_folder)
    assert done.returncode == 0 and re.match(r'0\.\d{3}|1\.000', done.stdout), done.stderr
    (frame_folder / 'drives').mkdir()
    (frame_folder / 'drives' / 'frame.png').write_bytes((frame_folder / 'frame.png').read_bytes())
    done = run_python(['-m', 'fliqe_ros.tools.fliqe', *folder], frame_folder)
    assert done.returncode == 0, done.stderr
    assert (frame_folder / 'scores' / 'report.html').is_file()


@pytest.mark.slow
def test_train_evaluate_report_and_export_commands(frame_folder, monkeypatch):
    camera = frame_folder / 'thermal' / 'camera'
    camera.mkdir(parents=True)
    for number in range(5):
        (camera / f'place{number}x_0.png').write_bytes(
            (frame_folder / 'frame.png').read_bytes())
    monkeypatch.chdir(frame_folder)
    small = ('--epochs 1 --steps 1 --views 4 --head-steps 1 --map-steps 1 --synthetic 0 '
             '--workers 0')
    few = '--device cpu --limit 1 --fit-limit 1'
    for tool, options in ((train, small), (evaluate, '--device cpu'), (report, few),
                          (export, '')):
        name = tool.__name__.rpartition('.')[2]
        command, = (line.partition('#')[0] for line in COMMANDS
                    if line.startswith(f'fliqe {name}'))
        assert tool.main(command.split()[2:] + options.split()) == 0


def test_make_commands_are_what_ci_runs():
    """But for the window, which test_demo.py opens without a display."""
    ci = (ROOT / '.ci' / 'run').read_text().splitlines()
    makes = {line for line in COMMANDS if line.startswith('make')}
    assert makes == {'make demo', 'make monitor', 'make test'}
    assert makes - {'make monitor'} <= set(ci)
    assert 'make test-slow' in ci, 'nothing is left out'


def test_ros2_commands_name_what_is_installed():
    for line in (line for line in COMMANDS if line.startswith('ros2')):
        verb, package, target = line.split()[1:4]
        if verb == 'launch':
            assert package == 'fliqe_ros' and (SHARE / 'launch' / target).is_file(), line
        elif package == 'fliqe_ros':
            assert (PREFIX / 'lib' / package / target).is_file(), line
    for name in re.findall(r'config/([\w.]+)', README):
        assert (SHARE / 'config' / name).is_file(), name


def test_rehearsal_command_has_a_valid_schedule():
    from fliqe_ros.simulation.schedule import parse_schedules
    command, = (line for line in COMMANDS if 'schedule:=' in line)
    schedule = re.search(r'schedule:="([^"]+)"', command)[1]
    phases = parse_schedules(schedule, ['/flir_front', '/flir_rear'])['/flir_front'].phases
    assert [phase.name for phase in phases] == [
        'clean', 'lens_blur', 'dead_lines', 'freeze', 'dropout']


def test_linked_files_exist():
    for target in re.findall(r'\]\((?!http)([^)#]+)\)|href="([^"]+)"', README):
        assert (ROOT / ''.join(target)).exists(), target
