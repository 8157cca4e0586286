"""The states that a row can be in: those of the message, and that nothing is heard any more."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from fliqe_ros.monitoring.status import Status


class State(IntEnum):
    """What is known of a camera: the values of ``QualityScore.STATUS_*``, and ``ABSENT``."""

    UNKNOWN = Status.UNKNOWN
    OK = Status.OK
    DEGRADED = Status.DEGRADED
    BAD = Status.BAD
    FROZEN = Status.FROZEN
    SILENT = Status.SILENT
    ABSENT = 254

    @classmethod
    def of(cls, status: int) -> State:
        """Return the state of a status; one that is not known cannot be trusted, so it is BAD."""
        return cls(status) if status in _OF_MESSAGE else cls.BAD

    @property
    def label(self) -> str:
        """Return the name in lower case."""
        return self.name.lower()

    @property
    def is_trouble(self) -> bool:
        """Return whether somebody has to look at the camera."""
        return self not in (State.OK, State.UNKNOWN)

    @property
    def severity(self) -> int:
        """Return how bad the state is; higher is worse."""
        return _FROM_BEST.index(self)

    @property
    def look(self) -> Look:
        """Return how the state is drawn."""
        return _LOOKS[self]


class Look(NamedTuple):
    """The colour of a state, red, green, blue from 0 to 255, and a symbol that tells it alone."""

    colour: tuple[int, int, int]
    symbol: str


_OF_MESSAGE = frozenset(int(status) for status in Status)
_FROM_BEST = (State.OK, State.UNKNOWN, State.DEGRADED, State.BAD, State.FROZEN, State.SILENT,
              State.ABSENT)

# The colours of Okabe and Ito, which people with any colour vision tell apart; DEGRADED and BAD,
# which stand beside each other most, differ most in brightness.
_LOOKS = {
    State.UNKNOWN: Look((153, 153, 153), '?'),
    State.OK: Look((0, 158, 115), '✓'),
    State.DEGRADED: Look((240, 200, 50), '▲'),
    State.BAD: Look((195, 60, 0), '✖'),
    State.FROZEN: Look((86, 180, 233), '‖'),
    State.SILENT: Look((148, 75, 150), '∅'),
    State.ABSENT: Look((70, 70, 70), '…'),
}
