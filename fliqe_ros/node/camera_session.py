"""What the node knows about one camera: its scores, counts and times. No ROS calls."""

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.parameters import Thresholds
from fliqe_ros.node.status import next_status
from fliqe_ros.node.timing import NS_PER_S, percentile, RateLimit, Throughput
from fliqe_ros.smoothing import SmoothingWindow

_LATENCIES = 300
_REPEAT_LOG_AFTER_NS = 60 * NS_PER_S


@dataclass(frozen=True)
class Verdict:
    """The smoothed score (0 to 1), of how many frames it is the mean, and the status."""

    smoothed: float
    frames: int
    status: int


@dataclass(frozen=True)
class CameraReport:
    """A camera at one moment; counts since it was created, rates over the last seconds."""

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
    latency_p50_s: float | None
    latency_p95_s: float | None
    age_s: float | None
    waiting_s: float
    frozen_s: float


class CameraSession:
    """
    One camera's session, shared by the executor thread and the worker.

    Times are of the node's clock, in ns. A frame received is either skipped (``max_rate``),
    dropped (a newer one came before its turn), failed, or scored. A frame lost on its way is none
    of these.
    """

    def __init__(self, namespace: str, smoothing_window: int):
        self.namespace = namespace
        self._lock = Lock()
        self._window = SmoothingWindow(smoothing_window)
        self._status = QualityScore.STATUS_UNKNOWN
        self._distortion = Distortion.UNKNOWN
        self._counts = Counter()
        self._errors = Counter()
        self._last_error = ''
        self._last_frame_failed = False
        self._throughput = {
            count: Throughput() for count in ('received', 'scored', 'dropped', 'failed', 'lost')}
        self._limit = RateLimit()
        self._latencies_ns = deque(maxlen=_LATENCIES)
        self._logged_ns: dict[str, int] = {}
        self._received_ns = None
        self._waiting_since_ns = 0
        self._picture = None
        self._same_since_ns = self._same_until_ns = 0

    def receive(self, now_ns: int, max_rate_hz: float) -> bool:
        """Count a frame that arrived; return whether it is to be scored."""
        with self._lock:
            self._counts['received'] += 1
            self._received_ns = now_ns
            if self._limit.admits(now_ns, max_rate_hz):
                return True
            self._counts['skipped'] += 1
            return False

    def drop(self) -> None:
        """Count a frame that a newer one replaced."""
        with self._lock:
            self._counts['dropped'] += 1

    def lose(self, frames: int) -> None:
        """Count frames that were published and never arrived."""
        with self._lock:
            self._counts['lost'] += frames

    def see(self, content, received_ns: int) -> None:
        """
        Note the content of the frame received then, to notice a frozen picture.

        :param content: what equals that of the frame before only if the pictures do, such as the
            data of an image message; it is kept until the next one, not copied.
        """
        with self._lock:
            # To compare costs next to nothing, since pictures differ from the first pixels on;
            # any checksum would have to read them all.
            # A frame that was received before the clock was set back comes from its future.
            if content != self._picture or received_ns < self._same_since_ns:
                self._picture = content
                self._same_since_ns = received_ns
            self._same_until_ns = received_ns

    def fail(self, cause: str, sentence: str, now_ns: int) -> bool:
        """
        Count a frame that could not be scored, by cause.

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

    def score(self, score: float, distortion: Distortion, thresholds: Thresholds) -> Verdict:
        """
        Add a frame's score, 0 to 1, to the session and judge it.

        :raises ValueError: if the score is not finite; nothing is changed.
        """
        with self._lock:
            smoothed = self._window.push(score)
            self._counts['scored'] += 1
            self._last_frame_failed = False
            self._distortion = distortion
            self._status = next_status(self._status, smoothed, len(self._window), thresholds)
            return Verdict(smoothed, len(self._window), self._status)

    def published(self, latency_ns: int) -> None:
        """Note how long after its reception a frame's score was published."""
        with self._lock:
            self._latencies_ns.append(latency_ns)

    def draw(self) -> None:
        """Count an overlay image."""
        with self._lock:
            self._counts['drawn'] += 1

    def reset(self) -> None:
        """Forget the scores; the counts and times stay."""
        with self._lock:
            self._window.clear()
            self._status = QualityScore.STATUS_UNKNOWN
            self._distortion = Distortion.UNKNOWN

    def restart_times(self, now_ns: int) -> None:
        """Forget rates and times, not scores: the clock jumped, or frames begin only now."""
        with self._lock:
            for throughput in self._throughput.values():
                throughput.clear()
            self._limit.clear()
            self._latencies_ns.clear()
            self._logged_ns.clear()
            self._received_ns = None
            self._waiting_since_ns = now_ns
            self._picture = None
            self._same_since_ns = self._same_until_ns = now_ns

    def report(self, now_ns: int) -> CameraReport:
        """Return the camera's state at this moment; to be called about once a second."""
        with self._lock:
            rates = {name: throughput.rate_hz(now_ns, self._counts[name])
                     for name, throughput in self._throughput.items()}
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
                verdict=Verdict(self._window.mean, len(self._window), self._status)
                if has_scores else None,
                distortion=self._distortion,
                latency_p50_s=_seconds(percentile(self._latencies_ns, 50)),
                latency_p95_s=_seconds(percentile(self._latencies_ns, 95)),
                age_s=None if self._received_ns is None
                else _seconds(max(now_ns - self._received_ns, 0)),
                waiting_s=_seconds(max(now_ns - self._waiting_since_ns, 0)),
                frozen_s=_seconds(self._same_until_ns - self._same_since_ns))


def _seconds(duration_ns: float | None) -> float | None:
    return None if duration_ns is None else duration_ns / NS_PER_S
