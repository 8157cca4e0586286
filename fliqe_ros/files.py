"""Images and videos on disk → frames."""

from pathlib import Path
from typing import Iterator

import cv2
import numpy as np

IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')


class SourceError(ValueError):
    """A source gives no frames; the text names it and says why."""


def find_files(path) -> list:
    """
    List a path's images and videos: itself if it is a file, else all below, in path order.

    :raises SourceError: if it does not exist or holds no image and no video.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise SourceError(f'{path}: no such file or folder')
    if path.is_file():
        return [path]
    known = IMAGE_SUFFIXES + VIDEO_SUFFIXES
    files = sorted(file for file in path.rglob('*')
                   if file.suffix.lower() in known and file.is_file())
    if not files:
        raise SourceError(f'{path}: no image and no video in this folder')
    return files


def read_frames(file: Path) -> Iterator[np.ndarray]:
    """
    Read an image (one frame) or a video (all of its frames), by its suffix.

    :return: iterator of (H, W) uint8 or uint16; colours become gray.
    :raises SourceError: if the file cannot be read or its pixels have another type.
    """
    if file.suffix.lower() in VIDEO_SUFFIXES:
        yield from _read_video(file)
    else:
        yield _read_image(file)


def _read_image(file):
    try:
        # Not cv2.imread: that cannot open every path on every platform and prints to stderr.
        encoded = np.frombuffer(file.read_bytes(), np.uint8)
        frame = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    except (OSError, cv2.error) as error:
        raise SourceError(f'{file}: cannot be read ({error})') from error
    if frame is None:
        raise SourceError(f'{file}: not an image that OpenCV can decode')
    if frame.dtype not in (np.uint8, np.uint16):
        raise SourceError(f'{file}: {frame.dtype} pixels, expected 8 or 16 bits')
    return frame


def _read_video(file):
    video = cv2.VideoCapture(str(file))
    try:
        readable, frame = video.read()
        if not readable:
            raise SourceError(f'{file}: not a video that OpenCV can decode')
        while readable:
            yield frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            readable, frame = video.read()
    finally:
        video.release()
