"""Decoded frames on disk instead of in memory, read when they are used."""

from __future__ import annotations

from dataclasses import dataclass
import os
from pathlib import Path
import tempfile
from typing import Any, IO

import numpy as np


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

    The file is made with the first frame and has no name in its folder, so nothing is left of it
    however the process ends. Other processes read from it while this one lives: a store can be
    sent to them. (This takes Linux, where an open file has a path below ``/proc``.)
    """

    def __init__(self, folder: Path | None = None) -> None:
        """
        Prepare an empty store.

        :param folder: on whose disk the file is; the default is the system's temporary folder.
        """
        self._parent = folder
        self._size = 0  # bytes
        self._file: IO[bytes] | None = None
        self.path = Path()

    def add(self, pixels: np.ndarray) -> StoredPixels:
        """
        Append a frame.

        :param pixels: (H, W) of any number type.
        :raises OSError: if the disk is full or cannot be written to.
        """
        file = self._file or self._create()
        file.write(np.ascontiguousarray(pixels).tobytes())
        file.flush()
        stored = StoredPixels(self, self._size, pixels.shape, pixels.dtype)
        self._size += pixels.nbytes
        return stored

    def _create(self) -> IO[bytes]:
        if self._parent is not None:
            self._parent.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=self._parent)
        self.path = Path(f'/proc/{os.getpid()}/fd/{self._file.fileno()}')
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_file': None}  # the other process opens it by its path
