"""
Coloured thermal pictures → the gray levels that a palette coloured, camera by camera.

Luma, the gray of ordinary colour pictures, does not rise with temperature in palettes such as
rainbow or arctic: it draws contours where there are none.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
from fliqe_ros.imaging.palette_curves import even_levels, fit_curve, PaletteCurve
from fliqe_ros.imaging.palettes import PALETTES
import numpy as np

#: Rows and columns of pixels that a decision and a check look at.
_DECISION_SIDE, _CHECK_SIDE = 112, 24
#: One in how many of them tells how well a curve fits.
_JUDGED_OF = 12
#: Distance in levels that rounding makes.
_ROUNDING = 0.3
#: Share of the pixels whose channels differ by no more than that, plus a share of the brightest.
_GRAY_SHARE, _GRAY_SPREAD, _GRAY_SLOPE = 0.9, 4.0, 0.03
#: Pixels nearer than this to the curve tell how well it fits, in levels; share there must be, and
#: their greatest mean distance.
_NEAR, _NEAR_SHARE, _GREATEST_MISFIT = 36.0, 0.75, 8.0
#: A curve shorter than this, in levels, tells nothing: of a closed shutter, for example.
_LEAST_LENGTH = 30.0
#: A curve through colours that fill the cube winds: in pictures in palettes curves turned by 8 to
#: 44 degrees on average (JPEG of quality 75 included), in photographs by 47 to 84.
_GREATEST_TURN, _TURN_STEPS = 46.0, 3
#: Mean distance in levels up to which a known palette tells the scale of a curve like it.
_LIKENESS = 30.0
#: Frames in a row that do not fit before a palette is decided again.
_PATIENCE = 3


class PaletteReader:
    """
    Reads the coloured frames of one camera; its palette is decided once and kept.

    It is decided again when three frames in a row do not fit it, as after another palette was
    chosen on the camera; one odd frame changes nothing. Colours that continue the known part of
    a palette extend it. Not for several threads at once.
    """

    def __init__(self) -> None:
        self._curve: PaletteCurve | None = None
        self._is_decided = False
        self._misfit = 0.0
        self._misfits_in_a_row = 0
        self._pixels = np.empty((0, 3), np.uint8)

    def to_gray(self, image: np.ndarray) -> np.ndarray:
        """
        Return the levels that the palette coloured; luma if the colours are of no palette.

        :param image: (H, W) gray, which is returned as it is, or (H, W, 3) BGR, uint8 or uint16;
            uint16 is never taken to be in a palette.
        :return: (H, W) of the same type.
        """
        if image.ndim == 2:
            return image
        if image.dtype == np.uint8 and image.size:
            self._observe(image)
            if self._curve is not None:
                return self._curve.to_gray(image)
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)

    def _observe(self, image: np.ndarray) -> None:
        self._misfits_in_a_row = 0 if self._fits(image) else self._misfits_in_a_row + 1
        if not self._is_decided or self._misfits_in_a_row >= _PATIENCE:
            self._decide(_sample(image, _DECISION_SIDE))

    def _fits(self, image: np.ndarray) -> bool:
        """Tell whether a frame is as near to the curve as the one that decided it."""
        pixels = _sample(image, _CHECK_SIDE)
        if self._curve is None:
            return _is_gray(pixels)
        return self._curve.distances(_float(pixels)).mean() <= 2 * self._misfit + 3

    def _decide(self, pixels: np.ndarray) -> None:
        points = None if _is_gray(pixels[::_JUDGED_OF]) else fit_curve(pixels)
        if points is not None and _length(points) < _LEAST_LENGTH:
            return
        if points is not None and self._curve is not None:
            known = self._curve.distances(points) <= 2 * self._misfit + 3
            if known.mean() > 0.5:
                pixels = np.concatenate([self._pixels, pixels])
                points = fit_curve(pixels)
        self._curve = None if points is None else _palette_curve(pixels, points)
        self._pixels = pixels[::max(1, len(pixels) // _DECISION_SIDE**2)]
        if self._curve is not None:
            self._misfit = float(self._curve.distances(_float(pixels[::_JUDGED_OF])).mean())
        self._is_decided, self._misfits_in_a_row = True, 0


def to_gray(image: np.ndarray) -> np.ndarray:
    """Return the gray levels of a single frame; see ``PaletteReader.to_gray``."""
    return PaletteReader().to_gray(image)


def _palette_curve(pixels: np.ndarray, points: np.ndarray) -> PaletteCurve | None:
    """
    Return the known palette, the shades of one colour, the line or the curve that fits.

    :param pixels: (N, 3) uint8.
    :param points: (K, 3) of the curve that was learnt from the pixels.
    :return: None if the colours fill more than a curve.
    """
    curve = PaletteCurve(points, np.linspace(0, 255, len(points), dtype=np.float32))
    values = _float(pixels[::_JUDGED_OF])
    distances = curve.distances(values)
    near = values[distances < _NEAR]
    misfit = distances[distances < _NEAR].mean()
    if len(near) < _NEAR_SHARE * len(values):
        return None
    as_good = 1.3 * misfit + 1
    tint = _line(near, np.zeros(3, np.float32))
    tint_misfit = tint.distances(near).mean() if tint.points[1].min() >= -20 else np.inf
    name, likeness = _most_like(points)
    known = _known(name)
    known_misfit = known.distances(near).mean()
    if known_misfit <= as_good + 0.5 and known_misfit < tint_misfit / 2 - _ROUNDING:
        return known
    if tint_misfit <= as_good:
        return tint
    line = _line(near, near.mean(0))
    if line.distances(near).mean() <= as_good:
        return line
    if misfit > _GREATEST_MISFIT or _turning(points) > _GREATEST_TURN:
        return None
    return PaletteCurve(*_scaled(points, known if likeness < _LIKENESS else None))


def _scaled(points: np.ndarray, known: PaletteCurve | None) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve and even levels, from and to those of a known palette that is like it."""
    levels = even_levels(points)
    if known is None:
        return points, levels
    squares = np.square(points[:, None] - known.points).sum(2)
    theirs = known.levels[squares.argmin(1)]
    slope, start = np.polyfit(levels, theirs, 1)
    if abs(np.corrcoef(levels, theirs)[0, 1]) < 0.9:
        return points, levels
    ends = np.clip(start + slope * levels[[0, -1]], 0, 255)
    return points, np.interp(levels, levels[[0, -1]], ends).astype(np.float32)


def _most_like(points: np.ndarray) -> tuple[str, float]:
    """Return the name of the palette that a curve is nearest to, and the mean distance."""
    colors = np.concatenate([palette[::4] for palette in PALETTES.values()]).astype(np.float32)
    squares = (np.square(points).sum(1)[:, None] + np.square(colors).sum(1)
               - 2 * points @ colors.T).reshape(len(points), len(PALETTES), -1).min(2)
    means = np.sqrt(np.clip(squares, 0, None)).mean(0)
    return list(PALETTES)[means.argmin()], float(means.min())


@lru_cache(maxsize=None)
def _known(name: str) -> PaletteCurve:
    levels = np.append(np.arange(0, 255, 3), 255)
    ends = _float(PALETTES[name][[0, -1]])
    straight = PaletteCurve(ends, levels[[0, -1]].astype(np.float32))
    if straight.distances(_float(PALETTES[name])).max() < 1:
        return straight
    return PaletteCurve(_float(PALETTES[name][levels]), levels.astype(np.float32))


def _line(pixels: np.ndarray, through: np.ndarray) -> PaletteCurve:
    """Return the straight line through a colour that is nearest to the pixels."""
    around = pixels - through
    direction = np.linalg.eigh(around.T @ around)[1][:, -1]
    direction = direction / direction[np.abs(direction).argmax()]
    points = np.stack([through, through + 255 * direction]).astype(np.float32)
    return PaletteCurve(points, even_levels(points))


def _turning(points: np.ndarray) -> float:
    """Return the mean angle in degrees by which a curve turns between three steps and three."""
    ways = points[_TURN_STEPS:] - points[:-_TURN_STEPS]
    ways = ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-3)
    cosines = (ways[_TURN_STEPS:] * ways[:-_TURN_STEPS]).sum(1)
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean()) if len(cosines) else 0.0


def _length(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def _is_gray(pixels: np.ndarray) -> bool:
    greatest = pixels.max(1).astype(np.float32)
    spread = greatest - pixels.min(1)
    return bool((spread <= _GRAY_SPREAD + _GRAY_SLOPE * greatest).mean() >= _GRAY_SHARE)


def _sample(image: np.ndarray, side: int) -> np.ndarray:
    rows, columns = (np.linspace(0, length - 1, min(length, side)).astype(int)
                     for length in image.shape[:2])
    return image[np.ix_(rows, columns)].reshape(-1, 3)


def _float(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32)
