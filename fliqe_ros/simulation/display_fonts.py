"""
Fonts of burnt-in displays: strokes, dot matrices, and what OpenCV and Pillow bring.

OpenCV's own fonts changed with version 5 (Hershey's strokes before, an outline font since), so
the stroke font is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

KINDS = ('strokes', 'matrix', 'bitmap', 'opencv', 'truetype')
_SHIFT = 4  # fractional bits of coordinates

#: Strokes of each glyph as points xy on a grid of 5 columns and 7 rows, y down.
_GLYPHS = {
    '0': '103041453616050110', '1': '112026 1636', '2': '01103041420646',
    '3': '01103041423323 334445361605', '4': '300444 3036', '5': '400002324345361605',
    '6': '3010010516364544331304', '7': '004016', '8': '103041423313020110 3344453616050413',
    '9': '1636454130100102133342', 'A': '0602204246 0444', 'B': '00063645443303 0030414233',
    'C': '4130100105163645', 'D': '00062644422000', 'E': '40000646 0333', 'F': '400006 0333',
    'G': '41301001051636454323', 'H': '0006 4046 0343', 'I': '1030 2026 1636',
    'J': '4045361605', 'K': '0006 400346', 'L': '000646', 'M': '0600234046', 'N': '06004640',
    'O': '103041453616050110', 'P': '06003041423303', 'Q': '103041453616050110 2446',
    'R': '06003041423303 2346', 'S': '413010010213334445361605', 'T': '0040 2026',
    'U': '000516364540', 'V': '002640', 'W': '0016233640', 'X': '0046 4006',
    'Y': '002340 2326', 'Z': '00400646', '.': '2526', ':': '2122 2425', '-': '1333',
    '+': '1333 2224', '/': '0640', '%': '0640 0001 4546', '=': '1232 1434',
    '°': '1020211110', '<': '300336', '>': '104316', ' ': '',
}
_STROKES = {
    glyph: [np.array([[int(point) for point in stroke[i:i + 2]]
                      for i in range(0, len(stroke), 2)], np.float32)
            for stroke in strokes.split()]
    for glyph, strokes in _GLYPHS.items()}


@dataclass(frozen=True)
class Font:
    """A drawn font, at any height."""

    kind: str       #: one of ``KINDS``
    face: int       #: of OpenCV's fonts, 0 to 7
    weight: float   #: width of a stroke, as a share of the height
    stretch: float  #: width of a glyph, 1 is usual
    pitch: float    #: from glyph to glyph, in widths of a glyph
    slant: float    #: sideways per height
    smooth: bool    #: whether edges are anti-aliased

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Font:
        """Draw a font."""
        return cls(
            kind=KINDS[np.searchsorted((0.35, 0.5, 0.6, 0.8), rng.random())],
            face=int(rng.integers(8)), weight=rng.uniform(0.04, 0.22),
            stretch=rng.uniform(0.6, 1.4), pitch=rng.uniform(1.3, 1.9),
            slant=rng.uniform(-0.1, 0.35) if rng.random() < 0.2 else 0.0,
            smooth=bool(rng.random() < 0.6))

    def mask(self, text: str, height_px: int) -> np.ndarray:
        """
        Draw a line of text.

        :param text: the stroke fonts turn it to capitals and leave out what they lack.
        :param height_px: of a capital letter; dot matrices take the nearest whole multiple.
        :return: (h, w) uint8, 255 in the ink, cropped to it; empty without ink.
        """
        if self.kind == 'strokes':
            mask = self._strokes(text, height_px)
        elif self.kind == 'matrix':
            dots = Font('strokes', 0, 0.0, 1.0, 1.5, 0.0, False)._strokes(text, 7)
            mask = _enlarge(dots, height_px / 7)
        elif self.kind == 'bitmap':
            mask = _enlarge(_pillow(text, None, False), height_px / 7)
        elif self.kind == 'opencv':
            mask = self._opencv(text, height_px)
        else:
            mask = _pillow(text, height_px, self.smooth)
        left, top, width, height = cv2.boundingRect(mask)
        return mask[top:top + height, left:left + width]

    def _strokes(self, text: str, height: int) -> np.ndarray:
        thickness = max(1, round(self.weight * height))
        unit = max(height - thickness, 4) / 6.0
        advance = 4.0 * self.pitch
        strokes = [(stroke, place * advance) for place, glyph in enumerate(text.upper())
                   for stroke in _STROKES.get(glyph, ())]
        if not strokes:
            return np.zeros((1, 1), np.uint8)
        points = np.concatenate([stroke for stroke, _ in strokes])
        lengths = [len(stroke) for stroke, _ in strokes]
        points[:, 0] += np.repeat([start for _, start in strokes], lengths)
        points[:, 0] = self.stretch * points[:, 0] + self.slant * (6.0 - points[:, 1])
        points = points * unit + thickness + 0.4 * height
        if not self.smooth:
            points = np.rint(points)
        points = np.rint(points * (1 << _SHIFT)).astype(np.int32)
        ends = np.cumsum(lengths)
        lines = [points[end - length:end] for end, length in zip(ends, lengths)]
        width = len(text) * advance * unit * self.stretch + 2 * height + 2 * thickness
        mask = np.zeros((2 * height + 2 * thickness, int(width) + 1), np.uint8)
        kind = cv2.LINE_AA if self.smooth else cv2.LINE_8
        cv2.polylines(mask, lines, False, 255, thickness, kind, _SHIFT)
        return mask

    def _opencv(self, text: str, height: int) -> np.ndarray:
        scale = height / cv2.getTextSize('0', self.face, 1.0, 1)[0][1]
        thickness = max(1, round(self.weight * height))
        size, _ = cv2.getTextSize(text, self.face, scale, thickness)
        mask = np.zeros((3 * height, size[0] + 2 * height), np.uint8)
        kind = cv2.LINE_AA if self.smooth else cv2.LINE_8
        cv2.putText(mask, text, (height, 2 * height), self.face, scale, 255, thickness, kind)
        return mask


def _enlarge(mask: np.ndarray, factor: float) -> np.ndarray:
    """Repeat each pixel a whole number of times."""
    times = max(1, round(factor))
    return mask.repeat(times, 0).repeat(times, 1)


def _pillow(text: str, height: int | None, smooth: bool) -> np.ndarray:
    """Draw text in Pillow's outline font, or, without a height, in its bitmap font."""
    font = _bitmap() if height is None else _truetype(height)
    if height is not None and not isinstance(font, ImageFont.FreeTypeFont):
        return _enlarge(_pillow(text, None, smooth), height / 7)
    line = height or 11
    image = Image.new('L', (round(1.5 * len(text) * line) + 2, 2 * line))  # wider than any glyph
    draw = ImageDraw.Draw(image)
    draw.fontmode = 'L' if smooth else '1'
    draw.text((0, 0), text, 255, font)
    return np.array(image)


@lru_cache(maxsize=1)
def _bitmap() -> ImageFont.ImageFont:
    if hasattr(ImageFont, 'load_default_imagefont'):
        return ImageFont.load_default_imagefont()
    font = ImageFont.load_default()  # the only default font before Pillow 10.1
    assert isinstance(font, ImageFont.ImageFont)
    return font


@lru_cache(maxsize=64)
def _truetype(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(height / 0.7)  # its capitals are 0.7 of its size
    except (ImportError, TypeError):  # Pillow without FreeType, or before 10.1
        return _bitmap()
