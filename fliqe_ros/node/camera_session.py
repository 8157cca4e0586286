"""What the node knows about one camera: its scores, counts and times. No ROS calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.imaging.palette_reader import AUTO, PaletteReader
from fliqe_ros.monitoring.camera_judge import CameraJudge, is_frozen, Verdict
from fliqe_ros.monitoring.picture_changes import PictureWatch
from fliqe_ros.monitoring.status import Criteria
from fliqe_ros.monitoring.steadiness import RateWatch
from fliqe_ros.node.learning import CameraLearning, profile_file
from fliqe_ros.node.timing import (
    NS_PER_S, percentile, RateLimit, RecentValues, seconds, Throughput)
import numpy as np

# Latencies count for as long as the samples of a rate reach back.
_LATENCY_PERIOD_NS = 5 * NS_PER_S
_REPEAT_LOG_AFTER_NS = 60 * NS_PER_S


@dataclass(frozen=True)
class CameraReport:
    """A camera at one moment: counts since it was created, rates over the last seconds."""

    camera: str
    received: int
    skipped: int
    dropped: int
    scored: int
    drawn: int
    lost: int
    errors: dict[str, int]
    last_error: str
    last_frame_failed: bool
    rate_in_hz: float
    rate_out_hz: float
    drop_rate_hz: float
    lost_rate_hz: float
    error_rate_hz: float
    score: float | None
    verdict: Verdict | None
    distortion: Distortion
    affected_share: float
    latency_p50_s: float | None
    latency_p95_s: float | None
    age_s: float | None
    silent_s: float
    frozen_s: float
    closed_s: float
    corrections: int
    correction_age_s: float | None
    correction_interval_s: float | None
    brightness_swing: float
    usual_rate_hz: float | None
    #: What there is of a profile, and what is wrong with it; see ``CameraLearning``.
    profile: str
    profile_problems: tuple[str, ...]


class CameraSession:
    """
    Scores, counts and times of one camera, shared by the executor thread and the worker.

    Times are of the node's clock, in ns, unless said otherwise. A received frame is skipped
    (``max_rate``), dropped (a newer one came before its turn), failed, or scored. A frame that is
    lost in transport was never received.

    ``learning`` judges by what is normal for the camera. Only the worker records frames, and uses
    what reads the camera's colours.

    :param profile_folder: where that is stored; '' is the folder of ROS.
    """

    def __init__(self, namespace: str, smoothing_window: int, profile_folder: str = '') -> None:
        self.namespace = namespace
        self.learning = CameraLearning(profile_file(profile_folder, namespace))
        self._palette, self._palette_reader = AUTO, PaletteReader()
        self._lock = Lock()
        self._judge = CameraJudge(smoothing_window)
        self._pictures = PictureWatch()
        self._distortion = Distortion.UNKNOWN
        self._affected_share = 0.0
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._last_error = ''
        self._last_frame_failed = False
        self._throughput = {
            count: Throughput() for count in ('received', 'scored', 'dropped', 'failed', 'lost')}
        self._rate = RateWatch()
        self._limit = RateLimit()
        self._latencies_ns = RecentValues(_LATENCY_PERIOD_NS)
        self._logged_ns: dict[str, int] = {}
        self._received_ns: int | None = None
        self._readable_ns: int | None = None
        self._waiting_since_ns = 0

    def palette_reader(self, palette: str) -> PaletteReader:
        """Return what reads the camera's colours, the same until another palette is chosen."""
        if palette != self._palette:
            self._palette, self._palette_reader = palette, PaletteReader(palette)
        return self._palette_reader

    def record_received(self, now_ns: int, max_rate_hz: float) -> bool:
        """Record a frame that arrived; return whether ``max_rate_hz`` lets it be scored."""
        with self._lock:
            self._counts['received'] += 1
            self._received_ns = now_ns
            if self._limit.admits(now_ns, max_rate_hz):
                return True
            self._counts['skipped'] += 1
            return False

    def record_dropped(self) -> None:
        """Record that a newer frame replaced one that waited."""
        with self._lock:
            self._counts['dropped'] += 1

    def record_lost(self, frames: int) -> None:
        """Record frames that were published but never arrived."""
        with self._lock:
            self._counts['lost'] += frames

    def record_picture(self, pixels: np.ndarray, received_ns: int, criteria: Criteria) -> None:
        """
        Record what a frame shows, before its score.

        :param pixels: (H, W) or (H, W, 3). They are kept until the next frame and not copied.
        :param received_ns: when the frame was received.
        """
        change = self._pictures.look(pixels)
        with self._lock:
            self._judge.record_picture(change, received_ns / NS_PER_S, criteria)
            if change.is_blank and self._judge.shutter.closed_s > criteria.shutter_time_s:
                self._pictures.accept()

    def record_failure(self, cause: str, sentence: str, now_ns: int) -> bool:
        """
        Record a frame that could not be scored.

        :param cause: a short key to count by.
        :param sentence: what went wrong, for people.
        :return: whether to log it: the first of its cause, and again after a minute.
        """
        with self._lock:
            self._counts['failed'] += 1
            self._errors[cause] += 1
            self._last_error = sentence
            self._last_frame_failed = True
            logged_ns = self._logged_ns.get(cause)
            if logged_ns is not None and 0 <= now_ns - logged_ns < _REPEAT_LOG_AFTER_NS:
                return False
            self._logged_ns[cause] = now_ns
            return True

    def record_score(self, assessment: Assessment, received_ns: int, criteria: Criteria,
                     misreading: str = '') -> Verdict:
        """
        Record what the model says of a frame, and return the verdict on the camera.

        :param received_ns: when the frame was received.
        :param misreading: see ``ScoredImage``.
        :raises ValueError: if the score is not finite; nothing is changed.
        """
        with self._lock:
            verdict = self._judge.record_score(
                assessment, received_ns / NS_PER_S, criteria, misreading)
            self._counts['scored'] += 1
            self._last_frame_failed = False
            self._readable_ns = received_ns
            self._distortion = assessment.distortion
            self._affected_share = assessment.affected_share
            return verdict

    def trouble(self, now_ns: int, criteria: Criteria) -> Verdict | None:
        """Return the verdict on a camera that is FROZEN or SILENT; None if it is neither."""
        with self._lock:
            silence = self._silence(now_ns, criteria)
            if silence:
                self._judge.forget_verdict()
            elif not is_frozen(self._judge.frozen_s, criteria):
                return None
            return self._judge.verdict(criteria, silence)

    def _silence(self, now_ns: int, criteria: Criteria) -> str:
        error = self._last_error if self._last_frame_failed else ''
        return silence_sentence(self._silent_s(now_ns), error, criteria)

    def _silent_s(self, now_ns: int) -> float:
        seen_ns = self._readable_ns if self._last_frame_failed else self._received_ns
        since_ns = self._waiting_since_ns if seen_ns is None else seen_ns
        return max(now_ns - since_ns, 0) / NS_PER_S

    def record_latency(self, latency_ns: int, now_ns: int) -> None:
        """Record how long after its reception, in real time, a frame's score was published."""
        with self._lock:
            self._latencies_ns.add(now_ns, latency_ns)

    def record_overlay(self) -> None:
        """Record that an overlay image was published."""
        with self._lock:
            self._counts['drawn'] += 1

    def reset(self) -> None:
        """Forget the scores; keep counts and times."""
        with self._lock:
            self._judge.reset()
            self._distortion = Distortion.UNKNOWN
            self._affected_share = 0.0

    def restart_times(self, now_ns: int) -> None:
        """Forget rates and times, keep scores: the clock jumped, or frames only begin now."""
        with self._lock:
            for throughput in self._throughput.values():
                throughput.clear()
            self._rate.clear()
            self._limit.clear()
            self._latencies_ns.clear()
            self._logged_ns.clear()
            self._received_ns = self._readable_ns = None
            self._waiting_since_ns = now_ns
            self._judge.restart_times(now_ns / NS_PER_S)

    def sample(self, now_ns: int) -> None:
        """Take a sample of the counts for the rates; call it about once a second."""
        with self._lock:
            for name, throughput in self._throughput.items():
                throughput.sample(now_ns, self._counts[name])
            self._rate.sample(self._throughput['received'].rate_hz)

    @property
    def rate_change(self) -> str:
        """Return how the rate of images has changed of late; '' if it has not."""
        with self._lock:
            return self._rate.change

    def report(self, now_ns: int) -> CameraReport:
        """Return the camera's state at this moment, rates as of the last sample."""
        with self._lock:
            rates = {name: throughput.rate_hz for name, throughput in self._throughput.items()}
            latencies_ns = self._latencies_ns.at(now_ns)
            shutter = self._judge.shutter
            return CameraReport(
                camera=self.namespace,
                received=self._counts['received'],
                skipped=self._counts['skipped'],
                dropped=self._counts['dropped'],
                scored=self._counts['scored'],
                drawn=self._counts['drawn'],
                lost=self._counts['lost'],
                errors=dict(self._errors),
                last_error=self._last_error,
                last_frame_failed=self._last_frame_failed,
                rate_in_hz=rates['received'],
                rate_out_hz=rates['scored'],
                drop_rate_hz=rates['dropped'],
                lost_rate_hz=rates['lost'],
                error_rate_hz=rates['failed'],
                score=self._judge.score,
                verdict=None if self._judge.score is None else self._judge.graded(),
                distortion=self._distortion,
                affected_share=self._affected_share,
                latency_p50_s=seconds(percentile(latencies_ns, 50)),
                latency_p95_s=seconds(percentile(latencies_ns, 95)),
                age_s=None if self._received_ns is None
                else max(now_ns - self._received_ns, 0) / NS_PER_S,
                silent_s=self._silent_s(now_ns),
                frozen_s=self._judge.frozen_s,
                closed_s=shutter.closed_s,
                corrections=shutter.corrections,
                correction_age_s=None if shutter.last_s is None
                else max(now_ns / NS_PER_S - shutter.last_s, 0.0),
                correction_interval_s=shutter.interval_s,
                brightness_swing=self._judge.brightness.swing,
                usual_rate_hz=self._rate.usual_hz,
                profile=self.learning.state(now_ns),
                profile_problems=self.learning.problems)


def silence_sentence(silent_s: float, error: str, criteria: Criteria) -> str:
    """
    Return what is wrong with a camera that was silent for so long; '' if nothing is.

    :param error: why its last frame could not be read; or ''.
    """
    if not 0 < criteria.stale_after_s < silent_s:
        return ''
    if error:
        return f'no frames that can be read for {silent_s:.1f} s: {error}'
    return f'no frames for {silent_s:.1f} s'
