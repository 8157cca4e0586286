"""The gate of the README: real processes, from a camera that fails to a robot that stops."""

from pathlib import Path
import re
import signal
import subprocess
import sys
import time

from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from geometry_msgs.msg import Twist
import numpy as np
import pytest
from simulated_robot import HEIGHT, image_message, WIDTH

FRONT = '/flir_front'
README = (Path(__file__).resolve().parents[2] / 'README.md').read_text()
PROGRAM, = (text for text in re.findall(r'```python\n(.*?)```', README, re.DOTALL)
            if 'ThermalGate' in text)
RATE_HZ = 9.0


class Drive:
    """The robot's drive behind the gate: commands of 1 m/s go in at 20 Hz."""

    def __init__(self, robot):
        self._robot = robot
        self.speed = None
        self._commands = robot.node.create_publisher(Twist, 'cmd_vel_nav', 1)
        robot.node.create_subscription(Twist, 'cmd_vel', self._on_speed, 10)
        robot.node.create_timer(0.05, self._command)

    def _command(self):
        command = Twist()
        command.linear.x = 1.0
        self._commands.publish(command)

    def _on_speed(self, twist):
        self.speed = twist.linear.x

    def seconds_until(self, speed, timeout_s=60.0):
        began_s = time.monotonic()
        self._robot.spin_until(lambda: self.speed == speed, f'{speed} m/s', timeout_s)
        return time.monotonic() - began_s


@pytest.fixture
def drive(robot, tmp_path):
    gate = subprocess.Popen([sys.executable, '-c', PROGRAM], cwd=tmp_path,
                            stderr=subprocess.DEVNULL)
    yield Drive(robot)
    gate.terminate()
    try:
        gate.wait(5)
    except subprocess.TimeoutExpired:  # rclpy may miss the signal while it waits for messages
        gate.kill()
        gate.wait()


class Scene:
    """Gives a new frame of a living scene with every call."""

    def __init__(self, noise=0.0):
        self._scene = ThermalScene(2, HEIGHT, WIDTH)
        self._picture = self._scene.render(0.0)
        self._noise = noise
        self._rng = np.random.default_rng(0)

    def __call__(self):
        counts = self._scene.sensor_counts(self._picture, self._rng).astype(float)
        counts += self._noise * counts.std() * self._rng.normal(0, 1, counts.shape)
        return image_message(np.clip(counts, 0, 65535).astype(np.uint16))


def unreadable():
    message = Scene()()
    message.encoding = 'thermal99'
    return message


def slowdown():
    """Return how many times longer work takes now than on an idle machine, at least 1."""
    begin_s, begin_cpu_s = time.monotonic(), time.process_time()
    while time.process_time() < begin_cpu_s + 0.2:
        pass
    return max((time.monotonic() - begin_s) / 0.2, 1.0)


def test_the_gate_stops_the_robot_for_every_trouble(robot, run_process, drive, record_property):
    process = run_process(cameras=[FRONT], model='', freeze_after=3.0)
    robot.listen(FRONT)
    front = robot.camera(FRONT)
    robot.wait_until_subscribed(front)
    frozen = Scene()()
    # what the camera does, the status that the topic tells, and within how many seconds
    faults = {
        'bad': (lambda: front.play(RATE_HZ, Scene(noise=1.0)), 3, 2.0),
        'frozen': (lambda: front.play(RATE_HZ, lambda: frozen), 4, 4.0),
        'silent': (front.stop, 5, 2.0),
        'unreadable': (lambda: front.play(RATE_HZ, unreadable), 5, 2.0),
        'dead node': (lambda: process.interrupt(signal.SIGKILL), None, 2.0),
    }

    for fault, (begin, status, limit_s) in faults.items():
        front.play(RATE_HZ, Scene())
        drive.seconds_until(1.0)
        begin()
        taken_s = drive.seconds_until(0.0)
        record_property(fault, taken_s)
        print(f'{fault}: {taken_s:.1f} s')
        assert taken_s < limit_s * slowdown(), fault
        if status is not None:
            robot.spin_until(lambda: robot.scores[FRONT][-1].status == status, f'status {status}')
