"""Launch files: against the node's parameters, and launched for real where launch_ros is."""

import ast
import gc
import os
from pathlib import Path
import signal
import subprocess
import sys

from fliqe_ros.models.packaged import DEFAULT_ONNX_MODEL
from fliqe_ros.node.parameters import DEFAULTS
import pytest
import rclpy
from rclpy.parameter import parameter_value_to_python

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
    assert keys <= {*DEFAULTS, 'use_sim_time'}


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
    assert values == [['/flir_front', '/flir_rear'], False, str(DEFAULT_ONNX_MODEL), False]


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


def test_a_parameter_file_that_is_not_there_ends_the_launch(tmp_path):
    pytest.importorskip('launch_ros')
    done = subprocess.run(
        [sys.executable, '-c', RUN, str(FLIQE), 'params_file:=/nowhere.yaml'], cwd=tmp_path,
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert 'params_file: there is no file /nowhere.yaml' in done.stderr + done.stdout


def test_demo_publishes_scores_of_both_cameras(launched, observer, tmp_path):
    from fliqe_ros.msg import QualityScore
    params_file = tmp_path / 'params.yaml'
    params_file.write_text(f'/**:\n  ros__parameters:\n    model: {DEFAULT_ONNX_MODEL}\n')
    seen = set()
    for camera in ('/flir_front', '/flir_rear'):
        observer.create_subscription(
            QualityScore, f'{camera}/quality', lambda message: seen.add(message.camera), 10)
    launched(DEMO, params_file=params_file)
    assert wait_until(observer, lambda: seen == {'/flir_front', '/flir_rear'}, attempts=600)
