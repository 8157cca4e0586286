"""Recognises shutter corrections (FFC, NUC): short spells of frozen or blank pictures."""

from __future__ import annotations

from collections import deque

# Shorter spells are single frames that were sent twice.
_SHORTEST_S = 0.2
_INTERVALS = 10


class ShutterWatch:
    """
    Recognises the shutter corrections of one camera.

    While a camera corrects its pixels against the closed shutter, its picture is frozen or blank.
    Times are in s, of any clock.
    """

    def __init__(self) -> None:
        self.corrections = 0
        self._began_s: float | None = None
        self._until_s = 0.0
        self._ends_s: deque[float] = deque(maxlen=_INTERVALS + 1)

    def record(self, is_closed: bool, time_s: float, longest_s: float) -> float | None:
        """
        Record a frame, and return for how long the shutter seems to be closed; None if it is not.

        :param is_closed: whether its picture is frozen or blank.
        :param longest_s: how long a correction takes at most.
        """
        if is_closed:
            if self._began_s is None:
                self._began_s = time_s
            self._until_s = time_s
            return time_s - self._began_s
        if self._began_s is not None and (
                _SHORTEST_S <= self._until_s - self._began_s <= longest_s):
            self.corrections += 1
            self._ends_s.append(time_s)
        self._began_s = None
        return None

    @property
    def closed_s(self) -> float:
        """Return for how long the shutter seems to be closed; 0 if it is open."""
        return 0.0 if self._began_s is None else self._until_s - self._began_s

    @property
    def last_s(self) -> float | None:
        """Return when the last correction ended; None if there was none."""
        return self._ends_s[-1] if self._ends_s else None

    @property
    def interval_s(self) -> float | None:
        """Return the mean time between the last few corrections; None if there were not two."""
        if len(self._ends_s) < 2:
            return None
        return (self._ends_s[-1] - self._ends_s[0]) / (len(self._ends_s) - 1)

    def restart_times(self) -> None:
        """Forget when corrections were, keep how many, after the clock jumped."""
        self._began_s = None
        self._ends_s.clear()
