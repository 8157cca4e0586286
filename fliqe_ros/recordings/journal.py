"""What is known of each frame of a camera, kept on the disk while it is being scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from fliqe_ros.distortion_types import CLASSES
import numpy as np

#: A stamp that the recording does not tell.
NO_STAMP = np.iinfo(np.int64).min
#: What is kept of a frame. ``error`` is the cause of a ``FrameError``, '' of a frame that was
#: scored. ``unchanged`` and ``is_blank`` are those of a ``PictureChange``.
ROW = np.dtype([
    ('time_ns', '<i8'), ('stamp_ns', '<i8'), ('score', '<f4'),
    ('probabilities', '<f4', len(CLASSES)), ('distortion', 'u1'), ('affected_share', '<f4'),
    ('unchanged', '<f4'), ('is_blank', '?'), ('error', 'S24')])


@dataclass(frozen=True)
class Ending:
    """How reading a camera ended: why before the end, or ''; a sentence for each kind of error."""

    broken: str = ''
    errors: dict[str, str] = field(default_factory=dict)


class Journal:
    """
    The rows of one camera in a folder, appended batch by batch.

    A process that is killed leaves whole batches, and perhaps a part of one, which is cut off.

    :param identity: everything that the scores depend on; another one is another journal.
    :param batch: rows that are always appended together, but for the last.
    """

    def __init__(self, folder: Path, identity: Sequence[Any], batch: int) -> None:
        key = hashlib.sha256(json.dumps([*identity, batch]).encode()).hexdigest()[:32]
        self._rows, self._ending = folder / f'{key}.rows', folder / f'{key}.json'
        self._batch = batch

    @property
    def files(self) -> tuple[Path, Path]:
        """Return the files that hold it."""
        return self._rows, self._ending

    @property
    def ending(self) -> Ending | None:
        """Return how reading ended; None if it has not."""
        try:
            return Ending(**json.loads(self._ending.read_text(encoding='utf-8')))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self) -> int:
        """Cut off what is not whole; return how many rows there are already."""
        self._rows.parent.mkdir(parents=True, exist_ok=True)
        with self._rows.open('ab') as file:
            size = self._batch * ROW.itemsize
            whole = file.tell() // size * size
            file.truncate(whole)
        return whole // ROW.itemsize

    def append(self, rows: np.ndarray) -> None:
        """Add the rows of a batch."""
        with self._rows.open('ab') as file:
            file.write(rows.tobytes())

    def finish(self, ending: Ending) -> None:
        """Note that there are no more rows."""
        part = self._ending.with_suffix('.part')
        part.write_text(json.dumps({'broken': ending.broken, 'errors': ending.errors}),
                        encoding='utf-8')
        os.replace(part, self._ending)

    def rows(self) -> np.ndarray:
        """Return all rows so far, as an array of ``ROW``."""
        data = self._rows.read_bytes() if self._rows.exists() else b''
        return np.frombuffer(data, ROW, len(data) // ROW.itemsize)
