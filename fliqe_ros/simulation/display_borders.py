"""Borders of pictures: letterbox, pillars, frames and the field stops of optics."""

from __future__ import annotations

from dataclasses import dataclass

from fliqe_ros.simulation.display_words import pick
import numpy as np

#: The widest border, as a share of the frame's side.
WIDEST = 0.25


@dataclass(frozen=True)
class DisplayBorders:
    """What lies around a picture, with sharp edges; widths are shares of the frame's sides."""

    level: float = 0.0   #: 0 to 255
    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0
    corner: float = 0.0  #: radius of the corners, as a share of half the picture's shorter side
    stop: float = 0.0    #: radius of a circular field stop, as a share of half the diagonal

    @classmethod
    def draw(cls, rng: np.random.Generator) -> DisplayBorders:
        """Draw borders: 1 px to ``WIDEST``, mostly black and mostly as wide on both sides."""
        black, white = 0.0, 255.0
        level = pick(rng, (black, black, black, black, white, rng.uniform(0, 40),
                           rng.uniform(40, 255)))
        widths = 0.003 * (WIDEST / 0.003) ** rng.random(4)
        if rng.random() < 0.7:
            widths[1], widths[3] = widths[0], widths[2]
        kind = pick(rng, ('letterbox', 'letterbox', 'pillars', 'pillars', 'around', 'around',
                          'one', 'corners', 'stop'))
        if kind == 'stop':
            return cls(level, stop=rng.uniform(0.65, 0.95))
        if kind == 'corners':
            width = float(widths[0]) if rng.random() < 0.5 else 0.0
            return cls(level, width, width, width, width, rng.uniform(0.1, 1.0))
        sides = {'letterbox': [1, 1, 0, 0], 'pillars': [0, 0, 1, 1], 'around': [1, 1, 1, 1],
                 'one': np.eye(4)[rng.integers(4)]}[kind]
        return cls(level, *map(float, widths * sides))

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns between the borders in frames of a size."""
        top, bottom = (_pixels(share, height) for share in (self.top, self.bottom))
        left, right = (_pixels(share, width) for share in (self.left, self.right))
        return slice(top, height - bottom), slice(left, width - right)

    def mask(self, height: int, width: int) -> np.ndarray:
        """Return where the borders lie in frames of a size: (H, W) bool."""
        inner_rows, inner_columns = self.window(height, width)
        mask = np.ones((height, width), bool)
        mask[inner_rows, inner_columns] = False
        rows, columns = np.ogrid[:height, :width]
        if self.corner:
            (top, bottom), (left, right) = ((inner.start, inner.stop)
                                            for inner in (inner_rows, inner_columns))
            radius = self.corner * min(bottom - top, right - left) / 2
            # How far a pixel lies beyond the centres of the corners' circles.
            y = np.maximum(top + radius - rows, rows - (bottom - 1 - radius))
            x = np.maximum(left + radius - columns, columns - (right - 1 - radius))
            mask |= np.maximum(y, 0) ** 2 + np.maximum(x, 0) ** 2 > radius ** 2
        if self.stop:
            radius = self.stop * np.hypot(height, width) / 2
            mask |= (rows - height / 2) ** 2 + (columns - width / 2) ** 2 > radius ** 2
        return mask


def _pixels(share: float, side: int) -> int:
    return min(max(1, round(share * side)), int(WIDEST * side)) if share else 0
