"""The log of what went wrong: stretches of trouble, each with a picture where there was one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from fliqe_ros.tools.monitor_window.states import State
import numpy as np

_MOST_EVENTS = 500
#: A picture takes 240 kB, so only that many events keep one.
_MOST_PICTURES = 100
# One trouble that gets better and worse
_LOW = (State.DEGRADED, State.BAD)


@dataclass
class Event:
    """
    A stretch of trouble of one camera.

    Times are seconds since 1970 on the clock of this machine; ``ended_s`` is None while it lasts.
    ``state``, ``label`` and ``reason`` are those of the worst moment, ``lowest`` is the lowest
    score, from 0 to 1, that the status was judged by. ``picture`` is (H, W, 3) BGR, uint8.
    """

    camera: str
    state: State
    label: str
    reason: str
    began_s: float
    lowest: float
    ended_s: float | None = None
    picture: np.ndarray | None = None

    def is_of(self, state: State) -> bool:
        """Return whether a state belongs to the same trouble."""
        return state == self.state or (state in _LOW and self.state in _LOW)


class EventLog:
    """The newest events of all cameras; iterating begins with the newest."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._open: dict[str, Event] = {}
        #: Grows with each change, so that a view knows when to draw anew.
        self.changes = 0

    def __iter__(self) -> Iterator[Event]:
        return reversed(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def lasting(self, camera: str) -> Event | None:
        """Return the event of a camera that has not ended."""
        return self._open.get(camera)

    def note(
        self, camera: str, state: State, label: str, reason: str, score: float, now_s: float,
    ) -> None:
        """
        Record the state of a camera at one moment.

        :param label: the type of distortion, or the name of the state where it has none.
        :param score: that the state was judged by, 0 to 1.
        """
        event = self._open.get(camera)
        if event and not event.is_of(state):
            self.end(camera, now_s)
            event = None
        if event is None and state.is_trouble:
            event = Event(camera, state, label, reason, now_s, score)
            self._open[camera] = event
            self._events.append(event)
            self.changes += 1
        elif event and (state.severity, -score) > (event.state.severity, -event.lowest):
            event.state, event.label, event.reason, event.lowest = state, label, reason, score
            self.changes += 1

    def end(self, camera: str, now_s: float) -> None:
        """End the event of a camera, if there is one."""
        event = self._open.pop(camera, None)
        if event:
            event.ended_s = now_s
            self.changes += 1

    def show(self, camera: str, picture: np.ndarray) -> None:
        """Keep the picture for the event of a camera, if it lasts and has none yet."""
        event = self._open.get(camera)
        if event is None or event.picture is not None:
            return
        event.picture = picture
        self.changes += 1
        pictured = [each for each in self._events if each.picture is not None]
        for each in pictured[:-_MOST_PICTURES]:
            each.picture = None
