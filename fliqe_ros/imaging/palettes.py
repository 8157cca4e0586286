"""
Colour palettes of thermal pictures: drawn from gray levels, and turned back into them.

Luma, the gray of ordinary colour pictures, does not rise with temperature in palettes such as
rainbow or arctic: it draws contours where there are none. So the palette is looked for first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageFilter

#: RGB colours from cold to hot, evenly spaced.
_COLORS = {
    'ironbow': ((0, 0, 10), (80, 0, 145), (165, 0, 150), (215, 50, 60), (240, 110, 5),
                (253, 180, 10), (255, 240, 120), (255, 255, 250)),
    'rainbow': ((0, 0, 80), (0, 60, 220), (0, 190, 220), (40, 205, 60), (240, 230, 20),
                (250, 100, 20), (235, 20, 30), (255, 225, 225)),
    'arctic': ((10, 0, 130), (30, 110, 240), (120, 225, 250), (130, 135, 140), (160, 95, 40),
               (235, 160, 55), (255, 235, 170)),
    'lava': ((0, 0, 20), (15, 40, 110), (20, 110, 130), (130, 40, 100), (225, 30, 30),
             (250, 140, 20), (255, 245, 200)),
    'spectra': ((0, 0, 0), (0, 0, 110), (0, 70, 210), (0, 110, 120), (0, 130, 0), (110, 185, 0),
                (230, 230, 0), (245, 150, 0), (240, 10, 0), (245, 90, 90), (255, 255, 255)),
}
_OPENCV = ('bone', 'cividis', 'cool', 'hot', 'inferno', 'jet', 'magma', 'ocean', 'parula', 'pink',
           'plasma', 'rainbow', 'turbo', 'viridis', 'winter')

#: Mean distance in BGR, levels, up to which a picture is taken to be in a palette; a pixel that
#: is farther than the limit, such as of burnt-in graphics, counts no more than that.
_TOLERANCE, _LIMIT = 24.0, 60.0
#: The same for a tint, whose colour is free: it also has to fit twice as well as any palette.
_TINT_TOLERANCE = 8.0
#: Mean distance in BGR, levels, from which a palette fits poorly enough for a tint above black.
_POOR_FIT = 4.0
_SAMPLE_SIDE, _LEVEL_STRIDE = 20, 4
#: Nodes on each side of the cube of colours between which gray levels are interpolated.
_NODES = 33


def colorize(gray: np.ndarray, name: str) -> np.ndarray:
    """
    Colour a picture with one of ``PALETTES``, (H, W) uint8 → (H, W, 3) uint8 BGR.

    :raises KeyError: for an unknown name.
    """
    return cv2.applyColorMap(gray, PALETTES[name].reshape(256, 1, 3))


def to_gray(image: np.ndarray) -> np.ndarray:
    """
    Return the levels that a palette or a tint coloured, else luma.

    Colours between those of the palette, which blur and compression make, get levels between.

    :param image: (H, W, 3) BGR, uint8 or uint16; uint16 is never taken to be in a palette.
    :return: (H, W) of the same type.
    """
    levels = palette_levels(image)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if levels is None else levels


def palette_levels(image: np.ndarray) -> np.ndarray | None:
    """
    Return the gray levels that a palette or a tint coloured; None if neither did.

    A tint is a gray picture in shades of one colour: its brightest channel is the level.

    :param image: (H, W, 3) BGR.
    :return: (H, W) uint8.
    """
    found = _find_colours(image)
    if found is None:
        return None
    if isinstance(found, np.ndarray):
        return cv2.transform(image, (found / np.square(found).sum())[np.newaxis])
    # channels stay in OpenCV's order, in the table as in the picture
    return np.asarray(Image.fromarray(image).filter(_inverse(found)).getchannel(0))


def find_palette(image: np.ndarray) -> str | None:
    """
    Return the name in ``PALETTES`` that fits a picture best.

    :param image: (H, W, 3) BGR.
    :return: None if gray or a tint fits better, and for pixels of another type than uint8.
    """
    found = _find_colours(image)
    return found if isinstance(found, str) else None


def _find_colours(image: np.ndarray) -> str | np.ndarray | None:
    """Return the palette that fits best, or the (3,) BGR tint, greatest 1; None for gray."""
    if image.dtype != np.uint8:
        return None
    rows, columns = (np.linspace(0, side - 1, min(side, _SAMPLE_SIDE)).astype(int)
                     for side in image.shape[:2])
    pixels = image[np.ix_(rows, columns)].reshape(-1, 3).astype(np.float32)
    if np.ptp(pixels, axis=1).max() <= 2:  # gray already
        return None
    curves = _curves()
    squares = (np.square(pixels).sum(1)[:, None] + np.square(curves).sum(1)
               - 2 * pixels @ curves.T).reshape(len(pixels), len(PALETTES) + 1, -1).min(2)
    distances = _mean_distance(squares)
    best = int(distances.argmin())
    if best == len(PALETTES) and distances[best] <= _TOLERANCE:
        return None
    tint = np.linalg.svd(pixels, full_matrices=False)[2][0]
    tint /= tint[np.abs(tint).argmax()]
    along = np.clip(pixels @ tint / np.square(tint).sum(), 0, 255)
    distance = _mean_distance(np.square(pixels - along[:, None] * tint).sum(1))
    if tint.min() > -0.05 and distance < min(_TINT_TOLERANCE, distances[best] / 2):
        return tint.clip(0).astype(np.float64)
    if distances[best] > _TOLERANCE or best == len(PALETTES):
        return None
    name = list(PALETTES)[best]
    return None if _is_lifted_tint(pixels, name) else name


def _is_lifted_tint(pixels: np.ndarray, name: str) -> bool:
    """
    Tell whether shades of one colour that do not begin at black fit better than a palette.

    Part of a palette can be as straight, so the fit to the palette must be poor in itself.

    :param pixels: (N, 3) float32 BGR.
    """
    around = pixels - pixels.mean(0)
    direction = np.linalg.svd(around, full_matrices=False)[2][0]
    direction *= np.sign(direction[np.abs(direction).argmax()])
    if direction.min() < -0.05:  # some channel darkens while another brightens
        return False
    across = around - np.outer(around @ direction, direction)
    distance = _mean_distance(np.square(across).sum(1))
    palette = PALETTES[name].astype(np.float32)
    squares = np.square(pixels[:, None] - palette).sum(2).min(1)
    return bool(distance < min(_TINT_TOLERANCE, _mean_distance(squares) / 2)
                and _mean_distance(squares) > _POOR_FIT)


def _mean_distance(squares: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(squares, 0, _LIMIT**2)).mean(0)


@lru_cache(maxsize=None)
def _curves() -> np.ndarray:
    """Colours along every palette, gray last: (number of all, 3) float32."""
    gray = np.repeat(np.arange(256)[:, None], 3, axis=1)
    return np.concatenate([palette[::_LEVEL_STRIDE] for palette in (*PALETTES.values(), gray)]
                          ).astype(np.float32)


@lru_cache(maxsize=None)
def _inverse(name: str) -> ImageFilter.Color3DLUT:
    """Table from colours to the level of the nearest point on a palette's polyline."""
    palette = PALETTES[name].astype(np.float32)
    side = np.linspace(0, 255, _NODES, dtype=np.float32)
    third, second, first = np.meshgrid(side, side, side, indexing='ij')  # the first runs fastest
    nodes = np.stack([first, second, third], axis=-1).reshape(-1, 3)
    nearest = np.concatenate([
        (np.square(palette).sum(1) - 2 * part @ palette.T).argmin(1)
        for part in np.array_split(nodes, 16)])
    levels = np.repeat(_refined(nodes, palette, nearest)[:, None] / 255, 3, axis=1)
    return ImageFilter.Color3DLUT(_NODES, levels.ravel().tolist())


def _refined(nodes: np.ndarray, palette: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Let levels be fractions: project on the direction of the palette around them."""
    before, after = (np.clip(nearest + step, 0, 255) for step in (-4, 4))
    direction = palette[after] - palette[before]
    along = ((nodes - palette[nearest]) * direction).sum(1) * (after - before)
    shift = along / np.maximum(np.square(direction).sum(1), 1.0)
    return np.clip(nearest + np.clip(shift, -4, 4), 0, 255)


def _between(colors: Sequence[Iterable[int]]) -> np.ndarray:
    positions = np.linspace(0, 255, len(colors))
    channels = [np.interp(np.arange(256), positions, channel) for channel in zip(*colors)]
    return np.rint(np.stack(channels[::-1], axis=1)).astype(np.uint8)


def _of_opencv(name: str) -> np.ndarray:
    levels = np.arange(256, dtype=np.uint8)[:, None]
    return cv2.applyColorMap(levels, getattr(cv2, f'COLORMAP_{name.upper()}'))[:, 0]


#: Those that training and evaluation show frames in.
SHOWN_PALETTES = ('ironbow', 'rainbow', 'arctic', 'lava')
#: Name → (256, 3) uint8, BGR by gray level: the cameras', and OpenCV's of the same use.
PALETTES = {**{name: _between(colors) for name, colors in _COLORS.items()},
            **{f'opencv_{name}': _of_opencv(name) for name in _OPENCV}}
