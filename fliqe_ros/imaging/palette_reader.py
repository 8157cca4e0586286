"""
Coloured thermal pictures → the gray levels that a palette coloured, camera by camera.

Luma, the gray of ordinary colour pictures, does not rise with temperature in palettes such as
rainbow or arctic: it draws contours where there are none.
"""

from __future__ import annotations

import base64
from functools import lru_cache
import json
import math

import cv2
from fliqe_ros.imaging.palette_curves import even_levels, fit_curve, lengths_along, PaletteCurve
from fliqe_ros.imaging.palettes import PALETTES
import numpy as np

#: A palette is learnt, none is read (colours become luma), or it is one of the list.
AUTO, NONE = 'auto', 'none'
PALETTE_CHOICES = (AUTO, NONE, *PALETTES)
#: Rows and columns of pixels that a decision and a check look at.
_DECISION_SIDE, _CHECK_SIDE = 112, 16
#: One in how many of the pixels tells how well a curve fits.
_JUDGED_OF = 12
#: In a gray picture the channels of most pixels, this share of them, differ by no more than these
#: levels, plus this share of the brightest.
_GRAY_SHARE, _GRAY_SPREAD, _GRAY_SLOPE = 0.9, 4.0, 0.03
#: Pixels nearer than this to the curve tell how well it fits, in levels; the share of them that
#: there must be, and their greatest mean distance.
_NEAR, _NEAR_SHARE, _GREATEST_MISFIT = 36.0, 0.75, 8.0
#: A curve shorter than this, in levels, tells nothing: of a closed shutter, for example.
_LEAST_LENGTH = 30.0
#: A curve through colours that fill the cube winds. Its mean turn, between three steps and the
#: next three, has a median of 20 degrees in pictures in palettes (JPEG of quality 90; more where
#: noise is strong), and of 66 in photographs and their quarters, of which 9 in 100 are below this.
_GREATEST_TURN, _TURN_STEPS = 46.0, 3
#: Distances in levels that differ by less than this are the same.
_TIE = 0.05
#: Channels of a tint are no more than this below 0, in levels, where the brightest is 255.
_BELOW_BLACK = 20.0
#: Frames in a row that do not fit before a palette is decided again. Colours of no palette fit
#: never: the number doubles, up to the second one, with each time that they were looked at.
_PATIENCE, _GREATEST_PATIENCE = 3, 96


class PaletteReader:
    """
    Reads the coloured frames of one camera; its palette is decided once and kept.

    It is decided again when three frames in a row do not fit it, as after another palette was
    chosen on the camera; one odd frame changes nothing. Colours that continue the known part of
    a palette extend it. Not for several threads at once.

    :param name: one of ``PALETTE_CHOICES``; any but ``auto`` is decided here, for ever.
    """

    def __init__(self, name: str = AUTO) -> None:
        self._curve: PaletteCurve | None = _known(name) if name in PALETTES else None
        self._is_decided = name != AUTO
        self._misfits_in_a_row = 0
        self._patience = math.inf if self._is_decided else _PATIENCE
        # how far the pixels that decided are from the curve, on average, and these pixels
        self._misfit = 0.0
        self._pixels = np.empty((0, 3), np.uint8)

    @classmethod
    def of(cls, memory: str) -> PaletteReader:
        """Return a reader that goes on where another one was, by its ``memory``."""
        reader = cls()
        curve, reader._is_decided, reader._misfits_in_a_row, reader._patience, reader._misfit, \
            pixels = json.loads(memory)
        reader._curve, reader._pixels = curve and _remembered(*curve), _unpacked(pixels)
        return reader

    @property
    def memory(self) -> str:
        """Return all that it knows; two with the same memory read all frames alike."""
        curve = self._curve and (_packed(self._curve.points), _packed(self._curve.levels))
        return json.dumps([curve, self._is_decided, self._misfits_in_a_row, self._patience,
                           self._misfit, _packed(self._pixels)])

    def to_gray(self, image: np.ndarray) -> np.ndarray:
        """
        Return the levels that the palette coloured; luma if the colours are of no palette.

        :param image: (H, W) gray, which is returned as it is, or (H, W, 3) BGR, uint8 or uint16.
        :return: (H, W) of the same type.
        """
        if image.ndim == 2:
            return image
        levels = self.levels(image)
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if levels is None else levels

    def levels(self, image: np.ndarray) -> np.ndarray | None:
        """
        Return the levels that the palette coloured; None if the colours are of no palette.

        :param image: (H, W, 3) BGR; one of another type than uint8 is never taken to be in a
            palette.
        :return: (H, W) uint8.
        """
        if image.dtype != np.uint8:
            return None
        fits = self._is_decided and self._fits(_sample(image, _CHECK_SIDE))
        self._misfits_in_a_row = 0 if fits else self._misfits_in_a_row + 1
        if not self._is_decided or self._misfits_in_a_row >= self._patience:
            self._decide(_sample(image, _DECISION_SIDE))
        return None if self._curve is None else self._curve.to_gray(image)

    def _fits(self, pixels: np.ndarray) -> bool:
        """Tell whether colours are about as near to the curve as those that decided it."""
        if self._curve is None:
            return _is_gray(pixels)
        return bool(_distances(self._curve, pixels).mean() <= 2 * self._misfit + 3)

    def _extends(self, points: np.ndarray) -> bool:
        """Tell whether most of a new curve, (K, 3), lies on the one that is kept."""
        return self._curve is not None and bool(
            (_distances(self._curve, points) <= 2 * self._misfit + 3).mean() > 0.5)

    def _decide(self, pixels: np.ndarray) -> None:
        """Decide by (N, 3) uint8 pixels, unless they have too few colours to tell."""
        points = None
        if not _is_gray(pixels[::_JUDGED_OF]):
            points = fit_curve(pixels)
            if points is None or lengths_along(points)[-1] < _LEAST_LENGTH:
                return
            if self._extends(points):
                pixels = np.concatenate([self._pixels, pixels])
                points = fit_curve(pixels)
        self._curve = None if points is None else _palette_curve(pixels, points)
        self._pixels = pixels[::max(1, len(pixels) // _DECISION_SIDE**2)]
        self._is_decided, self._misfits_in_a_row = True, 0
        is_of_no_palette = points is not None and self._curve is None
        self._patience = (min(2 * self._patience, _GREATEST_PATIENCE) if is_of_no_palette
                          else _PATIENCE)
        if self._curve is not None:
            self._misfit = float(_distances(self._curve, pixels[::_JUDGED_OF]).mean())


def to_gray(image: np.ndarray) -> np.ndarray:
    """Return the gray levels of a single frame; see ``PaletteReader.to_gray``."""
    return PaletteReader().to_gray(image)


def _packed(array: np.ndarray) -> str:
    data = base64.b64encode(array.tobytes()).decode()
    return f'{array.dtype.str} {"x".join(map(str, array.shape))} {data}'


def _unpacked(text: str) -> np.ndarray:
    dtype, shape, data = text.split(' ')
    return np.frombuffer(base64.b64decode(data), dtype).reshape([*map(int, shape.split('x'))])


@lru_cache(maxsize=8)
def _remembered(points: str, levels: str) -> PaletteCurve:
    """Return a curve; one object for one curve, because its table takes a while."""
    return PaletteCurve(_unpacked(points), _unpacked(levels))


def _distances(curve: PaletteCurve, pixels: np.ndarray) -> np.ndarray:
    return curve.distances(pixels.astype(np.float32))


def _palette_curve(pixels: np.ndarray, points: np.ndarray) -> PaletteCurve | None:
    """
    Return what fits: a known palette, shades of one colour, a line, or the curve itself.

    :param pixels: (N, 3) uint8 BGR.
    :param points: (K, 3) float32 of the curve that was learnt from the pixels.
    :return: None if the colours fill more than a curve.
    """
    curve = PaletteCurve(points, even_levels(points))
    values = pixels[::_JUDGED_OF].astype(np.float32)
    distances = curve.distances(values)
    is_near = distances < _NEAR
    if is_near.mean() < _NEAR_SHARE:
        return None
    near, misfit = values[is_near], distances[is_near].mean()
    as_good = 1.3 * misfit + 1
    tint = _line(near, np.zeros(3, np.float32))
    is_shade = tint.points[1].min() >= -_BELOW_BLACK
    tint_misfit = tint.distances(near).mean() if is_shade else np.inf
    known = _most_like(points)
    known_misfit = known.distances(near).mean()
    # compression draws the curve, which is learnt from it, away from the palette; and part of a
    # palette may be as straight as shades of one colour
    if known_misfit <= 1.5 * misfit + 2 and known_misfit < 0.7 * tint_misfit - _TIE:
        return known
    if tint_misfit <= as_good:
        return tint
    line = _line(near, near.mean(0))
    if line.distances(near).mean() <= as_good:
        return line
    return curve if misfit <= _GREATEST_MISFIT and _turning(points) <= _GREATEST_TURN else None


def _most_like(points: np.ndarray) -> PaletteCurve:
    """Return the known palette that a curve, (K, 3), is nearest to."""
    colors = np.concatenate([palette[::4] for palette in PALETTES.values()]).astype(np.float32)
    squares = (np.square(points).sum(1)[:, None] + np.square(colors).sum(1)
               - 2 * points @ colors.T).reshape(len(points), len(PALETTES), -1).min(2)
    means = np.sqrt(np.clip(squares, 0, None)).mean(0)
    return _known(list(PALETTES)[means.argmin()])


@lru_cache(maxsize=None)
def _known(name: str) -> PaletteCurve:
    """Return a palette of the list, with few points, two if it is straight."""
    colors = PALETTES[name].astype(np.float32)
    straight, bent = (PaletteCurve(colors[levels], np.array(levels, np.float32))
                      for levels in ([0, 255], [*range(0, 255, 3), 255]))
    return straight if straight.distances(colors).max() < 1 else bent


def _line(pixels: np.ndarray, through: np.ndarray) -> PaletteCurve:
    """Return the straight line through a colour that is nearest to the pixels, (N, 3) float32."""
    around = pixels - through
    direction = np.linalg.eigh(around.T @ around)[1][:, -1]
    direction *= np.sign(direction[np.abs(direction).argmax()])
    along = around @ direction
    ends = min(float(along.min()), 0.0), max(float(along.max()), 1.0)
    points = np.stack([through + end * direction for end in ends]).astype(np.float32)
    return PaletteCurve(points, even_levels(points))


def _turning(points: np.ndarray) -> float:
    """Return the mean angle in degrees by which a curve, (K, 3), turns."""
    ways = points[_TURN_STEPS:] - points[:-_TURN_STEPS]
    ways = ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-3)
    cosines = (ways[_TURN_STEPS:] * ways[:-_TURN_STEPS]).sum(1)
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean()) if len(cosines) else 0.0


def _is_gray(pixels: np.ndarray) -> bool:
    greatest = pixels.max(1).astype(np.float32)
    spread = greatest - pixels.min(1)
    return bool((spread <= _GRAY_SPREAD + _GRAY_SLOPE * greatest).mean() >= _GRAY_SHARE)


def _sample(image: np.ndarray, side: int) -> np.ndarray:
    """Return pixels on an even grid of at most this many rows and columns, (N, 3)."""
    rows, columns = (np.linspace(0, length - 1, min(length, side)).astype(int)
                     for length in image.shape[:2])
    return image[np.ix_(rows, columns)].reshape(-1, 3)
