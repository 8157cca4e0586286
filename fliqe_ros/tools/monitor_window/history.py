"""The last minutes of one camera, second by second, for the strip that is drawn of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from fliqe_ros.tools.monitor_window.states import State

#: How far back the strip goes.
SPAN_S = 600
_RATE_OVER_S = 5


@dataclass
class Second:
    """
    What was heard within one second.

    ``state`` is the worst of it, ``lowest`` the lowest score, and ``smoothed`` the last smoothed
    score, both from 0 to 1. They are None while ``scores``, the number of new scores, is 0.
    """

    start_s: int
    state: State
    scores: int = 0
    lowest: float | None = None
    smoothed: float | None = None


class History:
    """Keeps the seconds of the last ``SPAN_S`` in which anything was heard, the oldest first."""

    def __init__(self) -> None:
        self._seconds: deque[Second] = deque(maxlen=SPAN_S)

    def __iter__(self) -> Iterator[Second]:
        return iter(self._seconds)

    def add_state(self, now_s: float, state: State) -> Second:
        """Record a state; return the second that it belongs to."""
        start_s = int(now_s)
        if not self._seconds or start_s > self._seconds[-1].start_s:
            self._seconds.append(Second(start_s, state))
        second = self._seconds[-1]
        if state.severity > second.state.severity:
            second.state = state
        return second

    def add_score(
        self, now_s: float, state: State, score: float, smoothed: float, scores: int = 1,
    ) -> None:
        """
        Record the score of a new frame.

        :param scores: how many came since the last call, this one among them.
        """
        second = self.add_state(now_s, state)
        second.scores += scores
        second.smoothed = smoothed
        if second.lowest is None or score < second.lowest:
            second.lowest = score

    def since(self, start_s: float) -> list[Second]:
        """Return the seconds from ``start_s`` on."""
        return [second for second in self._seconds if second.start_s >= start_s]

    def rate_hz(self, now_s: float) -> float:
        """Return how many scores came per second, over the last whole seconds."""
        first_s = int(now_s) - _RATE_OVER_S
        counted = [second for second in self.since(first_s) if second.start_s < int(now_s)]
        if not counted:
            return 0.0
        known_s = int(now_s) - max(first_s, self._seconds[0].start_s)
        return sum(second.scores for second in counted) / known_s
