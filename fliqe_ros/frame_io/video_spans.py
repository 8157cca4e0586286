"""
Parts of videos between key frames, which give exactly the frames of the whole video.

Wherever that is not sure, a ``SplitError`` says so: the video is then read in one go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.spans import (
    even_edges, Span, span_count, spans_between, SplitError, WHOLE)
from fliqe_ros.frame_io.videos import opened, pixels_of, pyav, video_frames, video_length

#: Containers with an index, and whether it tells times of presentation (else of decoding).
_INDEXED = {'avi': False, 'matroska,webm': True, 'mov,mp4,m4a,3gp,3g2,mj2': False}


def video_spans(path: Path, frames_each: int) -> tuple[Span, ...]:
    """
    Return spans of about so many frames that begin with key frames; one where there are none.

    :raises SourceError: if the video cannot be opened.
    """
    av, count = pyav(), span_count(video_length(path), frames_each)
    if av is None or count < 2:
        return (WHOLE,)
    with opened(av, path) as container:
        if container.format.name not in _INDEXED:
            return (WHOLE,)
        with suppress(av.error.FFmpegError):
            container.seek(0)  # the index of a Matroska file is not read before
        # older releases of PyAV do not show the index
        entries = getattr(container.streams.video[0], 'index_entries', ())
        keys = sorted({entry.timestamp for entry in entries if entry.is_keyframe})
        if len(keys) < 2:
            return (WHOLE,)
        places = (bisect_left(keys, edge) for edge in even_edges(keys[0], keys[-1], count))
        return spans_between(sorted({keys[place] for place in places} - {keys[0]}))


def frames_of_span(path: Path, span: Span = WHOLE) -> Iterator[RecordedFrame]:
    """
    Yield the frames of a span, and the one after it as one that is ``is_beyond``.

    :raises SplitError: if they may not be exactly those of the whole video.
    """
    if span == WHOLE:
        yield from video_frames(path)
        return
    av = pyav()
    try:
        with opened(av, path) as container:
            yield from _SpanDecoding(container, span).frames()
    except (SourceError, av.error.FFmpegError) as error:
        raise SplitError(str(error)) from error


class _SpanDecoding:
    """Decodes from one key frame to the next, and sees to it that nothing is left out."""

    def __init__(self, container: Any, span: Span) -> None:
        self._container, self._span = container, span
        self._stream = container.streams.video[0]
        self._by_presentation = _INDEXED[container.format.name]
        self._first = self._last = -2**63
        #: Presentation times of the packets that were read, and of the key frame that ends them.
        self._expected: set[int] = set()
        self._end: int | None = None

    def frames(self) -> Iterator[RecordedFrame]:
        start_s = None
        if self._span.start is not None:
            start_s = self._start_s()
            self._container.seek(self._span.start, stream=self._stream)
        for packet in self._packets():
            for frame in packet.decode():
                self._check(frame)
                start_s = frame.time if start_s is None else start_s
                if frame.pts < self._first:
                    continue  # needs what comes before the key frame, and is shown before it
                is_beyond = self._end is not None and frame.pts >= self._end
                if not is_beyond:
                    self._expected.remove(frame.pts)
                elif self._end is not None and min(self._expected) < self._end:
                    raise SplitError('a frame is missing')
                yield RecordedFrame(
                    round((frame.time - start_s) * 1e9), None, partial(pixels_of, frame),
                    is_beyond=is_beyond)
                if is_beyond:
                    return
        if self._span.stop is not None or self._expected:
            raise SplitError('the video ends before it should')

    def _start_s(self) -> float:
        """Return the time of the first frame of the video."""
        frame = next(self._container.decode(self._stream), None)
        if frame is None or frame.time is None:
            raise SplitError('frames have no times')
        return frame.time

    def _packets(self) -> Iterator[Any]:
        """Yield the packets from the first key frame on, and note what they promise."""
        begun = False
        for packet in self._container.demux(self._stream):
            if packet.size == 0:  # the end: what the decoder holds back
                yield packet
                return
            if packet.pts is None or packet.is_corrupt:
                raise SplitError('a packet has no time, or is damaged')
            begun = begun or self._is_start(packet)
            if not begun:
                continue
            if packet.is_keyframe and self._span.stop == self._mark(packet):
                self._end = packet.pts
            if packet.pts in self._expected:
                raise SplitError('two frames have the same time')
            if packet.pts >= self._first:
                self._expected.add(packet.pts)
            yield packet

    def _is_start(self, packet: Any) -> bool:
        is_start = packet.is_keyframe and self._span.start in (None, self._mark(packet))
        if is_start:
            self._first = -2**63 if self._span.start is None else packet.pts
        elif self._span.start is not None and self._mark(packet) > self._span.start:
            raise SplitError('the key frame was not found')
        return is_start

    def _mark(self, packet: Any) -> int:
        mark = packet.pts if self._by_presentation else packet.dts
        if mark is None:
            raise SplitError('a packet has no time')
        return mark

    def _check(self, frame: Any) -> None:
        if frame.pts is None or frame.is_corrupt or frame.pts <= self._last:
            raise SplitError('a frame has no time, is damaged, or goes back in time')
        if frame.pts == self._first and not frame.key_frame:
            raise SplitError('a key frame is none')
        if self._first <= frame.pts and frame.pts not in self._expected:
            raise SplitError('a frame has another time than its packet')
        self._last = frame.pts
