"""The services that learn what is normal for a camera, and what the node makes of it."""

import cv2
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.learning import MOVED, profile_file
from fliqe_ros.profiles.files import load_profile
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

FRONT = '/flir_front'


class Scene:
    """One view of a camera, with noise that differs from frame to frame."""

    def __init__(self, to_message):
        scene = ThermalScene(3, 256, 320)
        self._rng = np.random.default_rng(0)
        self._still = GainControl()(scene.sensor_counts(scene.render(0.0), self._rng))
        self._to_message = to_message
        self._stripes = self._rng.normal(0, 5, 320)

    def good(self):
        return self._message(self._still)

    def soft(self):
        return self._message(cv2.GaussianBlur(self._still, (0, 0), 2.5))

    def striped(self):
        return self._message(self._still + self._stripes)

    def turned(self):
        return self._message(np.roll(self._still, 80, axis=1))

    def _message(self, picture):
        noise = self._rng.normal(0, 1, picture.shape)
        return self._to_message(np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8))


@pytest.fixture
def scene(to_message):
    return Scene(to_message)


def profile_value(status):
    return next(value.value for value in status.values if value.key == 'profile')


def learn(robot, service):
    answer = robot.trigger(service)
    assert answer.success and f'learning {FRONT} for 1 s' in answer.message
    return robot.wait_for_status(
        f'fliqe: {FRONT}', lambda status: profile_value(status).startswith('learnt from'))


@pytest.mark.parametrize('service', [f'{FRONT}/quality/learn', '/fliqe/learn'])
def test_a_learnt_camera_is_judged_by_what_is_normal(robot, run_node, scene, tmp_path, service):
    run_node(cameras=[FRONT], min_frames=2, learn_time=1.0, profile_folder=str(tmp_path))
    front = robot.active_camera(FRONT)
    front.play(15.0, scene.good)
    robot.wait_for_scores(FRONT, 3)
    learn(robot, service)
    profile = load_profile(tmp_path / 'flir_front.json')
    assert profile.frames >= 4 and profile.view is not None
    front.play(15.0, scene.soft)
    last = robot.spin_until(
        lambda: [each for each in robot.scores[FRONT]
                 if each.status in (each.STATUS_DEGRADED, each.STATUS_BAD)][-1:], 'soft frame')[0]
    assert last.status_distortion == QualityScore.LENS_BLUR
    assert last.reason.startswith('lens_blur: ')
    front.play(15.0, scene.striped)
    last = robot.spin_until(
        lambda: [each for each in robot.scores[FRONT] if 'more striped' in each.reason][-1:],
        'striped frame')[0]
    assert last.distortion == QualityScore.NON_UNIFORMITY
    front.play(15.0, scene.turned)
    robot.wait_for_status(f'fliqe: {FRONT}', lambda status: MOVED in status.message)
    front.play(15.0, scene.good)
    robot.wait_for_status(f'fliqe: {FRONT}', lambda status: status.level == status.OK)


def test_what_was_learnt_is_loaded(robot, run_node, scene, tmp_path):
    node = run_node(cameras=[FRONT], learn_time=1.0, profile_folder=str(tmp_path))
    front = robot.active_camera(FRONT)
    front.play(15.0, scene.good)
    learn(robot, f'{FRONT}/quality/learn')
    front.stop()
    assert robot.transition('deactivate') and robot.transition('cleanup')
    robot.start()
    robot.wait_for_status(
        f'fliqe: {FRONT}', lambda status: profile_value(status).startswith('learnt from'))
    assert node.is_alive


def test_bad_frames_are_not_learnt(robot, run_node, to_message, tmp_path):
    run_node(cameras=[FRONT], learn_time=1.0, profile_folder=str(tmp_path))
    front = robot.active_camera(FRONT)
    rng = np.random.default_rng(0)
    front.play(15.0, lambda: to_message(rng.integers(0, 255, (128, 160), np.uint8)))
    robot.wait_for_scores(FRONT, 3)
    assert robot.trigger(f'{FRONT}/quality/learn').success
    status = robot.wait_for_status(
        f'fliqe: {FRONT}', lambda status: 'nothing was learnt' in status.message)
    assert 'frames are bad and cannot be learnt as normal' in status.message
    assert profile_value(status) == 'none' and not list(tmp_path.iterdir())


def test_a_broken_file_is_told_and_ignored(robot, run_node, tmp_path):
    (tmp_path / 'flir_front.json').write_text('{}')
    run_node(cameras=[FRONT], profile_folder=str(tmp_path))
    front = robot.active_camera(FRONT)
    front.run(15.0)
    status = robot.wait_for_status(
        f'fliqe: {FRONT}', lambda status: 'no profile is used' in status.message)
    assert 'flir_front.json is no profile of a camera' in status.message
    robot.wait_for_scores(FRONT, 3)


def test_learning_needs_an_active_node_and_a_camera(robot, run_node):
    run_node(cameras=[FRONT])
    assert robot.transition('configure')
    answer = robot.trigger(f'{FRONT}/quality/learn')
    assert not answer.success and 'while the node is active' in answer.message


def test_profiles_are_stored_where_ros_keeps_its_files(monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    assert profile_file('', '/robot1/flir') == tmp_path / 'fliqe' / 'robot1.flir.json'
    assert profile_file('/data', '/').as_posix() == '/data/root.json'
    monkeypatch.delenv('ROS_HOME')
    assert profile_file('', '/flir').as_posix().endswith('/.ros/fliqe/flir.json')
