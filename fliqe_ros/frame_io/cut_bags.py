"""
Reads what can be read of rosbag2 files that were cut or not closed, from their start on.

Such files lack the index at their end (MCAP) or some of their pages (SQLite), and no ordinary
reader opens them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
import sqlite3
from typing import NamedTuple

from fliqe_ros.errors import one_line, SourceError

_SUFFIXES = ('.db3', '.mcap')


class Topic(NamedTuple):
    """A topic of a bag, with the names that rosbags gives to what it tells."""

    topic: str
    msgtype: str
    msgcount: int


class CutBag:
    """
    The files of a rosbag2 that ordinary readers refuse.

    It is read once when it is opened, to know what it holds.

    :raises SourceError: if there is no message in it, or mcap is missing.
    """

    def __init__(self, path: Path) -> None:
        self._files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES) \
            if path.is_dir() else [path]
        self._broken = ''
        counts = Counter((topic, msgtype) for topic, msgtype, _, _ in self._records())
        if not counts:
            raise SourceError(f'{path}: not one message can be read ({self._broken or "empty"})')
        self.connections = [Topic(*names, count) for names, count in sorted(counts.items())]

    def messages(self, connections: Collection[Topic]) -> Iterator[tuple[Topic, int, bytes]]:
        """Yield (topic, time in ns, message), then raise ``SourceError`` if something is cut."""
        wanted = {(each.topic, each.msgtype): each for each in connections}
        for topic, msgtype, time_ns, data in self._records():
            if (topic, msgtype) in wanted:
                yield wanted[topic, msgtype], time_ns, data
        if self._broken:
            raise SourceError(self._broken)

    def close(self) -> None:
        """Nothing stays open."""

    def _records(self) -> Iterator[tuple[str, str, int, bytes]]:
        for file in self._files:
            try:
                yield from _of_sqlite(file) if file.suffix == '.db3' else _of_mcap(file)
            except SourceError:
                raise
            except Exception as error:  # of sqlite, struct, zstandard, lz4, mcap, …
                advice = '`mcap recover` makes a whole file of it' if file.suffix == '.mcap' \
                    else '`sqlite3 FILE .recover` may find more'
                self._broken = (f'{file.name} was cut short or is damaged ({one_line(error)}); '
                                f'all before that was read, and {advice}')


def _of_mcap(file: Path) -> Iterator[tuple[str, str, int, bytes]]:
    try:
        from mcap.records import Channel, Message, Schema  # optional
        from mcap.stream_reader import StreamReader
    except ImportError as error:
        raise SourceError(f'{file}: cut short; reading it all the same takes the Python package '
                          'mcap, or run `mcap recover` first') from error
    types: dict[int, str] = {}
    channels: dict[int, tuple[str, str]] = {}
    with file.open('rb') as stream:
        for record in StreamReader(stream).records:
            if isinstance(record, Schema):
                types[record.id] = record.name
            elif isinstance(record, Channel):
                channels[record.id] = record.topic, types.get(record.schema_id, '')
            elif isinstance(record, Message):
                yield *channels[record.channel_id], record.log_time, record.data


def _of_sqlite(file: Path) -> Iterator[tuple[str, str, int, bytes]]:
    uri = f'{file.resolve().as_uri()}?immutable=1'
    with closing(sqlite3.connect(uri, uri=True)) as database:
        # SQLite refuses a file with fewer pages than it states, but in this mode
        database.execute('PRAGMA writable_schema=ON')
        topics = {number: (name, kind) for number, name, kind in
                  database.execute('SELECT id, name, type FROM topics')}
        # in the order of the table itself: the index by time may be what is missing
        for topic, time_ns, data in database.execute(
                'SELECT topic_id, timestamp, data FROM messages NOT INDEXED'):
            yield *topics[topic], time_ns, data
