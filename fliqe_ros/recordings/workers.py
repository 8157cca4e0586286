"""Who scores spans: this process, or workers in others; what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
import hashlib
from pathlib import Path
import threading
from typing import Any, Protocol

from fliqe_ros.errors import BackendError, CheckpointError, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.streams import Recording
from fliqe_ros.recordings.journal import Ending, Journal, NO_ROWS
from fliqe_ros.recordings.planning import Survey
from fliqe_ros.recordings.report.thumbnails import take_pictures
from fliqe_ros.recordings.scoring import Reading, score_span, SpanOfCamera
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.whole import Parts, score_whole
import numpy as np

#: Rows, or None if they are in the journal already, and how they ended.
Scored = tuple[np.ndarray | None, Ending]


class WorkerError(SourceError):
    """Workers cannot work at all; the text says why and what to do."""


class CrashError(Exception):
    """A piece of work ends the processes that do it; the text says what to do."""


@dataclass(frozen=True)
class ModelSpec:
    """The model that workers load, as ``FLIQE`` takes it, and its hash."""

    path: str | None
    device: str
    precision: str
    backend: str
    threads: int
    model_hash: str


class Workers(Protocol):
    """Something that works on several things at a time, ``slots`` of them."""

    @property
    def slots(self) -> int:
        """Return for how many pieces of work there is room."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function with arguments, somewhere."""

    def score(self, parts: Sequence[SpanOfCamera],
              journals: Sequence[Journal]) -> Future[list[Scored]]:
        """Score spans; their journals may be written to at once, or by the caller later."""

    def pictures(self, part: SpanOfCamera, wanted: frozenset[int]) -> Future[dict[int, str]]:
        """Take pictures of some frames; see ``take_pictures``."""

    def whole(self, recording: Recording, reading: Reading,
              settings: ScoringSettings) -> Future[tuple[Survey, list[Parts]]]:
        """Fetch and score a recording; see ``score_whole``."""

    def check(self) -> None:
        """
        See to it that somebody still works.

        :raises WorkerError: if nobody does.
        """

    def close(self) -> None:
        """Stop all work at once."""


class ThisProcess:
    """
    Works here and now; rows are in the journal batch by batch.

    :param tell: is called with the number of frames that were done.
    """

    slots = 1

    def __init__(self, fliqe: FLIQE, tell: Callable[[int], None]) -> None:
        self._fliqe, self._tell = fliqe, tell

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function; what it raises is raised here."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    def score(self, parts: Sequence[SpanOfCamera],
              journals: Sequence[Journal]) -> Future[list[Scored]]:
        """Score spans into their journals, from where these end."""
        return self.submit(lambda: [self._score(*each) for each in zip(parts, journals)])

    def pictures(self, part: SpanOfCamera, wanted: frozenset[int]) -> Future[dict[int, str]]:
        """Take pictures of some frames."""
        return self.submit(take_pictures, self._fliqe, part, wanted)

    def whole(self, recording: Recording, reading: Reading,
              settings: ScoringSettings) -> Future[tuple[Survey, list[Parts]]]:
        """Fetch and score a recording."""
        return self.submit(score_whole, self._fliqe, recording, reading, settings)

    def check(self) -> None:
        """Work is never elsewhere."""

    def close(self) -> None:
        """Nothing goes on."""

    def _score(self, part: SpanOfCamera, journal: Journal) -> Scored:
        done = journal.begin()
        self._tell(done)

        def keep(rows: np.ndarray) -> None:
            journal.append(rows)
            self._tell(len(rows))

        ending = score_span(self._fliqe, part, keep, done)
        journal.finish(ending)
        return None, ending


class RemoteWorkers:
    """What workers in other processes have in common, wherever they are."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function with arguments, elsewhere."""
        raise NotImplementedError

    def score(self, parts: Sequence[SpanOfCamera],
              journals: Sequence[Journal]) -> Future[list[Scored]]:
        """Score spans; the caller keeps the rows."""
        return self.submit(_score_parts, self._spec, parts)

    def pictures(self, part: SpanOfCamera, wanted: frozenset[int]) -> Future[dict[int, str]]:
        """Take pictures of some frames."""
        return self.submit(_take_pictures, self._spec, part, wanted)

    def whole(self, recording: Recording, reading: Reading,
              settings: ScoringSettings) -> Future[tuple[Survey, list[Parts]]]:
        """Fetch and score a recording."""
        return self.submit(_score_whole, self._spec, recording, reading, settings)


def _score_whole(spec: ModelSpec, *arguments: Any) -> tuple[Survey, list[Parts]]:
    return score_whole(loaded(spec, threading.get_ident()), *arguments)


def _score_parts(spec: ModelSpec, parts: Sequence[SpanOfCamera]) -> list[Scored]:
    fliqe = loaded(spec, threading.get_ident())
    scored: list[Scored] = []
    for part in parts:
        batches: list[np.ndarray] = []
        ending = score_span(fliqe, part, batches.append)
        scored.append((np.concatenate([*batches, NO_ROWS]), ending))
    return scored


def _take_pictures(
    spec: ModelSpec, part: SpanOfCamera, wanted: frozenset[int],
) -> dict[int, str]:
    return take_pictures(loaded(spec, threading.get_ident()), part, wanted)


@lru_cache(maxsize=64)
def loaded(spec: ModelSpec, thread: int) -> FLIQE:
    """
    Load a model once for each thread of this process.

    :raises WorkerError: if it is another one than the caller's.
    """
    try:
        fliqe = FLIQE(spec.path, spec.device, spec.precision, spec.backend, spec.threads)
    except (CheckpointError, BackendError) as error:
        raise WorkerError(f'a worker cannot load the model: {error}') from error
    if fliqe.model_hash != spec.model_hash:
        raise WorkerError(f'a worker has another model in {fliqe.model_path} (SHA-256 '
                          f'{fliqe.model_hash[:12]}, here {spec.model_hash[:12]}); give both the '
                          'same version of fliqe_ros or the same file')
    return fliqe


@lru_cache(maxsize=1)
def source_version() -> str:
    """Return what tells one version of this package's code from another: a hash of it."""
    root = Path(__file__).resolve().parent.parent
    code = hashlib.sha256()
    for path in sorted(root.rglob('*.py')):
        code.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return code.hexdigest()[:12]
