"""Charts as SVG: the scores of a camera over time, and how often which score was given."""

from __future__ import annotations

from html import escape

from fliqe_ros.monitoring.status import LOW, Status
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.tables import ScoredCamera, since_start_s
import numpy as np

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 1000, 150, 34, 18
_BARS = 40


def timeline(camera: ScoredCamera, settings: ScoringSettings, points: int) -> str:
    """
    Draw the scores of a camera: the range of each moment, their smoothed mean, and its events.

    :param points: most moments, however many frames there are.
    """
    rows = camera.rows
    times_s = (rows['time_ns'] - rows['time_ns'][0]) / 1e9
    end_s = max(float(times_s[-1]), 1e-9)
    shapes = [_event(camera, event.status, event.start_ns, event.end_ns, end_s,
                     f'{event.label}: {event.advice}') for event in camera.events]
    thresholds = settings.criteria.thresholds
    shapes += [f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH}" y1="{_y(at)}" y2="{_y(at)}"/>'
               for at in (thresholds.warn_below, thresholds.error_below)]
    low, high, smoothed, at_s = _moments(camera, times_s, points)
    for part in _unbroken(low):
        upper = [f'{_x(t, end_s)},{_y(v)}' for t, v in zip(at_s[part], high[part])]
        lower = [f'{_x(t, end_s)},{_y(v)}' for t, v in zip(at_s[part], low[part])]
        shapes.append(f'<polygon class="range" points="{" ".join(upper + lower[::-1])}"/>')
    for part in _unbroken(smoothed):
        line = ' '.join(f'{_x(t, end_s)},{_y(v)}' for t, v in zip(at_s[part], smoothed[part]))
        shapes.append(f'<polyline class="smoothed" points="{line}"/>')
    return _svg(f'scores of {camera.name}', [*shapes, *_axes(end_s)])


def _event(camera: ScoredCamera, status: Status, start_ns: int, end_ns: int, end_s: float,
           title: str) -> str:
    start, end = (_x(since_start_s(camera, at), end_s) for at in (start_ns, end_ns))
    kind = status.label if status not in LOW else 'bad' if status == Status.BAD else 'degraded'
    return (f'<rect class="{kind}" x="{start}" y="0" width="{max(end - start, 2):.1f}" '
            f'height="{_HEIGHT}"><title>{escape(title)}</title></rect>')


def _moments(camera: ScoredCamera, times_s: np.ndarray, points: int) -> tuple[np.ndarray, ...]:
    """Return lowest and highest score, smoothed score and time of each moment."""
    count = len(times_s)
    # by time and not by number: where frames are missing, the line has a gap
    slots = np.minimum((times_s / max(times_s[-1], 1e-9) * points).astype(int), points - 1) \
        if count > points else np.arange(count)
    starts = np.flatnonzero(np.diff(slots, prepend=-1))
    scores = np.where(camera.rows['error'] == b'', camera.rows['score'], np.nan)
    with np.errstate(invalid='ignore'):
        low = np.fmin.reduceat(scores, starts)
        high = np.fmax.reduceat(scores, starts)
    return low, high, camera.verdicts.smoothed[starts], times_s[starts]


def _unbroken(values: np.ndarray) -> list[slice]:
    """Return the stretches of numbers between those that are NaN."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    edges = np.flatnonzero(np.diff(known.astype(np.int8)))
    return [slice(start, end) for start, end in zip(edges[::2], edges[1::2])]


def _axes(end_s: float) -> list[str]:
    texts = [f'<text x="0" y="{max(_y(at) + 4, 12)}">{at:g}</text>' for at in (0.0, 0.5, 1.0)]
    step_s = _round_step(end_s / 8)
    for number in range(int(end_s / step_s) + 1):
        x = _x(number * step_s, end_s)
        anchor = 'end' if x > _WIDTH - 60 else 'start'  # else the last one may be cut off
        texts.append(f'<text x="{x}" y="{_HEIGHT + _BOTTOM - 4}" text-anchor="{anchor}">'
                     f'{_time(number * step_s)}</text>')
    return texts


def _round_step(least_s: float) -> float:
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
             3600, 7200, 14400, 43200, 86400)
    return next((step for step in steps if step >= least_s), 86400 * round(least_s / 86400 + 1))


def _time(at_s: float) -> str:
    if at_s < 60:
        return f'{at_s:g} s'
    minutes, seconds = divmod(round(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{seconds:02}' if hours else f'{minutes}:{seconds:02}'


def histogram(cameras: list[ScoredCamera]) -> str:
    """Draw how many frames have which score."""
    counts = np.zeros(_BARS, int)
    for camera in cameras:
        scores = camera.rows['score'][camera.rows['error'] == b'']
        counts += np.histogram(scores, _BARS, (0, 1))[0]
    highest = max(int(counts.max()), 1)
    width = (_WIDTH - _LEFT) / _BARS
    bars = []
    for index, count in enumerate(counts.tolist()):
        height = round(_HEIGHT * count / highest, 1)
        bars.append(f'<rect class="bar" x="{_LEFT + index * width + 1:.1f}" '
                    f'y="{_HEIGHT - height:.1f}" width="{width - 2:.1f}" height="{height}">'
                    f'<title>{count} frames from {index / _BARS:g}</title></rect>')
    labels = [f'<text x="{_LEFT + (_WIDTH - _LEFT) * at:.0f}" y="{_HEIGHT + _BOTTOM - 4}" '
              f'text-anchor="{"end" if at == 1 else "start"}">{at:g}</text>'
              for at in (0, 0.25, 0.5, 0.75, 1)]
    return _svg('how many frames have which score', [*bars, *labels])


def _svg(label: str, shapes: list[str]) -> str:
    return (f'<div class="chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT + _BOTTOM}" role="img" '
            f'aria-label="{escape(label, quote=True)}">{"".join(shapes)}</svg></div>')


def _x(at_s: float, end_s: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT) * min(at_s / end_s, 1.0), 1)


def _y(score: float) -> float:
    return round(_HEIGHT - 2 - (_HEIGHT - 4) * float(score), 1)
