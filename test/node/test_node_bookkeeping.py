"""The parts of the node that know no ROS: buffer, verdicts, rates, cameras, discovery."""

from dataclasses import replace
from threading import Thread

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.errors import one_line
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.status import Criteria, Status, Thresholds
from fliqe_ros.node.camera_session import CameraSession
from fliqe_ros.node.discovery import cameras_among
from fliqe_ros.node.latest_frames import LatestFrameBuffer
from fliqe_ros.node.timing import NS_PER_S, percentile, RateLimit, Throughput
import numpy as np
import pytest

CRITERIA = Criteria(
    Thresholds(warn_below=0.6, error_below=0.3, hysteresis=0.05, min_frames=3),
    reaction_time_s=1.0, shutter_time_s=0.0, freeze_after_s=5.0, stale_after_s=2.0)
UNKNOWN, OKAY, DEGRADED, BAD, FROZEN, SILENT = Status


def test_newest_frame_replaces_the_one_that_waits():
    buffer = LatestFrameBuffer()
    assert not buffer.put('a', 1)
    assert buffer.put('a', 2)
    assert buffer.take(9) == [2]
    assert not buffer.put('a', 3)


def test_a_flood_cannot_push_others_back():
    buffer = LatestFrameBuffer()
    buffer.put('flood', 0)
    buffer.put('slow', 0)
    served = []
    for number in range(1, 7):
        served += buffer.take(1)
        buffer.put('flood', f'flood {number}')
        if number == 3:
            buffer.put('slow', 1)
    assert served == [0, 0, 'flood 2', 1, 'flood 4', 'flood 5']


def test_every_camera_gets_its_turn_in_small_batches():
    buffer = LatestFrameBuffer()
    counts = dict.fromkeys('abcde', 0)
    for _ in range(50):
        for camera in counts:
            buffer.put(camera, camera)
        for camera in buffer.take(2):
            counts[camera] += 1
    assert set(counts.values()) == {20}


def served_under_load(priorities, limit, takes):
    """Return how many frames of each camera are taken while all have a new one each time."""
    buffer = LatestFrameBuffer()
    counts = dict.fromkeys(priorities, 0)
    for _ in range(takes):
        for camera, priority in priorities.items():
            buffer.put(camera, camera, priority)
        for camera in buffer.take(limit):
            counts[camera] += 1
    return counts


@pytest.mark.parametrize('priorities, limit, expected', [
    ({'low': 0, 'high': 1}, 4, {'low': 10, 'high': 90}),
    ({'a': 5, 'low': -3, 'b': 5}, 1, {'a': 46, 'low': 9, 'b': 45}),
    ({'a': 5, 'low': -3, 'b': 5}, 2, {'a': 90, 'low': 10, 'b': 90}),
    ({'low': 0, 'mid': 1, 'high': 2}, 4, {'low': 6, 'mid': 5, 'high': 89}),
    ({'a': 7, 'b': 7}, 4, {'a': 100, 'b': 100}),
])
def test_cameras_of_lower_priority_skip_frames_first(priorities, limit, expected):
    assert served_under_load(priorities, limit, 100) == expected


def test_all_frames_are_taken_if_there_is_time_whatever_their_priority():
    buffer = LatestFrameBuffer()
    for number in range(100):
        for camera, priority in (('low', 0), ('high', 1)):
            assert not buffer.put(camera, (camera, number), priority)
        assert [buffer.take(4), buffer.take(4)] in (
            [[('high', number)], [('low', number)]], [[('low', number)], [('high', number)]])


def test_a_priority_counts_from_the_next_frame_on():
    buffer = LatestFrameBuffer()
    for priority, first in ((0, 'a'), (1, 'b')):
        buffer.put('a', 'a')
        buffer.put('b', 'b', priority)
        assert buffer.take(1) == [first]
        buffer.take(1)


def test_close_ends_a_waiting_take():
    buffer = LatestFrameBuffer()
    results = []
    taker = Thread(target=lambda: results.append(buffer.take(1)))
    taker.start()
    buffer.close()
    taker.join(10)
    assert results == [[]]
    buffer.put('late', 1)
    assert buffer.take(1) == []


def test_the_texts_of_types_fit_where_they_are_shown():
    for texts in ([each.meaning for each in Distortion], [each.advice for each in Distortion]):
        assert len(set(texts)) == len(Distortion)
        for text in texts:
            assert 15 < len(text) < 100 and text[0].islower() and text[-1] != '.'
            assert not set(';|\n') & set(text), 'they separate problems, cells and lines'


def assessed(value, **shares):
    """Return the assessment of a frame whose types have these probabilities."""
    probabilities = [0.0] * len(CLASSES)
    for label, share in shares.items():
        probabilities[Distortion[label.upper()]] = share
    most = CLASSES[int(np.argmax(probabilities))] if shares else Distortion.UNKNOWN
    return Assessment(value, most, tuple(probabilities))


def test_the_type_behind_the_status_is_not_that_of_the_last_frame():
    camera = CameraSession('/flir', 10)
    for _ in range(6):
        verdict = camera.record_score(assessed(0.1, blank=0.9, clean=0.1), 0, CRITERIA)
    assert (verdict.status, verdict.distortion) == (BAD, Distortion.BLANK)
    verdict = camera.record_score(assessed(0.9, clean=0.9, ghosting=0.1), 0, CRITERIA)
    assert (verdict.status, verdict.distortion) == (BAD, Distortion.BLANK)
    assert camera.report(0).distortion == Distortion.CLEAN
    assert camera.report(0).verdict == verdict
    for _ in range(10):
        verdict = camera.record_score(assessed(0.9, clean=0.6, ghosting=0.4), 0, CRITERIA)
    assert (verdict.status, verdict.distortion) == (OKAY, Distortion.CLEAN)
    camera.reset()
    for _ in range(3):
        verdict = camera.record_score(assessed(0.1), 0, CRITERIA)
    assert (verdict.status, verdict.distortion) == (BAD, Distortion.UNKNOWN)


def test_what_to_check_in_the_driver_is_told_of_bad_cameras_only():
    camera = CameraSession('/flir', 4)
    for distortion, score in (('corruption', 0.1), ('gaussian_noise', 0.1), ('clean', 0.9)):
        camera.reset()
        for _ in range(4):
            verdict = camera.record_score(
                assessed(score, **{distortion: 1.0}), 0, CRITERIA, 'is_bigendian is 0')
        assert verdict.reason.startswith(f'{distortion}: ') == (score < 0.5)
        assert verdict.reason.endswith(': is_bigendian is 0') == (score < 0.5)
    verdict = camera.record_score(assessed(0.1, corruption=1.0), 0, CRITERIA)
    assert verdict.misreading == '', 'the last frame was read well'


def test_the_affected_share_is_that_of_the_last_frame():
    camera = CameraSession('/flir', 4)
    quality_map = np.array([[0.4, 0.5], [0.9, 0.1]], np.float32)
    camera.record_score(Assessment(0.3, Distortion.CLEAN, (0.0,) * 13, quality_map), 0, CRITERIA)
    assert camera.report(0).affected_share == 0.5
    score(camera, 0.9)
    assert camera.report(0).affected_share == 0.0


def test_throughput():
    throughput = Throughput(intervals=2)
    assert throughput.rate_hz == 0.0

    def rate_hz(second, count):
        throughput.sample(second * NS_PER_S, count)
        return throughput.rate_hz

    rates = [rate_hz(*sample)
             for sample in ((10, 100), (11, 115), (11, 120), (12, 130), (13, 160))]
    assert rates == [0.0, 15.0, 15.0, 15.0, 22.5]
    throughput.clear()
    assert rate_hz(5, 170) == 0.0
    assert rate_hz(6, 171) == 1.0


@pytest.mark.parametrize('camera_hz, limit_hz, expected', [
    (30, 20.0, 200), (30, 10.0, 100), (30, 7.0, 70), (5, 20.0, 50), (30, 0.0, 300)])
def test_rate_limit_keeps_the_mean_rate(camera_hz, limit_hz, expected):
    limit = RateLimit()
    admitted = sum(limit.admits(round(number * NS_PER_S / camera_hz), limit_hz)
                   for number in range(10 * camera_hz))
    assert abs(admitted - expected) <= 1


def test_rate_limit_survives_a_clock_set_back():
    limit = RateLimit()
    assert limit.admits(1000 * NS_PER_S, 1.0)
    assert limit.admits(5 * NS_PER_S, 1.0)
    assert not limit.admits(5 * NS_PER_S + 1, 1.0)


def test_percentile():
    assert percentile([], 50) is None
    assert percentile([3], 95) == 3
    assert percentile(range(1, 101), 50) == 50
    assert percentile(range(1, 101), 95) == 95
    assert percentile([2, 1], 50) == 1


def score(camera, value):
    return camera.record_score(assessed(value, clean=1.0), 0, CRITERIA)


def test_camera_smooths_scores_and_sets_the_status():
    camera = CameraSession('/flir', 4)
    values = [0.9, 0.8, 0.1, 0.2, 0.3, 0.2]
    verdicts = [score(camera, value) for value in values]
    for count, verdict in enumerate(verdicts, 1):
        last = values[max(count - 4, 0):count]
        assert verdict.frames == len(last)
        assert verdict.smoothed == pytest.approx(np.mean(last), abs=1e-12)
    assert [v.status for v in verdicts] == [UNKNOWN, UNKNOWN, OKAY, *3 * [DEGRADED]]
    assert verdicts[-1].status_score == pytest.approx(np.mean([0.8, 0.3, 0.2, 0.2]))
    camera.reset()
    assert score(camera, 0.9).frames == 1
    assert camera.report(0).verdict.status == UNKNOWN


def test_camera_refuses_a_score_that_is_not_finite():
    camera = CameraSession('/flir', 4)
    score(camera, 0.5)
    with pytest.raises(ValueError):
        score(camera, float('nan'))
    assert camera.report(0).scored == 1


def test_camera_logs_each_cause_once_a_minute():
    camera = CameraSession('/flir', 4)
    logged = [camera.record_failure(cause, 'why', second * NS_PER_S) for cause, second in (
        ('all_nan', 0), ('all_nan', 1), ('undecodable', 1), ('all_nan', 59), ('all_nan', 60),
        ('all_nan', 5))]
    assert logged == [True, False, True, False, True, True]
    report = camera.report(0)
    assert report.errors == {'all_nan': 5, 'undecodable': 1}
    assert report.last_frame_failed
    score(camera, 0.5)
    assert not camera.report(0).last_frame_failed


def see(camera, level, second):
    """Let the camera see a picture of some level."""
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) + level
    camera.record_picture(pixels, second * NS_PER_S, CRITERIA)


def test_camera_notices_a_frozen_picture():
    camera = CameraSession('/flir', 4)
    camera.restart_times(100 * NS_PER_S)
    for second, level in ((100, 1), (101, 2), (102, 2), (105, 2)):
        see(camera, level, second)
    assert camera.report(200 * NS_PER_S).frozen_s == 4
    see(camera, 3, 106)
    assert camera.report(200 * NS_PER_S).frozen_s == 0


def test_a_frame_from_before_a_jump_back_of_the_clock_hides_no_freeze():
    camera = CameraSession('/flir', 3)
    camera.restart_times(10 * NS_PER_S)
    see(camera, 7, 100)  # received before the jump, looked at after it
    for second in (11, 12, 19):
        see(camera, 7, second)
    assert camera.report(20 * NS_PER_S).frozen_s == 8


def test_clock_jump_resets_times_but_not_scores():
    camera = CameraSession('/flir', 4)
    for second in range(1000, 1004):
        assert camera.record_received(second * NS_PER_S, 1.0)
        see(camera, 7, second)
        score(camera, 0.5)
        camera.record_latency(NS_PER_S // 2, second * NS_PER_S)
        camera.sample(second * NS_PER_S)
        report = camera.report(second * NS_PER_S)
    assert (report.rate_in_hz, report.age_s, report.frozen_s) == (1.0, 0.0, 3.0)
    assert report.latency_p50_s == 0.5
    camera.restart_times(5 * NS_PER_S)
    camera.sample(7 * NS_PER_S)
    report = camera.report(7 * NS_PER_S)
    assert (report.rate_in_hz, report.age_s, report.frozen_s, report.silent_s) == (0, None, 0, 2)
    assert report.latency_p50_s is None
    # The picture is the same in all four frames, and counts once.
    assert (report.verdict.frames, report.scored, report.received) == (1, 4, 4)
    assert camera.record_received(7 * NS_PER_S, 1.0)


def test_a_report_changes_nothing():
    camera = CameraSession('/flir', 4)
    for tenth in range(40):
        now_ns = 1000 * NS_PER_S + tenth * NS_PER_S // 10
        camera.record_received(now_ns, 0.0)
        camera.record_latency(NS_PER_S // 2, now_ns)
        score(camera, 0.5)
        if tenth % 10 == 0:
            camera.sample(now_ns)
        report = camera.report(now_ns)
        assert camera.report(now_ns) == report
        # Asked ten times a second, the rate is still that of the samples.
        assert report.rate_in_hz == (10.0 if tenth >= 10 else 0.0)


def test_silence_is_that_of_readable_frames():
    camera = CameraSession('/flir', 4)
    camera.restart_times(0)

    def trouble(second):
        verdict = camera.trouble(second * NS_PER_S, CRITERIA)
        return verdict and (verdict.status, verdict.reason)

    assert trouble(2) is None
    assert trouble(3) == (SILENT, 'no frames for 3.0 s')
    camera.record_received(3 * NS_PER_S, 0.0)
    camera.record_score(assessed(0.9), 3 * NS_PER_S, CRITERIA)
    assert trouble(5) is None
    for second in (4, 5, 6):
        camera.record_received(second * NS_PER_S, 0.0)
        camera.record_failure('too_large', 'why', second * NS_PER_S)
    assert trouble(5) is None
    assert trouble(6) == (SILENT, 'no frames that can be read for 3.0 s: why')
    never = replace(CRITERIA, stale_after_s=0.0)
    assert camera.trouble(1000 * NS_PER_S, never) is None


def test_a_camera_that_is_limited_to_a_low_rate_is_not_silent():
    camera = CameraSession('/flir', 4)
    camera.restart_times(0)
    for second in range(20):
        if camera.record_received(second * NS_PER_S, 0.1):
            camera.record_score(assessed(0.9), second * NS_PER_S, CRITERIA)
        assert camera.trouble(second * NS_PER_S, CRITERIA) is None


def test_frames_behind_a_shutter_are_left_out():
    criteria = replace(CRITERIA, shutter_time_s=3.0)
    camera = CameraSession('/flir', 100)
    scene = np.random.default_rng(0).normal(np.linspace(3000, 9000, 64 * 64).reshape(64, 64), 9)
    flat = np.full((64, 64), 5000)

    def run(begin_s, end_s, picture):
        rng = np.random.default_rng(1)
        for tenth in range(10 * begin_s, 10 * end_s):
            pixels = (picture + rng.normal(0, 9, (64, 64))).astype(np.uint16)
            camera.record_picture(pixels, tenth * NS_PER_S // 10, criteria)
            verdict = camera.record_score(
                assessed(0.9 if picture is scene else 0.0), tenth * NS_PER_S // 10, criteria)
        return verdict

    assert run(0, 5, scene).frames == 50
    verdict = run(5, 7, flat)
    assert (verdict.status, verdict.frames, verdict.is_counted) == (OKAY, 50, False)
    assert camera.report(7 * NS_PER_S).closed_s == pytest.approx(1.9)
    run(7, 20, scene)
    assert run(20, 22, flat).status == OKAY
    assert run(22, 30, scene).frames == 100
    report = camera.report(32 * NS_PER_S)
    assert (report.closed_s, report.corrections) == (0, 2)
    assert (report.correction_age_s, report.correction_interval_s) == (10.0, 15.0)
    # One that takes longer is none.
    assert run(30, 33, flat).status == OKAY
    assert run(33, 35, flat).status == BAD
    run(35, 40, scene)
    assert camera.report(40 * NS_PER_S).corrections == 2


def test_hunting_gain_control_and_a_sagging_rate_reach_the_report():
    camera = CameraSession('/flir', 4)
    scene = np.linspace(50, 150, 64 * 64).reshape(64, 64)
    for second in range(80):
        for tenth in range(10 if second < 60 else 4):
            now_ns = second * NS_PER_S + tenth * NS_PER_S // 10
            camera.record_received(now_ns, 0.0)
            swung = scene + 40 * (tenth % 2) + second / 10
            camera.record_picture(swung.astype(np.uint8), now_ns, CRITERIA)
        camera.sample(second * NS_PER_S)
    report = camera.report(80 * NS_PER_S)
    assert report.brightness_swing > 1
    assert (report.usual_rate_hz, report.rate_in_hz) == (10.0, 4.0)


def test_latency_is_that_of_the_last_seconds():
    camera = CameraSession('/flir', 4)
    for second in range(30):
        camera.record_latency(2 * NS_PER_S if second < 20 else NS_PER_S // 50, second * NS_PER_S)
    assert camera.report(19 * NS_PER_S).latency_p95_s == 2.0
    assert camera.report(29 * NS_PER_S).latency_p95_s == 0.02
    assert camera.report(60 * NS_PER_S).latency_p50_s is None


IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
TOPICS = [
    ('/front/image_raw', [IMAGE]),
    ('/front/image_raw/compressed', [COMPRESSED]),
    ('/robot1/rear/image_raw', ['std_msgs/msg/String', IMAGE]),
    ('/image_raw', [IMAGE]),
    ('/front/quality/image_raw', [IMAGE]),
    ('/text/image_raw', ['std_msgs/msg/String']),
    ('/front/not_image_raw', [IMAGE]),
    ('/front/image_raw/theora', [IMAGE]),
]


@pytest.mark.parametrize('transport, namespace, expected', [
    ('raw', '/', {'/front': '/front/image_raw', '/': '/image_raw',
                  '/robot1/rear': '/robot1/rear/image_raw'}),
    ('compressed', '/', {'/front': '/front/image_raw/compressed'}),
    ('raw', '/robot1', {'/robot1/rear': '/robot1/rear/image_raw'}),
    ('raw', '/rob', {}),
])
def test_discovery(transport, namespace, expected):
    assert cameras_among(TOPICS, 'image_raw', transport, namespace) == expected


def test_errors_on_one_line():
    assert one_line(ValueError('a\n  b')) == 'a b'
    assert one_line(KeyError()) == 'KeyError'
    assert len(one_line(ValueError('x' * 9999))) == 400
    assert one_line(ValueError('three words ' * 99)).endswith(' three words…')
