"""How a camera is judged by its scores: thresholds, hysteresis, how soon, and by which type."""

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.camera_judge import CameraJudge
from fliqe_ros.monitoring.picture_changes import PictureChange
from fliqe_ros.monitoring.recent_scores import RecentScores
from fliqe_ros.monitoring.status import Criteria, next_status, Status, Thresholds
from fliqe_ros.msg import QualityScore
import numpy as np
import pytest

THRESHOLDS = Thresholds(warn_below=0.6, error_below=0.3, hysteresis=0.05, min_frames=3)
DEFAULTS = Criteria(Thresholds(0.6, 0.3, 0.05, 5), 1.0, 3.0, 5.0, 2.0)
UNKNOWN, OKAY, DEGRADED, BAD, FROZEN, SILENT = Status
CHANGED, REPEATED = PictureChange(0.0, False), PictureChange(1.0, False)


def test_status_has_the_values_of_the_message():
    for status in Status:
        assert getattr(QualityScore, f'STATUS_{status.name}') == status


@pytest.mark.parametrize('before, score, frames, after', [
    (UNKNOWN, 0.1, 2, UNKNOWN), (BAD, 0.1, 2, UNKNOWN),
    (UNKNOWN, 0.62, 3, OKAY), (UNKNOWN, 0.32, 3, DEGRADED), (UNKNOWN, 0.29, 3, BAD),
    (OKAY, 0.60, 9, OKAY), (OKAY, 0.599, 9, DEGRADED), (OKAY, 0.2, 9, BAD),
    (DEGRADED, 0.64, 9, DEGRADED), (DEGRADED, 0.651, 9, OKAY), (DEGRADED, 0.299, 9, BAD),
    (BAD, 0.34, 9, BAD), (BAD, 0.351, 9, DEGRADED), (BAD, 0.64, 9, DEGRADED), (BAD, 0.7, 9, OKAY),
])
def test_status(before, score, frames, after):
    assert next_status(before, score, frames, THRESHOLDS) == after


def test_perfect_camera_recovers_from_the_highest_threshold():
    strict = Thresholds(warn_below=0.9, error_below=0.9, hysteresis=0.1 + 1e-12, min_frames=1)
    assert next_status(BAD, 1.0, 1, strict) == OKAY


def types(**shares):
    probabilities = [0.0] * len(CLASSES)
    for label, share in shares.items():
        probabilities[Distortion[label.upper()]] = share
    return tuple(probabilities)


def test_the_type_is_that_which_lowered_the_score_most_of_late():
    scores = RecentScores()
    assert scores.worst == Distortion.UNKNOWN and scores.score == 0.0
    times = iter(range(100))

    def push(score, probabilities):
        scores.push(next(times), score, probabilities, 4.0, 1)

    for score, label in ((0.8, 'ghosting'), (0.8, 'ghosting'), (0.1, 'corruption')):
        push(score, types(**{label: 1.0}))
    assert scores.worst == Distortion.CORRUPTION
    for _ in range(4):
        push(0.8, types(ghosting=1.0))
    assert scores.worst == Distortion.GHOSTING
    for _ in range(4):
        push(1.0, np.ones(len(CLASSES)))
    assert scores.worst == Distortion.UNKNOWN, 'nothing is left of frames that went'


@pytest.mark.parametrize('frames, expected', [
    (1, 0.0), (2, 0.5), (3, 1.0), (9, 1.0), (30, 1.0), (1000, 1.0)])
def test_a_tenth_of_the_frames_is_left_out(frames, expected):
    scores = RecentScores()
    for number in range(frames):
        scores.push(0.0, 0.0 if number % 10 == 0 else 1.0, types(), 1.0, 1)
    assert scores.score == expected


def test_a_flood_while_the_clock_stands_still_does_not_gather():
    scores = RecentScores()
    for _ in range(1200):
        scores.push(0.0, 0.0, types(), 1.0, 1)
    assert len(scores) == 1000


class Camera:
    """A camera at a rate that is judged by the default criteria."""

    def __init__(self, rate_hz):
        self.judge = CameraJudge(300)
        self.time_s = 1.7e9
        self._period_s = 1 / rate_hz

    def frame(self, score, change=CHANGED):
        self.time_s += self._period_s
        self.judge.record_picture(change, self.time_s, DEFAULTS)
        return self.judge.record_score(
            Assessment(score, Distortion.CLEAN, types(clean=1.0)), self.time_s, DEFAULTS)

    def run(self, duration_s, scores, change=CHANGED):
        """Return the status of each frame; ``scores`` gives the score of a frame's number."""
        frames = round(duration_s / self._period_s)
        return [self.frame(scores(number), change).status for number in range(frames)]

    def seconds_until(self, status, scores):
        began_s = self.time_s
        while self.frame(scores).status != status:
            assert self.time_s < began_s + 100
        return self.time_s - began_s


RATES_HZ = pytest.mark.parametrize('rate_hz', [9, 30, 60])


@RATES_HZ
@pytest.mark.parametrize('good, bad', [(0.95, 0.02), (0.8, 0.1), (0.7, 0.2)])
def test_it_is_told_in_time(rate_hz, good, bad):
    camera = Camera(rate_hz)
    camera.run(30, lambda _: good)
    for _ in range(2):
        assert camera.seconds_until(BAD, bad) <= 1.0
        camera.run(30, lambda _: bad)
        assert camera.seconds_until(OKAY, good) <= 1.1
        camera.run(30, lambda _: good)


@RATES_HZ
@pytest.mark.parametrize('good, bad', [(0.9, 0.0), (0.7, 0.0), (0.61, 0.0), (0.02, 1.0)])
def test_single_frames_and_every_tenth_change_nothing(rate_hz, good, bad):
    camera = Camera(rate_hz)
    before = camera.run(5, lambda _: good)[-1]
    assert before == (BAD if good < bad else OKAY)
    assert set(camera.run(3, lambda number: bad if number == 3 else good)) == {before}
    assert set(camera.run(20, lambda number: good if number % 10 else bad)) == {before}


@RATES_HZ
def test_frames_that_are_often_bad_are_noticed(rate_hz):
    camera = Camera(rate_hz)
    camera.run(5, lambda _: 0.9)
    assert camera.run(5, lambda number: 0.9 if number % 2 else 0.0)[-1] == DEGRADED


@RATES_HZ
def test_a_score_that_wanders_about_a_threshold_changes_the_status_once(rate_hz):
    camera = Camera(rate_hz)
    rng = np.random.default_rng(0)
    statuses = camera.run(60, lambda number: 0.6 + 0.04 * np.sin(number) + rng.normal(0, 0.03))
    told = [status for status in statuses if status != UNKNOWN]
    assert sum(one != next_ for one, next_ in zip(told, told[1:])) == 1
    assert told[-1] == DEGRADED


def test_a_slow_camera_is_judged_by_its_last_frames():
    camera = Camera(0.5)
    assert camera.run(10, lambda _: 0.9) == [UNKNOWN] * 4 + [OKAY]
    assert camera.run(10, lambda _: 0.0)[-1] == BAD


@RATES_HZ
def test_the_smoothed_score_stays_the_mean_of_its_window(rate_hz):
    camera = Camera(rate_hz)
    values = np.random.default_rng(0).random(700)
    for value in values:
        verdict = camera.frame(value)
    assert verdict.smoothed == pytest.approx(values[-300:].mean(), abs=1e-12)
    assert verdict.frames == 300


@RATES_HZ
def test_a_frozen_picture_is_a_correction_or_a_freeze(rate_hz):
    camera = Camera(rate_hz)
    camera.run(4, lambda _: 0.9)
    frames = camera.frame(0.9).frames
    assert set(camera.run(2.9, lambda _: 0.0, REPEATED)) == {OKAY}
    verdict = camera.frame(0.9)
    assert (verdict.status, verdict.frames) == (OKAY, frames + 1)
    assert camera.judge.shutter.corrections == 1
    statuses = camera.run(10, lambda _: 0.9, REPEATED)
    assert statuses.index(FROZEN) == pytest.approx(5 * rate_hz, abs=1)
    assert set(statuses[statuses.index(FROZEN):]) == {FROZEN}
    verdict = camera.judge.verdict(DEFAULTS)
    assert verdict.reason == 'frozen: the same picture for 10.0 s' and not verdict.is_counted
    verdict = camera.frame(0.9)
    assert (verdict.status, verdict.frames, verdict.reason) == (OKAY, frames + 2, '')
    assert camera.judge.shutter.corrections == 1


def test_the_last_verdict_is_forgotten_after_a_silence():
    camera = Camera(9)
    camera.run(5, lambda _: 0.0)
    verdict = camera.judge.verdict(DEFAULTS, 'no frames for 3 s')
    assert (verdict.status, verdict.reason, verdict.is_counted) == (
        SILENT, 'no frames for 3 s', False)
    camera.judge.forget_verdict()
    assert camera.run(1, lambda _: 0.9) == [UNKNOWN] * 4 + [OKAY] * 5


def test_a_clock_that_jumps_keeps_the_verdict():
    camera = Camera(9)
    camera.run(5, lambda _: 0.0)
    for time_s in (100.0, 5e9):
        camera.time_s = time_s
        camera.judge.restart_times(time_s)
        assert camera.frame(0.0).status == BAD
    assert camera.seconds_until(OKAY, 0.9) <= 1.1
