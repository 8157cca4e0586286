"""All cameras that are monitored: what was heard of each, and in which order to show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.tools.monitor_window.events import EventLog
from fliqe_ros.tools.monitor_window.history import History
from fliqe_ros.tools.monitor_window.states import State
import numpy as np

#: A node publishes scores or diagnostics once a second at least.
ABSENT_AFTER_S = 5.0
_ABSENT = ('nothing is heard of it any more: look after the node that scores it, or remove the '
           'row if the camera was taken away')
#: What the diagnostics count as lost: their key, and the word that is shown.
_LOSSES = {'lost in transport': 'lost', 'dropped': 'dropped', 'errors': 'unreadable'}


@dataclass
class CameraRow:
    """
    What is known of one camera.

    ``name`` is its namespace, ``topic`` that of its scores. ``values`` are those of its
    diagnostics. ``picture`` is the newest one, (H, W, 3) BGR, uint8. Scores are from 0 to 1.
    """

    name: str
    topic: str
    heard_s: float
    state: State = State.UNKNOWN
    reason: str = ''
    label: str = ''
    score: float = 0.0
    smoothed: float = 0.0
    status_score: float = 0.0
    latency_s: float = 0.0
    has_score: bool = False
    model: str = ''
    muted: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    history: History = field(default_factory=History)
    picture: np.ndarray | None = None

    @property
    def advice(self) -> str:
        """Return what is wrong and what to do about it; empty if nothing is."""
        return _ABSENT if self.state == State.ABSENT else self.reason

    def losses(self) -> str:
        """Return how many frames were lost on their way, since the node began."""
        counts = [(self.values.get(key, '0'), word) for key, word in _LOSSES.items()]
        return ', '.join(f'{count} {word}' for count, word in counts if count != '0') \
            or 'no losses'

    def figures(self, now_s: float) -> str:
        """Return rate, latency and losses on one line."""
        rate = f'{self.history.rate_hz(now_s):.1f} Hz'
        latency = f'{1e3 * self.latency_s:.0f} ms' if self.latency_s else 'no latency known'
        return f'{rate}  ·  {latency}  ·  {self.losses()}'

    def order(self) -> tuple[bool, int, int, str]:
        """Return the key to sort by: the worst first, the muted last."""
        # In tenths, so that two cameras in the same trouble do not change places all the time.
        tenths = int(10 * self.status_score) if self.state.is_trouble else 0
        return self.muted, -self.state.severity, tenths, self.name


class Fleet:
    """The cameras by name, and the log of their events."""

    def __init__(self) -> None:
        self.rows: dict[str, CameraRow] = {}
        self.events = EventLog()

    def add(self, name: str, topic: str, now_s: float) -> None:
        """Show a camera, if it is not shown yet."""
        if name not in self.rows:
            self.rows[name] = CameraRow(name, topic, now_s)

    def hear(self, name: str, message: Any, now_s: float, messages: int = 1) -> None:
        """
        Take in what a node says of a camera.

        :param message: the newest, with the fields of ``QualityScore``.
        :param now_s: seconds since 1970.
        :param messages: how many have come since the last call, this one among them.
        """
        row = self.rows[name]
        row.heard_s = now_s
        row.state = State.of(message.status)
        row.reason = message.reason
        row.label = _label(row.state, message.status_distortion)
        row.status_score = message.status_score
        row.smoothed = message.smoothed_score
        row.model = message.model
        latency_s = message.latency.sec + message.latency.nanosec * 1e-9
        if latency_s > 0:  # else it repeats what was said before
            row.latency_s = latency_s
            row.score, row.has_score = message.score, True
            row.history.add_score(now_s, row.state, row.score, row.smoothed, messages)
        else:
            row.history.add_state(now_s, row.state)
        self._note(row, now_s)

    def diagnose(self, values: Mapping[str, str], now_s: float) -> None:
        """Take in the values of a camera's diagnostics; others are left aside."""
        row = self.rows.get(values.get('camera', ''))
        if row:
            row.values = values
            if row.state != State.ABSENT:
                row.heard_s = now_s

    def tick(self, now_s: float) -> None:
        """Notice which cameras nothing is heard of any more; call it once a second at least."""
        for row in self.rows.values():
            if now_s - row.heard_s > ABSENT_AFTER_S:
                row.state = State.ABSENT
                row.label = row.state.label
                self._note(row, now_s)
            row.history.add_state(now_s, row.state)

    def show(self, name: str, picture: np.ndarray) -> None:
        """Take the newest picture of a camera."""
        row = self.rows.get(name)
        if row:
            row.picture = picture
            if not row.muted:
                self.events.show(name, picture)

    def mute(self, name: str, muted: bool, now_s: float) -> None:
        """Show a camera last and log no events of it, or do again."""
        row = self.rows[name]
        row.muted = muted
        if muted:
            self.events.end(name, now_s)
        else:
            self._note(row, now_s)

    def remove(self, name: str, now_s: float) -> None:
        """Show a camera no more; it comes back if anything is heard of it."""
        self.rows.pop(name, None)
        self.events.end(name, now_s)

    def ordered(self) -> list[CameraRow]:
        """Return the rows, the worst first."""
        return sorted(self.rows.values(), key=CameraRow.order)

    def summary(self) -> str:
        """Return how the cameras are, in one sentence."""
        rows = self.rows.values()
        if not rows:
            return 'No camera is scored yet'
        troubled = sum(row.state.is_trouble and not row.muted for row in rows)
        muted = sum(row.muted for row in rows)
        all_of = f'{len(rows)} camera' + 's' * (len(rows) > 1)
        told = f'{troubled} of {all_of} in trouble' if troubled else f'{all_of}, none in trouble'
        return told + (f', {muted} muted' if muted else '')

    def _note(self, row: CameraRow, now_s: float) -> None:
        if not row.muted:
            self.events.note(
                row.name, row.state, row.label, row.advice, row.status_score, now_s)


def _label(state: State, distortion: int) -> str:
    """Return the type of distortion of a low state, else the name of the state."""
    if state not in (State.DEGRADED, State.BAD):
        return state.label
    try:
        return Distortion(distortion).label
    except ValueError:  # of a newer message
        return f'type {distortion}'
