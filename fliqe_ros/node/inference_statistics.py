"""What the forward passes take, for the diagnostics."""

from collections import deque
from dataclasses import dataclass
from threading import Lock
from time import perf_counter

from fliqe_ros.node.timing import NS_PER_S, percentile, Throughput

_BATCHES = 100


@dataclass(frozen=True)
class InferenceReport:
    """
    The worker at one moment; times in seconds of real time.

    load: share of the time since the report before this one in which a forward pass ran, 0 to 1.
    """

    batches: int = 0
    frames: int = 0
    last_batch_size: int = 0
    mean_batch_size: float = 0.0
    batch_p50_s: float | None = None
    batch_p95_s: float | None = None
    busy_s: float = 0.0
    load: float = 0.0


class InferenceTimes:
    """
    What the forward passes took.

    Real time, not the node's clock: it says how fast this machine is, also when a bag is
    replayed ten times as fast or the simulation stands still.
    """

    def __init__(self):
        self._lock = Lock()
        self._batches = self._frames = self._last_size = 0
        self._started_s = None
        self._durations_s = deque(maxlen=_BATCHES)
        self._worked_s = 0.0  # in passes that ended
        self._load = Throughput(reports=1)  # seconds of work per second
        self._load.rate_hz(_ns(perf_counter()), 0)

    def start(self) -> None:
        """Note that a forward pass begins."""
        with self._lock:
            self._started_s = perf_counter()

    def finish(self, frames: int) -> None:
        """Note that the forward pass ended; ``frames`` is 0 if it failed."""
        with self._lock:
            duration_s = perf_counter() - self._started_s
            self._worked_s += duration_s
            self._started_s = None
            if frames:
                self._durations_s.append(duration_s)
                self._batches += 1
                self._frames += frames
                self._last_size = frames

    def report(self) -> InferenceReport:
        """Return the state of this moment."""
        with self._lock:
            now_s = perf_counter()
            busy_s = 0.0 if self._started_s is None else now_s - self._started_s
            return InferenceReport(
                batches=self._batches,
                frames=self._frames,
                last_batch_size=self._last_size,
                mean_batch_size=self._frames / max(self._batches, 1),
                batch_p50_s=percentile(self._durations_s, 50),
                batch_p95_s=percentile(self._durations_s, 95),
                busy_s=busy_s,
                load=self._load.rate_hz(_ns(now_s), self._worked_s + busy_s))


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
