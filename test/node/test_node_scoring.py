"""Images in, scores out: what the running node publishes for the frames it receives."""

import math
import re
import time

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.msg import QualityScore
import numpy as np
import pytest
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CompressedImage, Image

FRONT, REAR = '/flir_front', '/flir_rear'
WINDOW = 20


@pytest.fixture
def library(model_file):
    return FLIQE(model_file, device='cpu')


def test_two_cameras_at_15_hz(robot, run_node):
    run_node(cameras=[FRONT, REAR], smoothing_window=WINDOW, model='')
    robot.listen(FRONT, REAR)
    drivers = robot.camera(FRONT), robot.camera(REAR)
    robot.start()
    robot.wait_until_subscribed(*drivers)
    robot.wait_for_publishers(f'{FRONT}/quality', f'{REAR}/quality')
    for driver in drivers:
        driver.run(15.0)
    for camera, driver in zip((FRONT, REAR), drivers):
        scores = robot.wait_for_scores(camera, 2 * WINDOW)
        sent = list(driver.sent)
        order = [sent.index(score.header) for score in scores]
        assert order == sorted(set(order))
        assert {score.camera for score in scores} == {camera}
        raw = [score.score for score in scores]
        for count, score in enumerate(scores, 1):
            check_message(score)
            last = raw[max(count - WINDOW, 0):count]
            assert score.frames_in_window == len(last)
            # Exact to float32: the node averages float64 scores and then rounds.
            assert abs(score.smoothed_score - math.fsum(last) / len(last)) < 1.2e-7


def check_message(score: QualityScore):
    probabilities = score.distortion_probabilities
    numbers = [score.score, score.smoothed_score, *probabilities]
    assert all(0 <= number <= 1 for number in numbers)
    assert math.isclose(sum(probabilities), 1, rel_tol=1e-5)
    assert score.distortion == int(np.argmax(probabilities))
    assert (score.status == score.STATUS_UNKNOWN) == (score.frames_in_window < 5)
    assert 0 <= score.status_score <= 1 and score.is_counted
    assert (score.reason == '') == (score.status == score.STATUS_OK)
    assert re.fullmatch(r'thermal_s \d+ [0-9a-f]{12}', score.model)
    assert 0 < score.latency.sec + 1e-9 * score.latency.nanosec < 20


def test_frames_are_scored_as_the_library_scores_them(robot, run_node, library, to_message):
    run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    gray = front.frame()
    frames = [gray, gray.astype(np.uint16) * 64 + 2000, gray.astype(np.float32) / 8 + 10,
              np.dstack([gray, gray, 255 - gray])]
    for count, frame in enumerate(frames, 1):
        front.publish(to_message(frame))
        *_, score = robot.wait_for_scores(FRONT, count)
        expected = library.assess(frame)
        assert abs(score.score - expected.score) < 1e-5
        assert score.distortion == expected.distortion
        assert score.distortion_probabilities == pytest.approx(expected.probabilities, abs=1e-4)
        assert score.model == library.model_id


def test_a_bad_camera_tells_why_and_what_helps(robot, run_node, to_message):
    run_node(cameras=[FRONT], min_frames=2)
    front = robot.active_camera(FRONT)
    rng = np.random.default_rng(0)
    for count in range(1, 4):
        noise = np.clip(front.frame() + rng.normal(0, 50, (128, 160)), 0, 255).astype(np.uint8)
        front.publish(to_message(noise))
        robot.wait_for_scores(FRONT, count)
    first, _, last = robot.scores[FRONT]
    assert (first.status, first.reason) == (first.STATUS_UNKNOWN, 'too few frames for a verdict')
    assert first.status_distortion == first.DISTORTION_UNKNOWN
    noisy = Distortion.GAUSSIAN_NOISE
    assert (last.status, last.status_distortion) == (last.STATUS_BAD, noisy)
    assert last.reason == f'gaussian_noise: {noisy.advice}'
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.ERROR)
    assert status.message.endswith(last.reason)


def test_gain_control_shift_and_crop(robot, run_node, library, to_message):
    run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    frame = front.frame().astype(np.uint16) * 64
    frame[-20:] = 65535  # telemetry
    frame[:, -16:] = 65535  # a scale
    assert robot.set_parameters(
        agc__mode='fixed_range', agc__low=500.0, agc__high=4000.0, input_shift=2,
        crop_bottom_rows=20, crop_right_columns=16).successful
    front.publish(to_message(frame))
    score, = robot.wait_for_scores(FRONT, 1)
    gain = GainControl('fixed_range', 500.0, 4000.0, 2)
    assert abs(score.score - library.assess(gain(frame[:-20, :-16])).score) < 1e-5
    assert abs(score.score - library.assess(gain(frame)).score) > 1e-4


@pytest.mark.parametrize('extension, factor', [('.jpg', np.uint8(1)), ('.png', np.uint16(99))])
def test_compressed_transport(robot, run_node, library, extension, factor):
    run_node(cameras=[FRONT], transport='compressed')
    front = robot.active_camera(FRONT, 'image_raw/compressed', CompressedImage)
    encoded = cv2.imencode(extension, front.frame() * factor)[1]
    front.publish(CompressedImage(format=extension[1:], data=encoded.tobytes()))
    score, = robot.wait_for_scores(FRONT, 1)
    expected = library.assess(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED))
    assert abs(score.score - expected.score) < 1e-5
    assert score.header == front.sent[0]


def bad_messages(good: Image) -> dict:
    """Return a message for each kind of bad frame, keyed by the cause it is counted under."""
    def changed(**fields):
        return Image(**{name: getattr(good, name) for name in good.get_fields_and_field_types()}
                     | fields)
    nan = np.full((good.height, good.width), np.nan, np.float32)
    return {
        'unknown_encoding': changed(encoding='thermal99'),
        'zero_size': changed(height=0, width=0, step=0, data=b''),
        'step_too_small': changed(step=good.width - 1),
        'too_little_data': changed(data=bytes(good.data[:-1])),
        'too_large': changed(height=100_000, width=100_000, step=100_000),
        'all_nan': changed(encoding='32FC1', step=4 * good.width, data=nan.tobytes()),
    }


def test_bad_frames_between_good_ones(robot, run_node, to_message):
    running = run_node(cameras=[FRONT], stale_after=0.0)
    front = robot.active_camera(FRONT)
    bad = bad_messages(to_message(front.frame()))
    for count, cause in enumerate(bad, 1):
        front.publish()
        robot.wait_for_scores(FRONT, count)
        front.publish(bad[cause])
        status = robot.wait_for_status(
            f'fliqe: {FRONT}', lambda s: ('errors', str(count)) in robot.values(s))
        assert status.level == status.ERROR and 'unusable frames' in status.message
        assert (f'errors: {cause}', '1') in robot.values(status)
    front.publish()
    robot.wait_for_scores(FRONT, len(bad) + 1)
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.WARN)
    assert 'some unusable frames' in status.message
    assert running.is_alive


def test_undecodable_jpeg_between_good_ones(robot, run_node):
    run_node(cameras=[FRONT], transport='compressed', stale_after=0.0)
    front = robot.active_camera(FRONT, 'image_raw/compressed', CompressedImage)
    good = cv2.imencode('.jpg', front.frame())[1].tobytes()
    for count, data in enumerate((good, good[:40], good), 1):
        front.publish(CompressedImage(format='jpeg', data=data))
        robot.wait_for_scores(FRONT, (count + 1) // 2)
        status = robot.wait_for_status(
            f'fliqe: {FRONT}', lambda s: ('received', str(count)) in robot.values(s)
            and (count != 2 or s.level == s.ERROR))
    assert ('errors: undecodable', '1') in robot.values(status)


def test_flooding_camera_starves_nobody(robot, run_node, to_message):
    run_node(cameras=[FRONT, REAR], max_batch=1, freeze_after=0.0, **{
        f'qos_overrides.{REAR}/image_raw.subscription.reliability': 'reliable'})
    front, rear = robot.camera(FRONT), robot.active_camera(REAR)
    robot.wait_until_subscribed(front)
    # So big that 400 Hz are more than the model can do, also on a machine that does 200.
    front.run(400.0, to_message(np.tile(front.frame(), (4, 4))))
    for count in range(1, 21):
        rear.publish()
        sent_s = time.monotonic()
        robot.wait_for_scores(REAR, count, timeout_s=10)
        robot.spin_until(lambda: time.monotonic() > sent_s + 0.2, 'fifth of a second')
    assert [score.header for score in robot.scores[REAR]] == rear.sent
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.WARN)
    assert 'dropping' in status.message
    assert int(dict(robot.values(status))['dropped']) > 20
    status = robot.wait_for_status('fliqe: inference', lambda s: True)
    assert ('mean batch size', '1.00') in robot.values(status)


def test_what_waits_does_not_grow_old(robot, run_node):
    running = run_node(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    with running.busy():
        for _ in range(5):
            front.publish()
    robot.spin_until(lambda: any(score.header == front.sent[-1] for score in robot.scores[FRONT]),
                     'score of the newest frame')
    status = robot.wait_for_status(
        f'fliqe: {FRONT}', lambda s: ('received', '5') in robot.values(s))
    # One by one they would all be scored.
    assert int(dict(robot.values(status))['dropped']) > 0


@pytest.mark.skipif('fastrtps' not in get_rmw_implementation_identifier(),
                    reason='not every middleware tells when it received a message')
@pytest.mark.parametrize('use_sim_time', [False, True])
@pytest.mark.parametrize('frames', [1, 2])
def test_latency_includes_the_time_that_frames_wait(robot, run_node, use_sim_time, frames):
    running = run_node(cameras=[FRONT], use_sim_time=use_sim_time)
    front = robot.active_camera(FRONT)
    sent_s = time.monotonic()
    with running.busy():
        for _ in range(frames):
            front.publish()
        robot.spin_until(lambda: time.monotonic() > sent_s + 0.5, 'half a second')
    robot.spin_until(lambda: any(
        score.header == front.sent[-1] for score in robot.scores[FRONT]), 'score')
    passed_s = time.monotonic() - sent_s
    latency = robot.scores[FRONT][-1].latency
    latency_s = latency.sec + 1e-9 * latency.nanosec
    # Clocks and transport take some of the time, the wait none of it.
    assert 0.4 < latency_s <= passed_s


@pytest.mark.parametrize('max_batch, most', [(0, 4), (2, 2)])  # 0 is 4 on a CPU
def test_several_cameras_in_one_batch(robot, run_node, max_batch, most):
    cameras = [f'/cam{number}' for number in range(6)]
    run_node(cameras=cameras, max_batch=max_batch, device='cpu')
    robot.listen(*cameras)
    drivers = [robot.camera(camera) for camera in cameras]
    robot.start()
    robot.wait_until_subscribed(*drivers)
    for driver in drivers:
        driver.run(10.0)
    for camera in cameras:
        robot.wait_for_scores(camera, 10)
    status = robot.wait_for_status('fliqe: inference', lambda s: True)
    assert 1 < float(dict(robot.values(status))['mean batch size']) <= most


def test_max_rate(robot, run_node):
    run_node(cameras=[FRONT], max_rate=2.0)
    front = robot.active_camera(FRONT)
    front.run(20.0)
    robot.wait_for_scores(FRONT, 4)
    status = robot.wait_for_status(
        f'fliqe: {FRONT}', lambda s: int(dict(robot.values(s))['skipped by max_rate']) > 20)
    values = dict(robot.values(status))
    assert int(values['scored']) < 0.25 * int(values['received'])
    assert values['dropped'] == '0'


@pytest.mark.parametrize('service', ['/fliqe/reset', f'{FRONT}/quality/reset'])
def test_reset_services(robot, run_node, service):
    run_node(cameras=[FRONT, REAR])
    robot.listen(REAR)
    front, rear = robot.active_camera(FRONT), robot.camera(REAR)
    robot.wait_until_subscribed(rear)
    for count in range(1, 4):
        for driver, camera in ((front, FRONT), (rear, REAR)):
            driver.publish()
            robot.wait_for_scores(camera, count)
    assert robot.trigger(service).success
    front.publish()
    rear.publish()
    assert robot.wait_for_scores(FRONT, 4)[-1].frames_in_window == 1
    is_for_all = service == '/fliqe/reset'
    assert robot.wait_for_scores(REAR, 4)[-1].frames_in_window == (1 if is_for_all else 4)


def test_status_follows_live_thresholds(robot, run_node):
    run_node(cameras=[FRONT], min_frames=2)
    front = robot.active_camera(FRONT)
    front.run(10.0)
    robot.wait_for_scores(FRONT, 3)
    statuses = []
    for warn, error, verdict in ((1.0, 1.0, 'bad'), (1.0, 0.0, 'degraded'), (0.0, 0.0, 'ok')):
        assert robot.set_parameters(warn_below=warn, error_below=error, hysteresis=0.0).successful
        statuses.append(robot.wait_for_status(
            f'fliqe: {FRONT}', lambda s: ('status', verdict) in robot.values(s)))
    assert [s.level for s in statuses] == [b'\2', b'\1', b'\0']
