"""Recordings on disk → the frames of each of their cameras, with the times they were taken at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
import re

from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.bags import BAG_SUFFIXES, is_bag, open_bag
from fliqe_ros.frame_io.pages import page_readers, PAGE_SUFFIXES
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.spans import (
    BEYOND, even_edges, Span, span_count, spans_between, WHOLE)
from fliqe_ros.frame_io.video_spans import frames_of_span, video_spans
from fliqe_ros.frame_io.videos import video_length, VIDEO_SUFFIXES

#: Tables of numbers have many meanings: one is read as a picture if it is named, and left aside
#: in a folder.
_ONLY_IF_NAMED = ('.csv',)
_NUMBER = re.compile(r'\d+')


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere: its address, and a text that changes when it does."""

    url: str
    version: str


@dataclass(frozen=True)
class Recording:
    """
    Files that are read together: a bag, a video, an image, or the images of one sequence.

    ``name`` is what people know it by: its path, and for a sequence the path with the numbers
    that differ as ``*``. ``remote`` are the files of one that lies elsewhere, see ``fetched``.
    """

    name: str
    files: tuple[Path, ...]
    remote: tuple[RemoteFile, ...] = ()

    @property
    def is_sequence(self) -> bool:
        """Tell whether it is several images that follow each other."""
        return len(self.files) > 1 and all(
            file.suffix.lower() in PAGE_SUFFIXES for file in self.files)

    @property
    def is_still(self) -> bool:
        """Tell whether it is a file of pictures, not one of a sequence, a video or a bag."""
        return len(self.files) == 1 and self.files[0].suffix.lower() in PAGE_SUFFIXES


@dataclass(frozen=True)
class CameraStream:
    """
    The frames of one camera of an open recording.

    ``camera`` is the image topic of a bag, else ''. ``length`` is how many frames there should
    be; None if that is not known. ``frames`` reads those of a span, by default all, from the first
    on, and after them a few that are beyond it; a ``SourceError`` tells that the rest cannot be
    read. ``spans`` parts the recording into spans of about so many frames. ``rate_hz`` is how
    fast frames follow whose files tell no times, else None.
    """

    camera: str
    length: int | None
    frames: Callable[..., Iterator[RecordedFrame]]
    spans: Callable[[int], tuple[Span, ...]]
    rate_hz: float | None = None


def find_recordings(path: str | Path) -> tuple[list[Recording], Counter[str]]:
    """
    List the recordings of a path: itself if it is one, else all in the folder and below.

    Images of one folder whose names differ only by numbers are one sequence.

    :return: the recordings in the order of their names, and the suffixes of the files that were
        left aside, with how many there are.
    :raises SourceError: if the path does not exist.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise SourceError(f'{path}: no such file or folder')
    if path.is_file() or is_bag(path):
        return [Recording(str(path), (path,))], Counter()
    return _in_folder(path)


def _in_folder(folder: Path) -> tuple[list[Recording], Counter[str]]:
    recordings, aside = [], Counter[str]()
    sequences: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir(), key=natural_order):
        suffix = path.suffix.lower()
        if path.name.startswith('.'):
            continue
        if is_bag(path) or path.is_file() and suffix in BAG_SUFFIXES + VIDEO_SUFFIXES:
            recordings.append(Recording(str(path), (path,)))
        elif path.is_dir():
            below, left = _in_folder(path)
            recordings += below
            aside += left
        elif suffix in PAGE_SUFFIXES and suffix not in _ONLY_IF_NAMED:
            sequences.setdefault(_NUMBER.sub('*', path.name), []).append(path)
        else:
            aside[suffix or path.name] += 1
    for pattern, files in sequences.items():
        name = str(files[0] if len(files) == 1 else folder / pattern)
        recordings.append(Recording(name, tuple(files)))
    return sorted(recordings, key=lambda recording: natural_order(recording.name)), aside


def natural_order(path: str | Path) -> tuple[object, ...]:
    """Return a key that sorts names as people do: frame 9 before frame 10."""
    words = _NUMBER.split(str(path))
    numbers = [int(number) for number in _NUMBER.findall(str(path))]
    return tuple(part for pair in zip(words, [*numbers, -1]) for part in pair) + (str(path),)


@contextmanager
def open_recording(recording: Recording, rate_hz: float = 10.0,
                   drawn: bool = False) -> Iterator[list[CameraStream]]:
    """
    Open a recording for the time of a ``with`` block.

    :param rate_hz: how fast the images of a sequence follow each other, whose files do not tell.
    :param drawn: read the picture that a radiometric JPEG shows, not the counts that it holds.
    :raises SourceError: if it cannot be read at all; the text says what could be done.
    """
    path = recording.files[0]
    if not path.exists():
        raise SourceError(f'{path}: no such file or folder')
    if is_bag(path):
        with open_bag(path) as bag:
            yield [CameraStream(topic, length, partial(bag.recorded, topic),
                                partial(bag.spans, topic))
                   for topic, length in bag.topics.items()]
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        yield [CameraStream('', video_length(path), partial(frames_of_span, path),
                            partial(video_spans, path))]
    else:
        count = len(recording.files)
        yield [CameraStream('', None if recording.is_still else count,
                            partial(_pages, recording, rate_hz, drawn),
                            partial(_spans_of_files, count), rate_hz)]


def narrowed(recording: Recording, span: Span) -> tuple[Recording, Span]:
    """Return only what a span takes of a long list of files, and the span of it."""
    if span == WHOLE or len(recording.files) == 1:
        return recording, span
    start, stop = span.start or 0, span.stop
    files = recording.files[start:None if stop is None else stop + BEYOND]
    return Recording(recording.name, files), Span(0, None if stop is None else stop - start)


def _spans_of_files(count: int, frames_each: int) -> tuple[Span, ...]:
    return spans_between(even_edges(0, count, span_count(count, frames_each)))


def _pages(
    recording: Recording, rate_hz: float, drawn: bool, span: Span = WHOLE,
) -> Iterator[RecordedFrame]:
    index = 0
    stop = len(recording.files) if span.stop is None else span.stop
    start = span.start or 0
    for number, file in enumerate(recording.files[start:stop + BEYOND], start):
        for read in page_readers(file, drawn):
            yield RecordedFrame(round(index / rate_hz * 1e9), None, read, str(file),
                                is_beyond=number >= stop)
            index += 1
