"""Tells pictures of colour and depth cameras from thermal ones. No ROS calls."""

from __future__ import annotations

from collections import Counter
import re

from fliqe_ros.imaging.palette_reader import PaletteReader
import numpy as np

_DEPTH_NAME = re.compile(r'depth|disparity')
_DEPTH_ENCODINGS = ('16UC1', '32FC1', 'mono16')
#: A camera is known by its first frames, if so many of them agree.
_FRAMES, _AGREE = 10, 8
#: In a colour picture, channels of so many pixels differ by more than so many levels.
_COLOURED_SHARE, _COLOURED_LEVELS = 0.2, 16
_SAMPLED = 4


class PictureKind:
    """
    What a camera that was found shows, by its first frames.

    :param topic: of its images. Depth is told by its name and its encoding, because its numbers
        look like those of a thermal camera.
    """

    def __init__(self, topic: str) -> None:
        self._is_named_depth = _DEPTH_NAME.search(topic) is not None
        self._kinds: list[str] = []

    def record(self, pixels: np.ndarray, encoding: str) -> None:
        """
        Look at a frame, if it is one of the first.

        :param pixels: (H, W), or (H, W, 3) BGR.
        :param encoding: of its message; '' if it came compressed.
        """
        if len(self._kinds) < _FRAMES:
            is_depth = self._is_named_depth and encoding in _DEPTH_ENCODINGS
            self._kinds.append(
                'depth' if is_depth else 'true colour' if is_true_colour(pixels) else '')

    @property
    def other(self) -> str:
        """Return ``true colour`` or ``depth``; '' for a thermal camera or too few frames."""
        if len(self._kinds) < _FRAMES:
            return ''
        kind, count = Counter(self._kinds).most_common(1)[0]
        return kind if count >= _AGREE else ''


def is_true_colour(pixels: np.ndarray) -> bool:
    """Return whether a picture has many colours, and these are of no palette."""
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        return False
    some = pixels[::_SAMPLED, ::_SAMPLED].astype(np.int16)
    is_coloured = some.max(2) - some.min(2) > _COLOURED_LEVELS
    return is_coloured.mean() > _COLOURED_SHARE and PaletteReader().levels(pixels) is None
