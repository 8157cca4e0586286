"""The rooms of the package: what may import what, and where rclpy is touched."""

import ast
from pathlib import Path
import re

import pytest

SOURCE = Path(__file__).resolve().parent.parent / 'fliqe_ros'

#: Rooms from the bottom up; each imports itself and what stands before it.
ROOMS = ('errors', 'distortion_types', 'imaging', 'frame_io', 'models', 'backends', 'estimator',
         'smoothing', 'monitoring', 'profiles', 'parameters', 'sessions', 'recordings', 'node',
         'simulation', 'data', 'evaluation', 'training', 'tools')
#: These run without ROS.
LIBRARY = tuple(room for room in ROOMS if room not in ('node', 'tools'))
MONITOR = 'tools.monitor_window'
MONITOR_LOGIC = ('states', 'history', 'events', 'fleet', 'pixels', 'report', 'thresholds')
#: A module of this name is generated from msg/.
GENERATED = 'msg'


def modules():
    """Return the dotted name below the package, and the path, of every module."""
    found = {}
    for path in sorted(SOURCE.rglob('*.py')):
        parts = path.relative_to(SOURCE).with_suffix('').parts
        name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
        if name:  # but for the package's own front door, which loads them on demand
            found[name] = path
    return found


MODULES = modules()


def without_types(tree):
    """Walk a tree but for what only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'):
            yield node
            yield from without_types(node)


def imports(path):
    """Return every module that a file imports, those inside of functions too."""
    found = set()
    for node in without_types(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found.update(f'{node.module}.{alias.name}' for alias in node.names)
    return found


def own_imports(name):
    """Return the modules of the package that one of them imports."""
    below = {each.removeprefix('fliqe_ros.') for each in imports(MODULES[name])
             if each.startswith('fliqe_ros.')}
    return {each for each in below if each in MODULES and each != name}


def room(name):
    return name.partition('.')[0]


@pytest.mark.parametrize('name', MODULES)
def test_nothing_is_imported_from_a_higher_room(name):
    assert room(name) in ROOMS
    higher = {each for each in own_imports(name)
              if ROOMS.index(room(each)) > ROOMS.index(room(name))}
    assert higher == set()


@pytest.mark.parametrize('name', [
    name for name in MODULES if room(name) not in ('node', 'tools')])
def test_nobody_but_the_tools_imports_the_node(name):
    assert {each for each in own_imports(name) if room(each) == 'node'} == set()


def test_there_is_no_circle():
    graph = {name: own_imports(name) for name in MODULES}
    while True:
        leaves = {name for name, needed in graph.items() if not needed}
        if not leaves:
            break
        graph = {name: needed - leaves for name, needed in graph.items() if name not in leaves}
    assert graph == {}


@pytest.mark.parametrize('name', [name for name in MODULES if room(name) in LIBRARY])
def test_the_library_is_free_of_ros(name):
    ros = {each for each in imports(MODULES[name])
           if each.split('.')[0] in ('rclpy', 'rcl_interfaces', 'diagnostic_msgs', 'std_msgs',
                                     'sensor_msgs')
           or each.startswith(f'fliqe_ros.{GENERATED}')}
    assert ros == set()


@pytest.mark.parametrize('name', MONITOR_LOGIC)
def test_what_the_monitor_makes_of_messages_needs_neither_ros_nor_a_display(name):
    ros = {each for each in imports(MODULES[f'{MONITOR}.{name}'])
           if each.split('.')[0].endswith(('rclpy', '_msgs', '_srvs'))}
    assert ros == set()
    needing = {f'{MONITOR}.qt', f'{MONITOR}.client'}
    assert own_imports(f'{MONITOR}.{name}') & needing == set()


@pytest.mark.parametrize('name', MODULES)
def test_a_module_is_read_in_one_sitting(name):
    assert len(MODULES[name].read_text().splitlines()) <= 300


@pytest.mark.parametrize('name', [name for name in MODULES if room(name) == 'node'])
def test_private_rclpy_is_touched_in_one_module(name):
    if name == 'node.rclpy_compat':
        return
    tree = ast.parse(MODULES[name].read_text())
    inherited = [node.attr for node in ast.walk(tree)
                 if isinstance(node, ast.Attribute) and node.attr.startswith('_')
                 and isinstance(node.value, ast.Name) and node.value.id == 'self'
                 and not re.search(rf'def {node.attr}\b|self\.{node.attr}\b[^=\n]*=[^=]',
                                   MODULES[name].read_text())]
    others = [node.attr for node in ast.walk(tree)
              if isinstance(node, ast.Attribute) and node.attr.startswith('_')
              and not (isinstance(node.value, ast.Name) and node.value.id in ('self', 'cls'))
              and not node.attr.startswith('__')]
    # Of a namedtuple these are public by their documentation, and os._exit of os.
    assert set(inherited + others) - {'_replace', '_make', '_fields', '_exit'} == set()
