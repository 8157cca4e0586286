"""Scores recordings into a folder, and goes on there after an interruption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
import fcntl
import glob
import os
from pathlib import Path

from fliqe_ros.errors import one_line, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.streams import (
    CameraStream, find_recordings, open_recording, Recording)
from fliqe_ros.recordings.events import find_events, summarise
from fliqe_ros.recordings.journal import Journal
from fliqe_ros.recordings.report.thumbnails import take_pictures
from fliqe_ros.recordings.scoring import batch_size, score_camera
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.tables import ScoredCamera
from fliqe_ros.recordings.verdicts import judge


@dataclass
class Plan:
    """What there is to score, what was left aside (suffix → files), and what is wrong with it."""

    recordings: list[Recording] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """How recordings are read; see ``open_recording``."""

    rate_hz: float = 10.0
    drawn: bool = False


def plan(paths: Iterable[str], sequences: bool = True) -> Plan:
    """
    List what files, folders, patterns (``*``) and lists (``@FILE``, a path a line) hold.

    :param sequences: take numbered images of a folder for one recording.
    """
    found = Plan()
    for path in _expanded(paths, found.failures):
        try:
            recordings, aside = find_recordings(path)
        except (SourceError, OSError) as error:
            found.failures.append(one_line(error))
            continue
        if not recordings:
            found.failures.append(f'{path}: no image, no video and no bag in this folder')
        found.recordings += recordings if sequences else [
            Recording(str(file), (file,)) for each in recordings for file in each.files]
        found.aside += aside
    # a file that was named twice is scored once
    found.recordings = list({each.name: each for each in found.recordings}.values())
    return found


def _expanded(paths: Iterable[str], failures: list[str]) -> Iterator[str]:
    for path in paths:
        if path.startswith('@'):
            try:
                lines = Path(path[1:]).expanduser().read_text(encoding='utf-8').splitlines()
            except (OSError, UnicodeDecodeError) as error:
                failures.append(f'{path[1:]}: not a list of paths ({one_line(error)})')
                continue
            yield from _expanded((line for line in lines if line.strip()), failures)
        elif glob.has_magic(path) and not Path(path).exists():
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
        if recording.is_still or len(recording.files) > 1:
            total += len(recording.files)
            continue
        with suppress(SourceError, OSError), open_recording(recording) as streams:
            total += sum(stream.length or 0 for stream in streams)
    return total


class Run:
    """
    Scores recordings with one model into one folder.

    ``failures`` tells, in sentences, what could not be read. ``pictures`` are those of the worst
    frames, by name of the camera and number of the frame.

    :param with_pictures: take them; frames are read once more for them.
    :param folder: keeps journals of what was scored, in its subfolder ``journal``.
    :param tell: is called with the number of frames that were done.
    """

    def __init__(self, fliqe: FLIQE, settings: ScoringSettings, reading: Reading, folder: Path,
                 tell: Callable[[int], None] = lambda frames: None,
                 with_pictures: bool = False) -> None:
        self.failures: list[str] = []
        self._fliqe, self._settings, self._reading = fliqe, settings, reading
        self._folder, self._tell = folder / 'journal', tell
        self._with_pictures = with_pictures
        self.pictures: dict[tuple[str, int], str] = {}
        self._used: set[Path] = set()

    def score(self, recording: Recording) -> Iterator[ScoredCamera]:
        """Yield the cameras of a recording as they are done."""
        try:
            with open_recording(recording, self._reading.rate_hz, self._reading.drawn) as streams:
                for stream in streams:
                    yield self._camera(recording, stream)
        except (SourceError, OSError) as error:
            self.failures.append(one_line(error))

    def remove_unused(self) -> None:
        """Remove the journals of what this run has not scored."""
        for path in self._folder.glob('*.*'):
            if path not in self._used:
                path.unlink()

    def _camera(self, recording: Recording, stream: CameraStream) -> ScoredCamera:
        settings = self._settings.of_camera(stream.camera)
        journal = Journal(
            self._folder, self._identity(recording, stream, settings), batch_size(self._fliqe))
        self._used.update(journal.files)
        if journal.ending is None:
            score_camera(self._fliqe, stream, settings, journal, self._tell)
        else:
            self._tell(len(journal.rows()))
        camera = _judged(recording, stream, journal, settings)
        if self._with_pictures and camera.events:
            taken = take_pictures(self._fliqe, stream, settings, camera.events)
            self.pictures.update({(camera.name, index): url for index, url in taken.items()})
        if camera.broken or camera.summary.failed == camera.summary.frames:
            reason = camera.faults
            if camera.summary.failed == camera.summary.frames:
                reason = ': '.join(filter(None, ['not one readable frame', reason]))
            named = reason if camera.recording in reason else f'{camera.name}: {reason}'
            self.failures.append(named)
        return camera

    def _identity(self, recording: Recording, stream: CameraStream,
                  settings: ScoringSettings) -> list[object]:
        files = [(str(path), status.st_size, status.st_mtime_ns)
                 for path, status in _stated(recording.files)]
        return [recording.name, stream.camera, files, self._fliqe.model_hash,
                self._fliqe.precision, self._fliqe.backend, self._fliqe.device,
                settings.of_scores, settings.criteria.shutter_time_s,
                self._reading.rate_hz, self._reading.drawn]


def _stated(files: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for file in files:
        for path in sorted(file.iterdir()) if file.is_dir() else [file]:
            yield path, path.stat()


def _judged(recording: Recording, stream: CameraStream, journal: Journal,
            settings: ScoringSettings) -> ScoredCamera:
    rows, ending = journal.rows(), journal.ending
    assert ending is not None
    if recording.is_still and len(rows) == 1:  # there will never be another frame
        thresholds = replace(settings.criteria.thresholds, min_frames=1)
        settings = replace(settings, criteria=replace(settings.criteria, thresholds=thresholds))
    verdicts = judge(rows, settings)
    return ScoredCamera(
        recording.name, stream.camera, rows, verdicts, summarise(rows, verdicts, settings),
        find_events(rows, verdicts), ending.broken, ending.errors)


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
