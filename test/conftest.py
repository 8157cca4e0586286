"""
Environment of the tests: the installed package, and ROS 2 on loopback in a domain of its own.

Everything is set before the first test module imports rclpy, and the processes that tests start
inherit it.
"""

from contextlib import ExitStack
from importlib.util import find_spec
import os
from pathlib import Path
import signal
import sys
import tempfile

from domain_coordinator import domain_id

TEST_DIR = Path(__file__).resolve().parent

# PyAV is in no ROS distribution, and a robot without GPU needs no PyTorch: what trains models, or
# makes one to test with, is left out there.
_OF_AV = ('artifacts', 'augmentation', 'baselines', 'download', 'encoder_training', 'evaluation',
          'figures', 'train', 'training', 'weights')
_OF_TORCH = (*_OF_AV, 'backends', 'benchmarks', 'tensor_preprocessing', 'demo', 'estimator', 'gpu',
             'model', 'readme')
collect_ignore = []
if not find_spec('av'):
    collect_ignore += [f'test_{name}.py' for name in _OF_AV]
if not find_spec('torch'):
    collect_ignore += ['node', *(f'test_{name}.py' for name in _OF_TORCH)]

_until_the_end = ExitStack()


def _import_the_installed_package():
    # `python -m pytest` puts the working directory first, where the package has no messages.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != TEST_DIR.parent]


def _isolate_ros():
    profile = str(TEST_DIR / 'fastdds_profile.xml')
    # Reserved for the life of this process: parallel runs never share a domain.
    domain = _until_the_end.enter_context(domain_id())
    log_dir = tempfile.TemporaryDirectory(prefix='fliqe_ros_test_', ignore_cleanup_errors=True)
    os.environ.update(
        ROS_DOMAIN_ID=str(domain),
        ROS_LOG_DIR=_until_the_end.enter_context(log_dir),
        RCUTILS_COLORIZED_OUTPUT='0',
        FASTRTPS_DEFAULT_PROFILES_FILE=profile,  # Fast DDS 2 (Humble to Jazzy)
        FASTDDS_DEFAULT_PROFILES_FILE=profile,   # Fast DDS 3
    )
    if os.environ.get('ROS_DISTRO') == 'humble':
        os.environ['ROS_LOCALHOST_ONLY'] = '1'
    else:
        os.environ.pop('ROS_LOCALHOST_ONLY', None)  # would override the newer variable
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


def _hear_interrupts():
    # A shell lets what it runs in the background ignore them, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


_import_the_installed_package()
_isolate_ros()
_hear_interrupts()


def pytest_unconfigure():
    _until_the_end.close()
