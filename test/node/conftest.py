"""
The node under test, and a robot around it that talks to it over DDS only.

The node runs as it does in its process, in an executor thread of its own and with its own
context, or really in a process of its own.
"""

from contextlib import contextmanager
from importlib.util import find_spec
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import threading

from fliqe_ros.node.rclpy_compat import MessagesFirstExecutor
import pytest
from rclpy.context import Context
from simulated_robot import image_message, Robot


class RunningNode:
    """A ``QualityNode`` of this process, spinning in a thread of its own."""

    def __init__(self, arguments):
        from fliqe_ros.node.quality_node import QualityNode
        self._context = Context()
        self._context.init(['--ros-args', *arguments])
        self.node = QualityNode(context=self._context)
        self._executor = MessagesFirstExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._stopping.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def execute(self, function):
        """Run a function in the executor thread; return when it is done."""
        done = threading.Event()
        self._executor.create_task(lambda: (function(), done.set()))
        assert done.wait(10)

    @contextmanager
    def busy(self):
        """Keep the executor thread from everything else for the time of a ``with`` block."""
        begun, ended = threading.Event(), threading.Event()
        self._executor.create_task(lambda: (begun.set(), ended.wait(60)))
        assert begun.wait(10)
        try:
            yield
        finally:
            ended.set()

    @property
    def is_alive(self):
        return self._thread.is_alive()

    def close(self):
        self._stopping.set()
        self._thread.join()
        self.node.close()
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()


class NodeProcess:
    """The executable ``quality_node`` in a process of its own, its log in ``log()``."""

    def __init__(self, arguments, folder: Path, environment: dict):
        self._log = folder / 'quality_node.log'
        executable = Path(sys.executable).with_name('quality_node')
        command = [executable] if executable.exists() else [
            sys.executable, '-m', 'fliqe_ros.node.main']
        with self._log.open('w') as log:
            self.process = subprocess.Popen(
                [*command, '--ros-args', *arguments], cwd=folder, stdout=log, stderr=log,
                env={**os.environ, 'OMP_NUM_THREADS': '1', **environment})

    def log(self) -> str:
        return self._log.read_text()

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def wait(self, timeout_s):
        """Return the exit status."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f'quality_node still runs after {timeout_s} s:\n{self.log()}')

    def close(self):
        # Not killed: Fast DDS may crash, rarely, where a process it shares memory with is.
        self.process.terminate()
        self.process.wait()
        print(self.log())  # shown where a test fails


def ros_arguments(parameters, remappings=()):
    """Return command-line arguments; lists and strings as YAML understands them."""
    def yaml(value):
        if isinstance(value, bool):
            return str(value).lower()
        return repr(value) if isinstance(value, (str, list)) else str(value)
    return [argument
            for option, pairs in (('-p', parameters.items()), ('-r', remappings))
            for name, value in pairs
            for argument in (option, f'{name}:={yaml(value) if option == "-p" else value}')]


@pytest.fixture(scope='session')
def model_file(tmp_path_factory):
    """Return the path of a copy of the packaged model that this installation can read."""
    from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_ONNX_MODEL
    packaged = DEFAULT_MODEL if find_spec('torch') else DEFAULT_ONNX_MODEL
    copy = (tmp_path_factory.mktemp('model') / 'copy').with_suffix(packaged.suffix)
    return shutil.copy(packaged, str(copy))


@pytest.fixture(scope='session')
def to_message():
    return image_message


@pytest.fixture
def robot():
    robot = Robot()
    yield robot
    robot.close()


@pytest.fixture
def run_node(model_file):
    """Return a function that starts a node, by default without autostart and discovery."""
    running = []

    def run(*arguments, remappings=(), **parameters):
        defaults = {
            'autostart': False, 'discover': False, 'model': model_file, 'device': 'cpu'}
        parameters = {name.replace('__', '.'): value
                      for name, value in {**defaults, **parameters}.items()}
        running.append(RunningNode([*ros_arguments(parameters, remappings), *arguments]))
        return running[-1]

    yield run
    for node in running:
        node.close()


@pytest.fixture
def run_process(model_file, tmp_path):
    """Return a function that starts the executable, by default without discovery, on the CPU."""
    running = []

    def run(*arguments, remappings=(), environment=None, **parameters):
        parameters = {
            'discover': False, 'model': model_file, 'device': 'cpu', **parameters}
        running.append(NodeProcess(
            [*ros_arguments(parameters, remappings), *arguments], tmp_path, environment or {}))
        return running[-1]

    yield run
    for process in running:
        process.close()
