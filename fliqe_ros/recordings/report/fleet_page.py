"""The page about a fleet: cameras by trouble, and how their scores went over weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from html import escape
import os
from pathlib import Path

from fliqe_ros.recordings.fleet import FleetCamera
import numpy as np

_PAGE = Path(__file__).with_name('page.html')
#: Most cameras in the table; the rest is in fleet.csv.
_MOST_CAMERAS = 2000
_WIDTH, _HEIGHT = 150, 30


def write_page(cameras: Sequence[FleetCamera], runs: int, models: Sequence[str],
               folder: Path) -> None:
    """
    Write fleet.html into a folder; it appears as a whole or not at all.

    :param models: by which the runs were scored; several are told, since their scores differ.
    """
    head = _PAGE.read_text(encoding='utf-8').partition('</head>')[0].replace(
        'Image quality of recordings', 'Image quality of a fleet')
    shown = cameras[:_MOST_CAMERAS]
    more = f'<p class="note">{len(cameras) - len(shown)} more are in fleet.csv.</p>' \
        if len(cameras) > len(shown) else ''
    rows = ''.join(map(_row, shown))
    page = (f'{head}</head>\n<body>\n<h1>Image quality of a fleet</h1>\n'
            f'{_summary(cameras, runs)}{_models(models)}'
            '<h2>What gets worse</h2>'
            f'{_worse(cameras)}<h2>Cameras, those that get worse and the most troubled first</h2>'
            '<table><thead><tr><th>Robot</th><th>Camera</th><th>Recordings</th><th>Hours</th>'
            '<th>Mean score</th><th>Trouble</th><th>Most</th><th>Mean score by week</th></tr>'
            f'</thead><tbody>{rows}</tbody></table>{more}\n</body>\n</html>\n')
    part = folder / 'fleet.html.part'
    part.write_text(page, encoding='utf-8')
    os.replace(part, folder / 'fleet.html')


def _summary(cameras: Sequence[FleetCamera], runs: int) -> str:
    robots = len({each.robot for each in cameras})
    worse = sum(bool(each.worse) for each in cameras)
    return (f'<p class="lead"><b>{worse}</b> of {len(cameras):,} cameras of {robots:,} robots get '
            f'worse: {sum(each.recordings for each in cameras):,} recordings, '
            f'{sum(each.hours for each in cameras):,.1f} h, {runs:,} runs.</p>')


def _models(models: Sequence[str]) -> str:
    if len(models) < 2:
        return ''
    return ('<p class="fault">The runs were scored by different models, whose scores differ: '
            f'{escape(", ".join(models))}. Score them again before you trust a trend.</p>')


def _worse(cameras: Sequence[FleetCamera]) -> str:
    items = []
    for each in cameras:
        for trend in each.worse:
            advice = f'; {trend.distortion.advice}' if trend.distortion else ''
            items.append(f'<li><b>{escape(_name(each))}</b>: '
                         f'{escape(trend.sentence + advice)}.</li>')
    more = len(items) - _MOST_CAMERAS
    items[_MOST_CAMERAS:] = [f'<li>{more} more are in fleet.csv.</li>'] if more > 0 else []
    return f'<ul>{"".join(items)}</ul>' if items else \
        '<p class="note">Nothing, as far as it is known.</p>'


def _name(each: FleetCamera) -> str:
    return f'{each.robot} {each.camera}'.strip()


def _row(each: FleetCamera) -> str:
    score = '–' if np.isnan(each.score) else f'{each.score:.2f}'
    return (f'<tr><td>{escape(each.robot)}</td><td>{escape(each.camera)}</td>'
            f'<td>{each.recordings:,}</td><td>{each.hours:,.1f}</td><td>{score}</td>'
            f'<td><span class="meter" style="--share:{each.trouble:.3f}">{each.trouble:.0%}</span>'
            f'</td><td>{each.worst.label.replace("_", " ")} {each.worst_share:.0%}</td>'
            f'<td>{_line(each)}</td></tr>')


def _line(each: FleetCamera) -> str:
    """Draw the mean score of each week, from 0 below to 1 above."""
    if len(each.weeks) < 2:
        return ''
    first, last = int(each.weeks[0]), int(each.weeks[-1])
    points = ' '.join(
        f'{(week - first) / (last - first) * (_WIDTH - 4) + 2:.1f},'
        f'{_HEIGHT - 2 - score * (_HEIGHT - 4):.1f}'
        for week, score in zip(each.weeks.tolist(), each.scores.tolist()))
    told = f'{_date(first)} to {_date(last + 1)}'
    return (f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" style="width:{_WIDTH}px" role="img" '
            f'aria-label="{told}"><title>{told}</title>'
            f'<polyline class="smoothed" points="{points}"/></svg>')


def _date(week: int) -> str:
    start = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (start + timedelta(weeks=week)).date().isoformat()
