"""What the monitor hears of the real node and asks it for, over DDS."""

import time

from fliqe_ros.msg import QualityScore
from fliqe_ros.tools.monitor_window.client import MonitorClient
from fliqe_ros.tools.monitor_window.fleet import ABSENT_AFTER_S, Fleet
from fliqe_ros.tools.monitor_window.states import State
from fliqe_ros.tools.monitor_window.thresholds import CameraThresholds
import pytest
from rclpy.context import Context

CAMERA = '/cam'


class Monitor:
    """A ``MonitorClient`` in its own context, polled while the robot takes part in ROS."""

    def __init__(self, robot):
        self._robot = robot
        self._context = Context()
        self._context.init()
        self.fleet = Fleet()
        self.client = MonitorClient(self.fleet, self._context)
        self.pictures, self.ends = [], []

    def until(self, predicate, what):
        def poll_first():
            self.pictures += self.client.poll()
            return predicate()
        return self._robot.spin_until(poll_first, what, timeout_s=100)

    def row(self, name=CAMERA):
        return self.until(lambda: self.fleet.rows.get(name), f'row of {name}')

    def end(self):
        """Return how the call that was made ended."""
        return self.until(lambda: self.ends and self.ends.pop(), 'end of the call')

    def note(self, succeeded, sentence):
        self.ends.append((succeeded, sentence))

    def close(self):
        self.client.close()
        self._context.try_shutdown()


@pytest.fixture
def monitor(robot):
    monitor = Monitor(robot)
    yield monitor
    monitor.close()


@pytest.fixture
def camera(run_node, robot):
    """Return the camera of a node that scores it."""
    run_node(cameras=[CAMERA])
    return robot.active_camera(CAMERA)


def test_a_camera_is_heard_with_its_figures(camera, monitor):
    camera.run(10)
    row = monitor.row()
    monitor.until(lambda: row.has_score and row.values, 'scores and diagnostics')
    assert 0 < row.score <= 1 and row.latency_s > 0
    assert row.model.startswith('thermal_s ') and row.values['node'] == '/fliqe'
    assert monitor.client.scoring_node(CAMERA) == '/fliqe'


def test_no_picture_is_drawn_but_for_rows_in_sight(camera, monitor, robot):
    camera.run(10)
    row = monitor.row()
    topic = f'{CAMERA}/quality/preview'
    monitor.until(lambda: row.values.get('scored', '0') != '0', 'scored frames')
    assert row.values['overlay images'] == '0' and row.picture is None
    monitor.client.request_pictures([CAMERA, '/unknown'])
    assert monitor.client.requested == {CAMERA}
    monitor.until(lambda: len(monitor.pictures) > 1, 'pictures')
    assert row.picture.shape == (128, 160, 3)
    monitor.client.request_pictures([])
    monitor.until(lambda: robot.node.count_subscribers(topic) == 0, 'end of the request')


def test_pictures_are_taken_five_times_a_second_at_most(camera, monitor):
    camera.run(30)
    monitor.row()
    monitor.client.request_pictures([CAMERA])
    monitor.until(lambda: monitor.pictures, 'a picture')
    begun_s, before = time.monotonic(), len(monitor.pictures)
    monitor.until(lambda: time.monotonic() - begun_s > 2, 'two seconds')
    assert len(monitor.pictures) - before <= 5 * (time.monotonic() - begun_s) + 1


def test_scores_are_reset_by_the_node(camera, monitor):
    camera.run(10)
    monitor.row()
    monitor.until(lambda: monitor.client.can(CAMERA, 'reset'), 'service')
    monitor.client.trigger(CAMERA, 'reset', monitor.note)
    assert monitor.end() == (True, f'the scores of {CAMERA} are forgotten')


def test_learning_is_offered_where_the_node_has_the_service(camera, monitor, robot):
    robot.node.create_publisher(QualityScore, '/far/quality', 10)
    monitor.row()
    monitor.row('/far')
    monitor.until(lambda: monitor.client.can(CAMERA, 'learn'), 'service')
    assert not monitor.client.can('/far', 'learn')
    monitor.client.trigger(CAMERA, 'learn', monitor.note)
    _, sentence = monitor.end()
    assert sentence and 'no answer' not in sentence and 'no service' not in sentence


def test_thresholds_of_a_camera_are_set_and_given_up(camera, monitor, robot):
    def read():
        shown = []
        monitor.client.get_thresholds(CAMERA, '/fliqe', shown.append, monitor.note)
        monitor.until(lambda: shown, 'thresholds')
        return shown[0]

    def set_them(**values):
        monitor.client.set_thresholds(CAMERA, '/fliqe', values, monitor.note)
        return monitor.end()

    of_node = {'warn_below': 0.6, 'error_below': 0.3}
    monitor.row()
    assert read() == CameraThresholds(of_node, of_node)
    assert set_them(warn_below=0.7, error_below=0.2) == (True, f'thresholds of {CAMERA} are set')
    assert read() == CameraThresholds({'warn_below': 0.7, 'error_below': 0.2}, of_node)
    assert robot.get('warn_below', 'camera_settings.cam.warn_below') == [0.6, 0.7]
    succeeded, sentence = set_them(warn_below=0.2, error_below=0.7)
    assert not succeeded and 'error_below' in sentence
    assert read() == CameraThresholds({'warn_below': 0.7, 'error_below': 0.2}, of_node)
    assert set_them(warn_below=None, error_below=None) == (True, f'{CAMERA} follows its node')
    monitor.until(lambda: read() == CameraThresholds(of_node, of_node), 'those of the node')


def test_a_camera_that_a_node_does_not_know_has_no_thresholds(camera, monitor):
    shown = []
    monitor.client.get_thresholds('/other', '/fliqe', shown.append, monitor.note)
    monitor.until(lambda: shown, 'the answer')
    assert shown == [None]


def test_a_node_that_is_gone_is_told(monitor):
    monitor.client.get_thresholds(CAMERA, '/nobody', pytest.fail, monitor.note)
    assert monitor.end() == (False, 'there is no service /nobody/get_parameters')


def test_a_camera_that_went_is_absent_and_comes_back_after_it_was_removed(monitor, robot):
    scores = robot.node.create_publisher(QualityScore, '/far/quality', 10)
    timer = robot.node.create_timer(0.1, lambda: scores.publish(
        QualityScore(status=QualityScore.STATUS_OK, camera='/far')))
    row = monitor.row('/far')
    monitor.until(lambda: row.state == State.OK, 'score')
    robot.node.destroy_timer(timer)
    robot.node.destroy_publisher(scores)
    monitor.until(lambda: row.state == State.ABSENT, f'{ABSENT_AFTER_S} s of silence')
    monitor.fleet.remove('/far', time.time())
    monitor.until(lambda: robot.node.count_subscribers('/far/quality') == 0, 'unsubscription')
    assert not monitor.fleet.rows
    scores = robot.node.create_publisher(QualityScore, '/far/quality', 10)
    robot.node.create_timer(0.1, lambda: scores.publish(QualityScore(camera='/far')))
    assert monitor.row('/far') is not row
