"""The tables of many runs → cameras of a fleet by trouble, and what changes over weeks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
import os
from pathlib import Path
import re
from typing import Any

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.errors import one_line, SourceError
from fliqe_ros.recordings.tables import write_csv
import numpy as np

TABLE = 'cameras.csv'
_TYPES = tuple(each for each in CLASSES if each != Distortion.CLEAN)
#: What is averaged, weighted by frames.
_MEASURES = ('mean_score', 'trouble', *(f'share_{each.label}' for each in _TYPES))
_WEEK_NS = 7 * 24 * 3600 * 10**9
#: A recording before this tells no date: its clock begins at 0. 1 January 2000.
_DATED_NS = 946_684_800 * 10**9
#: A trend takes so many weeks, so much of change (of a share or a score), and so many times its
#: own standard error.
_WEEKS, _CHANGE, _ERRORS = 4, 0.05, 4.0


@dataclass(frozen=True)
class Trend:
    """What rises or falls over weeks: a measure, and its values at the first and last of them."""

    measure: str
    first: float
    last: float
    weeks: int

    @property
    def is_worse(self) -> bool:
        """Return whether it gets worse."""
        return (self.last < self.first) == (self.measure == 'mean_score')

    @property
    def distortion(self) -> Distortion | None:
        """Return the type whose share it is; None if it is no share."""
        return next((each for each in _TYPES if self.measure == f'share_{each.label}'), None)

    @property
    def sentence(self) -> str:
        """Return it in words."""
        verb = 'rises' if self.last > self.first else 'falls'
        name = self.measure.removeprefix('share_').replace('_', ' ')
        form = '.2f' if self.measure == 'mean_score' else '.0%'
        return f'{name} {verb} from {self.first:{form}} to {self.last:{form}} in ' \
            f'{self.weeks} weeks'


@dataclass(frozen=True)
class FleetCamera:
    """
    A camera of a robot over all its recordings.

    ``weeks`` are numbers of weeks since 1970, ``scores`` the mean score in each of them.
    """

    robot: str
    camera: str
    recordings: int
    frames: int
    hours: float
    score: float
    trouble: float
    worst: Distortion
    worst_share: float
    weeks: np.ndarray
    scores: np.ndarray
    trends: list[Trend]

    @property
    def worse(self) -> list[Trend]:
        """Return the trends for the worse."""
        return [trend for trend in self.trends if trend.is_worse]


def find_tables(paths: Iterable[str | Path]) -> list[Path]:
    """
    List the tables of cameras: those that are named, and those in folders and below.

    :raises SourceError: if there is none in a path.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        tables = sorted(path.rglob(TABLE)) if path.is_dir() else [path]
        if not tables or not tables[0].is_file():
            raise SourceError(f'{path}: no {TABLE} of a run of `fliqe score --out` there')
        found.update(dict.fromkeys(tables))
    return list(found)


def read_fleet(tables: Sequence[Path], robot: str | None = None) -> list[FleetCamera]:
    """
    Read tables of cameras; the most troubled first.

    :param robot: a regular expression that finds the name of the robot in the path of a
        recording, as its first group; None takes the first folder in which the tables differ.
    :raises SourceError: if a table cannot be read; or pyarrow is missing.
    """
    try:
        import pyarrow as pa  # optional
    except ImportError as error:
        raise SourceError('a fleet needs the Python package pyarrow') from error
    names = _folders(tables)
    table = pa.concat_tables([_read(path, names[path], robot) for path in tables])
    return sorted(_cameras(_weekly(table)),
                  key=lambda each: (-len(each.worse), -each.trouble, each.robot, each.camera))


def _folders(tables: Sequence[Path]) -> dict[Path, str]:
    """Return the name of the first folder in which the paths of tables differ."""
    folders = {path: path.resolve().parent for path in tables}
    common = Path(os.path.commonpath([str(folder) for folder in folders.values()]))
    return {path: (folder.relative_to(common).parts or (folder.name,))[0]
            for path, folder in folders.items()}


def _read(path: Path, name: str, robot: str | None) -> Any:
    import pyarrow as pa
    from pyarrow import compute, csv
    columns = {'recording': pa.string(), 'camera': pa.string(), 'start_ns': pa.int64(),
               'duration_s': pa.float64(), 'frames': pa.int64(),
               **{measure: pa.float64() for measure in _MEASURES}}
    try:
        table = csv.read_csv(path, convert_options=csv.ConvertOptions(
            column_types=columns, include_columns=list(columns), strings_can_be_null=False))
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f'{path}: not a table of cameras ({one_line(error)})') from error
    recordings = table['recording']
    robots: Any = pa.scalar(name)
    if robot is not None:
        # of RE2, which knows no groups without a name
        try:
            found = compute.extract_regex(recordings, _with_name(robot))
        except pa.ArrowException as error:
            raise SourceError(f'{robot}: not a regular expression of RE2 ({one_line(error)})') \
                from error
        robots = compute.fill_null(compute.struct_field(found, [0]), name)
    else:
        robots = pa.array([name]).take(pa.array(np.zeros(len(table), np.int64)))
    return table.append_column('robot', robots).drop_columns(['recording'])


def _with_name(pattern: str) -> str:
    """Give the first group of a pattern a name; all of it is the group if it has none."""
    named = re.sub(r'(?<!\\)\((?!\?)', '(?P<robot>', pattern, count=1)
    return named if '(?P<robot>' in named else f'(?P<robot>{pattern})'


def _weekly(table: Any) -> Any:
    """Return sums by robot, camera and week; the week is -1 where the date is not known."""
    import pyarrow as pa
    from pyarrow import compute
    starts = compute.fill_null(table['start_ns'], 0).to_numpy()
    weeks = np.where(starts >= _DATED_NS, starts // _WEEK_NS, -1)
    frames = table['frames'].to_numpy().astype(float)
    columns = {'robot': table['robot'], 'camera': table['camera'], 'week': pa.array(weeks),
               'frames': table['frames'], 'duration_s': table['duration_s']}
    for name in _MEASURES:
        values = table[name].to_numpy()
        known = np.isfinite(values)
        columns[name] = pa.array(np.where(known, values * frames, 0.0))
        if name == 'mean_score':
            columns['scored'] = pa.array(np.where(known, frames, 0.0))
    sums = [(name, 'sum') for name in ('frames', 'duration_s', 'scored', *_MEASURES)]
    grouped = pa.table(columns).group_by(['robot', 'camera', 'week'])
    return grouped.aggregate([*sums, ('frames', 'count')]).sort_by(
        [('robot', 'ascending'), ('camera', 'ascending'), ('week', 'ascending')])


def _cameras(weekly: Any) -> Iterable[FleetCamera]:
    columns = {name: weekly[name].to_numpy() for name in weekly.column_names
               if name not in ('robot', 'camera')}
    keys = list(zip(weekly['robot'].to_pylist(), weekly['camera'].to_pylist()))
    first = 0
    for (robot, camera), rows in groupby(keys):
        part = slice(first, first := first + len(list(rows)))
        yield _camera(robot, camera, {name: values[part] for name, values in columns.items()})


def _camera(robot: str, camera: str, sums: dict[str, np.ndarray]) -> FleetCamera:
    frames = sums['frames_sum'].astype(float)
    weights = {name: sums['scored_sum'] if name == 'mean_score' else frames for name in _MEASURES}
    totals = {name: float(sums[f'{name}_sum'].sum() / max(weights[name].sum(), 1))
              for name in _MEASURES}
    shares = [totals[f'share_{each.label}'] for each in _TYPES]
    dated = (sums['week'] >= 0) & (sums['scored_sum'] > 0)
    weeks = sums['week'][dated]
    means = {name: (sums[f'{name}_sum'] / np.maximum(weights[name], 1))[dated]
             for name in _MEASURES}
    found = (_trend(name, weeks, means[name], frames[dated]) for name in _MEASURES)
    return FleetCamera(
        robot, camera, int(sums['frames_count'].sum()), int(frames.sum()),
        float(sums['duration_s_sum'].sum()) / 3600,
        totals['mean_score'] if sums['scored_sum'].any() else float('nan'), totals['trouble'],
        _TYPES[int(np.argmax(shares))], max(shares), weeks, means['mean_score'],
        [trend for trend in found if trend])


def _trend(measure: str, weeks: np.ndarray, values: np.ndarray,
           frames: np.ndarray) -> Trend | None:
    """Return the straight line through the weeks, if it tells more than their scatter."""
    if len(weeks) < _WEEKS:
        return None
    weights = frames / frames.sum()
    away = weeks - (weights * weeks).sum()
    mean = float((weights * values).sum())
    spread = float((weights * away**2).sum())
    slope = float((weights * away * values).sum()) / spread
    misfit = float((weights * (values - mean - slope * away)**2).sum())
    error = (misfit / spread / (len(weeks) - 2))**0.5
    first, last = (float(np.clip(mean + slope * away[end], 0, 1)) for end in (0, -1))
    if abs(last - first) < _CHANGE or abs(slope) <= _ERRORS * error:
        return None
    return Trend(measure, first, last, int(weeks[-1] - weeks[0]) + 1)


FLEET_COLUMNS = ('robot', 'camera', 'recordings', 'frames', 'hours', 'mean_score', 'trouble',
                 'most_frequent_type', 'share_of_it', 'weeks', 'trends')


def write_fleet(cameras: Sequence[FleetCamera], folder: Path) -> None:
    """Write fleet.csv, a row for each camera of each robot."""
    write_csv(folder / 'fleet.csv', FLEET_COLUMNS, map(fleet_row, cameras))


def fleet_row(camera: FleetCamera) -> list[Any]:
    """Return what is told of a camera, in the order of ``FLEET_COLUMNS``."""
    return [camera.robot, camera.camera, camera.recordings, camera.frames, camera.hours,
            camera.score, camera.trouble, camera.worst.label, camera.worst_share,
            len(camera.weeks), '; '.join(trend.sentence for trend in camera.trends)]
