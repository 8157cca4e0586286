"""Scored recordings → report.html: what is wrong where, with pictures; nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
import os
from pathlib import Path
from string import Template

from fliqe_ros.recordings.report.charts import histogram, timeline
from fliqe_ros.recordings.report.thumbnails import worst_events
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.tables import ScoredCamera, since_start_s
import numpy as np

_TEMPLATE = Path(__file__).with_name('page.html')
#: Points of all timelines together, so that the page stays light; and most of one.
_ALL_POINTS, _MOST_POINTS, _LEAST_POINTS = 150_000, 900, 60
#: Most cameras and events that the page tells; the tables tell all.
_MOST_CAMERAS, _MOST_EVENTS = 500, 100


@dataclass(frozen=True)
class Report:
    """
    What the page tells.

    ``model`` are facts about the model and the profiles. ``pictures``: (name of the camera, number
    of the frame) → data URL. ``failures`` and ``aside`` are sentences on what could not be read,
    and on what was left aside.
    """

    cameras: Sequence[ScoredCamera]
    settings: ScoringSettings
    model: Mapping[str, str]
    failures: Sequence[str] = ()
    aside: str = ''
    pictures: Mapping[tuple[str, int], str] = field(default_factory=dict)


def write_report(report: Report, folder: Path) -> None:
    """Write report.html into a folder; it appears as a whole or not at all."""
    cameras = sorted(report.cameras, key=lambda camera: (  # by the per cent that are shown
        -round(camera.summary.trouble, 2), np.nan_to_num(camera.summary.mean, nan=-1),
        camera.name))
    shown = cameras[:_MOST_CAMERAS]
    timed = [camera for camera in shown if len(camera.rows) > 1]
    points = max(_LEAST_POINTS, min(_MOST_POINTS, _ALL_POINTS // max(len(timed), 1)))
    page = Template(_TEMPLATE.read_text(encoding='utf-8')).substitute(
        summary=_summary(report), failures=_failures(report),
        histogram=histogram(list(cameras)), table=_table(shown, len(cameras)),
        cameras=''.join(_section(camera, report, points, number)
                        for number, camera in enumerate(shown)),
        settings=_settings(report))
    part = folder / 'report.html.part'
    part.write_text(page, encoding='utf-8')
    os.replace(part, folder / 'report.html')


def _summary(report: Report) -> str:
    cameras = report.cameras
    frames = sum(camera.summary.frames for camera in cameras)
    troubled = sum(bool(camera.events) for camera in cameras)
    hours = sum(camera.summary.duration_s for camera in cameras) / 3600
    length = f'{hours:.1f} h' if hours >= 1 else f'{hours * 60:.1f} min'
    return (f'<p class="lead"><b>{troubled}</b> of {len(cameras)} cameras had trouble: '
            f'{frames:,} frames, {length}, '
            f'{len({camera.recording for camera in cameras}):,} recordings.</p>')


def _failures(report: Report) -> str:
    told = ''.join(f'<li>{escape(failure)}</li>' for failure in report.failures)
    failed = ('<h2>Not read, or not to the end</h2>'
              f'<ul class="failures">{told}</ul>') if told else ''
    aside = f'<p class="note">Left aside: {escape(report.aside)}.</p>' if report.aside else ''
    return failed + aside


def _table(cameras: Sequence[ScoredCamera], total: int) -> str:
    rows = ''.join(
        f'<tr><td><a href="#c{number}">{escape(camera.name)}</a></td>'
        f'<td>{camera.summary.frames:,}</td><td>{camera.summary.duration_s:.1f}</td>'
        f'<td>{_score(camera.summary.mean)}</td><td>{_score(camera.summary.lowest)}</td>'
        f'<td><span class="meter" style="--share:{camera.summary.trouble:.3f}">'
        f'{camera.summary.trouble:.0%}</span></td><td>{escape(_troubles(camera))}</td>'
        f'<td>{escape(camera.faults)}</td></tr>' for number, camera in enumerate(cameras))
    more = f'<p class="note">{total - len(cameras)} more are in cameras.csv.</p>' \
        if total > len(cameras) else ''
    return ('<table><thead><tr><th>Camera</th><th>Frames</th><th>Seconds</th><th>Mean</th>'
            '<th>Lowest</th><th>Trouble</th><th>What</th><th>Faults in reading</th></tr></thead>'
            f'<tbody>{rows}</tbody></table>{more}')


def _troubles(camera: ScoredCamera) -> str:
    return ', '.join(dict.fromkeys(event.label.replace('_', ' ') for event in camera.events))


def _score(score: float) -> str:
    return '–' if np.isnan(score) else f'{score:.2f}'


def _section(camera: ScoredCamera, report: Report, points: int, number: int) -> str:
    summary = camera.summary
    settings = report.settings.of_camera(camera.camera)
    chart = timeline(camera, settings, points) if len(camera.rows) > 1 else ''
    with_picture = {event.worst for event in worst_events(camera.events)}
    events = ''.join(
        f'<li><b>{escape(event.label.replace("_", " "))}</b> {event.status.label}, '
        f'{since_start_s(camera, event.start_ns):.1f} to '
        f'{since_start_s(camera, event.end_ns):.1f} s, lowest score {_score(event.lowest)}.<br>'
        f'{escape(event.advice[:1].upper() + event.advice[1:])}.'
        f'{_image(report, camera, event.worst) if event.worst in with_picture else ""}</li>'
        for event in camera.events[:_MOST_EVENTS])
    more = len(camera.events) - _MOST_EVENTS
    events += f'<li>{more} more are in events.csv.</li>' if more > 0 else ''
    fault = f'<p class="fault">{escape(camera.faults)}</p>' if camera.faults else ''
    return (f'<section id="c{number}"><h3>{escape(camera.name)}</h3>'
            f'<p class="note">{summary.frames:,} frames, {summary.duration_s:.1f} s, mean score '
            f'{_score(summary.mean)}</p>{fault}{chart}<ul class="events">{events}</ul></section>')


def _image(report: Report, camera: ScoredCamera, index: int) -> str:
    url = report.pictures.get((camera.name, index))
    return f'<figure><img loading="lazy" src="{url}" alt="frame {index}"><figcaption>Frame ' \
        f'{index}, and where it is bad</figcaption></figure>' if url else ''


def _settings(report: Report) -> str:
    rows = [*report.model.items(), *report.settings.shown.items()]
    return ''.join(f'<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>'
                   for name, value in rows)
