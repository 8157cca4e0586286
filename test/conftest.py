"""
Environment of the tests: the installed package, and ROS 2 on loopback in a domain of its own.

Everything is set before the first test module imports rclpy, and the processes that tests start
inherit it.
"""

from contextlib import ExitStack
import os
from pathlib import Path
import signal
import sys
import tempfile

from domain_coordinator import domain_id
import pytest

TEST_DIR = Path(__file__).resolve().parent

# A robot without GPU needs no PyTorch, and what only training needs is in no ROS distribution: the
# test modules that import one of these are skipped where it is missing.
OPTIONAL = ('av', 'hypothesis', 'onnx', 'onnx_ir', 'onnxscript', 'rosbags', 'scipy', 'sklearn',
            'torch', 'torchvision', 'tqdm')

# The files that take longest come first, so that parallel workers end at about the same time.
LONGEST = ('test_train', 'test_benchmarks', 'test_demo', 'test_backends', 'test_weights',
           'test_encoder_training', 'test_readme', 'test_figures', 'test_training',
           'test_node_scoring', 'test_node_cameras', 'test_node_process', 'test_camera_sim')

_until_the_end = ExitStack()


def _import_the_installed_package():
    # `python -m pytest` puts the working directory first, where the package has no messages.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != TEST_DIR.parent]


def _isolate_ros():
    profile = str(TEST_DIR / 'fastdds_profile.xml')
    # Reserved for the life of this process: parallel runs never share a domain.
    domain = _until_the_end.enter_context(domain_id())
    log_dir = tempfile.TemporaryDirectory(prefix='fliqe_ros_test_', ignore_cleanup_errors=True)
    folder = _until_the_end.enter_context(log_dir)
    os.environ.update(
        ROS_DOMAIN_ID=str(domain),
        ROS_HOME=folder,  # else profiles of this machine's cameras would be loaded
        ROS_LOG_DIR=folder,
        RCUTILS_COLORIZED_OUTPUT='0',
        FASTRTPS_DEFAULT_PROFILES_FILE=profile,  # Fast DDS 2 (Humble to Jazzy)
        FASTDDS_DEFAULT_PROFILES_FILE=profile,   # Fast DDS 3
    )
    if os.environ.get('ROS_DISTRO') == 'humble':
        os.environ['ROS_LOCALHOST_ONLY'] = '1'
    else:
        os.environ.pop('ROS_LOCALHOST_ONLY', None)  # would override the newer variable
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


def _share_the_cores():
    # The threads of OpenMP wait in busy loops, which slows tests that run in parallel threefold.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    if 'PYTEST_XDIST_WORKER' in os.environ:
        os.environ['OMP_NUM_THREADS'] = os.environ['OPENCV_FOR_THREADS_NUM'] = '1'


def _hear_interrupts():
    # A shell lets what it runs in the background ignore them, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


_import_the_installed_package()
_share_the_cores()
_isolate_ros()
_hear_interrupts()


class ModuleOrSkip(pytest.Module):
    """A test module that is reported as skipped if it needs a package that may be missing."""

    def collect(self):
        try:
            return super().collect()
        except self.CollectError as error:
            cause = error.__cause__
            while cause:
                if isinstance(cause, ModuleNotFoundError) and cause.name in OPTIONAL:
                    pytest.skip(f'needs the package {cause.name}', allow_module_level=True)
                cause = cause.__cause__
            raise


def pytest_pycollect_makemodule(module_path, parent):
    return ModuleOrSkip.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_xdist_auto_num_workers():
    """Two for each core: half of the tests wait for messages."""
    return min(8, 2 * len(os.sched_getaffinity(0)))


def pytest_unconfigure():
    _until_the_end.close()
