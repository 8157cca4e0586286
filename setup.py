"""
Build of the Python wheel, for machines without ROS 2 (colcon uses CMakeLists.txt alone).

CMake generates and compiles the message and installs the whole package into a staging prefix.
The wheel is that prefix: its Python package, and every other file below the virtual environment,
which thus becomes an ament prefix that holds fliqe_ros.
"""

import os
from pathlib import Path
import shutil
import subprocess
import sys
from xml.etree import ElementTree

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

SOURCE = Path(__file__).resolve().parent


def cmake_install(build, prefix):
    """Configure, compile and install CMakeLists.txt into ``prefix``."""
    import ament_package
    # of lib/python3.x/site-packages/ament_package/__init__.py: where the build wheels are
    ament = str(Path(ament_package.__file__).parents[4])
    environment = {
        **os.environ,
        'AMENT_PREFIX_PATH': ament,
        'CMAKE_PREFIX_PATH': ament,
        'PATH': f'{ament}/bin{os.pathsep}{os.environ["PATH"]}',
    }
    for step in (
        ['-S', SOURCE, '-B', build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release',
         '-DBUILD_TESTING=OFF', f'-DCMAKE_INSTALL_PREFIX={prefix}',
         f'-DPython3_EXECUTABLE={sys.executable}', f'-DPYTHON_EXECUTABLE={sys.executable}'],
        ['--build', build, '--target', 'install'],
    ):
        subprocess.run(['cmake', *map(str, step)], env=environment, check=True)


class BuildWithCMake(build_py):
    """Take the files of the wheel from a CMake installation."""

    def run(self):
        if self.editable_mode:
            sys.exit('fliqe_ros has generated messages and cannot be installed in editable mode: '
                     'use `pip install .`')
        build = Path(self.get_finalized_command('build').build_temp).resolve()
        # Afresh each time: what an earlier build left would end up in the wheel.
        for folder in (build, self.build_lib):
            shutil.rmtree(folder, ignore_errors=True)
        cmake_install(build / 'cmake', build / 'prefix')
        self._take(build / 'prefix')

    def _take(self, prefix):
        for cache in prefix.glob('**/__pycache__'):
            shutil.rmtree(cache)
        package, = prefix.glob('**/site-packages/fliqe_ros')
        shutil.copytree(package, Path(self.build_lib, 'fliqe_ros'))
        shutil.rmtree(package.parent)
        self.distribution.data_files = [
            (str(file.parent.relative_to(prefix)), [str(file)])
            for file in prefix.rglob('*') if file.is_file()
        ]


class BinaryDistribution(Distribution):
    """A distribution whose wheel is for one platform and one Python version."""

    def has_ext_modules(self):
        return True


setup(
    version=ElementTree.parse(SOURCE / 'package.xml').findtext('version'),
    distclass=BinaryDistribution,
    cmdclass={'build_py': BuildWithCMake},
    setup_requires=[] if shutil.which('cmake') else ['cmake>=3.21'],
)
