"""Schedules of a simulated camera: what is wrong with its picture, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
import math

from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.errors import ScheduleError
from fliqe_ros.simulation import h264
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS

DROPOUT = 'dropout'
FREEZE = 'freeze'
TOUR = 'tour'
TOUR_PHASE_S = 3.0
_OF_VIDEO = ('h264', 'hevc', 'broken_h264')
_TYPES = {distortion.label: distortion for distortion in CLASSES}
NAMES = (*_TYPES, DROPOUT, FREEZE, *ARTIFACTS)

_GRAMMAR = 'expected name[@severity][:seconds], e.g. lens_blur:3 or gaussian_noise@0.8:5'


@dataclass(frozen=True)
class Phase:
    """
    One stretch of a schedule.

    ``name`` is a distortion label, the name of an artifact, ``dropout`` (no messages) or
    ``freeze`` (the same pixels over and over); ``severity`` 0 to 1, ``None`` the reference
    severity; ``seconds`` may be infinite.
    """

    name: str
    seconds: float = math.inf
    severity: float | None = None

    @property
    def distortion(self) -> Distortion:
        """Return the type of what is done to frames; ``CLEAN`` in dropout and freeze phases."""
        if self.name in ARTIFACTS:
            return ARTIFACTS[self.name].distortion
        return _TYPES.get(self.name, Distortion.CLEAN)

    @property
    def fault(self) -> Distortion | str:
        """Return what is done to frames: the name of an artifact, or a type."""
        return self.name if self.name in ARTIFACTS else self.distortion

    @property
    def truth(self) -> str:
        """Return what should be seen: the label of the type, ``dropout`` or ``freeze``."""
        return self.name if self.name in (DROPOUT, FREEZE) else self.distortion.label


@dataclass(frozen=True)
class Schedule:
    """Phases one after another; starts over at the end unless the last one has no end."""

    phases: tuple[Phase, ...] = (Phase('clean'),)

    @cached_property
    def cycle_s(self) -> float:
        """Seconds until it starts over; may be infinite."""
        return sum(phase.seconds for phase in self.phases)

    def at(self, elapsed_s: float) -> Phase:
        """Phase in force after ``elapsed_s`` ≥ 0 seconds."""
        left = elapsed_s % self.cycle_s if math.isfinite(self.cycle_s) else elapsed_s
        for phase in self.phases:
            if left < phase.seconds:
                return phase
            left -= phase.seconds
        return self.phases[-1]

    def __str__(self) -> str:
        return ','.join(phase.name
                        + ('' if phase.severity is None else f'@{phase.severity:g}')
                        + (f':{phase.seconds:g}' if math.isfinite(phase.seconds) else '')
                        for phase in self.phases)


def tour(distorted_s: float = TOUR_PHASE_S,
         clean_s: float = TOUR_PHASE_S) -> tuple[Phase, ...]:
    """Phases of every distortion in turn, clean before each."""
    return tuple(phase for distortion in DISTORTIONS
                 for phase in (Phase('clean', clean_s), Phase(distortion.label, distorted_s)))


def parse_schedule(text: str) -> Schedule:
    """
    Read ``name[@severity][:seconds],…``, e.g. ``clean:3,lens_blur@0.5:3,dead_lines:2,freeze``.

    A phase without seconds lasts for ever, so it must be the last. ``tour[:seconds]`` stands for
    every distortion in turn with clean before each. An empty text is clean for ever.

    :raises ScheduleError: that says what is wrong with which phase.
    """
    phases = [phase for item in text.split(',') if item.strip()
              for phase in _parse_phase(item.strip())]
    for phase in phases[:-1]:
        if math.isinf(phase.seconds):
            raise ScheduleError(f'phase {phase.name!r} has no seconds, so it would never end: '
                                'only the last phase may go without')
    return Schedule(tuple(phases)) if phases else Schedule()


def parse_schedules(text: str, cameras: Sequence[str]) -> dict[str, Schedule]:
    """
    Read the schedules of several cameras: ``/front=clean:3,lens_blur:3; /rear=dropout:2,clean``.

    One without ``camera=`` is for all the cameras that have none of their own; a camera that is
    left out is clean for ever.

    :return: a ``Schedule`` for each name in ``cameras``.
    :raises ScheduleError: that says what is wrong, or which camera does not exist.
    """
    schedules, others = {}, Schedule()
    for entry in filter(None, (entry.strip() for entry in text.split(';'))):
        camera, separator, phases = entry.rpartition('=')
        if not separator:
            others = parse_schedule(phases)
        elif camera.strip() in cameras:
            schedules[camera.strip()] = parse_schedule(phases)
        else:
            raise ScheduleError(f'schedule for {camera.strip()!r}, but the cameras are '
                                f'{", ".join(cameras)}')
    return {camera: schedules.get(camera, others) for camera in cameras}


def _parse_phase(item: str) -> tuple[Phase, ...]:
    label, colon, seconds_text = item.partition(':')
    name, at, severity_text = label.partition('@')
    name = name.strip()
    seconds = _number(seconds_text, item) if colon else math.inf
    severity = _number(severity_text, item) if at else None
    if not seconds > 0:
        raise ScheduleError(f'phase {item!r}: seconds must be above 0')
    if name == TOUR and not at:
        return tour(*((seconds, seconds) if colon else ()))
    if name not in NAMES:
        raise ScheduleError(f'phase {item!r}: {name!r} is none of {", ".join(NAMES)}; {_GRAMMAR}')
    if severity is not None and not 0 <= severity <= 1:
        raise ScheduleError(f'phase {item!r}: severity must be from 0 to 1')
    if name in _OF_VIDEO and not h264.IS_AVAILABLE:
        raise ScheduleError(f'phase {item!r}: this needs PyAV: pip install av')
    return (Phase(name, seconds, severity),)


def _number(text: str, item: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ScheduleError(f'phase {item!r}: {text!r} is not a number; {_GRAMMAR}')
    return number
