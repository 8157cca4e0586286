"""Every transition of the running node, and what may go wrong in it."""

import gc

from fliqe_ros.models.thermal_s import ThermalS
import pytest

ROUNDS = 10
FRONT = '/flir_front'


def test_every_transition_ten_times_over(robot, run_node):
    running = run_node(cameras=[FRONT])
    robot.listen(FRONT)
    front = robot.camera(FRONT)
    for _ in range(ROUNDS):
        assert robot.transition('configure')
        assert robot.state() == 'inactive'
        robot.wait_for_publishers(f'{FRONT}/quality')
        for _ in range(2):
            assert robot.transition('activate')
            robot.wait_until_subscribed(front)
            count = len(robot.scores[FRONT])
            front.publish()
            robot.wait_for_scores(FRONT, count + 1)
            assert robot.transition('deactivate')
        assert robot.transition('cleanup')
        assert robot.state() == 'unconfigured'
        robot.spin_until(lambda: not robot.node.count_publishers(f'{FRONT}/quality'),
                         'end of the publisher')
    assert robot.transition('configure')
    assert robot.transition('shutdown')
    assert robot.state() == 'finalized'
    assert running.is_alive
    assert len(robot.scores[FRONT]) == 2 * ROUNDS


def test_deactivate_stops_scoring_and_keeps_the_window(robot, run_node):
    run_node(cameras=[FRONT])
    robot.listen(FRONT)
    front = robot.camera(FRONT)
    robot.start()
    robot.wait_until_subscribed(front)
    front.publish()
    robot.wait_for_scores(FRONT, 1)
    assert robot.transition('deactivate')
    robot.spin_until(lambda: front.publisher.get_subscription_count() == 0, 'end of subscription')
    front.publish()
    assert robot.transition('activate')
    robot.wait_until_subscribed(front)
    front.publish()
    *_, last = robot.wait_for_scores(FRONT, 2)
    assert last.frames_in_window == 2
    assert last.header == front.sent[2]


def living_networks() -> int:
    gc.collect()
    return sum(issubclass(type(thing), ThermalS) for thing in gc.get_objects())


def test_cleanup_releases_the_model(robot, run_node):
    before = living_networks()
    run_node(cameras=[FRONT])
    robot.start()
    assert living_networks() == before + 1
    status = robot.wait_for_status('fliqe: inference', lambda s: s.message == 'active')
    assert {'device', 'model hash', 'GPU memory (MB)'} <= {v.key for v in status.values}
    assert robot.transition('deactivate')
    assert robot.transition('cleanup')
    assert living_networks() == before
    status = robot.wait_for_status('fliqe: inference', lambda s: s.message == 'unconfigured')
    assert 'model' not in {value.key for value in status.values}


@pytest.mark.parametrize('content, reason', [
    (None, 'there is no such file'), (b'no model', 'it is not a checkpoint')])
def test_bad_model_is_refused_and_can_be_corrected(
        robot, run_node, model_file, tmp_path, content, reason):
    bad = tmp_path / 'bad.pt'
    if content:
        bad.write_bytes(content)
    running = run_node(cameras=[FRONT], model=str(bad))
    assert not robot.transition('configure')
    assert robot.state() == 'unconfigured'
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.ERROR)
    assert str(bad) in status.message and reason in status.message
    assert '\n' not in status.message
    assert running.is_alive
    assert robot.set_parameters(model=model_file).successful
    robot.start()
    robot.wait_for_status('fliqe: inference', lambda s: s.level == s.OK)


def test_missing_device_is_refused(robot, run_node):
    run_node(cameras=[FRONT], device='cuda:99')
    assert not robot.transition('configure')
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.ERROR)
    assert 'cuda:99' in status.message
    assert robot.set_parameters(device='cpu').successful
    assert robot.transition('configure')


def test_impossible_transitions_do_no_harm(robot, run_node):
    running = run_node(cameras=[FRONT])
    for label in ('activate', 'deactivate', 'cleanup'):
        assert not robot.transition(label)
    assert robot.state() == 'unconfigured'
    robot.start()
    assert not robot.transition('configure')
    assert robot.state() == 'active'
    assert running.is_alive


def test_autostart(robot, run_node):
    run_node(cameras=[FRONT], autostart=True)
    robot.wait_for_status('fliqe: inference', lambda s: s.message == 'active')
    assert robot.state() == 'active'
