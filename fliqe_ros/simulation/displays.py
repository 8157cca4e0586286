"""
Displays that thermal cameras burn into their pictures.

Text, scale, reticle, spots, frames, logo, symbols and borders are natural: they say nothing of
how well the camera sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fliqe_ros.simulation.display_borders import DisplayBorders
from fliqe_ros.simulation.display_elements import ELEMENTS, readouts
from fliqe_ros.simulation.display_page import Page, Style
import numpy as np

#: Share of the frame that the elements lie on, without borders.
COVERAGE = (0.005, 0.15)
_MOST_ELEMENTS = 24
_ELEMENTS = tuple(ELEMENTS)
_WEIGHTS = np.cumsum(list(ELEMENTS.values())) / sum(ELEMENTS.values())


@dataclass(frozen=True)
class Display:
    """The display of a camera, the same on each of its pictures, at any size; false if none."""

    seed: int = 0         #: of the elements
    elements: int = 0     #: how many are tried; one that would cover too much is left out
    borders: DisplayBorders = DisplayBorders()
    inside: bool = False  #: whether the elements keep off the borders, else they lie on them too

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Display:
        """Draw a display: mostly elements alone, at times with borders, or borders alone."""
        kind = rng.random()
        elements = 0 if kind < 0.08 else int(rng.integers(1, 5) if kind < 0.6
                                             else rng.integers(3, 9))
        bordered = elements == 0 or rng.random() < 0.25
        return cls(int(rng.integers(1 << 62)), elements,
                   DisplayBorders.draw(rng) if bordered else DisplayBorders(),
                   bool(rng.random() < 0.5))

    @classmethod
    def none(cls) -> Display:
        """Return the display that leaves each picture as it is."""
        return cls()

    def __bool__(self) -> bool:
        """Return whether there is anything to see."""
        return self.elements > 0 or self.borders != DisplayBorders()

    def put_on(self, image: np.ndarray) -> np.ndarray:
        """
        Return a picture with this display burnt in.

        :param image: (H, W) uint8, at least 64x64.
        :return: (H, W) uint8.
        """
        if not self:
            return image.copy()
        keep, ink = _rendered(self, *image.shape)
        return np.rint(image * keep + ink).astype(np.uint8)

    def mask(self, height: int, width: int) -> np.ndarray:
        """Return where the display lies in frames of a size: (H, W) bool, also where it blends."""
        keep, _ = _rendered(self, height, width)
        return keep < 1.0


# A clean picture and its distorted versions follow one another.
@lru_cache(maxsize=4)
def _rendered(display: Display, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is kept of the picture, 0 to 1, and what is added; (H, W) float32 both."""
    page = Page(height, width)
    if display.borders != DisplayBorders():
        page.lay_over(display.borders.mask(height, width), display.borders.level)
    if display.elements:
        rows, columns = (display.borders.window(height, width) if display.inside
                         else (slice(0, height), slice(0, width)))
        window = Page(rows.stop - rows.start, columns.stop - columns.start)
        _draw_elements(window, display)
        page.ink[rows, columns] = page.ink[rows, columns] * window.keep + window.ink
        page.keep[rows, columns] *= window.keep
    page.keep.flags.writeable = page.ink.flags.writeable = False
    return page.keep, page.ink


def _draw_elements(page: Page, display: Display) -> None:
    """Draw the elements, and lines of text after them until there is something to see."""
    draw = np.random.default_rng(display.seed)
    style, (least, most) = Style.draw(draw), COVERAGE
    most = draw.uniform(least + 0.2 * (most - least), most)
    coverage = 0.0
    for number in range(1, _MOST_ELEMENTS + 1):
        if number > display.elements and coverage >= least:
            break
        # Each element has a generator of its own, so that it is the same at all sizes.
        rng = np.random.default_rng((display.seed, number))
        element = (_ELEMENTS[np.searchsorted(_WEIGHTS, rng.random())]
                   if number <= display.elements else readouts)
        before = page.keep.copy(), page.ink.copy()
        element(page, Style.draw(rng) if rng.random() < 0.2 else style.vary(rng), rng)
        coverage = page.coverage()
        if coverage > most:
            page.keep, page.ink = before
            coverage = page.coverage()
