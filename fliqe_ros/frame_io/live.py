"""
Live sources without ROS: streams of the network and cameras of this machine, by PyAV.

Only the newest frame is kept, so that whoever is slower than the camera sees what is there now. A
source that is lost is opened again until it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
import re
import threading
import time
from types import TracebackType
from typing import Any

from fliqe_ros.errors import one_line, SourceError
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.videos import pixels_of, pyav

_SCHEMES = ('rtmp', 'rtp', 'rtsp', 'rtsps', 'srt', 'tcp', 'udp')
_DEVICE = re.compile(r'/dev/(video\d+$|v4l/)')
#: How long an answer of a source may take, and how long to wait before it is opened again, in s.
_ANSWER_S, _AGAIN_S = 5.0, 1.0
#: How long to wait for the reading to end, in s.
_END_S = 2.0


def is_live(path: str) -> bool:
    """Tell whether a path is that of a live source: ``rtsp://…``, ``/dev/video0``."""
    scheme, separator, _ = path.partition('://')
    return bool(separator) and scheme in _SCHEMES or bool(_DEVICE.match(path))


class LiveSource:
    """
    Reads a live source in a thread of its own, for the time of a ``with`` block.

    ``missed`` counts the frames that were replaced by newer ones before anybody took them.

    :param tell: is called in that thread with a sentence when the source is lost, and when it is
        back.
    :raises SourceError: if PyAV is missing.
    """

    def __init__(self, address: str, tell: Callable[[str], None]) -> None:
        self._av = pyav()
        if self._av is None:
            raise SourceError(f'{address}: live sources need the Python package av')
        self._address, self._tell = address, tell
        self.missed = 0
        self._newest: RecordedFrame | None = None
        self._arrival = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> LiveSource:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End; a source that gives no answer does not hold anybody up."""
        self._ended.set()
        self._thread.join(_END_S)

    def newest(self, timeout_s: float | None) -> RecordedFrame | None:
        """
        Return the newest frame that was not taken yet; wait for one if there is none.

        :return: with the time of this machine's clock at which it came; None if none came in time.
        """
        with self._arrival:
            self._arrival.wait_for(lambda: self._newest is not None, timeout_s)
            frame, self._newest = self._newest, None
            return frame

    def _read(self) -> None:
        lost = ''
        while not self._ended.is_set():
            try:
                for frame in self._frames():
                    if lost:
                        self._tell(f'{self._address}: is back')
                        lost = ''
                    self._put(frame)
                reason = 'the stream ended'
            except (self._av.error.FFmpegError, OSError, ValueError) as error:
                reason = one_line(error)
            if reason != lost and not self._ended.is_set():
                self._tell(f'{self._address}: {reason}; trying again until it is there')
                lost = reason
            self._ended.wait(_AGAIN_S)

    def _frames(self) -> Iterator[RecordedFrame]:
        with self._opened() as container:
            if not container.streams.video:
                raise ValueError('there are no pictures in this stream')
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                decoded: list[Any] = []
                with suppress(self._av.error.InvalidDataError):  # what was lost on the way
                    decoded = packet.decode()
                for frame in decoded:
                    if self._ended.is_set():
                        return
                    yield RecordedFrame(time.time_ns(), None, partial(pixels_of, frame))

    def _opened(self) -> Any:
        if _DEVICE.match(self._address):
            return self._av.open(self._address, format='v4l2')
        # by UDP parts of pictures get lost
        options = {'rtsp_transport': 'tcp'} if self._address.startswith('rtsp') else {}
        return self._av.open(self._address, options={'fflags': 'nobuffer', **options},
                             timeout=_ANSWER_S)

    def _put(self, frame: RecordedFrame) -> None:
        with self._arrival:
            self.missed += self._newest is not None
            self._newest = frame
            self._arrival.notify()
