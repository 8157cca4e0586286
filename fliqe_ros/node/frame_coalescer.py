"""How long frames of several cameras may gather, so that they share a wait set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
import time

# Longest time that a frame waits for others, where cameras are slow.
_MOST_S = 0.02
# Share of the time in forward passes from which on frames have to wait for them anyway.
_BUSY = 0.7


class FrameCoalescer:
    """
    Decides how long frames may gather: up to half the period of the fastest camera.

    A single camera has no others to wait for. In a busy node frames wait for forward passes
    anyway. The times are real time, not the node's clock: a bag may be replayed ten times as fast.

    :param now_s: returns the time in seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.time_s = 0.0
        self._now_s = now_s
        self._decided_s = now_s()
        self._received: Counter[str] = Counter()

    def decide(self, received: Mapping[str, int], load: float) -> None:
        """
        Set ``time_s`` from the frames since the last call; call it about once a second.

        :param received: how many frames of each camera have come so far.
        :param load: share of the time that the node spends in forward passes, 0 to 1.
        """
        now_s, totals = self._now_s(), Counter(received)
        came = totals - self._received  # leaves out cameras without new frames
        if len(came) < 2 or load > _BUSY:
            self.time_s = 0.0
        else:
            self.time_s = min(_MOST_S, 0.5 * (now_s - self._decided_s) / max(came.values()))
        self._decided_s, self._received = now_s, totals

    def stop(self) -> None:
        """Let nothing gather until the next decision, because a frame was dropped."""
        self.time_s = 0.0
