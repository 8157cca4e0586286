"""The tables of scored recordings: a row for each frame, each camera and each event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
import csv
from dataclasses import dataclass, field
import json
import math
import os
from pathlib import Path
from typing import Any

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.monitoring.status import Status
from fliqe_ros.profiles.folder import StoredProfile
from fliqe_ros.recordings.events import Event, Summary
from fliqe_ros.recordings.journal import NO_STAMP
from fliqe_ros.recordings.verdicts import Verdicts
import numpy as np

PROBABILITIES = tuple(f'p_{each.label}' for each in CLASSES)
#: A row for each frame. ``time_ns`` is on the recording's clock, ``stamp_ns`` what the camera
#: told, empty if it told nothing. ``status_distortion`` is the type behind a low status.
FRAME_COLUMNS = ('recording', 'camera', 'index', 'time_ns', 'stamp_ns', 'score', 'smoothed',
                 'status', 'type', 'status_distortion', 'affected_share', *PROBABILITIES, 'error')
#: Rows in a group of the Parquet file.
_GROUP = 100_000


@dataclass(frozen=True)
class ScoredCamera:
    """
    A camera of a recording, scored and judged.

    ``broken`` tells why it was not read to its end, ``errors`` a sentence for each kind of frame
    that could not be scored. Rows are judged by the ``profile``, if there is one, ``reasons`` are
    what that says of each frame.
    """

    recording: str
    camera: str
    rows: np.ndarray
    verdicts: Verdicts
    summary: Summary
    events: list[Event]
    broken: str = ''
    errors: dict[str, str] = field(default_factory=dict)
    profile: StoredProfile | None = None
    reasons: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Return the path, of a bag with its topic."""
        return f'{self.recording}:{self.camera}' if self.camera else self.recording

    @property
    def faults(self) -> str:
        """Return what went wrong in reading, for people; '' if nothing did."""
        failed = [f'{int((self.rows["error"] == cause.encode()).sum())} frames {cause}: {sentence}'
                  for cause, sentence in sorted(self.errors.items())]
        return '; '.join(filter(None, [self.broken, *failed]))


def write_frames(cameras: Iterable[ScoredCamera], folder: Path,
                 stamp: Mapping[str, Any]) -> Path:
    """
    Write a row for each frame: frames.parquet, or frames.csv where pyarrow is not installed.

    :param stamp: model and parameters; Parquet keeps it with the table, as JSON named ``fliqe``.
    :return: the file.
    """
    try:
        import pyarrow as pa  # optional
        from pyarrow import parquet
    except ImportError:
        path = folder / 'frames.csv'
        write_csv(path, FRAME_COLUMNS, (row for camera in cameras for row in _frame_rows(camera)))
        return path
    schema = pa.schema([(name, _arrow_type(pa, name)) for name in FRAME_COLUMNS],
                       metadata={'fliqe': json.dumps(stamp)})
    path, part = folder / 'frames.parquet', folder / 'frames.parquet.part'
    with parquet.ParquetWriter(part, schema, compression='zstd') as writer:
        for camera in cameras:
            for start in range(0, len(camera.rows), _GROUP):
                columns = frame_columns(camera, slice(start, start + _GROUP))
                writer.write_table(pa.table(
                    [pa.array(columns[name], from_pandas=True).cast(schema.field(name).type)
                     for name in FRAME_COLUMNS], schema=schema))
    os.replace(part, path)
    return path


def _arrow_type(pa: Any, name: str) -> Any:
    if name in ('index', 'time_ns', 'stamp_ns'):
        return pa.int64()
    if name in ('recording', 'camera', 'status', 'type', 'status_distortion', 'error'):
        return pa.string()
    return pa.float32()


def frame_columns(camera: ScoredCamera, part: slice) -> dict[str, Any]:
    """Return some frames of a camera by column; what is not known is None or NaN."""
    rows, verdicts = camera.rows[part], camera.verdicts
    failed = rows['error'] != b''
    count = len(rows)
    labels = {each: each.label for each in Distortion}
    statuses = {each: each.label for each in Status}

    def known(name: str) -> np.ndarray:
        return np.where(failed, np.float32('nan'), rows[name])

    columns: dict[str, Any] = {
        'recording': [camera.recording] * count,
        'camera': [camera.camera] * count,
        'index': np.arange(count) + (part.start or 0),
        'time_ns': rows['time_ns'],
        'stamp_ns': [None if stamp == NO_STAMP else stamp for stamp in rows['stamp_ns'].tolist()],
        'score': known('score'),
        'smoothed': verdicts.smoothed[part].astype(np.float32),
        'status': [statuses[Status(each)] for each in verdicts.status[part].tolist()],
        'type': [None if bad else labels[Distortion(each)]
                 for each, bad in zip(rows['distortion'].tolist(), failed.tolist())],
        'status_distortion': [labels[Distortion(each)]
                              for each in verdicts.distortion[part].tolist()],
        'affected_share': known('affected_share'),
        'error': [error.decode() or None for error in rows['error'].tolist()],
    }
    for index, name in enumerate(PROBABILITIES):
        columns[name] = np.where(failed, np.float32('nan'), rows['probabilities'][:, index])
    return columns


def _frame_rows(camera: ScoredCamera) -> Iterator[list[Any]]:
    for start in range(0, len(camera.rows), _GROUP):
        columns = frame_columns(camera, slice(start, start + _GROUP))
        lists = [column if isinstance(column, list) else column.tolist()
                 for column in (columns[name] for name in FRAME_COLUMNS)]
        yield from map(list, zip(*lists))


#: ``start_ns`` is the time of the first frame on the recording's clock.
CAMERA_COLUMNS = (
    'recording', 'camera', 'start_ns', 'duration_s', 'frames', 'failed', 'mean_score',
    'lowest_score',
    'trouble', *(f'share_{status.label}' for status in Status),
    *(f'share_{each.label}' for each in CLASSES), 'events', 'worst_from_s', 'worst_to_s',
    'worst_mean_score', 'faults')


def write_cameras(cameras: Iterable[ScoredCamera], folder: Path) -> None:
    """Write cameras.csv, a row for each camera of each recording."""
    write_csv(folder / 'cameras.csv', CAMERA_COLUMNS, map(_camera_row, cameras))


def _camera_row(camera: ScoredCamera) -> list[Any]:
    summary = camera.summary
    stretch = summary.stretch_ns
    return [
        camera.recording, camera.camera,
        int(camera.rows['time_ns'][0]) if len(camera.rows) else '', summary.duration_s,
        summary.frames, summary.failed,
        summary.mean, summary.lowest, summary.trouble, *summary.status_shares.values(),
        *summary.type_shares.values(), len(camera.events),
        *((since_start_s(camera, at) for at in stretch) if stretch else ('', '')),
        summary.stretch_score, camera.faults]


EVENT_COLUMNS = ('recording', 'camera', 'from_s', 'to_s', 'from_ns', 'to_ns', 'from_index',
                 'to_index', 'status', 'type', 'lowest_score', 'worst_index', 'what_to_do')


def write_events(cameras: Iterable[ScoredCamera], folder: Path) -> None:
    """Write events.csv, a row for each stretch of trouble; see ``Event``."""
    write_csv(folder / 'events.csv', EVENT_COLUMNS, (
        [camera.recording, camera.camera, since_start_s(camera, event.start_ns),
         since_start_s(camera, event.end_ns), event.start_ns, event.end_ns, event.start, event.end,
         event.status.label, event.label, event.lowest, event.worst if event.worst >= 0 else '',
         event.advice]
        for camera in cameras for event in camera.events))


def since_start_s(camera: ScoredCamera, time_ns: int) -> float:
    """Return the seconds since the first frame of a camera."""
    return (time_ns - int(camera.rows['time_ns'][0])) / 1e9


def write_stamp(stamp: Mapping[str, Any], folder: Path) -> None:
    """Write run.json: by which model and parameters the tables were made."""
    part = folder / 'run.json.part'
    part.write_text(json.dumps(stamp, indent=1) + '\n', encoding='utf-8')
    os.replace(part, folder / 'run.json')


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; it appears as a whole or not at all."""
    part = path.with_name(f'{path.name}.part')
    with part.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
    os.replace(part, path)


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, float) and math.isnan(value):
        return ''
    return f'{value:.6f}'.rstrip('0').rstrip('.') if isinstance(value, float) else value
