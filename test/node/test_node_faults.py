"""Faults inside the node: it says so, keeps scoring what it can, and recovers."""

import threading
import time

from fliqe_ros.estimator import FLIQE
import pytest

FRONT, REAR = '/flir_front', '/flir_rear'


def test_destroyed_publisher_of_an_overlay_is_the_fault_of_one_camera(robot, run_node):
    running = run_node(cameras=[FRONT, REAR], stale_after=0.0)
    robot.listen(REAR)
    front, rear = robot.active_camera(FRONT), robot.camera(REAR)
    robot.wait_until_subscribed(rear)
    overlay, = (publisher for publisher in running.node.publishers
                if publisher.topic_name == f'{FRONT}/quality/image')
    running.execute(lambda: running.node.destroy_publisher(overlay))
    front.run(10.0)
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.ERROR)
    assert 'unusable frames' in status.message
    for count in range(1, 4):
        rear.publish()
        robot.wait_for_scores(REAR, count)
    status = robot.wait_for_status('fliqe: inference', lambda s: True)
    assert (status.level, status.message) == (status.OK, 'active')


@pytest.mark.parametrize('error', [SystemExit('a library gave up'), KeyboardInterrupt()])
def test_dead_inference_thread_is_an_error_and_is_replaced(robot, run_node, monkeypatch, error):
    run_node(cameras=[FRONT], stale_after=0.0)
    front = robot.active_camera(FRONT)
    assess_prepared, died_s = FLIQE.assess_prepared, []

    def dying_once(fliqe, *args):
        if not died_s:
            died_s.append(time.monotonic())
            raise error
        return assess_prepared(fliqe, *args)

    monkeypatch.setattr(FLIQE, 'assess_prepared', dying_once)
    front.publish()
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.ERROR)
    assert time.monotonic() - died_s[0] < 2.0
    assert 'the inference thread ended' in status.message and 'new one' in status.message
    assert str(error) in status.message
    front.publish()
    robot.wait_for_scores(FRONT, 1)
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.OK)
    assert status.message == 'active'
    assert robot.transition('deactivate')


def test_slow_is_over_soon_after_its_cause(robot, run_node, monkeypatch):
    run_node(cameras=[FRONT], warn_below=0.0, error_below=0.0)
    front = robot.active_camera(FRONT)
    assess_prepared, is_over = FLIQE.assess_prepared, threading.Event()

    def delayed(fliqe, *args):
        is_over.wait(1.2)
        return assess_prepared(fliqe, *args)

    monkeypatch.setattr(FLIQE, 'assess_prepared', delayed)
    front.run(1.0)
    robot.wait_for_status(f'fliqe: {FRONT}', lambda s: 'slow' in s.message)
    is_over.set()
    robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.OK, timeout_s=15)
