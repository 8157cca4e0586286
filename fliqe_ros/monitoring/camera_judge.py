"""The verdict on one camera, from its pictures and their scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.picture_changes import PictureChange
from fliqe_ros.monitoring.recent_scores import RecentScores
from fliqe_ros.monitoring.shutter import ShutterWatch
from fliqe_ros.monitoring.status import Criteria, LOW, next_status, Status
from fliqe_ros.monitoring.steadiness import BrightnessWatch
from fliqe_ros.smoothing import SmoothingWindow


@dataclass(frozen=True)
class Verdict:
    """
    The smoothed score (0 to 1), the number of frames it averages, and the status.

    ``distortion`` is the type that made the status DEGRADED or BAD, ``CLEAN`` if it is OK, and
    else ``UNKNOWN``. ``status_score`` is what the status was judged by.
    """

    smoothed: float
    frames: int
    status: Status
    distortion: Distortion = Distortion.UNKNOWN
    #: What to check in the driver, where frames seem to be read wrongly; or ''.
    misreading: str = ''
    status_score: float = 0.0
    #: Whether the last frame counts in ``smoothed``.
    is_counted: bool = True
    #: Why the camera is FROZEN or SILENT; or ''.
    trouble: str = ''

    @property
    def reason(self) -> str:
        """Return why the status is not OK and what to do about it, for people; '' if it is OK."""
        if self.status in LOW:
            told = f'{self.distortion.label}: {self.distortion.advice}'
            return f'{told}: {self.misreading}' if self.misreading else told
        if self.status == Status.UNKNOWN:
            return 'too few frames for a verdict'
        return self.trouble


class CameraJudge:
    """
    Judges one camera by its frames; times are in s, of any clock.

    Each frame's picture is recorded first, then its score. A frame that repeats the picture before
    it does not count, nor does one behind a shutter that is closed for a correction.

    :param smoothing_window: frames in the smoothed score.
    """

    def __init__(self, smoothing_window: int) -> None:
        self.shutter = ShutterWatch()
        self.brightness = BrightnessWatch()
        self._window = SmoothingWindow(smoothing_window)
        self._recent = RecentScores()
        self._status = Status.UNKNOWN
        self._misreading = ''
        self._is_counted = True
        self._same_since_s = self._same_until_s = 0.0

    @property
    def frozen_s(self) -> float:
        """Return for how long the picture has been the same."""
        return self._same_until_s - self._same_since_s

    @property
    def score(self) -> float | None:
        """Return the last score that counted; None if there is none."""
        return self._window.last if len(self._window) else None

    def record_picture(self, change: PictureChange, time_s: float, criteria: Criteria) -> None:
        """Record what changed in a frame's picture."""
        # A frame received before the clock was set back has a time in the future.
        if not change.is_same or time_s < self._same_since_s:
            self._same_since_s = time_s
        self._same_until_s = time_s
        closed_s = self.shutter.record(
            change.is_repeated or change.is_blank, time_s, criteria.shutter_time_s)
        if closed_s is None and math.isfinite(change.contrast):
            self.brightness.push(change.brightness, change.contrast)
        self._is_counted = closed_s is None or (
            not change.is_repeated and closed_s > criteria.shutter_time_s)

    def record_score(self, assessment: Assessment, time_s: float, criteria: Criteria,
                     misreading: str = '') -> Verdict:
        """
        Record what the model says of the frame whose picture was recorded last.

        :param misreading: what to check in the driver; or ''.
        :return: the verdict on the camera.
        :raises ValueError: if the score is not finite; nothing is changed.
        """
        if self._is_counted:
            self._window.push(assessment.score)
            self._recent.push(
                time_s, assessment.score, assessment.probabilities, criteria.reaction_time_s,
                criteria.thresholds.min_frames)
            self._misreading = misreading
            self._status = next_status(
                self._status, self._recent.score, len(self._recent), criteria.thresholds)
        return self.verdict(criteria)

    def verdict(self, criteria: Criteria, silence: str = '') -> Verdict:
        """
        Return the verdict on the camera.

        :param silence: why it is SILENT; or ''.
        """
        verdict = self.graded()
        if silence:
            return replace(verdict, status=Status.SILENT, distortion=Distortion.UNKNOWN,
                           is_counted=False, trouble=silence)
        if is_frozen(self.frozen_s, criteria):
            return replace(verdict, status=Status.FROZEN, distortion=Distortion.UNKNOWN,
                           trouble=frozen_sentence(self.frozen_s))
        return verdict

    def graded(self) -> Verdict:
        """Return the verdict by scores alone, also of a camera that is frozen or silent."""
        distortion = Distortion.UNKNOWN
        if self._status in LOW:
            distortion = self._recent.worst
        elif self._status == Status.OK:
            distortion = Distortion.CLEAN
        return Verdict(
            self._window.mean if len(self._window) else 0.0, len(self._window), self._status,
            distortion, self._misreading if self._status in LOW else '',
            self._recent.score, self._is_counted)

    def forget_verdict(self) -> None:
        """Judge from the next frame on, as after a silence; keep the smoothed score."""
        self._recent.clear()
        self._status = Status.UNKNOWN

    def reset(self) -> None:
        """Forget the scores; keep times."""
        self.forget_verdict()
        self._window.clear()

    def restart_times(self, now_s: float) -> None:
        """Forget times, keep scores: the clock jumped, or frames only begin now."""
        self._recent.restart_times()
        self.shutter.restart_times()
        self._same_since_s = self._same_until_s = now_s


def is_frozen(frozen_s: float, criteria: Criteria) -> bool:
    """Return whether a picture that is the same for this long is frozen."""
    return 0 < criteria.freeze_after_s <= frozen_s


def frozen_sentence(frozen_s: float) -> str:
    """Return what is wrong with a camera whose picture is the same for this long."""
    return f'frozen: the same picture for {frozen_s:.1f} s'
