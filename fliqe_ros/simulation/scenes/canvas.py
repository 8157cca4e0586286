"""Paint in degrees Celsius: anti-aliased shapes and natural texture on a temperature map."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import cv2
from fliqe_ros.simulation.scenes.noise import fractal
import numpy as np

#: A point (x, y), or (N, 2) points, in pixels: whatever NumPy makes an array of.
Points: TypeAlias = Any

SUBPIXEL_BITS = 4


class Canvas:
    """
    A temperature map to paint on, back to front.

    ``temperature`` is float32 (height, width) in °C. ``coverage``, float32 in [0, 1], says how
    much of each pixel has been painted: a cut-out's opacity.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int,
                 temperature_c: float | np.ndarray = 0.0):
        self.rng = rng
        self._relief = rng.uniform(1.2, 4.0)
        self.temperature = np.full((height, width), temperature_c, np.float32)
        self.coverage = np.zeros((height, width), np.float32)
        self._coarse = fractal(rng, height, width, 1.5)
        self._fine = fractal(rng, height, width, 0.95)

    @property
    def height(self) -> int:
        """Rows of the canvas."""
        return self.temperature.shape[0]

    @property
    def width(self) -> int:
        """Columns of the canvas."""
        return self.temperature.shape[1]

    def texture(self, height: int, width: int, fineness: float = 0.4) -> np.ndarray:
        """Cut a random (height, width) piece of texture, float32, deviation about 1 to 3."""
        y = self.rng.integers(0, self.height - height + 1)
        x = self.rng.integers(0, self.width - width + 1)
        piece = (slice(y, y + height), slice(x, x + width))
        mixed = (1 - fineness) * self._coarse[piece] + fineness * self._fine[piece]
        return self._relief * mixed

    def blend(self, box: tuple[int, int, int, int], alpha: np.ndarray,
              temperature_c: float | np.ndarray) -> None:
        """Lay ``temperature_c`` (scalar or map) over the box (y0, y1, x0, x1), opacity alpha."""
        y0, y1, x0, x1 = box
        below = self.temperature[y0:y1, x0:x1]
        below += alpha * (temperature_c - below)
        covered = self.coverage[y0:y1, x0:x1]
        covered += alpha * (1 - covered)

    def box(self, points: Points, margin: int = 2) -> tuple[int, int, int, int] | None:
        """Bound (N, 2) points x, y by (y0, y1, x0, x1) in the canvas; None if they miss it."""
        low = np.floor(np.min(points, axis=0)).astype(int) - margin
        high = np.ceil(np.max(points, axis=0)).astype(int) + margin + 1
        x0, x1 = max(low[0], 0), min(high[0], self.width)
        y0, y1 = max(low[1], 0), min(high[1], self.height)
        return (y0, y1, x0, x1) if x1 > x0 and y1 > y0 else None

    def fill(self, points: Points, temperature_c: float | np.ndarray, texture: float = 0.15,
             lift: float = 0.0) -> None:
        """Fill a polygon; ``lift`` K is the gradient from its bottom to its top."""
        points = np.asarray(points, np.float64).reshape(-1, 2)
        box = self.box(points)
        if box is None:
            return
        y0, y1, x0, x1 = box
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, [_fixed(points - (x0, y0))], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        paint = temperature_c + texture * self.texture(*mask.shape)
        if lift:
            paint = paint + np.linspace(lift, 0, y1 - y0, dtype=np.float32)[:, None]
        self.blend(box, mask * np.float32(1 / 255), paint)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float,
                  temperature_c: float | np.ndarray, **options: float) -> None:
        """Fill an upright rectangle; options as for ``fill``."""
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], temperature_c, **options)

    def ellipse(self, centre: Points, axes: Points, temperature_c: float | np.ndarray,
                angle_deg: float = 0.0, **options: float) -> None:
        """Fill an ellipse of half axes ``axes``; options as for ``fill``."""
        turn = np.linspace(0, 2 * np.pi, 8 + int(min(max(axes), 60)), endpoint=False)
        points = np.stack([axes[0] * np.cos(turn), axes[1] * np.sin(turn)], axis=1)
        self.fill(rotated(points, angle_deg) + centre, temperature_c, **options)

    def strokes(self, polylines: Iterable[Points], temperature_c: float | np.ndarray,
                width: float = 1, texture: float = 0.1) -> None:
        """Draw polylines, each (N, 2) points x, y, with one pen ``width`` pixels wide."""
        lines = [np.asarray(line, np.float64).reshape(-1, 2) for line in polylines]
        box = self.box(np.concatenate(lines), margin=int(width) + 2) if lines else None
        if box is None:
            return
        y0, y1, x0, x1 = box
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.polylines(mask, [_fixed(line - (x0, y0)) for line in lines], False, 255,
                      max(1, round(width)), cv2.LINE_AA, SUBPIXEL_BITS)
        paint = temperature_c + texture * self.texture(*mask.shape)
        self.blend(box, mask * np.float32(1 / 255), paint)

    def pipe(self, line: Points, temperature_c: float | np.ndarray, width: float,
             shade: float) -> None:
        """Draw a tube along a polyline, ``shade`` K warmer on its axis than at its rims."""
        steps = max(2, int(width / 2))
        for across in np.linspace(1, 0, steps, endpoint=False):
            self.strokes([line], temperature_c + shade * np.sqrt(1 - across ** 2),
                         max(1, width * across), texture=0.05)

    def glow(self, centre: Points, radius: float, rise_k: float) -> None:
        """Warm the surface around a hot spot, Gaussian of standard deviation ``radius``."""
        x, y = centre
        box = self.box([(x - 3 * radius, y - 3 * radius), (x + 3 * radius, y + 3 * radius)])
        if box is None:
            return
        y0, y1, x0, x1 = box
        gy = np.exp(-0.5 * ((np.arange(y0, y1) - y) / radius) ** 2)
        gx = np.exp(-0.5 * ((np.arange(x0, x1) - x) / radius) ** 2)
        self.temperature[y0:y1, x0:x1] += (rise_k * gy[:, None] * gx).astype(np.float32)

    def foliage(self, centre: Points, axes: Points, temperature_c: float | np.ndarray,
                contrast: float = 0.6, edge: float = 2.5) -> None:
        """Paint a leafy crown: a ragged blob with light and shade down to single leaves."""
        x, y = centre
        a, b = axes
        box = self.box([(x - 1.6 * a, y - 1.6 * b), (x + 1.6 * a, y + 1.6 * b)])
        if box is None:
            return
        y0, y1, x0, x1 = box
        across = (np.arange(x0, x1, dtype=np.float32) - x) / a
        down = (np.arange(y0, y1, dtype=np.float32) - y) / b
        outline = 1 - (down[:, None] ** 2 + across ** 2)
        height, width = outline.shape
        ragged = outline + 0.45 / self._relief * self.texture(height, width, fineness=0.5)
        leaves = self.texture(height, width, fineness=0.65) - 0.5 * down[:, None]
        self.blend(box, np.clip(edge * ragged, 0, 1), temperature_c + contrast * leaves)


def rotated(points: Points, angle_deg: float) -> np.ndarray:
    """Turn (N, 2) points about the origin."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.asarray(points, np.float64) @ np.array([[c, s], [-s, c]])


def _fixed(points: Points) -> np.ndarray:
    """Convert to the fixed-point coordinates of OpenCV's drawing calls."""
    return np.round(np.clip(points, -4000, 4000) * (1 << SUBPIXEL_BITS)).astype(np.int32)
