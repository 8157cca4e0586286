"""What changes from one picture to the next: how much stays the same, whether all is blank."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
import math

import cv2
import numpy as np

#: A picture of which a larger share stays exactly the same is a repeated one. What changes in it
#: are a clock, a telemetry row, a cross.
REPEATED_SHARE = 0.7
# Pixels along the side of a block: a sixteenth of the picture's shorter side, within these.
_BLOCKS, _SMALLEST_BLOCK, _LARGEST_BLOCK = 16, 5, 16
# Of a living picture a row in so many tells that it is.
_GLANCE = 8
# The grid over which the spread of a picture is taken, in cells along a side.
_GRID = 8
# Pixels along the shorter side that are enough for it.
_ENOUGH = 120
# A closed shutter: the spread of the grid falls to a share of what it was, and is small beside
# the noise of the pixels. Shading may be as large as the noise if the fall is deep.
_FALLS = ((0.3, 0.3), (0.1, 0.7))
# How fast the usual spread follows the picture's.
_FOLLOW = 0.1
_CELLS_SIDE = 16
#: How many cells a picture has, each with a number that stands for its pixels.
CELLS = _CELLS_SIDE**2
_NO_CELLS = np.zeros(CELLS, np.uint8)
# A picture of which each step leaves most as it was develops all the same if more cells change in
# the long run: twice those of its largest step and this share, or the second share of all. A
# clock, a telemetry row and a cross change as much from step to step as in the long run.
_DEVELOPED, _MOST_OF_A_DISPLAY = 0.02, 0.36


@dataclass(frozen=True)
class PictureChange:
    """How a picture differs from those before it."""

    #: Share of the picture that stays exactly the same, 0 to 1; see ``unchanged_share``.
    unchanged: float
    #: Whether there is nothing to see all of a sudden, as behind a closed shutter.
    is_blank: bool
    #: Mean and standard deviation of the pixels; not a number where they are none.
    brightness: float = math.nan
    contrast: float = math.nan
    #: Whether it hardly differs from the one before it, but from those before that.
    develops: bool = False
    #: Whether pictures of the camera were seen to develop, as those of videos do, which repeat
    #: exactly what hardly moves.
    is_video: bool = False

    @property
    def is_same(self) -> bool:
        """Return whether it is that of the frames before, but for a display on it."""
        return self.unchanged > REPEATED_SHARE and not self.develops

    @property
    def is_repeated(self) -> bool:
        """Return whether it tells nothing new: it is the one before; of a video, exactly."""
        return self.unchanged > REPEATED_SHARE and not (self.is_video and self.unchanged < 1.0)


@dataclass(frozen=True)
class PictureLevels:
    """
    What a picture and the one before it tell by themselves.

    ``unchanged``, ``brightness`` and ``contrast`` are those of a ``PictureChange``; ``grid`` is
    the spread of a coarse grid of means. A picture of which most stays the same has no levels,
    they are no numbers; instead it has ``cells``, (CELLS,) uint8, which differ where pixels do and
    are 0 of other pictures.
    """

    unchanged: float
    grid: float = math.nan
    brightness: float = math.nan
    contrast: float = math.nan
    cells: np.ndarray = field(default_factory=lambda: _NO_CELLS)


def compare(last: np.ndarray | None, pixels: np.ndarray) -> PictureLevels:
    """Compare a picture, (H, W) or (H, W, channels), with the one before it, if any."""
    unchanged = 0.0 if last is None else unchanged_share(last, pixels)
    if unchanged > REPEATED_SHARE:
        return PictureLevels(unchanged, cells=_cells(pixels))
    return PictureLevels(unchanged, *_levels(pixels))


@dataclass
class _Spell:
    """Pictures of which each hardly differs from the one before it, by their cells."""

    first: np.ndarray
    last: np.ndarray
    largest_step: float = 0.0

    def develops(self, cells: np.ndarray) -> bool:
        """Add a picture; return whether it differs more from the first than a display makes."""
        self.largest_step = max(self.largest_step, float((cells != self.last).mean()))
        self.last = cells
        limit = min(2 * self.largest_step + _DEVELOPED, _MOST_OF_A_DISPLAY)
        return float((cells != self.first).mean()) > limit


class PictureWatch:
    """Compares the pictures of one camera, each with those before it."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._usual_spread: float | None = None
        self._is_video = False
        self._spell: _Spell | None = None

    def look(self, pixels: np.ndarray) -> PictureChange:
        """
        Return how a picture differs from those before it.

        :param pixels: (H, W) or (H, W, channels). They are kept until the next picture and not
            copied.
        """
        last, self._last = self._last, pixels
        return self.judge(compare(last, pixels))

    def judge(self, levels: PictureLevels) -> PictureChange:
        """Return what changed, by the levels of each picture in turn."""
        if levels.unchanged > REPEATED_SHARE:
            develops = self._develops(levels.cells)
            self._is_video |= develops
            return PictureChange(
                levels.unchanged, False, develops=develops, is_video=self._is_video)
        self._spell = None
        is_blank = self._is_blank(levels.grid, levels.contrast)
        return PictureChange(levels.unchanged, is_blank, levels.brightness, levels.contrast,
                             is_video=self._is_video)

    def accept(self) -> None:
        """Take the last picture for a usual one, although it looked blank."""
        self._usual_spread = None

    def _develops(self, cells: np.ndarray) -> bool:
        develops = self._spell is not None and self._spell.develops(cells)
        if self._spell is None or develops:
            self._spell = _Spell(cells, cells)
        return develops

    def _is_blank(self, grid: float, noise: float) -> bool:
        usual = self._usual_spread
        if not math.isfinite(grid):
            return False
        if usual is None:
            self._usual_spread = grid
            return False
        if any(grid < fall * usual and grid <= share * noise for fall, share in _FALLS):
            return True
        self._usual_spread = usual + _FOLLOW * (grid - usual)
        return False


def unchanged_share(before: np.ndarray, after: np.ndarray) -> float:
    """
    Return the share of a picture that is exactly the same in another one, 0 to 1; 0 if it is low.

    It is the share of blocks in which no pixel differs, since noise changes pixels everywhere, a
    display in few places. Blocks of one level, such as a clipped sky, are the same in living
    pictures too. They only count where there are no others.
    """
    if before.shape != after.shape or before.dtype != after.dtype:
        return 0.0
    if _differs(before[::_GLANCE], after[::_GLANCE]).mean() > 1.0 - REPEATED_SHARE:
        return 0.0
    differs = _differs(before, after)
    if not differs.any():
        return 1.0
    same = ~_any_in_blocks(differs)
    if not same.any():
        return 0.0
    textured = _any_in_blocks(_is_edge(after))
    return float(same[textured].mean()) if textured.any() else float(same.mean())


def _differs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return (H, W) bool; pixels that are no number differ from nothing."""
    if one.dtype.kind == 'f':
        differs = ~((one == other) | (np.isnan(one) & np.isnan(other)))
    else:
        differs = one != other
    # any(axis=2) takes eight times as long
    return reduce(np.logical_or, np.moveaxis(differs, 2, 0)) if differs.ndim == 3 else differs


def _is_edge(pixels: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: where a pixel differs from its left or its upper neighbour."""
    edges = np.zeros(pixels.shape[:2], bool)
    edges[:, 1:] = _differs(pixels[:, 1:], pixels[:, :-1])
    edges[1:] |= _differs(pixels[1:], pixels[:-1])
    return edges


def _any_in_blocks(mask: np.ndarray) -> np.ndarray:
    """Return which blocks of a mask (H, W) hold anything; those at the edges may be smaller."""
    size = min(max(min(mask.shape) // _BLOCKS, _SMALLEST_BLOCK), _LARGEST_BLOCK)
    rows = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], size), axis=0)
    return np.logical_or.reduceat(rows, np.arange(0, mask.shape[1], size), axis=1)


def _one_channel(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 2 else pixels[..., min(1, pixels.shape[2] - 1)]


def _levels(pixels: np.ndarray) -> tuple[float, float, float]:
    """Return the spread of a coarse grid, and mean and spread of the pixels; of one channel."""
    gray = _one_channel(pixels)
    step = max(min(gray.shape) // _ENOUGH, 1)
    gray = _numbers(np.ascontiguousarray(gray[::step, ::step]))
    cells = (min(_GRID, gray.shape[1]), min(_GRID, gray.shape[0]))
    grid = cv2.resize(gray, cells, interpolation=cv2.INTER_AREA).astype(np.float64)
    mean, spread = cv2.meanStdDev(gray)
    if not np.isfinite(grid).all():
        return math.nan, math.nan, math.nan
    return float(grid.std()), float(mean[0, 0]), float(spread[0, 0])


def _cells(pixels: np.ndarray) -> np.ndarray:
    """Return (CELLS,) uint8: numbers of the cells of a grid, which differ where pixels do."""
    numbers = _numbers(np.ascontiguousarray(_one_channel(pixels))).astype(np.float32)
    means = cv2.resize(numbers, (_CELLS_SIDE, _CELLS_SIDE), interpolation=cv2.INTER_AREA)
    bits = means.ravel().view(np.uint32)
    return (bits ^ bits >> 8 ^ bits >> 16 ^ bits >> 24).astype(np.uint8)


def _numbers(gray: np.ndarray) -> np.ndarray:
    """Return pixels that OpenCV takes; those that are no number become the mean of the others."""
    if gray.dtype in (np.uint8, np.uint16):
        return gray
    gray = gray.astype(np.float32)
    is_number = np.isfinite(gray)
    if is_number.any() and not is_number.all():
        gray[~is_number] = gray[is_number].mean()
    return gray
