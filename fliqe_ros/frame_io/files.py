"""Images, videos and ROS bags on disk → frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from fliqe_ros.errors import FrameError, SourceError
from fliqe_ros.frame_io.bags import BAG_SUFFIXES, is_bag, open_bag
from fliqe_ros.frame_io.pages import page_readers
from fliqe_ros.frame_io.videos import read_video, VIDEO_SUFFIXES
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
import numpy as np

IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.tif', '.tiff', '.webp')


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
    Read an image (all its pages), a video or a bag (all frames, topic after topic).

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
        yield str(file), _read_pages(file)


def _read_pages(file: Path) -> Generator[np.ndarray, None, None]:
    palette = PaletteReader()
    for read in page_readers(file, drawn=True):
        try:
            page = read()
        except FrameError as error:
            raise SourceError(str(error)) from error
        yield palette.to_gray(GainControl()(page) if page.dtype.kind == 'f' else page)
