"""Cameras that stop, freeze, come late and come back, lost frames, and clocks that jump."""

from itertools import count
from pathlib import Path
import re
import time

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from fliqe_ros.tools.demo_system import running
import pytest
from rclpy.qos import ReliabilityPolicy
from rclpy.utilities import get_rmw_implementation_identifier
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

FRONT, REAR = '/flir_front', '/flir_rear'
PROFILE = Path(__file__).resolve().parents[2] / 'config' / 'fastdds.xml'


def test_camera_stops_and_comes_back(robot, run_node):
    run_node(cameras=[FRONT], stale_after=1.0)
    front = robot.active_camera(FRONT)
    name = f'fliqe: {FRONT}'
    status = robot.wait_for_status(name, lambda s: s.level == s.ERROR)
    assert status.message.startswith('no frames for')
    assert status.hardware_id == FRONT
    assert robot.set_parameters(warn_below=0.0, error_below=0.0).successful
    for _ in range(2):
        front.run(10.0)
        robot.wait_for_status(name, lambda s: s.level == s.OK)
        front.stop()
        status = robot.wait_for_status(name, lambda s: s.level == s.ERROR)
        assert status.message.startswith('no frames for')


def test_camera_freezes_and_thaws(robot, run_node, to_message):
    run_node(cameras=[FRONT], freeze_after=1.5, shutter_time=1.0)
    front = robot.active_camera(FRONT)
    name = f'fliqe: {FRONT}'
    assert robot.set_parameters(warn_below=0.0, error_below=0.0).successful
    front.run(10.0)
    robot.wait_for_status(name, lambda s: s.level == s.OK)
    front.run(10.0, to_message(front.frame()))
    status = robot.wait_for_status(name, lambda s: s.level == s.ERROR)
    assert 'frozen: the same picture for' in status.message
    front.run(10.0)
    robot.wait_for_status(name, lambda s: s.level == s.OK)


def test_a_camera_that_was_never_seen_is_silent(robot, run_node):
    run_node(cameras=[FRONT], stale_after=1.0)
    robot.listen(FRONT)
    robot.start()
    *_, score = robot.wait_for_scores(FRONT, 4)
    assert score.status == score.STATUS_SILENT and score.camera == FRONT
    assert re.fullmatch(r'no frames for \d+\.\d s', score.reason)
    assert (score.score, score.status_score, score.frames_in_window) == (0, 0, 0)
    assert score.header == Header() and not score.is_counted
    assert score.distortion == score.status_distortion == score.DISTORTION_UNKNOWN


def test_silence_and_unreadable_frames_are_told_on_the_topic(robot, run_node, to_message):
    run_node(cameras=[FRONT], stale_after=1.0)
    front = robot.active_camera(FRONT)
    scores = robot.scores[FRONT]
    unreadable = to_message(front.frame())
    unreadable.encoding = 'thermal99'
    for stop, reason in ((front.stop, 'no frames for'),
                         (lambda: front.run(10.0, unreadable), 'no frames that can be read for')):
        front.run(10.0)
        robot.spin_until(lambda: scores and scores[-1].is_counted, 'score')
        stop()
        robot.spin_until(lambda: scores[-1].status == scores[-1].STATUS_SILENT, 'silence')
        last = next(score for score in reversed(scores) if score.is_counted)
        count, began_s = len(scores), time.monotonic()
        robot.spin_until(lambda: time.monotonic() > began_s + 3, 'three seconds')
        repeated = scores[count:]
        assert len(repeated) >= 3, 'at 1 Hz or more'
        for score in repeated:
            assert score.status == score.STATUS_SILENT and not score.is_counted
            assert score.reason.startswith(reason) and score.header == last.header
            assert (score.score, score.frames_in_window) == (last.score, last.frames_in_window)
            assert (score.latency.sec, score.latency.nanosec) == (0, 0)
        assert ('thermal99' in repeated[-1].reason) == ('read' in reason)


def test_a_freeze_is_told_on_the_topic_also_behind_a_running_clock(robot, run_node, to_message):
    run_node(cameras=[FRONT], freeze_after=1.5, shutter_time=1.0)
    front = robot.active_camera(FRONT)
    scores, frame, counter = robot.scores[FRONT], front.frame(), count()
    front.run(10.0)
    robot.wait_for_scores(FRONT, 10)

    def frozen():
        frame[4:12, 8:40] = 16 * (next(counter) % 16)
        return to_message(frame)

    front.play(10.0, frozen)
    robot.spin_until(lambda: scores[-1].status == scores[-1].STATUS_FROZEN, 'freeze')
    assert scores[-1].reason.startswith('frozen: the same picture for')
    frames = scores[-1].frames_in_window
    assert not scores[-1].is_counted
    # Slower than 1 Hz, the status is repeated.
    front.stop()
    count_, began_s = len(scores), time.monotonic()
    robot.spin_until(lambda: len(scores) >= count_ + 2, 'repeated status')
    assert time.monotonic() - began_s < 10
    assert scores[count_].status == scores[count_].STATUS_FROZEN
    front.run(10.0)
    robot.spin_until(lambda: scores[-1].status < scores[-1].STATUS_FROZEN, 'thaw')
    assert scores[-1].frames_in_window > frames


def test_telemetry_that_is_cut_off_hides_no_freeze(robot, run_node, to_message):
    run_node(cameras=[FRONT], freeze_after=1.5, shutter_time=1.0, crop_bottom_rows=2)
    front = robot.active_camera(FRONT)
    assert robot.set_parameters(warn_below=0.0, error_below=0.0).successful
    frame = front.frame()
    counter = count()

    def publish():
        frame[-1, 0] = next(counter) % 256
        front.publish(to_message(frame))

    timer = robot.node.create_timer(0.1, publish)
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.ERROR)
    robot.node.destroy_timer(timer)
    assert 'frozen: the same picture for' in status.message


def test_a_camera_named_twice_is_one(robot, run_node):
    run_node(cameras=['front', '/front'])
    assert robot.transition('configure')
    robot.wait_for_publishers('/front/quality')
    assert robot.node.count_publishers('/front/quality') == 1
    assert robot.transition('cleanup')
    robot.spin_until(lambda: not robot.node.count_publishers('/front/quality'), 'cleanup')


def test_cameras_are_discovered_also_late(robot, run_node):
    run_node(discover=True)
    early = robot.camera('/robot1/early')
    robot.start()
    robot.wait_until_subscribed(early)
    late = robot.camera('/late')
    # None of these is a camera.
    robot.node.create_subscription(Image, '/only/watched/image_raw', print, 1)
    robot.camera('/other', topic='image_rect')
    robot.camera('/jpeg', message_type=CompressedImage)
    robot.wait_until_subscribed(late)
    robot.listen('/robot1/early', '/late')
    early.run(10.0)
    late.run(10.0)
    for camera in ('/robot1/early', '/late'):
        assert robot.wait_for_scores(camera, 3)[-1].camera == camera
        robot.wait_for_status(f'fliqe: {camera}', lambda s: True)
    assert set(robot.statuses) == {
        'fliqe: inference', 'fliqe: /robot1/early', 'fliqe: /late'}


def test_a_found_camera_that_goes_is_stale_and_a_named_one_an_error(robot, run_node):
    run_node(discover=True, cameras=['/named'], stale_after=1.0)
    drivers = [robot.camera('/named'), robot.camera('/found')]
    robot.start()
    robot.wait_until_subscribed(*drivers)
    for driver in drivers:
        driver.run(10.0)
    for name in ('/named', '/found'):
        robot.wait_for_status(f'fliqe: {name}', lambda s: ('scored', '0') not in robot.values(s))
    for driver in drivers:
        driver.stop()
        robot.node.destroy_publisher(driver.publisher)
    robot.wait_for_status('fliqe: /found', lambda s: s.level == DiagnosticStatus.STALE
                          and s.message.startswith('gone: no frames'))
    assert robot.wait_for_status(
        'fliqe: /named', lambda s: 'nobody publishes' in s.message).level == DiagnosticStatus.ERROR


def test_discovery_takes_neither_its_own_pictures_nor_a_camera_twice(robot, run_node):
    # The overlay is called image as well, and the camera given is remapped to another topic.
    run_node(cameras=['front'], discover=True, image_topic='image',
             remappings=[('/front/image', '/elsewhere/image')])
    robot.listen('/front')
    front, late = robot.camera('/elsewhere', topic='image'), robot.camera('/late', topic='image')
    robot.start()
    robot.wait_until_subscribed(front, late)
    front.run(10.0)
    robot.wait_for_scores('/front', 15)
    assert set(robot.statuses) == {
        'fliqe: inference', 'fliqe: /front', 'fliqe: /late'}


def test_namespaced_discovery_keeps_to_its_own_robot(robot, run_node):
    run_node(discover=True, remappings=[('__ns', '/robot7')])
    robot.name = '/robot7/fliqe'
    own, other = robot.camera('/robot7/flir'), robot.camera('/robot8/flir')
    robot.start()
    robot.wait_until_subscribed(own)
    for _ in range(2):
        robot.wait_for_status('robot7.fliqe: /robot7/flir', lambda s: True)
    assert other.publisher.get_subscription_count() == 0


@pytest.mark.parametrize('parameters, expected', [
    ({}, ReliabilityPolicy.BEST_EFFORT),
    ({f'qos_overrides.{FRONT}/image_raw.subscription.reliability': 'reliable'},
     ReliabilityPolicy.RELIABLE),
])
def test_qos_override(robot, run_node, parameters, expected):
    run_node(cameras=[FRONT], **parameters)
    front = robot.active_camera(FRONT)
    info, = robot.node.get_subscriptions_info_by_topic(f'{FRONT}/image_raw')
    assert info.qos_profile.reliability == expected
    front.publish()
    robot.wait_for_scores(FRONT, 1)


def test_bad_qos_override_is_refused(robot, run_node):
    running = run_node(cameras=[FRONT], **{
        f'qos_overrides.{FRONT}/image_raw.subscription.reliability': 'maybe'})
    assert robot.transition('configure')
    assert not robot.transition('activate')
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.ERROR)
    assert 'maybe' in status.message
    assert robot.state() == 'inactive'
    assert running.is_alive


@pytest.mark.skipif('fastrtps' not in get_rmw_implementation_identifier(), reason='of Fast DDS')
@pytest.mark.parametrize('profile', ['', str(PROFILE)], ids=['default', 'config'])
def test_large_frames_are_lost_unless_shared_memory_holds_them(
        robot, run_node, profile, monkeypatch, tmp_path):
    run_node(cameras=[FRONT])
    robot.start()
    for name in ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
        monkeypatch.setenv(name, profile)  # of the camera: node and robot have read theirs
    with running('fliqe_ros.tools.camera_sim', {
            'cameras': [FRONT], 'encoding': 'mono16', 'rate': 4.0,
            'width': 1280, 'height': 1024}, tmp_path):
        if profile:
            status = robot.wait_for_status(
                f'fliqe: {FRONT}', lambda s: int(dict(robot.values(s))['received']) >= 20, 60)
            assert int(dict(robot.values(status))['lost in transport']) <= 2
            assert 'transport' not in status.message
        else:  # how many are lost depends on the machine
            status = robot.wait_for_status(
                f'fliqe: {FRONT}', lambda s: 'frames per second in transport' in s.message, 60)
            assert int(dict(robot.values(status))['lost in transport']) > 0
            assert status.level >= status.WARN


class SimulatedTime:
    """Publishes /clock; the node and its cameras live by it."""

    def __init__(self, robot):
        self._robot = robot
        self._publisher = robot.node.create_publisher(Clock, '/clock', 10)
        robot.spin_until(lambda: self._publisher.get_subscription_count(), 'listener to /clock')
        self.now_s = 0

    def jump_to(self, now_s):
        self.now_s = now_s
        self._publisher.publish(Clock(clock=Time(sec=now_s)))
        self._robot.spin_until(
            lambda: self._robot.diagnostics_stamp_s == now_s, 'diagnostics of that time')


def test_bag_loop_resets_rates_and_keeps_scores(robot, run_node):
    run_node(cameras=[FRONT], use_sim_time=True)
    front = robot.active_camera(FRONT)
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.WARN)
    assert '/clock' in status.message
    clock = SimulatedTime(robot)
    name = f'fliqe: {FRONT}'
    count = 0
    for now_s in (1000, 1001, 500, 501):
        clock.jump_to(now_s)
        for _ in range(3):
            front.publish()
            count += 1
            robot.wait_for_scores(FRONT, count)
        status = robot.wait_for_status(name, lambda s: ('scored', str(count)) in robot.values(s))
        values = dict(robot.values(status))
        assert int(values['frames in window']) == count
        # Three frames per second of simulated time, or nothing known yet after a jump.
        assert float(values['rate in (Hz)']) in (0.0, 1.5, 3.0)
        assert float(values['age of last frame (s)']) == 0
    assert float(values['rate in (Hz)']) > 0


def test_paused_simulation_is_not_a_lost_camera(robot, run_node):
    run_node(cameras=[FRONT], use_sim_time=True, stale_after=1.0)
    front = robot.active_camera(FRONT)
    assert robot.set_parameters(warn_below=0.0, error_below=0.0).successful
    clock = SimulatedTime(robot)
    clock.jump_to(1000)
    front.publish()
    robot.wait_for_scores(FRONT, 1)
    seen = robot.seen_statuses[f'fliqe: {FRONT}']
    count = len(seen)
    # Diagnostics go on once a second of real time while simulated time stands still.
    robot.spin_until(lambda: len(seen) >= count + 4, 'diagnostics')
    assert not any('no frames' in status.message for status in seen[count + 1:])
    clock.jump_to(1002)
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.ERROR)
    assert status.message.startswith('no frames for 2.0 s')
