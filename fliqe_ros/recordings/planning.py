"""What there is to score: recordings behind paths, and the cameras and spans of each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
import fcntl
import glob
from pathlib import Path

from fliqe_ros.errors import one_line, SourceError
from fliqe_ros.frame_io.remote import find_remote, is_remote
from fliqe_ros.frame_io.spans import Span
from fliqe_ros.frame_io.streams import find_recordings, open_recording, Recording
from fliqe_ros.recordings.scoring import Reading


@dataclass
class Plan:
    """What there is to score, what was left aside (suffix → files), and what is wrong with it."""

    recordings: list[Recording] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def plan(paths: Iterable[str], sequences: bool = True) -> Plan:
    """
    List what files, folders, patterns (``*``) and lists (``@FILE``, a path a line) hold.

    :param sequences: take numbered images of a folder for one recording.
    """
    found = Plan()
    for path in _expanded(paths, found.failures):
        try:
            recordings, aside = (find_remote if is_remote(path) else find_recordings)(path)
        except (SourceError, OSError) as error:
            found.failures.append(one_line(error))
            continue
        if not recordings:
            found.failures.append(f'{path}: no image, no video and no bag in this folder')
        found.recordings += recordings if sequences else [
            single for each in recordings for single in _singles(each)]
        found.aside += aside
    # a file that was named twice is scored once
    found.recordings = list({each.name: each for each in found.recordings}.values())
    return found


def _singles(recording: Recording) -> Iterator[Recording]:
    if recording.is_sequence and recording.remote:
        for file, remote in zip(recording.files, recording.remote):
            yield Recording(remote.url, (file,), (remote,))
    elif recording.is_sequence:
        for file in recording.files:
            yield Recording(str(file), (file,))
    else:
        yield recording


def _expanded(paths: Iterable[str], failures: list[str]) -> Iterator[str]:
    for path in paths:
        if path.startswith('@'):
            try:
                lines = Path(path[1:]).expanduser().read_text(encoding='utf-8').splitlines()
            except (OSError, UnicodeDecodeError) as error:
                failures.append(f'{path[1:]}: not a list of paths ({one_line(error)})')
                continue
            yield from _expanded((line for line in lines if line.strip()), failures)
        elif not is_remote(path) and glob.has_magic(path) and not Path(path).exists():
            matches = sorted(glob.glob(path, recursive=True))
            if not matches:
                failures.append(f'{path}: no file has such a name')
            yield from matches
        else:
            yield path


def count_frames(recordings: Sequence[Recording]) -> int:
    """Return about how many frames there are, as the recordings tell themselves."""
    total = 0
    for recording in recordings:
        if recording.is_still or recording.is_sequence:
            total += len(recording.files)
            continue
        if recording.remote:
            continue
        with suppress(SourceError, OSError), open_recording(recording) as streams:
            total += sum(stream.length or 0 for stream in streams)
    return total


@dataclass(frozen=True)
class CameraPlan:
    """A camera of a recording: see ``CameraStream``; and the spans to score it by."""

    camera: str
    length: int | None
    spans: tuple[Span, ...]
    rate_hz: float | None


@dataclass(frozen=True)
class Survey:
    """
    What a recording is made of.

    ``files`` are path, size and time of change of each of them; ``failure`` tells why it cannot
    be read, or ''.
    """

    cameras: tuple[CameraPlan, ...] = ()
    files: tuple[tuple[str, int, int], ...] = ()
    failure: str = ''


def survey(recordings: Sequence[Recording], reading: Reading) -> list[Survey]:
    """Look into recordings, without decoding a frame."""
    return [_survey(recording, reading) for recording in recordings]


def _survey(recording: Recording, reading: Reading) -> Survey:
    try:
        with open_recording(recording, reading.rate_hz, reading.drawn) as streams:
            cameras = tuple(
                CameraPlan(stream.camera, stream.length, stream.spans(reading.frames_each),
                           stream.rate_hz) for stream in streams)
        return Survey(cameras, tuple(_stated(recording)))
    except (SourceError, OSError) as error:
        return Survey(failure=one_line(error))


def _stated(recording: Recording) -> Iterator[tuple[str, int, int]]:
    for file in recording.files:
        for path in sorted(file.iterdir()) if file.is_dir() else [file]:
            status = path.stat()
            yield str(path), status.st_size, status.st_mtime_ns


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """
    Keep other runs out of a folder for the time of a ``with`` block.

    :raises SourceError: if there is another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / '.lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SourceError(f'{folder}: another run is writing into this folder') from error
        yield
