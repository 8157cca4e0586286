"""Images, videos and ROS bags on disk → frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import cv2
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.bags import BAG_SUFFIXES, is_bag, open_bag
from fliqe_ros.frame_io.videos import read_video
from fliqe_ros.imaging.palette_reader import PaletteReader
import numpy as np

IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')


def find_files(path: str | Path) -> list[Path]:
    """
    List a path's images, videos and bags: itself if it is one, else all below, in path order.

    A rosbag2 folder is one item, whatever it holds.

    :raises SourceError: if it does not exist or holds none of them.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise SourceError(f'{path}: no such file or folder')
    if path.is_file() or is_bag(path):
        return [path]
    known = IMAGE_SUFFIXES + VIDEO_SUFFIXES + BAG_SUFFIXES
    found = sorted(file for file in path.rglob('*')
                   if is_bag(file) or file.suffix.lower() in known and file.is_file())
    bag_folders = {file for file in found if file.is_dir()}
    files = [file for file in found if not bag_folders.intersection(file.parents)]
    if not files:
        raise SourceError(f'{path}: no image, no video and no bag in this folder')
    return files


def read_frames(file: Path) -> Generator[np.ndarray, None, None]:
    """
    Read an image (one frame), a video or a bag (all frames, topic after topic).

    :return: iterator of (H, W) uint8 or uint16; colours become gray as a ``PaletteReader`` reads
        them, one for each sequence.
    :raises SourceError: if the file cannot be read or its pixels have another type.
    """
    empty = True
    for _, frames in read_sequences(file):
        with closing(frames):  # at once after an error, not only when its traceback is gone
            for frame in frames:
                empty = False
                yield frame
    if empty:
        raise SourceError(f'{file}: not one readable frame')


def read_sequences(
    file: Path,
) -> Iterator[tuple[str, Generator[np.ndarray, None, None]]]:
    """
    Read a file as sequences, each of one camera: one for each image topic of a bag, else one.

    :return: iterator of (name, frames): the path, for a bag ``path:topic``, and an iterator of
        frames as ``read_frames`` gives them, to be used up before the next sequence.
    :raises SourceError: as ``read_frames``; a topic without any readable image just has no frames.
    """
    if is_bag(file):
        with open_bag(file) as bag:
            yield from ((f'{file}:{topic}', bag.frames(topic)) for topic in bag.topics)
    elif file.suffix.lower() in VIDEO_SUFFIXES:
        yield str(file), read_video(file)
    else:
        yield str(file), (frame for frame in (_read_image(file),))


def _read_image(file: Path) -> np.ndarray:
    try:
        # Not cv2.imread: that cannot open every path on every platform and prints to stderr.
        encoded = np.frombuffer(file.read_bytes(), np.uint8)
        frame = cv2.imdecode(encoded, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        if frame is not None and frame.ndim == 3:
            frame = PaletteReader().levels(frame)
            if frame is None:  # the luma of a JPEG is read as it is stored
                frame = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    except (OSError, cv2.error) as error:
        raise SourceError(f'{file}: cannot be read ({error})') from error
    if frame is None:
        raise SourceError(f'{file}: not an image that OpenCV can decode')
    if frame.dtype not in (np.uint8, np.uint16):
        raise SourceError(f'{file}: {frame.dtype} pixels, expected 8 or 16 bits')
    return frame
