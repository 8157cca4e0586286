"""The status of a camera: its values, and how it follows from a score with hysteresis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """The verdict on a camera; the values are those of ``QualityScore.STATUS_*``."""

    UNKNOWN = 0
    OK = 1
    DEGRADED = 2
    BAD = 3
    FROZEN = 4
    SILENT = 5

    @property
    def label(self) -> str:
        """Return the name in lower case."""
        return self.name.lower()


#: The status values that a low score leads to.
LOW = (Status.DEGRADED, Status.BAD)


@dataclass(frozen=True)
class Thresholds:
    """When a score, 0 to 1, is degraded or bad; see ``next_status``."""

    warn_below: float
    error_below: float
    hysteresis: float
    min_frames: int


@dataclass(frozen=True)
class Criteria:
    """By what a camera is judged: thresholds of its score, and times in s (0 is never)."""

    thresholds: Thresholds
    reaction_time_s: float
    shutter_time_s: float
    freeze_after_s: float
    stale_after_s: float

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Criteria:
        """Return the criteria that the parameters of the node, by name, describe."""
        thresholds = Thresholds(*(values[each.name] for each in fields(Thresholds)))
        return cls(thresholds, values['reaction_time'], values['shutter_time'],
                   values['freeze_after'], values['stale_after'])


def next_status(status: Status, score: float, frames: int, thresholds: Thresholds) -> Status:
    """
    Return the status that follows ``status``.

    The status gets worse as soon as the score is below a threshold. It gets better only once the
    score is ``hysteresis`` above the threshold.

    :param status: the status so far.
    :param score: over several frames, 0 to 1.
    :param frames: how many.
    :param thresholds: when a score is degraded or bad.
    """
    if frames < thresholds.min_frames:
        return Status.UNKNOWN
    at_best = _grade(score, thresholds, 0.0)
    if status not in (Status.OK, *LOW):
        return at_best
    at_worst = _grade(score, thresholds, thresholds.hysteresis)
    return max(at_best, min(status, at_worst))


def _grade(score: float, thresholds: Thresholds, margin: float) -> Status:
    # A score never exceeds 1, so a threshold must not either.
    if score < min(thresholds.error_below + margin, 1.0):
        return Status.BAD
    if score < min(thresholds.warn_below + margin, 1.0):
        return Status.DEGRADED
    return Status.OK
