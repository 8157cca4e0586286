"""Scores recordings into a folder, and goes on there after an interruption."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
import logging
from pathlib import Path
import shutil
import time
from typing import Any

from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.streams import Recording
from fliqe_ros.recordings.camera_work import CameraWork
from fliqe_ros.recordings.journal import Journal, stem_of
from fliqe_ros.recordings.planning import Survey, survey
from fliqe_ros.recordings.scoring import batch_size, Reading, SpanOfCamera
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.tables import ScoredCamera
from fliqe_ros.recordings.verdicts import remarks
from fliqe_ros.recordings.whole import keep_survey, kept_survey, Parts, stated
from fliqe_ros.recordings.workers import CrashError, Scored, Workers

#: Recordings that are looked into together, and single frames that are scored as one piece of
#: work, where work goes to other processes.
_SURVEYED_TOGETHER, _FRAMES_TOGETHER = 16, 64
#: How often to see whether the workers are still there, in s.
_CHECK_S = 2.0
#: A piece of work that takes longer is told, in s.
_LATE_S = 120.0

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Work:
    """A recording that is being scored; ``cameras`` are not known before it was looked into."""

    recording: Recording
    cameras: list[CameraWork] | None = None


@dataclass(frozen=True)
class _Taken:
    """A span that is being scored, and the journal of the camera at that time."""

    camera: CameraWork
    number: int
    part: SpanOfCamera
    journal: Journal


@dataclass(frozen=True)
class _Task:
    """A piece of work that is being done, what to do with its result, and since when (s)."""

    name: str
    finish: Callable[[Future[Any]], None]
    since_s: float


class Run:
    """
    Scores recordings with one model into one folder.

    ``failures`` tells, in sentences, what could not be read. ``pictures`` are those of the worst
    frames, by name of the camera and number of the frame.

    :param workers: do the work; the result is the same whoever they are.
    :param with_pictures: take them; these frames are read once more for them.
    :param folder: keeps journals of what was scored, in its subfolder ``journal``.
    :param tell: is called with the number of frames that were done.
    """

    def __init__(self, fliqe: FLIQE, workers: Workers, settings: ScoringSettings,
                 reading: Reading, folder: Path, tell: Callable[[int], None] = lambda frames: None,
                 with_pictures: bool = False) -> None:
        self.failures: list[str] = []
        self.pictures: dict[tuple[str, int], str] = {}
        self._workers, self._settings, self._reading = workers, settings, reading
        self._folder, self._tell, self._with_pictures = folder / 'journal', tell, with_pictures
        self._model, self._batch = fliqe.model_id, batch_size(fliqe)
        self._identity = [fliqe.model_hash, fliqe.precision, fliqe.backend, fliqe.device,
                          reading.rate_hz, reading.drawn, reading.frames_each]
        self._used: set[Path] = set()
        self._running: dict[Future[Any], _Task] = {}
        self._told_late: set[Future[Any]] = set()

    def score(self, recordings: Iterable[Recording]) -> Iterator[ScoredCamera]:
        """Yield the cameras of recordings, in their order, as they are done."""
        source = iter(recordings)
        ahead: deque[_Work] = deque()
        while True:
            self._fill(ahead, source)
            while ahead and self._is_done(ahead[0]):
                yield from self._finished(ahead.popleft())
            if self._running:
                self._wait()
            elif not ahead:
                return

    def remove_unused(self) -> None:
        """Remove the journals of what this run has not scored."""
        for path in self._folder.glob('*'):
            if path not in self._used:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _fill(self, ahead: deque[_Work], source: Iterator[Recording]) -> None:
        """Give work to the workers that have none."""
        while len(self._running) < self._workers.slots:
            cameras = [camera for work in ahead for camera in work.cameras or ()]
            if not (self._start_pictures(cameras) or self._start_spans(cameras)
                    or self._start_survey(ahead, source)):
                return

    def _start_survey(self, ahead: deque[_Work], source: Iterator[Recording]) -> bool:
        together = 1 if self._workers.slots == 1 else _SURVEYED_TOGETHER
        works = [_Work(recording) for recording in islice(source, together)]
        ahead += works
        for work in works:
            if work.recording.remote:
                self._score_whole(work)
        here = [work for work in works if not work.recording.remote]
        if here:
            self._survey(here)
        return bool(works)

    def _score_whole(self, work: _Work) -> None:
        recording = work.recording
        path = self._folder / f'{stem_of([recording.name, stated(recording), *self._identity])}' \
            '.survey'
        self._used.add(path)
        kept = kept_survey(recording, path)
        if kept is not None and all(each.scored for each in self._cameras(recording, kept)):
            self._surveyed(work, kept)
            return

        def finish(future: Future[tuple[Survey, list[Parts]]]) -> None:
            try:
                found, scored = future.result()
            except CrashError as error:
                found, scored = Survey(failure=f'{recording.name}: {error}'), []
            self._surveyed(work, found)
            for camera, parts in zip(work.cameras or (), scored):
                for number, (rows, ending) in enumerate(parts):
                    if camera.scored is None:
                        self._tell(len(rows))
                        camera.finish(number, rows, ending)
            if not found.failure:
                keep_survey(found, path)

        self._start(recording.name, self._workers.whole(
            recording, self._reading, self._settings), finish)

    def _survey(self, works: list[_Work]) -> None:
        def finish(future: Future[list[Survey]]) -> None:
            try:
                surveys = future.result()
            except CrashError as error:
                if len(works) > 1:
                    for work in works:
                        self._survey([work])
                    return
                surveys = [Survey(failure=f'{works[0].recording.name}: {error}')]
            for work, found in zip(works, surveys):
                self._surveyed(work, found)

        self._start(works[0].recording.name, self._workers.submit(
            survey, [work.recording for work in works], self._reading), finish)

    def _surveyed(self, work: _Work, found: Survey) -> None:
        if found.failure:
            self.failures.append(found.failure)
        work.cameras = self._cameras(work.recording, found)
        self._tell(sum(camera.known_frames() for camera in work.cameras))

    def _cameras(self, recording: Recording, found: Survey) -> list[CameraWork]:
        identity = [recording.name, found.files, *self._identity]
        return [CameraWork(recording, plan, self._settings.of_camera(plan.camera), self._reading,
                           self._folder, identity, self._model, self._batch,
                           self._with_pictures)
                for plan in found.cameras]

    def _start_spans(self, cameras: Iterable[CameraWork]) -> bool:
        together = 1 if self._workers.slots == 1 else _FRAMES_TOGETHER
        taken: list[_Taken] = []
        frames = 0
        for camera in cameras:
            while frames < together and (number := camera.next_span()) is not None:
                taken.append(_Taken(camera, number, camera.start(number), camera.journal))
                frames += camera.length
        if taken:
            self._score(taken)
        return bool(taken)

    def _score(self, taken: list[_Taken]) -> None:
        def finish(future: Future[list[Scored]]) -> None:
            try:
                scored = future.result()
            except CrashError as error:
                if len(taken) == 1:
                    taken[0].camera.give_up(str(error))
                else:  # find out which one it was
                    for each in taken:
                        self._score([each])
                return
            for each, (rows, ending) in zip(taken, scored):
                if rows is not None:
                    self._tell(len(rows))
                if each.journal is each.camera.journal:  # else it is read in one go meanwhile
                    each.camera.finish(each.number, rows, ending)

        journals = [each.journal.span(each.number) for each in taken]
        self._start(taken[0].camera.name, self._workers.score(
            [each.part for each in taken], journals), finish)

    def _start_pictures(self, cameras: Iterable[CameraWork]) -> bool:
        camera = next((camera for camera in cameras if camera.wanted), None)
        if camera is None:
            return False
        part, wanted = camera.wanted.pop()
        camera.taking += 1

        def finish(future: Future[dict[int, str]]) -> None:
            with suppress(CrashError):  # the page shows no picture there
                taken = future.result()
                camera.pictures.update({wanted[index]: url for index, url in taken.items()})
            camera.taking -= 1

        self._start(camera.name, self._workers.pictures(part, frozenset(wanted)), finish)
        return True

    def _start(self, name: str, future: Future[Any],
               finish: Callable[[Future[Any]], None]) -> None:
        self._running[future] = _Task(name, finish, time.monotonic())

    def _wait(self) -> None:
        """Wait until something is done, and take it."""
        done, late = wait(self._running, _CHECK_S, FIRST_COMPLETED)
        for future in done:
            self._running.pop(future).finish(future)
        if done:
            return
        self._workers.check()
        for future in late - self._told_late:
            task = self._running[future]
            if time.monotonic() - task.since_s > _LATE_S:
                self._told_late.add(future)
                _log.info('%s: still at work after %.0f s', task.name, _LATE_S)

    @staticmethod
    def _is_done(work: _Work) -> bool:
        return work.cameras is not None and all(camera.is_done for camera in work.cameras)

    def _finished(self, work: _Work) -> Iterator[ScoredCamera]:
        for camera_work in work.cameras or ():
            self._used |= camera_work.used
            camera = camera_work.scored
            if camera is None:
                self.failures.append(f'{camera_work.name}: {camera_work.failure}')
                continue
            self.pictures.update({(camera.name, index): url
                                  for index, url in camera_work.pictures.items()})
            self._tell_failure(camera)
            self._tell_remarks(camera)
            yield camera

    def _tell_failure(self, camera: ScoredCamera) -> None:
        if camera.broken or camera.summary.failed == camera.summary.frames:
            reason = camera.faults
            if camera.summary.failed == camera.summary.frames:
                reason = ': '.join(filter(None, ['not one readable frame', reason]))
            named = reason if camera.recording in reason else f'{camera.name}: {reason}'
            self.failures.append(named)

    def _tell_remarks(self, camera: ScoredCamera) -> None:
        """Tell what of a profile cannot be used, once for all recordings of its camera."""
        if camera.profile is not None:
            for remark in remarks(camera.rows, camera.profile.profile, self._model):
                told = f'profile of {camera.profile.camera}: {remark}'
                if told not in self.failures:
                    self.failures.append(told)
