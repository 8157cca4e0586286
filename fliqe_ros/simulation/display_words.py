"""What burnt-in displays say: temperatures, clock, date, emissivity, brand, state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Generator = np.random.Generator
Option = TypeVar('Option')

_UNITS = ('°C', ' °C', 'C', '°F', 'F', 'K', '°', '')
_WORDS = ('FLIR', 'THERMAL', 'IR', 'LWIR', 'CAM 1', 'CH2', 'WHOT', 'BHOT', 'AGC', 'NUC', 'FFC',
          'REC', 'AUTO', 'MAN', 'ZOOM x2', '2.0X', 'MAX', 'MIN', 'AVG', 'Sp1', 'Ar1', 'Dist',
          'Trefl', 'ALT 120m', 'GPS 3D', 'NO FIX', 'LRF ---', 'FOV 24x18', 'Hotspot', 'LIVE')
_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'


def pick(rng: Generator, options: Sequence[Option]) -> Option:
    """Draw one of the options, all as likely; much quicker than ``rng.choice``."""
    return options[int(rng.integers(len(options)))]


def reading(rng: Generator) -> str:
    """Draw a temperature."""
    span = 40.0 if rng.random() < 0.5 else 400.0
    return f'{span * (1.1 * rng.random() - 0.1):.{rng.integers(3)}f}{pick(rng, _UNITS)}'


def words(rng: Generator) -> str:
    """Draw what a line of text says."""
    return pick(rng, _LINES)(rng)


def _named_reading(rng: Generator) -> str:
    return f'{pick(rng, _WORDS)} {reading(rng)}'


def _letters(rng: Generator) -> str:
    return ''.join(_LETTERS[i] for i in rng.integers(len(_LETTERS), size=rng.integers(2, 9)))


def _clock(rng: Generator) -> str:
    hour, minute, second = rng.integers((24, 60, 60))
    return f'{hour:02}:{minute:02}' + pick(rng, ('', f':{second:02}'))


def _date(rng: Generator) -> str:
    year, month, day = rng.integers((2004, 1, 1), (2035, 13, 29))
    return pick(rng, (f'{year}-{month:02}-{day:02}', f'{day:02}/{month:02}/{year % 100:02}',
                      f'{month:02}.{day:02}.{year} {_clock(rng)}'))


def _emissivity(rng: Generator) -> str:
    return f'{pick(rng, ("e=", "E ", "EMIS ", "E:"))}{rng.uniform(0.5, 1.0):.2f}'


def _position(rng: Generator) -> str:
    return f'{rng.uniform(-90, 90):.5f} {rng.uniform(-180, 180):.5f}'


def _number(rng: Generator) -> str:
    return f'{rng.integers(360):03}'


_LINES: tuple[Callable[[Generator], str], ...] = (
    reading, reading, reading, _named_reading, lambda rng: pick(rng, _WORDS), _letters, _clock,
    _clock, _date, _date, _emissivity, _position, _number)
