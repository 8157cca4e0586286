"""
Launch two simulated thermal cameras and the FLIQE node that scores them.

    ros2 launch fliqe_ros demo.launch.py

/flir_front goes through every distortion, /flir_rear stays clean.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

CAMERAS = ['/flir_front', '/flir_rear']


def in_package(*path):
    """Return the installed location of one of this package's shared files."""
    return PathJoinSubstitution([FindPackageShare('fliqe_ros'), *path])


def generate_launch_description():
    """Return the launch arguments, the simulated cameras and the node."""
    arguments = [
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
            'schedule', default_value=f'{CAMERAS[0]}=tour',
            description='What is wrong with which camera, and when: camera=phase:seconds,…'),
        DeclareLaunchArgument(
            'params_file', default_value=in_package('config', 'demo.yaml'),
            description='YAML file with the parameters of the node'),
    ]
    cameras = Node(
        package='fliqe_ros',
        executable='camera_sim',
        parameters=[{
            'cameras': CAMERAS,
            'rate': ParameterValue(LaunchConfiguration('rate'), value_type=float),
            **{name: ParameterValue(LaunchConfiguration(name), value_type=str)
               for name in ('source', 'encoding', 'schedule')},
        }],
        output='screen',
        emulate_tty=True,
    )
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(in_package('launch', 'fliqe.launch.py')),
        launch_arguments={
            'cameras': ','.join(CAMERAS),
            'params_file': LaunchConfiguration('params_file'),
        }.items(),
    )
    return LaunchDescription([*arguments, cameras, node])
