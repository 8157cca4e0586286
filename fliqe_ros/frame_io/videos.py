"""
Video files → frames.

PyAV reads them where it is installed, 16-bit videos as the counts that they hold; else OpenCV,
which knows no more than 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
import threading
from typing import Any

import cv2
from fliqe_ros.errors import FrameError, one_line, SourceError
from fliqe_ros.frame_io.limits import require_size
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.imaging.palette_reader import PaletteReader
import numpy as np

VIDEO_SUFFIXES = (
    '.264', '.avi', '.h264', '.h265', '.hevc', '.m2ts', '.m4v', '.mjpeg', '.mjpg', '.mkv', '.mov',
    '.mp4', '.mpeg', '.mpg', '.mts', '.ts', '.webm', '.wmv')
#: Frames per second of streams that tell none.
_DEFAULT_RATE_HZ = 25.0
#: A video that ends so much before the end that it tells is cut, in seconds.
_CUT_S = 2.0
#: And one with fewer of the frames that it tells than this.
_WHOLE_SHARE = 0.95


@contextmanager
def open_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video with OpenCV for the time of a ``with`` block."""
    video = cv2.VideoCapture(str(path))
    try:
        yield video
    finally:
        video.release()


def read_video(path: Path) -> Generator[np.ndarray, None, None]:
    """
    Read all frames of a video; those that are damaged are left out.

    :return: iterator of (H, W) uint8 or uint16; colours become gray as a ``PaletteReader`` reads
        them, one for the whole video.
    :raises SourceError: if the video cannot be decoded.
    """
    palette = PaletteReader()
    for frame in video_frames(path):
        try:
            pixels = frame.read()
        except FrameError:
            continue
        yield palette.to_gray(pixels)


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


def video_length(path: Path) -> int | None:
    """
    Return about how many frames a video has, as it tells itself; None if it does not.

    :raises SourceError: if it cannot be opened.
    """
    av = pyav()
    if av is None:
        return count_frames(path) or None
    with opened(av, path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate
        if not stream.frames and container.duration and rate:
            return round(container.duration / 1e6 * float(rate))
        return stream.frames or None


def video_frames(path: Path) -> Iterator[RecordedFrame]:
    """
    Yield the frames of a video with their times since its start.

    :raises SourceError: if it cannot be opened, or ends before the end that it tells.
    """
    av = pyav()
    if av is None:
        yield from _frames_of_opencv(path)
        return
    with opened(av, path) as container:
        yield from _Decoding(av, path, container).frames()


class _Decoding:
    """Reads an open video to its end, over damaged parts."""

    def __init__(self, av: Any, path: Path, container: Any) -> None:
        self._av, self._path, self._container = av, path, container
        self._stream = container.streams.video[0]
        self._stream.thread_type = 'AUTO'
        self._rate_hz = float(self._stream.average_rate or _DEFAULT_RATE_HZ)
        self._start_s: float | None = None
        self._count, self._time_ns = 0, -1

    def frames(self) -> Iterator[RecordedFrame]:
        error: Exception | None = None
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decoded(packet)
        except self._av.error.FFmpegError as broken:
            error = broken
        if not self._count:
            raise SourceError(f'{self._path}: not a video that can be decoded') from error
        ends_s = (self._container.duration or 0) / 1e6
        is_short = ends_s - self._time_ns / 1e9 > _CUT_S + 1 / self._rate_hz
        if error or is_short or self._count < _WHOLE_SHARE * self._stream.frames - 1:
            raise SourceError(
                f'{self._path}: cut short or broken after {self._count} frames, at '
                f'{self._time_ns / 1e9:.1f} s') from error

    def _decoded(self, packet: Any) -> Iterator[RecordedFrame]:
        try:
            decoded = packet.decode()
        except self._av.error.InvalidDataError as error:
            if self._count:  # before the first key frame there is nothing that a person would see
                yield self._frame(None, partial(_refuse, f'a damaged frame: {one_line(error)}'))
            return
        for frame in decoded:
            yield self._frame(frame.time, partial(pixels_of, frame))

    def _frame(self, time_s: float | None, read: Callable[[], np.ndarray]) -> RecordedFrame:
        if time_s is not None and self._start_s is None:
            self._start_s = time_s
        since_s = self._count / self._rate_hz if time_s is None or self._start_s is None else \
            time_s - self._start_s
        self._count += 1
        # times of some streams jump back; those of a session must not
        self._time_ns = max(self._time_ns + 1, round(since_s * 1e9))
        return RecordedFrame(self._time_ns, None, read)


def pixels_of(frame: Any) -> np.ndarray:
    """Return a decoded frame: counts where it has more than 8 bits of gray, else BGR or gray."""
    require_size(frame.width, frame.height)
    name = frame.format.name
    if name in ('gray16le', 'gray16be'):
        return np.ascontiguousarray(frame.to_ndarray(), np.uint16)
    if name == 'rgb555le':  # what an AVI of raw 16-bit counts is taken for, if it names no format
        plane = frame.planes[0]
        rows = np.frombuffer(plane, '<u2').reshape(frame.height, plane.line_size // 2)
        return rows[:, :frame.width].astype(np.uint16)
    if name.startswith('gray') and name not in ('gray', 'gray8', 'gray8a'):
        if name.startswith('grayf'):
            return np.ascontiguousarray(frame.to_ndarray(), np.float32)
        return _converted(frame, 'gray16le')  # of 9 to 14 bits
    return _converted(frame, 'gray' if name == 'gray' else 'bgr24')


def _converted(frame: Any, pixels: str) -> np.ndarray:
    return _reformatter(threading.get_ident()).reformat(frame, format=pixels).to_ndarray()


@lru_cache(maxsize=64)
def _reformatter(thread: int) -> Any:
    """Return what converts frames in a thread; made anew for each it takes thrice as long."""
    from av.video.reformatter import VideoReformatter
    return VideoReformatter()


def _refuse(sentence: str) -> np.ndarray:
    raise FrameError('undecodable', sentence)


def pyav() -> Any:
    """Return PyAV; None if it is not installed."""
    try:
        import av  # optional
    except ImportError:
        return None
    return av


@contextmanager
def opened(av: Any, path: Path) -> Iterator[Any]:
    """
    Open a video with PyAV for the time of a ``with`` block.

    :raises SourceError: if there are no pictures in it that can be decoded.
    """
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        advice = '; if it was cut short, its index is missing, which tools such as untrunc ' \
            'rebuild' if path.suffix.lower() in ('.mp4', '.m4v', '.mov') else ''
        raise SourceError(f'{path}: not a video that can be decoded '
                          f'({one_line(error)}){advice}') from error
    with container:
        if not container.streams.video:
            raise SourceError(f'{path}: not a video that can be decoded (it has no pictures)')
        yield container


def _frames_of_opencv(path: Path) -> Iterator[RecordedFrame]:
    with open_video(path) as video:
        rate_hz = video.get(cv2.CAP_PROP_FPS) or _DEFAULT_RATE_HZ
        count = 0
        while True:
            readable, frame = video.read()
            if not readable:
                break
            yield RecordedFrame(round(count / rate_hz * 1e9), None, partial(np.asarray, frame))
            count += 1
    if not count:
        raise SourceError(f'{path}: not a video that can be decoded')
