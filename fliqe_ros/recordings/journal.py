"""What is known of each frame of a camera, kept on the disk while it is being scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
import hashlib
import json
import os
from pathlib import Path
import shutil
from typing import Any

from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.monitoring.picture_changes import CELLS
from fliqe_ros.profiles.measures import MEASURES
import numpy as np

#: A stamp that the recording does not tell.
NO_STAMP = np.iinfo(np.int64).min
#: What is kept of a frame. ``error`` is the cause of a ``FrameError``, '' of a frame that was
#: scored. ``unchanged``, ``grid``, ``contrast`` and ``cells`` are those of its ``PictureLevels``,
#: if there is a picture. ``size`` (height, width) and ``measures`` are for profiles, 0 without
#: them.
ROW = np.dtype([
    ('time_ns', '<i8'), ('stamp_ns', '<i8'), ('score', '<f4'),
    ('probabilities', '<f4', len(CLASSES)), ('distortion', 'u1'), ('affected_share', '<f4'),
    ('has_picture', '?'), ('unchanged', '<f8'), ('grid', '<f8'), ('contrast', '<f8'),
    ('cells', 'u1', CELLS), ('size', '<i4', 2), ('measures', '<f8', MEASURES),
    ('error', 'S24')])

NO_ROWS = np.empty(0, ROW)


@dataclass(frozen=True)
class Ending:
    """
    How reading a span ended.

    ``broken`` tells why it ended early, or ''; ``errors`` holds a sentence for each kind of error.
    ``palette_before`` and ``palette_after`` are memories of the ``PaletteReader``.
    ``next_unchanged`` is how much stays the same from its last picture to the first one beyond
    it, ``next_cells`` the ``cells`` of that one. ``whole`` tells that the recording cannot be
    parted and has to be read in one go.

    Of a whole camera, ``parts`` are how many frames each span has, and which of the ``memories``
    was the ``palette_before`` of it.
    """

    broken: str = ''
    errors: dict[str, str] = field(default_factory=dict)
    palette_before: str = ''
    palette_after: str = ''
    next_unchanged: float = 0.0
    next_cells: list[int] = field(default_factory=lambda: [0] * CELLS)
    whole: bool = False
    parts: list[tuple[int, int]] = field(default_factory=list)
    memories: list[str] = field(default_factory=list)


class Journal:
    """
    Rows in a folder, of a camera or one of its spans, appended batch by batch.

    A process that is killed leaves whole batches, and perhaps a part of one, which is cut off.

    :param stem: the name of its files, without a suffix.
    :param batch: rows that are always appended together, but for the last.
    """

    def __init__(self, folder: Path, stem: str, batch: int) -> None:
        self._folder, self._stem, self._batch = folder, stem, batch
        self._rows, self._ending = folder / f'{stem}.rows', folder / f'{stem}.json'
        self._partial = folder / f'{stem}.partial'

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the files and the folder that hold it."""
        return self._rows, self._ending, self._folder / self._stem

    def span(self, number: int) -> Journal:
        """Return the journal of a span; it holds what is not yet in this one."""
        return Journal(self._folder / self._stem, f'{number:06}', self._batch)

    @property
    def ending(self) -> Ending | None:
        """Return how reading ended; None if it has not."""
        try:
            return Ending(**json.loads(self._ending.read_text(encoding='utf-8')))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self) -> int:
        """Cut off what is not whole; return how many rows there are already."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._partial.open('ab') as file:
            size = self._batch * ROW.itemsize
            whole = file.tell() // size * size
            file.truncate(whole)
        return whole // ROW.itemsize

    def append(self, rows: np.ndarray) -> None:
        """Add the rows of a batch."""
        with self._partial.open('ab') as file:
            file.write(rows.tobytes())

    def finish(self, ending: Ending) -> None:
        """Note that there are no more rows than were appended."""
        os.replace(self._partial, self._rows)
        self._end(ending)

    def _end(self, ending: Ending) -> None:
        _replace(self._ending, json.dumps(asdict(ending)).encode())

    def store(self, rows: np.ndarray, ending: Ending) -> None:
        """Hold these rows, and no others, and note that there are no more."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._partial.unlink(missing_ok=True)
        _replace(self._rows, rows.tobytes())
        self._end(ending)

    def remove(self) -> None:
        """Forget everything."""
        for path in (self._ending, self._rows, self._partial):
            path.unlink(missing_ok=True)

    def remove_spans(self) -> None:
        """Remove the journals of its spans."""
        shutil.rmtree(self._folder / self._stem, ignore_errors=True)

    def rows(self) -> np.ndarray:
        """Return all rows of a journal that has ended, as an array of ``ROW``."""
        data = self._rows.read_bytes() if self._rows.exists() else b''
        return np.frombuffer(data, ROW, len(data) // ROW.itemsize)


def stem_of(identity: Sequence[Any]) -> str:
    """Return a name that stands for everything that scores depend on, and how they are kept."""
    return hashlib.sha256(json.dumps([ROW.descr, *identity]).encode()).hexdigest()[:32]


def _replace(path: Path, content: bytes) -> None:
    """Write a file; it appears as a whole or not at all, even if the power fails."""
    part = path.with_suffix('.part')
    with part.open('wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
