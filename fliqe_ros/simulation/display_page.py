"""The page that a burnt-in display is drawn on, and the style it is drawn in."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

import cv2
from fliqe_ros.simulation.display_fonts import Font
from fliqe_ros.simulation.display_words import pick
import numpy as np

#: Height of the smallest and the largest capitals, px in a frame of 640x512.
TEXT_PX = (8.0, 60.0)
SMALLEST_TEXT_PX = 5


@dataclass(frozen=True)
class Style:
    """How ink is put down; levels are 0 to 255, widths px in a frame of 640x512."""

    font: Font
    ink: float      #: level of the ink
    ground: float   #: level of outline, shadow and box
    edge: str       #: around ink: ``none``, ``outline``, ``shadow`` or ``box`` (text alone)
    opacity: float  #: of the ink, 0 to 1
    veil: float     #: opacity of a box, 0 to 1
    line: float     #: width of lines
    text: float     #: height of capitals
    smooth: bool    #: whether lines are anti-aliased

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """Draw a style."""
        bright = rng.random() < 0.72
        pure = 255.0 if bright else 0.0
        near = rng.uniform(190, 255) if bright else rng.uniform(0, 60)
        ink = pick(rng, (pure, pure, pure, pure, near, rng.uniform(90, 190)))
        ground = pick(rng, (0.0, rng.uniform(0, 90)) if ink > 127 else (
            255.0, rng.uniform(180, 255)))
        low, high = TEXT_PX
        return cls(
            font=Font.draw(rng), ink=ink, ground=ground,
            edge=pick(rng, ('none', 'none', 'none', 'outline', 'outline', 'shadow', 'box')),
            opacity=1.0 if rng.random() < 0.75 else rng.uniform(0.4, 0.95),
            veil=1.0 if rng.random() < 0.5 else rng.uniform(0.25, 0.8),
            line=rng.uniform(0.5, 4.5), text=low * (high / low) ** (rng.random() ** 1.6),
            smooth=bool(rng.random() < 0.5))

    def vary(self, rng: np.random.Generator) -> Style:
        """Return the style with another size of text, for one element."""
        low, high = TEXT_PX
        size = self.text * pick(rng, (0.5, 1.0, 1.0, 1.0, 1.5, 2.0))
        return replace(self, text=min(max(size, low), high))


class Page:
    """
    A display as it is drawn: what it keeps of the picture behind it, and what it adds.

    ``picture * keep + ink`` is the picture with the display; both (H, W) float32.
    """

    def __init__(self, height: int, width: int) -> None:
        """Start with an empty page of this size, px."""
        self.height, self.width = height, width
        #: Size of the frame, beside one of 640x512.
        self.scale = math.sqrt(height * width / (640 * 512))
        self.keep = np.ones((height, width), np.float32)
        self.ink = np.zeros((height, width), np.float32)

    def px(self, reference_px: float, least: int = 1) -> int:
        """Return a length in this frame for one in a frame of 640x512, and at least so many px."""
        return max(least, round(reference_px * self.scale))

    def text_px(self, style: Style) -> int:
        """Height of the capitals of a style in this frame."""
        return self.px(style.text, SMALLEST_TEXT_PX)

    def coverage(self) -> float:
        """Share of the frame that the display lies on."""
        return float(np.count_nonzero(self.keep < 1.0) / self.keep.size)

    def lay_over(self, mask: np.ndarray, level: float) -> None:
        """Cover what is there with one level, where ``mask``, (H, W) bool, is set."""
        self.keep[mask] = 0.0
        self.ink[mask] = level

    def paint(self, mask: np.ndarray, level: float | np.ndarray, opacity: float,
              top: int = 0, left: int = 0) -> None:
        """
        Lay ink over what is there; what lies outside of the page is lost.

        :param mask: (h, w) uint8, 255 in the ink.
        :param level: of the ink, or (h, w) levels.
        """
        up, before = max(0, -top), max(0, -left)
        down, after = min(len(mask), self.height - top), min(mask.shape[1], self.width - left)
        if down <= up or after <= before:
            return
        ours = np.s_[top + up:top + down, left + before:left + after]
        theirs = np.s_[up:down, before:after]
        cover = mask[theirs] * np.float32(opacity / 255.0)
        added = cover * (level[theirs] if isinstance(level, np.ndarray) else np.float32(level))
        keep, ink, rest = self.keep[ours], self.ink[ours], 1.0 - cover
        keep *= rest
        ink *= rest
        ink += added

    def fill(self, top: int, left: int, height: int, width: int, level: float | np.ndarray,
             opacity: float = 1.0) -> None:
        """Paint a rectangle."""
        mask = np.full((max(height, 0), max(width, 0)), 255, np.uint8)
        self.paint(mask, level, opacity, top, left)

    def draw(self, mask: np.ndarray, style: Style, top: int = 0, left: int = 0) -> None:
        """Put down ink with the edge of the style; ``mask`` as ``paint`` takes it."""
        x, y, width, height = cv2.boundingRect(mask)
        if not width:
            return
        mask = mask[y:y + height, x:x + width]
        top, left = top + y, left + x
        edge = self.px(1.0 + style.line / 4.0)
        if style.edge == 'outline':
            wide = cv2.copyMakeBorder(mask, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
            around = cv2.dilate(wide, np.ones((2 * edge + 1, 2 * edge + 1), np.uint8))
            self.paint(around, style.ground, style.opacity, top - edge, left - edge)
        elif style.edge == 'shadow':
            self.paint(mask, style.ground, style.opacity, top + edge, left + edge)
        self.paint(mask, style.ink, style.opacity, top, left)

    def write(self, text: str, style: Style, row: float, column: float,
              anchor: tuple[float, float] = (0.0, 0.0), height_px: int | None = None) -> None:
        """
        Write a line of text, moved into the frame and cut to its width.

        :param row, column: where the anchor comes to lie, px.
        :param anchor: 0 (top, left) to 1 (bottom, right) of the text.
        :param height_px: of capitals, or that of the style.
        """
        mask = style.font.mask(text, height_px or self.text_px(style))
        mask = mask[:self.height, :self.width]
        height, width = mask.shape
        top = min(max(round(row - anchor[0] * height), 0), self.height - height)
        left = min(max(round(column - anchor[1] * width), 0), self.width - width)
        if style.edge == 'box' and mask.size:
            pad = self.px(2.0 + style.text / 8.0)
            self.fill(top - pad, left - pad, height + 2 * pad, width + 2 * pad, style.ground,
                      style.veil)
        if mask.size:
            self.draw(mask, style, top, left)
