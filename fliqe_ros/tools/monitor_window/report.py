"""The log of events as one page of HTML that needs nothing else."""

from __future__ import annotations

import base64
from html import escape
import os
from pathlib import Path
from string import Template
from time import localtime, strftime

from fliqe_ros.tools.monitor_window.events import Event
from fliqe_ros.tools.monitor_window.fleet import Fleet
from fliqe_ros.tools.monitor_window.pixels import jpeg

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Image quality of thermal cameras</title>
<style>
:root { color-scheme: light dark; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
 font: 16px/1.5 system-ui, sans-serif; }
td, th { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0;
 border-bottom: 1px solid #8884; overflow-wrap: anywhere; }
img { width: 240px; }
</style>
</head>
<body>
<h1>Image quality of thermal cameras</h1>
<p>$summary. Written on $written.</p>
<h2>Cameras, the worst first</h2>
<table>
<tr><th>Camera</th><th>Status</th><th>Smoothed score</th><th>What to do</th><th>Model</th></tr>
$cameras</table>
<h2>Events, the newest first</h2>
<table><tr><th>From</th><th>Camera</th><th>What</th><th>Lowest score</th><th>Picture</th></tr>
$events</table>
</body>
</html>
""")


def write_report(fleet: Fleet, path: Path, now_s: float) -> None:
    """
    Write the page; it appears as a whole or not at all.

    :raises OSError: if it cannot be written.
    """
    page = _PAGE.substitute(
        summary=escape(fleet.summary()), written=clock(now_s, with_date=True),
        cameras='\n'.join(
            _row(row.name, row.state.label, f'{row.smoothed:.2f}', row.advice, row.model)
            for row in fleet.ordered()),
        events='\n'.join(_event(event, now_s) for event in fleet.events))
    part = path.with_name(f'{path.name}.part')
    part.write_text(page, encoding='utf-8')
    os.replace(part, path)


def clock(at_s: float, with_date: bool = False) -> str:
    """Return the local time of day of seconds since 1970."""
    return strftime('%Y-%m-%d %H:%M:%S' if with_date else '%H:%M:%S', localtime(at_s))


def lasted(event: Event, now_s: float) -> str:
    """Return for how long an event has lasted, in words."""
    seconds = max((event.ended_s or now_s) - event.began_s, 0.0)
    long = f'{seconds:.0f} s' if seconds < 120 else f'{seconds / 60:.0f} min'
    return long if event.ended_s else f'{long}, still lasting'


def _event(event: Event, now_s: float) -> str:
    what = f'{event.label.replace("_", " ")} ({event.state.label}, {lasted(event, now_s)}): ' \
        f'{event.reason}'
    return _row(clock(event.began_s, with_date=True), event.camera, what, f'{event.lowest:.2f}',
                picture=_image(event))


def _image(event: Event) -> str:
    if event.picture is None:
        return ''
    data = base64.b64encode(jpeg(event.picture)).decode()
    return f'<img alt="{escape(event.camera)}" src="data:image/jpeg;base64,{data}">'


def _row(*cells: str, picture: str | None = None) -> str:
    texts = [escape(cell) for cell in cells] + ([] if picture is None else [picture])
    return '<tr>' + ''.join(f'<td>{text}</td>' for text in texts) + '</tr>'
