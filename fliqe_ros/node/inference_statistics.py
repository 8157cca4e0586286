"""How long the forward passes take, for the diagnostics."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock
from time import perf_counter

from fliqe_ros.node.timing import NS_PER_S, percentile, Throughput

_BATCHES = 100


@dataclass(frozen=True)
class InferenceReport:
    """The forward passes so far, and the newest ones; times in seconds of real time."""

    batches: int = 0
    frames: int = 0
    last_batch_size: int = 0
    mean_batch_size: float = 0.0
    batch_p50_s: float | None = None
    batch_p95_s: float | None = None
    #: How long the pass that runs now has taken so far; 0 if none runs.
    busy_s: float = 0.0
    #: Share of the time between the last two samples in which a pass ran, 0 to 1.
    load: float = 0.0


class InferenceTimes:
    """
    Records how long forward passes take.

    The times are real time, not the node's clock: they tell how fast this machine is, also when
    a bag is replayed ten times as fast or the simulation stands still.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._batches = self._frames = self._last_size = 0
        self._started_s: float | None = None
        self._durations_s: deque[float] = deque(maxlen=_BATCHES)
        self._worked_s = 0.0  # in passes that ended
        self._load = Throughput(intervals=1)  # seconds of work per second
        self.sample()

    def start(self) -> None:
        """Record that a forward pass begins."""
        with self._lock:
            self._started_s = perf_counter()

    def finish(self, frames: int) -> None:
        """Record that the forward pass ended; ``frames`` is 0 if it failed."""
        with self._lock:
            if self._started_s is None:
                return
            duration_s = perf_counter() - self._started_s
            self._worked_s += duration_s
            self._started_s = None
            if frames:
                self._durations_s.append(duration_s)
                self._batches += 1
                self._frames += frames
                self._last_size = frames

    def sample(self) -> None:
        """Take a sample for the load; call it about once a second."""
        with self._lock:
            now_s = perf_counter()
            self._load.sample(round(now_s * NS_PER_S), self._worked_s + self._busy_s(now_s))

    def report(self) -> InferenceReport:
        """Return the state at this moment."""
        with self._lock:
            return InferenceReport(
                batches=self._batches,
                frames=self._frames,
                last_batch_size=self._last_size,
                mean_batch_size=self._frames / max(self._batches, 1),
                batch_p50_s=percentile(self._durations_s, 50),
                batch_p95_s=percentile(self._durations_s, 95),
                busy_s=self._busy_s(perf_counter()),
                load=self._load.rate_hz)

    def _busy_s(self, now_s: float) -> float:
        return 0.0 if self._started_s is None else now_s - self._started_s
