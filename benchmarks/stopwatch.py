"""One way to time what is done again and again."""

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple


class Timing(NamedTuple):
    """Times of every call, and the mean time of the CPU (all threads) for one, in ms."""

    times_ms: list
    cpu_ms: float

    @property
    def median_ms(self) -> float:
        """Return the median of the times."""
        return median(self.times_ms)


def time_calls(work: Callable[[], object], seconds: float) -> Timing:
    """Call ``work`` for so long, at least three times; a first call for warming up counts not."""
    work()
    times_ms, end_s, began_cpu_s = [], perf_counter() + seconds, process_time()
    while len(times_ms) < 3 or perf_counter() < end_s:
        began_s = perf_counter()
        work()
        times_ms.append(1e3 * (perf_counter() - began_s))
    return Timing(times_ms, 1e3 * (process_time() - began_cpu_s) / len(times_ms))
