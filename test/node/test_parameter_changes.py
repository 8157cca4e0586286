"""Parameters that change at random on a live node: never a state that the node itself refuses."""

import math

from hypothesis import given, seed, settings, strategies as some
import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParametersAtomically
from rclpy.parameter import Parameter

FRONT = '/flir_front'
WORDS = ('', 'auto', 'true', 'false', 'raw', 'compressed', 'percentile', 'fixed_range', 'none',
         'image_raw', 'cpu', 'float32', 'onnxruntime', 'a b', '/flir', '//', '~x')
TEXTS = some.sampled_from(WORDS) | some.text('ab9/_.~ é\n', max_size=9)
ANYTHING = some.booleans() | some.integers(-2**63, 2**63 - 1) | some.floats() | TEXTS
# The node's time is not among what it is asked for here, nor is the QoS of its subscriptions.
LEFT_OUT = ('use_sim_time', 'qos_overrides.')
OWN = 'camera_settings.flir_front.'


def values(descriptor):
    """Return values for a parameter: most are of its type, about half within its range."""
    kind = descriptor.type
    if kind == ParameterType.PARAMETER_DOUBLE:
        limits = descriptor.floating_point_range
        likely = some.floats(limits[0].from_value, limits[0].to_value) if limits else some.floats()
        likely |= some.floats(0, 1) | some.floats(0, 100)
    elif kind == ParameterType.PARAMETER_INTEGER:
        limits = descriptor.integer_range
        likely = some.integers(limits[0].from_value, limits[0].to_value) if limits else (
            some.integers(-2, 99))
    elif kind == ParameterType.PARAMETER_BOOL:
        likely = some.booleans()
    elif kind == ParameterType.PARAMETER_STRING_ARRAY:
        likely = some.lists(TEXTS, min_size=1, max_size=4)
    else:
        likely = TEXTS
    return some.one_of(likely, likely, likely, ANYTHING)


def changes(descriptors):
    """Return lists of sets of parameters that are set together."""
    one = some.sampled_from(descriptors).flatmap(
        lambda descriptor: some.tuples(some.just(descriptor.name), values(descriptor)))
    return some.lists(some.lists(one, min_size=1, max_size=4).map(dict), min_size=1, max_size=6)


def described(robot):
    names = robot.call(ListParameters, '/fliqe/list_parameters',
                       ListParameters.Request()).result.names
    names = [name for name in names if not name.startswith(LEFT_OUT)]
    return robot.call(DescribeParameters, '/fliqe/describe_parameters',
                      DescribeParameters.Request(names=names)).descriptors


def set_together(robot, wanted):
    request = SetParametersAtomically.Request(parameters=[
        Parameter(name, value=value).to_parameter_msg() for name, value in wanted.items()])
    return robot.call(
        SetParametersAtomically, '/fliqe/set_parameters_atomically', request).result


def values_in_force(node_values, own_values):
    """Return all values: a camera without a value of its own follows the node."""
    followed = {OWN + name: value for name, value in node_values.items()}
    return {**node_values, **{name: own_values.get(name, value)
                              for name, value in followed.items()}}


def require_consistent(state, descriptors):
    for descriptor in descriptors:
        for limits in (*descriptor.floating_point_range, *descriptor.integer_range):
            assert limits.from_value <= state[descriptor.name] <= limits.to_value
    assert all(math.isfinite(value) for value in state.values() if isinstance(value, float))
    for of in ('', OWN):
        assert state[f'{of}error_below'] <= state[f'{of}warn_below']
        assert state[f'{of}warn_below'] <= 1 - state[f'{of}hysteresis'] + 1e-9
        assert state[f'{of}agc.low'] < state[f'{of}agc.high']


@pytest.mark.parametrize('is_active', [False, True])
def test_any_changes_in_any_order_leave_a_consistent_state(robot, run_node, is_active):
    running = run_node(cameras=[FRONT], model='')
    if is_active:
        robot.start()
    descriptors = list(described(robot))
    names = [descriptor.name for descriptor in descriptors]
    assert {'warn_below', 'cameras', 'agc.mode', f'{OWN}warn_below'} <= set(names)
    of_node = [name for name in names if not name.startswith(OWN)]
    of_camera = [name for name in names if name.startswith(OWN)]
    outcomes, own_values = set(), {}

    @seed(1)
    @settings(max_examples=25, deadline=None, database=None)
    @given(changes(descriptors))
    def change(sets):
        for wanted in sets:
            before = dict(zip(of_node, robot.get(*of_node)))
            result = set_together(robot, wanted)
            outcomes.add(result.successful)
            if result.successful:
                before.update({name: wanted[name] for name in wanted if name in before})
                own_values.update({name: wanted[name] for name in wanted if name in of_camera})
            else:
                assert result.reason and '\n' not in result.reason
            assert dict(zip(of_node, robot.get(*of_node))) == before
            after = values_in_force(before, own_values)
            expected = [after[name] for name in of_camera]
            robot.spin_until(  # a camera follows the node when that has set its own
                lambda: robot.get(*of_camera) == expected, f'{wanted} in the camera')
            require_consistent(after, descriptors)

    change()
    assert outcomes == {True, False}
    state = {name: value for name, value in zip(names, robot.get(*names))
             if name != 'autostart' and not name.startswith('start_')}
    assert set_together(robot, state).successful, 'what it is now can be set as a whole'
    assert running.is_alive and robot.state() == ('active' if is_active else 'unconfigured')
