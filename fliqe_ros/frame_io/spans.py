"""Parts of a recording that are read, and scored, independently of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: How many frames beyond the end of a span are read at most, to find one that can be read.
BEYOND = 8


@dataclass(frozen=True)
class Span:
    """
    The frames of a camera from ``start`` up to, not including, ``stop``; None is begin and end.

    They are what can be sought in this kind of recording: the time of a message in ns, the time
    of a key frame in the video's own clock, the number of a file of a sequence.
    """

    start: int | None = None
    stop: int | None = None


WHOLE = Span()


class SplitError(Exception):
    """A span cannot be read exactly as in one go, so the recording has to be read as a whole."""


def spans_between(edges: Sequence[int]) -> tuple[Span, ...]:
    """Return the spans before, between and after some edges, which rise."""
    ends = [None, *edges, None]
    return tuple(Span(*ends_) for ends_ in pairwise(ends))


def even_edges(start: int, stop: int, count: int) -> list[int]:
    """Return the edges that part a range into a number of parts of the same length."""
    return sorted({start + (stop - start) * part // count for part in range(1, count)} - {start})


def span_count(frames: int | None, frames_each: int) -> int:
    """Return into how many spans to part so many frames, if it is known how many there are."""
    return max(1, (frames or 0) // frames_each)
