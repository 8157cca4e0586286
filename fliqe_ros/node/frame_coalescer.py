"""The executor of the node's process, which lets frames of several cameras share a wait set."""

from collections import Counter
from collections.abc import Callable, Mapping
import time

from rclpy.executors import SingleThreadedExecutor

# Longest time that a frame waits for others, where cameras are slow.
_MOST_S = 0.02
# Share of the time in forward passes from which on frames have to wait for them anyway.
_BUSY = 0.7


class FrameCoalescer:
    """
    How long frames may gather: half of the fastest camera's period, so none gets ahead.

    One camera has nobody to wait for, and a busy node no time to wait. Real time, not the node's
    clock, as a bag may be replayed ten times as fast.

    :param now_s: the clock.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic):
        self.time_s = 0.0
        self._now_s = now_s
        self._decided_s = now_s()
        self._received = Counter()

    def decide(self, received: Mapping[str, int], load: float) -> None:
        """
        Set ``time_s`` by what came since the decision before; to be called about once a second.

        :param received: how many frames of each camera came so far.
        :param load: share of the time that the node spends in forward passes, 0 to 1.
        """
        now_s, received = self._now_s(), Counter(received)
        came = received - self._received  # without those of which nothing came
        if len(came) < 2 or load > _BUSY:
            self.time_s = 0.0
        else:
            self.time_s = min(_MOST_S, 0.5 * (now_s - self._decided_s) / max(came.values()))
        self._decided_s, self._received = now_s, received

    def stop(self) -> None:
        """Let nothing gather until the next decision: a frame was dropped, so more come now."""
        self.time_s = 0.0


class CoalescingExecutor(SingleThreadedExecutor):
    """
    Lets messages gather for a moment before it looks for them.

    rclpy builds a wait set of all that a node has whenever it has run what was ready. With several
    cameras that takes longer than all else it does for a frame, unless a few frames share one.

    :param pause_s: returns how long to let messages gather, 0 for not at all.
    """

    def __init__(self, pause_s: Callable[[], float], **kwargs):
        super().__init__(**kwargs)
        self._pause_s = pause_s

    # Where an rclpy has no such method, nothing is gathered.
    def _wait_for_ready_callbacks(self, *args, **kwargs):
        if (pause_s := self._pause_s()) > 0:
            time.sleep(pause_s)
        yield from super()._wait_for_ready_callbacks(*args, **kwargs)
