"""The table of parameters, and setting them on a running node."""

from fliqe_ros.node.parameters import DEFAULTS, PARAMETERS, settings_from, SPECS
import pytest
from rcl_interfaces.srv import DescribeParameters

FRONT = '/flir_front'

WRONG_VALUES = {
    'cameras': [['/flir front'], ['9lives'], ['/flir//'], ['//flir']],
    'discover': ['sometimes', ''],
    'image_topic': ['', '/image_raw', 'image raw', '~image'],
    'transport': ['pigeon', ''],
    'device': ['gpu', 'cuda:', 'cuda:x', ''],
    'precision': ['int8'],
    'backend': ['tensorflow', ''],
    'threads': [-1, 1025],
    'smoothing_window': [0, 1_000_001],
    'max_rate': [-1.0, 1000.5, float('nan'), float('inf')],
    'priority': [-101, 101],
    'max_batch': [-1, 257],
    'warn_below': [-0.1, 1.1, float('nan'), 0.29, 0.96],  # under error_below, over 1 - hysteresis
    'error_below': [-0.1, 1.1, 0.61],
    'hysteresis': [-0.01, 0.51, 0.41],
    'reaction_time': [-0.1, 60.1],
    'min_frames': [0, 1001],
    'stale_after': [-1.0, 3601.0],
    'freeze_after': [-1.0, 3601.0, 2.9],  # under shutter_time
    'shutter_time': [-1.0, 60.1, 5.1],
    'learn_time': [0.9, 3600.1, float('nan')],
    'agc.mode': ['automatic'],
    'agc.low': [-1001.0, 65536.0, 99.6, -1.0],
    'agc.high': [-1001.0, 65536.0, 0.4, 101.0],
    'palette': ['sepia', ''],
    'input_shift': [-1, 16],
    'crop_top_rows': [-1, 4097],
    'crop_bottom_rows': [-1, 4097],
    'crop_left_columns': [-1, 4097],
    'crop_right_columns': [-1, 4097],
    'autostart': [True],  # read-only
}
# Of these, every value of the type will do; a wrong one is noticed when it is used.
FREE = {'model', 'profile_folder'}


def test_every_parameter_has_wrong_values_here():
    assert {*WRONG_VALUES, *FREE} == set(SPECS)


def test_wrong_values_are_rejected_and_change_nothing(robot, run_node):
    run_node(cameras=[FRONT], model='')
    names = list(SPECS)
    before = robot.get(*names)
    for name, values in WRONG_VALUES.items():
        for value in values:
            result = robot.set_parameters(**{name: value})
            assert not result.successful, (name, value)
            assert name.partition('.')[0] in result.reason, (name, value, result.reason)
            assert '\n' not in result.reason
    for name in names:
        of_another_type = 1 if isinstance(DEFAULTS[name], str) else 'one'
        result = robot.set_parameters(**{name: of_another_type})
        assert not result.successful and result.reason, name
    assert robot.get(*names) == before
    assert before == [*map({**DEFAULTS, 'cameras': [FRONT], 'discover': 'false',
                            'autostart': False, 'device': 'cpu'}.get, names)]


@pytest.mark.parametrize('name', sorted(WRONG_VALUES.keys() - {'autostart'}))
def test_wrong_values_make_no_settings(name):
    for value in WRONG_VALUES[name]:
        with pytest.raises(ValueError) as raised:
            settings_from({**DEFAULTS, name: value})
        assert name.partition('.')[0] in str(raised.value)
        assert '\n' not in str(raised.value)


def test_consistent_changes_can_be_set_together(robot, run_node):
    run_node(cameras=[FRONT])
    assert robot.set_parameters(warn_below=0.2, error_below=0.1).successful
    assert not robot.set_parameters(warn_below=0.05).successful
    assert robot.set_parameters(
        agc__mode='fixed_range', agc__low=2000.0, agc__high=9000.0).successful
    assert not robot.set_parameters(agc__mode='percentile').successful
    assert robot.get('warn_below', 'agc.mode', 'agc.high') == [0.2, 'fixed_range', 9000.0]


def test_fixed_parameters_change_only_while_unconfigured(robot, run_node, model_file):
    run_node(cameras=[FRONT])
    changes = {'cameras': ['/other'], 'discover': 'true', 'image_topic': 'image', 'model': 'x.pt',
               'transport': 'compressed', 'device': 'auto', 'precision': 'float16',
               'backend': 'torch', 'threads': 2, 'smoothing_window': 7, 'profile_folder': '/x'}
    assert set(changes) == {spec.name for spec in PARAMETERS if spec.fixed}
    assert robot.transition('configure')
    before = robot.get(*changes)
    for name, value in changes.items():
        result = robot.set_parameters(**{name: value})
        assert not result.successful
        assert name in result.reason and 'clean' in result.reason
    assert robot.get(*changes) == before
    # Not a change: rqt sets every parameter of a form.
    assert robot.set_parameters(model=model_file, smoothing_window=300).successful
    assert robot.transition('cleanup')
    for name, value in changes.items():
        assert robot.set_parameters(**{name: value}).successful
    assert robot.get(*changes) == list(changes.values())


def test_whether_to_discover_can_be_set_as_yes_or_no(robot, run_node):
    """``ros2 param set /fliqe discover false`` sends a bool."""
    running = run_node(discover='auto')
    for value, discovers in ((True, True), (False, False), ('true', True), ('auto', True)):
        assert robot.set_parameters(discover=value).successful
        assert running.node._node_parameters.discovers == discovers
        assert running.node._node_parameters.current.discover == str(value).lower()
    assert not robot.set_parameters(discover=1.0).successful


def test_every_parameter_is_described(robot, run_node):
    run_node()
    descriptors = robot.call(
        DescribeParameters, '/fliqe/describe_parameters',
        DescribeParameters.Request(names=list(SPECS))).descriptors
    for spec, descriptor in zip(PARAMETERS, descriptors):
        assert descriptor.description == spec.description
        assert descriptor.read_only == spec.read_only
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        assert [(r.from_value, r.to_value) for r in ranges] == (
            [spec.limits] if spec.limits else [])
        # rqt's sliders break on floating-point parameters with a step.
        assert all(not r.step for r in descriptor.floating_point_range)


def test_settings_drop_empty_and_repeated_cameras():
    assert settings_from(DEFAULTS).cameras == ()
    cameras = ['', '/a', 'b', '/a']
    assert settings_from({**DEFAULTS, 'cameras': cameras}).cameras == ('/a', 'b')


def test_wrong_start_values_are_refused_not_fatal(robot, run_node, tmp_path):
    file = tmp_path / 'parameters.yaml'
    file.write_text('/**: {ros__parameters: {max_rate: 10, warn_below: 1.5, min_frames: some, '
                    'transport: pigeon, agc: {low: 70.0, high: 3.0}}}')
    run_node('--params-file', str(file), cameras=[FRONT])
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.WARN)
    expected = {'max_rate': 10.0, 'warn_below': 0.6, 'min_frames': 5, 'transport': 'raw',
                'agc.low': 0.5, 'agc.high': 99.5}
    # A whole number will do for a floating-point parameter; the rest is refused, not fatal.
    assert robot.get(*expected) == [*expected.values()]
    for name in ('warn_below', 'min_frames', 'transport', 'agc.low'):
        assert f'refused: {name}' in dict(robot.values(status))
    assert robot.transition('configure')
    assert robot.set_parameters(warn_below=0.5).successful
    status = robot.wait_for_status('fliqe: inference', lambda s: True)
    assert 'refused: warn_below' not in dict(robot.values(status))


@pytest.mark.parametrize('name, value, expected', [
    ('max_rate', 10, 10.0), ('cameras', [], ['']), ('max_batch', 3, 3),
    ('discover', False, 'false'), ('discover', True, 'true')])
def test_start_values_are_typed(name, value, expected):
    typed = SPECS[name].typed(value)
    assert typed == expected and type(typed) is type(expected)


@pytest.mark.parametrize('name, value', [
    ('max_rate', True), ('max_batch', 3.5), ('max_batch', True), ('discover', 1),
    ('transport', 4), ('cameras', '/a'), ('cameras', [True]), ('model', None)])
def test_start_values_of_another_type_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        SPECS[name].typed(value)
