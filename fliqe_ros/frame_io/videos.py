"""Video files → frames, with OpenCV."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
from fliqe_ros.errors import SourceError
from fliqe_ros.imaging.palette_reader import PaletteReader
import numpy as np


@contextmanager
def open_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video for the time of a ``with`` block; it is released whatever happens."""
    video = cv2.VideoCapture(str(path))
    try:
        yield video
    finally:
        video.release()


def read_video(path: Path) -> Generator[np.ndarray, None, None]:
    """
    Read all frames of a video.

    :return: iterator of (H, W) uint8; colours become gray as a ``PaletteReader`` reads
        them, one for the whole video.
    :raises SourceError: if OpenCV cannot decode the video.
    """
    palette = PaletteReader()
    with open_video(path) as video:
        readable, frame = video.read()
        if not readable:
            raise SourceError(f'{path}: not a video that OpenCV can decode')
        while readable:
            yield palette.to_gray(frame)
            readable, frame = video.read()


def read_positions(path: Path, positions: list[int]) -> Generator[np.ndarray, None, None]:
    """Read the frames with these numbers, from 0; unreadable ones are left out."""
    palette = PaletteReader()
    with open_video(path) as video:
        for position in positions:
            video.set(cv2.CAP_PROP_POS_FRAMES, position)
            readable, frame = video.read()
            if readable:
                yield palette.to_gray(frame)


def count_frames(path: Path) -> int:
    """Return the number of frames that the file states; 0 if it states none."""
    with open_video(path) as video:
        return max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
