"""Launch files: against the node's parameters, and launched for real where launch_ros is."""

import ast
from contextlib import suppress
import gc
import os
from pathlib import Path
import re
import signal
import subprocess
import sys

from fliqe_ros.models.packaged import DEFAULT_ONNX_MODEL
from fliqe_ros.node import launcher
from fliqe_ros.node.parameters import DEFAULTS
import pytest
import rclpy
from rclpy.parameter import parameter_value_to_python
from waiting import wait_for  # noqa: I100

SOURCE = Path(__file__).resolve().parent.parent
FLIQE = SOURCE / 'launch/fliqe.launch.py'
DEMO = SOURCE / 'launch/demo.launch.py'
LAUNCH_FILES = pytest.mark.parametrize('path', [FLIQE, DEMO], ids=lambda path: path.stem)

RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *arguments = sys.argv[1:]
service = LaunchService(noninteractive=True)  # passes SIGINT on to the nodes
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path),
    launch_arguments=[argument.split(':=') for argument in arguments])]))
sys.exit(service.run())
"""


def calls(path, function):
    """Return the calls of a function in a launch file, as syntax trees."""
    return [node for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == function]


def arguments_of(path):
    """Return each declared launch argument and its keywords."""
    return {
        call.args[0].value: {keyword.arg: keyword.value for keyword in call.keywords}
        for call in calls(path, 'DeclareLaunchArgument')
    }


def constant(path, name):
    """Return the syntax tree of a constant of a launch file."""
    return next(node.value for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.Assign) and node.targets[0].id == name)


# Without launch_ros

@LAUNCH_FILES
def test_launch_file_compiles(path):
    compile(path.read_text(), path, 'exec')


@LAUNCH_FILES
def test_every_argument_has_a_description_and_a_default(path):
    declared = arguments_of(path)
    assert declared
    for name, keywords in declared.items():
        assert keywords['description'].value, name
        assert 'default_value' in keywords, name


@LAUNCH_FILES
def test_every_configuration_used_is_declared(path):
    used = {call.args[0].value for call in calls(path, 'LaunchConfiguration')
            if isinstance(call.args[0], ast.Constant)}
    assert used - set(arguments_of(path)) == set()


def test_arguments_passed_on_are_parameters_of_the_node():
    passed = constant(FLIQE, 'PARAMETERS')
    for key, of_type in zip(passed.keys, passed.values):
        assert type(DEFAULTS[key.value]).__name__ == of_type.id
    assert {key.value for key in passed.keys} <= set(arguments_of(FLIQE))


def test_parameters_set_by_the_launch_file_exist_in_the_node():
    keys = {key.value for node in ast.walk(ast.parse(FLIQE.read_text()))
            if isinstance(node, ast.Dict) for key in node.keys if key}
    assert {'cameras', 'autostart', 'use_sim_time'} <= keys
    assert keys <= {*DEFAULTS, 'use_sim_time', launcher.VARIABLE}


def test_demo_passes_arguments_that_fliqe_declares():
    passed = [keyword.value.func.value for call in calls(DEMO, 'IncludeLaunchDescription')
              for keyword in call.keywords if keyword.arg == 'launch_arguments']
    assert {key.value for key in passed[0].keys} <= set(arguments_of(FLIQE))


def test_demo_sets_parameters_that_the_simulated_camera_has():
    from fliqe_ros.tools.camera_sim import CameraSim
    strings = [node.value for node in ast.walk(ast.parse(DEMO.read_text()))
               if isinstance(node, ast.Constant)]
    rclpy.init()
    try:
        node = CameraSim()
        for name in ('cameras', 'rate', 'source', 'encoding', 'schedule'):
            assert name in strings
            assert node.has_parameter(name)
        node.destroy_node()
    finally:
        rclpy.shutdown()


# With launch_ros

@pytest.fixture
def launched(tmp_path):
    """Launch a file in a process of its own; ended by SIGINT, its exit status must be 0."""
    pytest.importorskip('launch_ros')
    # rclpy's lifecycle nodes stay in the graph until then, and would answer for the launched one.
    gc.collect()
    processes = []

    def launch(path, **arguments):
        processes.append(subprocess.Popen(
            [sys.executable, '-c', RUN, str(path),
             *(f'{name}:={value}' for name, value in arguments.items())], cwd=tmp_path,
            start_new_session=True))

    yield launch
    for process in processes:
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=15) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def observer():
    rclpy.init()
    node = rclpy.create_node('observer')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def call(node, service_type, name, request):
    client = node.create_client(service_type, name)
    assert client.wait_for_service(timeout_sec=30), f'{name} has not appeared'
    response = client.call_async(request)
    rclpy.spin_until_future_complete(node, response, timeout_sec=30)
    node.destroy_client(client)
    return response.result()


def state_of(node, name):
    from lifecycle_msgs.srv import GetState
    return call(node, GetState, f'{name}/get_state', GetState.Request()).current_state.label


def parameters_of(node, name, *names):
    from rcl_interfaces.srv import GetParameters
    values = call(node, GetParameters, f'{name}/get_parameters',
                  GetParameters.Request(names=list(names))).values
    return [parameter_value_to_python(value) for value in values]


def wait_until(node, condition, attempts=300):
    return any(condition() or rclpy.spin_once(node, timeout_sec=0.1) for _ in range(attempts))


def test_launch_activates_the_node_with_the_cameras_given(launched, observer):
    launched(FLIQE, cameras='/flir_front, /flir_rear', discover='false',
             model=DEFAULT_ONNX_MODEL)
    assert wait_until(observer, lambda: state_of(observer, '/fliqe') == 'active')
    values = parameters_of(observer, '/fliqe', 'cameras', 'discover', 'model', 'autostart')
    assert values == [['/flir_front', '/flir_rear'], 'false', str(DEFAULT_ONNX_MODEL), False]


def test_launch_leaves_the_node_to_a_lifecycle_manager(launched, observer, tmp_path):
    params_file = tmp_path / 'params.yaml'
    params_file.write_text(
        '/**:\n  ros__parameters:\n    cameras: [/a]\n    transport: compressed\n')
    launched(FLIQE, autostart='false', namespace='robot', node_name='quality',
             params_file=params_file)
    assert state_of(observer, '/robot/quality') == 'unconfigured'
    # Arguments that are not given leave the parameter file in force.
    values = parameters_of(observer, '/robot/quality', 'cameras', 'transport', 'image_topic')
    assert values == [['/a'], 'compressed', 'image_raw']


def test_launch_survives_a_bad_model(launched, observer, tmp_path):
    launched(FLIQE, model=tmp_path / 'missing.pt')
    assert state_of(observer, '/fliqe') == 'unconfigured'


def transition(node, name, label):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState
    request = ChangeState.Request()
    request.transition.id = getattr(Transition, f'TRANSITION_{label.upper()}')
    return call(node, ChangeState, f'{name}/change_state', request).success


def stays(node, name, state):
    """Return whether a node stays in a state while whoever would change it has time to."""
    return all(state_of(node, name) == state or rclpy.spin_once(node, timeout_sec=0.1)
               for _ in range(20))


def test_launch_activates_once_and_leaves_the_rest_to_who_steps_in(launched, observer):
    launched(FLIQE, discover='false', model=DEFAULT_ONNX_MODEL)
    assert wait_until(observer, lambda: state_of(observer, '/fliqe') == 'active')
    for label in ('deactivate', 'cleanup', 'configure'):
        assert transition(observer, '/fliqe', label)
    assert stays(observer, '/fliqe', 'inactive')
    assert transition(observer, '/fliqe', 'activate')


def test_launch_activates_a_node_that_is_rescued_after_a_bad_start(launched, observer, tmp_path):
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter
    launched(FLIQE, model=tmp_path / 'missing.onnx', discover='false')
    assert stays(observer, '/fliqe', 'unconfigured')
    good = Parameter('model', value=str(DEFAULT_ONNX_MODEL)).to_parameter_msg()
    result, = call(observer, SetParameters, '/fliqe/set_parameters',
                   SetParameters.Request(parameters=[good])).results
    assert result.successful
    assert transition(observer, '/fliqe', 'configure')
    assert wait_until(observer, lambda: state_of(observer, '/fliqe') == 'active')


@pytest.fixture
def launch_until_it_ends(tmp_path):
    """Launch a file that soon ends; return the exit status and all that was said."""
    pytest.importorskip('launch_ros')

    def launch(path, *arguments):
        done = subprocess.run(
            [sys.executable, '-c', RUN, str(path), *arguments], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout
    return launch


@pytest.mark.parametrize('path, argument, sentence', [
    (FLIQE, 'params_file:=/nowhere.yaml', 'params_file: there is no file /nowhere.yaml'),
    (FLIQE, 'threads:=many', "threads: 'many' is not a whole number"),
    (DEMO, 'cameras:=,', 'cameras: name at least one'),
    (DEMO, 'rate:=fast', "rate: 'fast' is not a number"),
])
def test_a_wrong_argument_ends_the_launch_and_is_named(
        launch_until_it_ends, path, argument, sentence):
    status, said = launch_until_it_ends(path, argument)
    assert status == 1
    assert sentence in said


@pytest.mark.parametrize('path, argument, sentence', [
    (FLIQE, 'camera:=/flir_front', 'there is no launch argument camera, did you mean cameras?'),
    (FLIQE, 'xyzzy:=1', 'there is no launch argument xyzzy: ros2 launch -s lists those there are'),
    (DEMO, 'modle:=/x.onnx', 'there is no launch argument modle, did you mean model?'),
])
def test_an_argument_that_does_not_exist_is_told(launch_until_it_ends, path, argument, sentence):
    _, said = launch_until_it_ends(path, argument, 'params_file:=/nowhere.yaml')
    assert sentence in said
    assert said.count('there is no launch argument') == 1


@pytest.mark.parametrize('path, argument, failed', [
    (FLIQE, 'params_file:=broken.yaml', 'quality_node'),
    (DEMO, 'params_file:=broken.yaml', 'quality_node'),
    (DEMO, 'schedule:=xyzzy', 'camera_sim'),
])
def test_what_fails_at_the_start_ends_the_launch(
        launch_until_it_ends, tmp_path, path, argument, failed):
    (tmp_path / 'broken.yaml').write_text('/**:\n  ros__parameters: {cameras: [')
    _, said = launch_until_it_ends(path, argument)
    assert re.search(rf'{failed}-\d\] was required: shutting down', said)


@pytest.mark.parametrize('signals', [
    [signal.SIGINT], [signal.SIGINT, signal.SIGINT], [signal.SIGTERM]],
    ids=['ctrl-c', 'ctrl-c twice', 'sigterm to launch alone'])
def test_a_signal_within_the_first_second_leaves_nothing_behind(tmp_path, signals):
    pytest.importorskip('launch_ros')
    log = tmp_path / 'log'
    with log.open('w') as output:
        launch = subprocess.Popen(
            [sys.executable, '-c', RUN, str(DEMO)], cwd=tmp_path, start_new_session=True,
            stdout=output, stderr=output)

    def wait_for_words(words):
        wait_for(lambda: words in log.read_text() or launch.poll() is not None, 60, log.read_text)
        assert words in log.read_text(), log.read_text()

    wait_for_words('process started')
    for number in signals:
        if number == signal.SIGINT:
            os.killpg(launch.pid, number)  # as the terminal does
            wait_for_words('ctrl-c')  # or the second would be lost in the first
        else:
            launch.send_signal(number)
    try:
        launch.wait(30)
        # Everything that launch has started is gone with it, or soon after.
        wait_for(lambda: not is_alive(launch.pid), 60, log.read_text)
        ours = [line for line in log.read_text().splitlines() if line.startswith('[quality_node')
                or line.startswith('[camera_sim')]
        # A traceback may be that of Python itself, which was interrupted before it ran our script.
        assert not [line for line in ours if '[ERROR]' in line
                    or ('File "' in line and 'fliqe_ros' in line)], ours
    finally:
        with suppress(ProcessLookupError):
            os.killpg(launch.pid, signal.SIGKILL)


def is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize('arguments, cameras', [
    ({}, {'/flir_front', '/flir_rear'}),
    ({'cameras': '/a,/b', 'image_topic': 'image', 'transport': 'compressed'}, {'/a', '/b'}),
], ids=['default', 'other'])
def test_demo_publishes_scores_of_its_cameras(launched, observer, tmp_path, arguments, cameras):
    from fliqe_ros.msg import QualityScore
    params_file = tmp_path / 'params.yaml'
    params_file.write_text(f'/**:\n  ros__parameters:\n    model: {DEFAULT_ONNX_MODEL}\n')
    seen = set()
    for camera in cameras:
        observer.create_subscription(
            QualityScore, f'{camera}/quality', lambda message: seen.add(message.camera), 10)
    launched(DEMO, params_file=params_file, **arguments)
    assert wait_until(observer, lambda: seen == cameras, attempts=600)
