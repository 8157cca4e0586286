"""Verdicts on frames → stretches of trouble, and sums over a camera."""

from __future__ import annotations

from dataclasses import dataclass

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.monitoring.status import LOW, Status
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.verdicts import Verdicts
import numpy as np

#: What to do about a status that has no type of distortion.
_ADVICE = {
    Status.FROZEN: 'restart the camera or its driver, whose picture does not change any more',
    Status.SILENT: 'check cable, power and driver, because no frame arrives that can be read',
}
#: The worst stretch of a camera is the one of this length with the lowest mean score, in s.
_STRETCH_S = 5.0


@dataclass(frozen=True)
class Event:
    """
    A stretch of trouble of one camera.

    ``start`` and ``end`` are the numbers of its first and last frame, of a silence the frames
    around it; times are ns on the recording's clock. ``worst`` is the frame with the lowest
    score, and -1 where no frame was scored.
    """

    start: int
    end: int
    start_ns: int
    end_ns: int
    status: Status
    distortion: Distortion
    lowest: float
    worst: int

    @property
    def label(self) -> str:
        """Return the type of distortion, or the status where that has none."""
        return self.distortion.label if self.status in LOW else self.status.label

    @property
    def advice(self) -> str:
        """Return what to do about it."""
        return _ADVICE.get(self.status) or self.distortion.advice


@dataclass(frozen=True)
class Summary:
    """
    What is said of a camera as a whole.

    Shares are of its duration and by value of ``Status`` and ``Distortion``. ``stretch_ns`` is
    where its worst stretch begins and ends, ``stretch_score`` the mean score of it.
    """

    duration_s: float
    frames: int
    failed: int
    mean: float
    lowest: float
    status_shares: dict[Status, float]
    type_shares: dict[Distortion, float]
    stretch_ns: tuple[int, int] | None
    stretch_score: float

    @property
    def trouble(self) -> float:
        """Return the share of time in which something was wrong, 0 to 1."""
        return sum(share for status, share in self.status_shares.items()
                   if status not in (Status.OK, Status.UNKNOWN))


def find_events(rows: np.ndarray, verdicts: Verdicts) -> list[Event]:
    """List the stretches of trouble of a camera in the order of their beginning."""
    # DEGRADED and BAD are one trouble that gets better and worse
    kinds = np.where(np.isin(verdicts.status, LOW), np.uint8(Status.BAD), verdicts.status)
    edges = np.flatnonzero(np.diff(kinds)) + 1
    events = []
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(rows)]):
        if start < end and kinds[start] not in (Status.UNKNOWN, Status.OK):
            events.append(_event(rows, verdicts, start, end - 1))
    for index in np.flatnonzero(verdicts.silent_s).tolist():
        before = int(np.flatnonzero(rows['error'][:index] == b'')[-1])
        if verdicts.status[index - 1] != Status.SILENT:  # else it is among the ones above
            events.append(Event(before, index, int(rows['time_ns'][before]),
                                int(rows['time_ns'][index]), Status.SILENT, Distortion.UNKNOWN,
                                float('nan'), -1))
    return sorted(events, key=lambda event: (event.start_ns, event.end_ns))


def _event(rows: np.ndarray, verdicts: Verdicts, start: int, end: int) -> Event:
    part = slice(start, end + 1)
    scored = np.flatnonzero(rows['error'][part] == b'') + start
    status = Status(int(verdicts.status[part].max()))
    types = verdicts.distortion[part]
    types = types[types != Distortion.UNKNOWN]
    distortion = Distortion(int(np.bincount(types).argmax())) if len(types) else Distortion.UNKNOWN
    worst = int(scored[rows['score'][scored].argmin()]) if len(scored) else -1
    lowest = float(rows['score'][worst]) if len(scored) else float('nan')
    return Event(start, end, int(rows['time_ns'][start]), int(rows['time_ns'][end]), status,
                 distortion, lowest, worst)


def summarise(rows: np.ndarray, verdicts: Verdicts, settings: ScoringSettings) -> Summary:
    """Return what is said of a camera as a whole."""
    scored = rows['error'] == b''
    scores = rows['score'][scored].astype(float)
    times_s = rows['time_ns'] / 1e9
    held_s = np.diff(times_s, append=times_s[-1:])
    if len(rows) and not held_s.any():  # a single picture, or none that tells a time
        held_s = np.ones(len(rows))
    elif len(rows) > 1:
        held_s[-1] = np.median(held_s[:-1])
    silent_s = np.zeros(len(rows))
    silent_s[:-1] = verdicts.silent_s[1:]  # lies between a frame and the next one
    held_s = np.maximum(held_s - silent_s, 0.0)
    total_s = max(float(held_s.sum() + silent_s.sum()), 1e-9)
    statuses = {status: float(held_s[verdicts.status == status].sum()) / total_s
                for status in Status}
    statuses[Status.SILENT] += float(silent_s.sum()) / total_s
    types: dict[Distortion, float] = {
        each: float(held_s[scored & (rows['distortion'] == each)].sum()) / total_s
        for each in CLASSES}
    stretch, stretch_score = _worst_stretch(rows[scored])
    return Summary(
        duration_s=float(times_s[-1] - times_s[0]) if len(rows) else 0.0,
        frames=len(rows), failed=int((~scored).sum()),
        mean=float(scores.mean()) if len(scores) else float('nan'),
        lowest=float(scores.min()) if len(scores) else float('nan'),
        status_shares=statuses, type_shares=types, stretch_ns=stretch,
        stretch_score=stretch_score)


def _worst_stretch(rows: np.ndarray) -> tuple[tuple[int, int] | None, float]:
    """Return the stretch of scored frames with the lowest mean score, and that score."""
    if not len(rows):
        return None, float('nan')
    times_ns = rows['time_ns']
    sums = np.concatenate([[0.0], np.cumsum(rows['score'], dtype=float)])
    starts = np.arange(len(rows))
    ends = np.searchsorted(times_ns, times_ns + int(_STRETCH_S * 1e9), 'right')
    whole = ends < len(rows)
    whole[0] = True
    means = np.where(whole, (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1), np.inf)
    worst = int(means.argmin())
    return (int(times_ns[worst]), int(times_ns[ends[worst] - 1])), float(means[worst])
