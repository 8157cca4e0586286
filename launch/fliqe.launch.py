"""
Launch the FLIQE node and bring it up: configured, then active.

    ros2 launch fliqe_ros fliqe.launch.py cameras:=/flir_front,/flir_rear

Arguments that are left empty take their value from the parameter file.
"""

from difflib import get_close_matches
import os
from pathlib import Path
import sys

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler, Shutdown)
from launch.conditions import IfCondition
from launch.events import matches_action
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition

# Launch arguments that are parameters of the node under the same name, with their types
PARAMETERS = {
    'discover': str,
    'image_topic': str,
    'transport': str,
    'model': str,
    'device': str,
    'precision': str,
    'backend': str,
    'threads': int,
}
NAME = 'fliqe.launch.py'

ARGUMENTS = [
    DeclareLaunchArgument(
        'cameras', default_value='',
        description='Camera namespaces, separated by commas: /flir_front,/flir_rear'),
    DeclareLaunchArgument(
        'discover', default_value='', choices=['', 'auto', 'true', 'false'],
        description='Score cameras that are found, now or later; auto: if none is named'),
    DeclareLaunchArgument(
        'image_topic', default_value='',
        description='Name of the image topic below each camera namespace: image_raw'),
    DeclareLaunchArgument(
        'transport', default_value='', choices=['', 'raw', 'compressed'],
        description='Subscribe to the image topic itself or to its /compressed topic'),
    DeclareLaunchArgument(
        'model', default_value='',
        description='Path of the model file, instead of the packaged default model'),
    DeclareLaunchArgument(
        'device', default_value='',
        description='Where the model runs: auto, cpu, cuda or cuda:N'),
    DeclareLaunchArgument(
        'precision', default_value='', choices=['', 'auto', 'float32', 'float16', 'bfloat16'],
        description='Arithmetic of the model; auto: float16 on a GPU, else float32'),
    DeclareLaunchArgument(
        'backend', default_value='', choices=['', 'auto', 'torch', 'onnxruntime'],
        description='What runs the model: auto, torch or onnxruntime'),
    DeclareLaunchArgument(
        'threads', default_value='',
        description='CPU threads of the model; 0 is all cores but one'),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution(
            [FindPackageShare('fliqe_ros'), 'config', 'fliqe.yaml']),
        description='YAML file with all parameters of the node'),
    DeclareLaunchArgument(
        'namespace', default_value='',
        description='Namespace of the node, and of the cameras it discovers'),
    DeclareLaunchArgument(
        'node_name', default_value='fliqe',
        description='Name of the node'),
    DeclareLaunchArgument(
        'use_sim_time', default_value='false', choices=['true', 'false'],
        description='Take the time from /clock: true with a simulator or a played bag'),
    DeclareLaunchArgument(
        'log_level', default_value='info', choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='Least severe log messages to show'),
    DeclareLaunchArgument(
        'aggregator', default_value='false', choices=['true', 'false'],
        description='Also start diagnostic_aggregator, with config/analyzers.yaml, where it is '
                    'installed'),
    DeclareLaunchArgument(
        'autostart', default_value='true', choices=['true', 'false'],
        description='Configure and activate the node once; false leaves it to a lifecycle '
                    'manager'),
]


def given_parameters(context):
    """Return the node parameters, by name, whose launch arguments are not empty."""
    arguments = context.launch_configurations
    given = {name: of_type for name, of_type in PARAMETERS.items() if arguments[name]}
    for name, of_type in given.items():
        if of_type is int and not arguments[name].strip().lstrip('+-').isdecimal():
            raise RuntimeError(f'{name}: {arguments[name]!r} is not a whole number')
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=of_type)
        for name, of_type in given.items()
    }
    cameras = [name.strip() for name in arguments['cameras'].split(',') if name.strip()]
    return {**parameters, 'cameras': cameras} if cameras else parameters


def launched(*names):
    """Tell whether a file of these names was launched, rather than included by another."""
    return any(Path(word).name in names for word in sys.argv)


def end_with_the_node(event, context):
    """
    Return what to do once the node has ended: stop, if it failed.

    Otherwise launch_ros waits for the services of a node that died before it had any. What
    includes this file goes on, as it may be all of a robot.
    """
    if event.returncode and launched(NAME, 'demo.launch.py'):
        return [Shutdown(reason='the node has failed')]
    return None


def warn_of_unknown_arguments(context, file, arguments):
    """
    Warn of arguments that a launched file does not have.

    Where another file includes it, they may be arguments of that one.
    """
    if not launched(file):
        return
    names = [argument.name for argument in arguments]
    for name in sorted(set(context.launch_configurations) - set(names)):
        close = get_close_matches(name, names, 1)
        meant = (f', did you mean {close[0]}?' if close
                 else ': ros2 launch -s lists those there are')
        get_logger(file).warning(f'there is no launch argument {name}{meant}')


def launch_node(context):
    """Return the node and, with autostart, what takes it to the state active."""
    warn_of_unknown_arguments(context, NAME, ARGUMENTS)
    params_file = Path(context.launch_configurations['params_file'])
    if not params_file.is_file():  # which launch_ros only warns of
        raise RuntimeError(f'params_file: there is no file {params_file}')
    node = LifecycleNode(
        package='fliqe_ros',
        executable='quality_node',
        name=LaunchConfiguration('node_name'),
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('params_file'),
            {
                **given_parameters(context),
                'use_sim_time': ParameterValue(
                    LaunchConfiguration('use_sim_time'), value_type=bool),
                # The transitions below would be refused by a node that makes them itself.
                'autostart': False,
            },
        ],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        # launch leaves what it started alone when it is terminated: this makes it notice.
        additional_env={'FLIQE_LAUNCHED_BY': str(os.getpid())},
        on_exit=end_with_the_node,
        output='screen',
        emulate_tty=True,
    )
    if IfCondition(LaunchConfiguration('autostart')).evaluate(context):
        return [activate_once_configured(node), node,
                change_state(node, Transition.TRANSITION_CONFIGURE)]
    return [node]


def launch_aggregator(context):
    """Return the node that groups the diagnostics for viewers, if it is asked for."""
    if not IfCondition(LaunchConfiguration('aggregator')).evaluate(context):
        return []
    try:
        get_package_prefix('diagnostic_aggregator')
    except PackageNotFoundError:
        get_logger(NAME).warning(
            'aggregator: the package diagnostic_aggregator is not installed, so diagnostics are '
            'not grouped')
        return []
    return [Node(
        package='diagnostic_aggregator',
        executable='aggregator_node',
        # The name under which the file has its parameters
        name='analyzers',
        parameters=[PathJoinSubstitution(
            [FindPackageShare('fliqe_ros'), 'config', 'analyzers.yaml'])],
        output='screen',
        emulate_tty=True,
    )]


def activate_once_configured(node):
    """Return the handler that activates the node the first time it has been configured."""
    return RegisterEventHandler(OnStateTransition(
        target_lifecycle_node=node, start_state='configuring', goal_state='inactive',
        entities=[change_state(node, Transition.TRANSITION_ACTIVATE)],
        # Whoever configures it again later decides what comes next.
        handle_once=True))


def change_state(node, transition):
    """Return the action that asks the node for a transition."""
    return EmitEvent(event=ChangeState(
        lifecycle_node_matcher=matches_action(node), transition_id=transition))


def generate_launch_description():
    """Return the launch arguments, the node and the aggregator."""
    return LaunchDescription([
        *ARGUMENTS, OpaqueFunction(function=launch_node),
        OpaqueFunction(function=launch_aggregator)])
