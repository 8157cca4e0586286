"""Rates and latencies by the node's clock, which may stand still; nanoseconds since its epoch."""

from collections import deque

NS_PER_S = 1_000_000_000


class Throughput:
    """The rate of a growing count, from how it grew over the last few reports."""

    def __init__(self, reports: int = 5):
        self._samples = deque(maxlen=reports + 1)

    def rate_hz(self, now_ns: int, count: int) -> float:
        """Note the count and return its growth per second; 0 while the clock stands still."""
        if not self._samples or now_ns > self._samples[-1][0]:
            self._samples.append((now_ns, count))
        (first_ns, first), (last_ns, last) = self._samples[0], self._samples[-1]
        if last_ns == first_ns:
            return 0.0
        return (last - first) * NS_PER_S / (last_ns - first_ns)

    def clear(self) -> None:
        """Start afresh, after the clock jumped."""
        self._samples.clear()


class RateLimit:
    """Lets events through at no more than a mean rate."""

    def __init__(self):
        self._due_ns = None

    def admits(self, now_ns: int, rate_hz: float) -> bool:
        """Return whether the event of this moment may pass; a rate of 0 is no limit."""
        if rate_hz == 0:
            return True
        period_ns = round(NS_PER_S / rate_hz)
        if self._due_ns is None or self._due_ns > now_ns + period_ns:
            self._due_ns = now_ns
        if now_ns < self._due_ns:
            return False
        # Counting on from when it was due keeps the mean rate exact: 30 Hz limited to 20 Hz
        # gives 20 Hz, not 15.
        self._due_ns = max(self._due_ns + period_ns, now_ns)
        return True

    def clear(self) -> None:
        """Start afresh, after the clock jumped."""
        self._due_ns = None


def percentile(values, percent: float) -> float | None:
    """Return the nearest-rank percentile of the values, or None if there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]
