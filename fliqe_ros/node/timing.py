"""Rates and latencies. Times are nanoseconds of any clock, which may also stand still."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

NS_PER_S = 1_000_000_000


class Throughput:
    """The rate at which a count grows, over the last few samples."""

    def __init__(self, intervals: int = 5) -> None:
        self._samples: deque[tuple[int, float]] = deque(maxlen=intervals + 1)

    def sample(self, now_ns: int, count: float) -> None:
        """Add a sample of the count; ignored while the clock stands still."""
        if not self._samples or now_ns > self._samples[-1][0]:
            self._samples.append((now_ns, count))

    @property
    def rate_hz(self) -> float:
        """Return the growth per second from the first to the last sample; 0 if there is one."""
        if len(self._samples) < 2:
            return 0.0
        (first_ns, first), (last_ns, last) = self._samples[0], self._samples[-1]
        return (last - first) * NS_PER_S / (last_ns - first_ns)

    def clear(self) -> None:
        """Forget the samples, after the clock jumped."""
        self._samples.clear()


class RecentValues:
    """
    The values of the last few seconds.

    :param period_ns: how long a value counts.
    :param most: how many are kept if more come in that time, or while the clock stands still.
    """

    def __init__(self, period_ns: int, most: int = 1000) -> None:
        self._period_ns = period_ns
        self._values: deque[tuple[int, int]] = deque(maxlen=most)

    def add(self, now_ns: int, value: int) -> None:
        """Add a value of this moment."""
        self._values.append((now_ns, value))

    def at(self, now_ns: int) -> list[int]:
        """Return the values that count at this moment, the oldest first."""
        return [value for time_ns, value in self._values if now_ns - time_ns <= self._period_ns]

    def clear(self) -> None:
        """Forget the values, after the clock jumped."""
        self._values.clear()


class RateLimit:
    """Lets events through up to a mean rate."""

    def __init__(self) -> None:
        self._due_ns: int | None = None

    def admits(self, now_ns: int, rate_hz: float) -> bool:
        """Return whether the event of this moment may pass; a rate of 0 is no limit."""
        if rate_hz == 0:
            return True
        period_ns = round(NS_PER_S / rate_hz)
        if self._due_ns is None or self._due_ns > now_ns + period_ns:
            self._due_ns = now_ns
        if now_ns < self._due_ns:
            return False
        # The next event is due one period after this one was due, not after it came. This keeps
        # the mean rate exact: 30 Hz limited to 20 Hz gives 20 Hz, not 15.
        self._due_ns = max(self._due_ns + period_ns, now_ns)
        return True

    def clear(self) -> None:
        """Forget when the next event is due, after the clock jumped."""
        self._due_ns = None


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Return the nearest-rank percentile of the values, or None if there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


def seconds(duration_ns: float | None) -> float | None:
    """Return nanoseconds as seconds; None stays None."""
    return None if duration_ns is None else duration_ns / NS_PER_S
