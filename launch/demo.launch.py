"""
Launch simulated thermal cameras and the FLIQE node that scores them.

    ros2 launch fliqe_ros demo.launch.py

/flir_front goes through every distortion, /flir_rear stays clean. The arguments of
fliqe.launch.py, such as model:=…, do here what they do there.
"""

import os
from pathlib import Path
from runpy import run_path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare


def in_package(*path):
    """Return the installed location of one of this package's shared files."""
    return PathJoinSubstitution([FindPackageShare('fliqe_ros'), *path])


ARGUMENTS = [
    DeclareLaunchArgument(
        'cameras', default_value='/flir_front,/flir_rear',
        description='Namespaces of the simulated cameras, separated by commas'),
    DeclareLaunchArgument(
        'source', default_value='synthetic',
        description='What the cameras see: synthetic, an image, a video, a bag, or a folder'),
    DeclareLaunchArgument(
        'rate', default_value='10.0',
        description='Frames per second of each camera'),
    DeclareLaunchArgument(
        'encoding', default_value='mono8', choices=['mono8', 'mono16', 'bgr8'],
        description='Encoding of the images'),
    DeclareLaunchArgument(
        'schedule', default_value='',
        description='What is wrong with which camera, and when: camera=phase:seconds,…; '
                    'empty: the first goes through every distortion'),
    DeclareLaunchArgument(
        'params_file', default_value=in_package('config', 'demo.yaml'),
        description='YAML file with the parameters of the node'),
]


def launch_cameras(context):
    """Return the simulated cameras."""
    arguments = context.launch_configurations
    cameras = [name.strip() for name in arguments['cameras'].split(',') if name.strip()]
    if not cameras:
        raise RuntimeError('cameras: name at least one')
    try:
        rate = float(arguments['rate'])
    except ValueError:
        raise RuntimeError(f'rate: {arguments["rate"]!r} is not a number') from None
    text = {
        'source': arguments['source'],
        'encoding': 'compressed' if arguments.get('transport') == 'compressed'
        else arguments['encoding'],
        'schedule': arguments['schedule'] or f'{cameras[0]}=tour',
        'image_topic': arguments.get('image_topic') or 'image_raw',
    }
    return [Node(
        package='fliqe_ros',
        executable='camera_sim',
        parameters=[{
            'cameras': cameras,
            'rate': rate,
            **{name: ParameterValue(value, value_type=str) for name, value in text.items()},
        }],
        # launch leaves what it started alone when it is terminated: this makes it notice.
        additional_env={'FLIQE_LAUNCHED_BY': str(os.getpid())},
        on_exit=end_with_the_cameras,
        output='screen',
        emulate_tty=True,
    )]


def end_with_the_cameras(event, context):
    """Return what to do once the cameras have ended: stop, if they failed."""
    return [Shutdown(reason='the cameras have failed')] if event.returncode else None


def launch_node(context):
    """Return the node; not where ``ros2 launch -s`` would list its arguments as of this file."""
    fliqe = run_path(str(Path(__file__).with_name('fliqe.launch.py')))
    fliqe['warn_of_unknown_arguments'](
        context, Path(__file__).name, [*ARGUMENTS, *fliqe['ARGUMENTS']])
    return [IncludeLaunchDescription(
        PythonLaunchDescriptionSource(in_package('launch', 'fliqe.launch.py')),
        launch_arguments={
            'cameras': LaunchConfiguration('cameras'),
            'params_file': LaunchConfiguration('params_file'),
        }.items(),
    )]


def generate_launch_description():
    """Return the launch arguments, the simulated cameras and the node."""
    return LaunchDescription([
        *ARGUMENTS, OpaqueFunction(function=launch_cameras), OpaqueFunction(function=launch_node)])
