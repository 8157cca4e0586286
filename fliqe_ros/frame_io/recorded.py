"""A frame of a recording, before it is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RecordedFrame:
    """
    A frame of a recording.

    ``time_ns`` is the time on the recording's clock at which it was recorded, and ``stamp_ns``
    the one that its camera gave it, if any. ``read`` decodes it: (H, W) uint8, uint16 or float32,
    or (H, W, 3) uint8 BGR, or a ``FrameError``. ``file`` is the file of an image of a
    sequence. ``is_beyond`` marks one that belongs to the next span and only tells what changes
    from this one to it.
    """

    time_ns: int
    stamp_ns: int | None
    read: Callable[[], np.ndarray]
    file: str = ''
    is_beyond: bool = False
