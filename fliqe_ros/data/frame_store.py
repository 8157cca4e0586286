"""Decoded frames on disk instead of in memory: read when they are used, removed afterwards."""

from __future__ import annotations

from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any
import weakref

import numpy as np

FOLDER_PREFIX = 'frames-'


@dataclass(frozen=True)
class StoredPixels:
    """The pixels of one frame in a store's file; the file stays while any of them is in use."""

    store: FrameStore
    offset: int  # bytes
    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self) -> np.ndarray:
        """Return the pixels, read anew each time."""
        count = int(np.prod(self.shape))
        return np.fromfile(self.store.path, self.dtype, count, offset=self.offset).reshape(
            self.shape)


class FrameStore:
    """
    A temporary file of frames as they were decoded, without compression.

    The file is made with the first frame. It is removed when neither the store nor any of its
    frames is in use, at the latest when the process ends; only a killed process leaves it behind.
    A store can be sent to another process to read from.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """
        Prepare an empty store.

        :param folder: where the file goes; the default is the system's temporary folder.
        """
        self._parent = folder
        self._size = 0  # bytes
        self.path = Path()

    def add(self, pixels: np.ndarray) -> StoredPixels:
        """
        Append a frame.

        :param pixels: (H, W) of any number type.
        :raises OSError: if the disk is full or cannot be written to.
        """
        if not self._size:
            self._create()
        with self.path.open('ab') as file:
            file.write(np.ascontiguousarray(pixels).tobytes())
        stored = StoredPixels(self, self._size, pixels.shape, pixels.dtype)
        self._size += pixels.nbytes
        return stored

    def _create(self) -> None:
        if self._parent is not None:
            self._parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=self._parent)
        self.path = Path(folder) / 'frames.bin'
        weakref.finalize(self, _remove, folder, os.getpid())

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)  # a copy in another process does not remove the file


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a worker process that was forked from it
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the files that the stores of killed processes have left in a folder."""
    for path in folder.glob(FOLDER_PREFIX + '*'):
        shutil.rmtree(path, ignore_errors=True)
