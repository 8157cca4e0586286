"""What the node knows about one camera: its scores, counts and times. No ROS calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.parameters import Thresholds
from fliqe_ros.node.status import LOW, next_status
from fliqe_ros.node.timing import (
    NS_PER_S, percentile, RateLimit, RecentValues, seconds, Throughput)
from fliqe_ros.node.type_window import TypeWindow
from fliqe_ros.smoothing import SmoothingWindow

# Latencies count for as long as the samples of a rate reach back.
_LATENCY_PERIOD_NS = 5 * NS_PER_S
_REPEAT_LOG_AFTER_NS = 60 * NS_PER_S


@dataclass(frozen=True)
class Verdict:
    """
    The smoothed score (0 to 1), the number of frames it averages, and the status.

    ``distortion`` is the type that made the status DEGRADED or BAD, ``CLEAN`` if it is OK, and
    else ``UNKNOWN``.
    """

    smoothed: float
    frames: int
    status: int
    distortion: Distortion = Distortion.UNKNOWN
    #: What to check in the driver, where frames seem to be read wrongly; or ''.
    misreading: str = ''


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
    waiting_s: float
    frozen_s: float


class CameraSession:
    """
    Scores, counts and times of one camera, shared by the executor thread and the worker.

    Times are of the node's clock, in ns, unless said otherwise. A received frame is skipped
    (``max_rate``), dropped (a newer one came before its turn), failed, or scored. A frame that is
    lost in transport was never received.

    ``palette`` reads the camera's colours; only the worker uses it.
    """

    def __init__(self, namespace: str, smoothing_window: int) -> None:
        self.namespace = namespace
        self.palette = PaletteReader()
        self._lock = Lock()
        self._window = SmoothingWindow(smoothing_window)
        self._types = TypeWindow(smoothing_window)
        self._status = QualityScore.STATUS_UNKNOWN
        self._distortion = Distortion.UNKNOWN
        self._affected_share = 0.0
        self._misreading = ''
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._last_error = ''
        self._last_frame_failed = False
        self._throughput = {
            count: Throughput() for count in ('received', 'scored', 'dropped', 'failed', 'lost')}
        self._limit = RateLimit()
        self._latencies_ns = RecentValues(_LATENCY_PERIOD_NS)
        self._logged_ns: dict[str, int] = {}
        self._received_ns: int | None = None
        self._waiting_since_ns = 0
        self._content: object = None
        self._same_since_ns = self._same_until_ns = 0

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

    def record_content(self, content: object, received_ns: int) -> None:
        """
        Record what a frame shows, to notice a frozen picture.

        :param content: the pixels, as anything that ``==`` compares, such as the data of an image
            message. It is kept until the next frame and not copied.
        :param received_ns: when the frame was received.
        """
        with self._lock:
            # Comparing is nearly free, because two pictures differ in their first pixels. A
            # checksum would have to read all of them.
            # A frame received before the clock was set back has a time in the future.
            if content != self._content or received_ns < self._same_since_ns:
                self._content = content
                self._same_since_ns = received_ns
            self._same_until_ns = received_ns

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

    def record_score(self, assessment: Assessment, thresholds: Thresholds,
                     misreading: str = '') -> Verdict:
        """
        Record what the model says of a frame, and return the verdict on the camera.

        :param misreading: see ``ScoredImage``.
        :raises ValueError: if the score is not finite; nothing is changed.
        """
        with self._lock:
            smoothed = self._window.push(assessment.score)
            self._types.push(assessment.score, assessment.probabilities)
            self._counts['scored'] += 1
            self._last_frame_failed = False
            self._distortion = assessment.distortion
            self._misreading = misreading
            self._affected_share = assessment.affected_share
            self._status = next_status(self._status, smoothed, len(self._window), thresholds)
            return self._verdict()

    def _verdict(self) -> Verdict:
        distortion = Distortion.UNKNOWN
        if self._status in LOW:
            distortion = self._types.worst
        elif self._status == QualityScore.STATUS_OK:
            distortion = Distortion.CLEAN
        misreading = self._misreading if self._status in LOW else ''
        return Verdict(self._window.mean, len(self._window), self._status, distortion, misreading)

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
            self._window.clear()
            self._types.clear()
            self._status = QualityScore.STATUS_UNKNOWN
            self._distortion = Distortion.UNKNOWN
            self._affected_share = 0.0

    def restart_times(self, now_ns: int) -> None:
        """Forget rates and times, keep scores: the clock jumped, or frames only begin now."""
        with self._lock:
            for throughput in self._throughput.values():
                throughput.clear()
            self._limit.clear()
            self._latencies_ns.clear()
            self._logged_ns.clear()
            self._received_ns = None
            self._waiting_since_ns = now_ns
            self._content = None
            self._same_since_ns = self._same_until_ns = now_ns

    def sample(self, now_ns: int) -> None:
        """Take a sample of the counts for the rates; call it about once a second."""
        with self._lock:
            for name, throughput in self._throughput.items():
                throughput.sample(now_ns, self._counts[name])

    def report(self, now_ns: int) -> CameraReport:
        """Return the camera's state at this moment, rates as of the last sample."""
        with self._lock:
            rates = {name: throughput.rate_hz for name, throughput in self._throughput.items()}
            latencies_ns = self._latencies_ns.at(now_ns)
            has_scores = len(self._window) > 0
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
                score=self._window.last if has_scores else None,
                verdict=self._verdict() if has_scores else None,
                distortion=self._distortion,
                affected_share=self._affected_share,
                latency_p50_s=seconds(percentile(latencies_ns, 50)),
                latency_p95_s=seconds(percentile(latencies_ns, 95)),
                age_s=None if self._received_ns is None
                else max(now_ns - self._received_ns, 0) / NS_PER_S,
                waiting_s=max(now_ns - self._waiting_since_ns, 0) / NS_PER_S,
                frozen_s=(self._same_until_ns - self._same_since_ns) / NS_PER_S)
