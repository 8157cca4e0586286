"""
Image topics of recorded ROS bags → frames; needs the package rosbags, but no ROS.

Reads rosbag2 folders, their files alone (.db3, .mcap), and the .bag files of ROS 1.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
import logging
from pathlib import Path
import struct
from typing import Any

from fliqe_ros.errors import FrameError, SourceError
from fliqe_ros.frame_io.cut_bags import CutBag
from fliqe_ros.frame_io.image_messages import decompress, NativeConverter
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.spans import (
    BEYOND, even_edges, Span, span_count, spans_between, WHOLE)
from fliqe_ros.frame_io.topics import COMPRESSED_SUFFIX
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
import numpy as np

BAG_SUFFIXES = ('.bag', '.db3', '.mcap')

_METADATA, _METADATA_KEY = 'metadata.yaml', b'rosbag2_bagfile_information'
#: What image_transport appends to a topic for the same pictures in another form.
_TWINS = (COMPRESSED_SUFFIX, '/compressedDepth')
_IMAGE, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'

_log = logging.getLogger(__name__)


def is_bag(path: Path) -> bool:
    """Tell whether a path is a rosbag2 folder or has the suffix of a bag file."""
    if path.suffix.lower() in BAG_SUFFIXES and path.is_file():
        return True
    metadata = path / _METADATA
    if not metadata.is_file():
        return False
    with metadata.open('rb') as file:  # others have files of this name too
        return _METADATA_KEY in file.read(1000)


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """
    Open a bag for the time of a ``with`` block.

    :raises SourceError: if rosbags is not installed, or the bag is broken or has no image topic;
        one sentence that names the bag.
    """
    try:
        from rosbags import rosbag1, rosbag2  # here and not above: it is optional
    except ImportError as error:
        raise SourceError(f'{path}: reading bags needs the Python package rosbags '
                          f'(pip install rosbags): {error}') from error
    # Not rosbags.highlevel.AnyReader: it takes the bag's own definitions, all of them, if there
    # are any; see _typestore for why not.
    ros1 = path.suffix.lower() == '.bag' and path.is_file()
    try:
        reader = (rosbag1 if ros1 else rosbag2).Reader(path)
        reader.open()
    except Exception as error:  # its own errors and those of sqlite, YAML, struct, zstd, …
        reader = _cut_bag(path, ros1, error)
    try:
        yield Bag(path, reader, ros1)
    finally:
        reader.close()


def _cut_bag(path: Path, ros1: bool, error: Exception) -> CutBag:
    reason = f'{path}: not a bag that can be read ({_told(error)})'
    if ros1:
        raise SourceError(f'{reason}; if it was cut short, run `rosbag reindex` first') from error
    try:
        return CutBag(path)
    except (OSError, SourceError) as beyond:
        raise SourceError(f'{reason}; {beyond}') from error


class Bag:
    """
    The image topics of an open bag.

    ``topics``: topic → number of its messages, by name. The ``/compressed`` and
    ``/compressedDepth`` twins of a topic that is there too are left out: they would show the same
    frames once more.
    """

    def __init__(self, path: Path, reader: Any, ros1: bool) -> None:
        self.path, self._reader, self._ros1 = path, reader, ros1
        self._connections: dict[str, list[Any]] = {}
        for connection in reader.connections:
            if connection.msgtype in (_IMAGE, _COMPRESSED):
                self._connections.setdefault(connection.topic, []).append(connection)
        for topic in list(self._connections):
            for suffix in _TWINS:
                self._connections.pop(topic + suffix, None)
        if not self._connections:
            raise SourceError(f'{path}: no topic of images in this bag')
        self.topics = {topic: sum(connection.msgcount for connection in connections)
                       for topic, connections in sorted(self._connections.items())}

    def frames(
        self, topic: str, indices: Collection[int] | None = None,
    ) -> Generator[np.ndarray, None, None]:
        """
        Read the frames of a topic in the order of their recording.

        A message that is no image is left out, with one warning for all of a topic.

        :param indices: numbers of the messages to read, from 0; ``None`` reads all.
        :return: iterator of (H, W) uint8 or uint16; colours become gray as
            a ``PaletteReader`` for the topic reads them, and floats go through the default gain
            control.
        :raises SourceError: if the bag is broken.
        """
        palette = PaletteReader()
        bad = 0
        cause: FrameError | None = None
        for index, (connection, _, data) in enumerate(self._messages(topic)):
            if indices is not None and index not in indices:
                continue
            try:
                frame = self._frame(data, connection.msgtype)
                frame = palette.to_gray(GainControl()(frame) if frame.dtype.kind == 'f' else frame)
            except FrameError as error:
                bad, cause = bad + 1, error
            else:
                yield frame
        if bad:
            _log.warning('skipped: %s: %d messages on %s, the last because %s', self.path, bad,
                         topic, cause)

    def recorded(self, topic: str, span: Span = WHOLE) -> Iterator[RecordedFrame]:
        """
        Yield the frames of a topic in the order of their recording, not yet decoded.

        :raises SourceError: where the bag is broken.
        """
        beyond = 0
        for connection, time_ns, data in self._messages(topic, span.start):
            is_beyond = span.stop is not None and time_ns >= span.stop
            beyond += is_beyond
            yield RecordedFrame(time_ns, _stamp_ns(data, self._ros1),
                                partial(self._frame, data, connection.msgtype),
                                is_beyond=is_beyond)
            if beyond == BEYOND:
                return

    def spans(self, topic: str, frames_each: int) -> tuple[Span, ...]:
        """Return spans of the same length in time, of about so many frames of a topic."""
        count = span_count(self.topics[topic], frames_each)
        # without an index a reader begins at the beginning, wherever the span is; and a bag that
        # is compressed as a whole is decompressed as a whole each time
        if count < 2 or not self._is_indexed():
            return (WHOLE,)
        return spans_between(even_edges(self._reader.start_time, self._reader.end_time, count))

    def _is_indexed(self) -> bool:
        if isinstance(self._reader, CutBag):
            return False
        storage = getattr(self._reader, 'storage', None)  # the index of a ROS 1 bag is in itself
        storages = getattr(storage, 'storages', [storage])
        return getattr(self._reader, 'compression_mode', None) != 'file' and \
            all(getattr(storage, 'chunks', True) for storage in storages)

    def _messages(
        self, topic: str, start_ns: int | None = None,
    ) -> Iterator[tuple[Any, int, bytes]]:
        connections = self._connections[topic]
        try:
            yield from self._reader.messages(connections) if start_ns is None else \
                self._reader.messages(connections, start_ns)
        except SourceError as error:
            raise SourceError(f'{self.path}: {error}') from error
        except Exception as error:  # see open_bag
            raise SourceError(f'{self.path}: broken after it was opened ({_told(error)})') \
                from error

    def _frame(self, data: bytes, msgtype: str) -> np.ndarray:
        store = _typestore(self._ros1)
        try:
            message = (store.deserialize_ros1 if self._ros1 else store.deserialize_cdr)(
                data, msgtype)
        except Exception as error:  # SerdeError, struct.error, ValueError, UnicodeDecodeError, …
            raise FrameError('undecodable', f'not a message: {_told(error)}') from error
        return decompress(message) if msgtype == _COMPRESSED else \
            NativeConverter().to_array(message)


def _stamp_ns(data: bytes, ros1: bool) -> int | None:
    """Return the stamp of a message that begins with a header, without reading the rest of it."""
    try:
        order = '<' if ros1 or data[1] & 1 else '>'
        seconds, nanoseconds = struct.unpack_from(f'{order}iI', data, 4)
    except (struct.error, IndexError):
        return None
    return seconds * 10**9 + nanoseconds or None


@lru_cache(maxsize=2)
def _typestore(ros1: bool) -> Any:
    # Not the definitions in the bag: those of images have never changed, and one odd message
    # type among the other topics must not make the images unreadable.
    from rosbags.typesys import get_typestore, Stores
    return get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)


def _told(error: Exception) -> str:
    return ' '.join(f'{type(error).__name__}: {error}'.split())
