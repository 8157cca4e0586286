"""The files in config/: against the node's parameters and topics."""

import ast
import gc
import json
from pathlib import Path
import xml.etree.ElementTree as ElementTree

from fliqe_ros.node.parameters import DEFAULTS, settings_from
import pytest
import rclpy
import yaml

CONFIG = Path(__file__).resolve().parent.parent / 'config'


def flat(tree, prefix=''):
    """Return nested parameters as one dict with dotted names."""
    return {
        name: value for key, branch in tree.items() for name, value in (
            flat(branch, f'{prefix}{key}.') if isinstance(branch, dict)
            else {prefix + key: branch}).items()
    }


def parameters_in(name):
    tree = yaml.safe_load((CONFIG / name).read_text())
    assert list(tree) == ['/**']  # applies under any name and namespace
    return flat(tree['/**']['ros__parameters'])


def test_yaml_equals_the_declared_defaults():
    assert parameters_in('fliqe.yaml') == DEFAULTS


def test_yaml_explains_every_parameter():
    lines = (CONFIG / 'fliqe.yaml').read_text().splitlines()
    for name in DEFAULTS:
        key = name.split('.')[-1] + ':'
        number = next(i for i, line in enumerate(lines) if line.strip().startswith(key))
        assert '# ' in lines[number] + lines[number - 1], name


def test_demo_yaml_is_accepted():
    settings_from({**DEFAULTS, **parameters_in('demo.yaml')})


@pytest.mark.parametrize('name', ['fliqe.yaml', 'demo.yaml'])
def test_yaml_loads_into_the_node(name):
    from fliqe_ros.node.quality_node import QualityNode
    rclpy.init(args=['--ros-args', '--params-file', str(CONFIG / name),
                     '-p', 'autostart:=false'])
    node = QualityNode()
    try:
        for key, value in parameters_in(name).items():
            if key != 'autostart':
                assert node.get_parameter(key).value == value, key
        node.close()
        node.destroy_node()
    finally:
        rclpy.shutdown()
        # Else the services of the node stay in the graph, also for the tests after this one.
        del node
        gc.collect()


def test_the_perspective_shows_what_is_installed_with_the_package():
    saved = json.loads((CONFIG / 'fliqe.perspective').read_text())['groups']['pluginmanager']
    running = ast.literal_eval(saved['keys']['running-plugins']['repr'])
    # Where one plugin is missing, rqt restores no settings of any.
    manifest = ElementTree.parse(CONFIG.parent / 'package.xml')
    installed = {element.text for element in manifest.iter('exec_depend')}
    assert {plugin.split('/')[0] for plugin in running} - {'fliqe_ros'} <= installed
    plugin, = ElementTree.parse(CONFIG.parent / 'plugin.xml').iter('class')
    assert f'fliqe_ros/{plugin.get("name")}' in running
    # As rqt saves it: settings for each plugin, and a place in the window.
    assert {name.split('__')[1] for name in saved['groups']} == {
        plugin.split('/')[0] for plugin in running}
