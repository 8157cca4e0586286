"""
Burnt-in displays for judging, drawn by other means than those of ``simulation/displays.py``.

Pillow draws them with the DejaVu fonts that come with matplotlib, in layouts of their own. Nothing
here is used in training, and nothing of the package is used here.
"""

from __future__ import annotations

from functools import lru_cache
import math
from pathlib import Path
from random import Random

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = ('DejaVuSans', 'DejaVuSans-Bold', 'DejaVuSansMono', 'DejaVuSansMono-Bold', 'DejaVuSerif',
         'DejaVuSansMono-Oblique', 'DejaVuSerif-Bold')
PALETTES = ('inferno', 'gray', 'jet', 'hot', 'viridis', 'nipy_spectral', 'bone')


def put_other_display(image: np.ndarray, seed: int) -> np.ndarray:
    """
    Return a picture with a display burnt in.

    :param image: (H, W) uint8.
    :param seed: the same display on each picture of a size.
    :return: (H, W) uint8.
    """
    height, width = image.shape
    layer = _Layer(width, height, Random(seed))
    rng = layer.rng
    layout = rng.choice((_handheld, _drone, _surveillance, _sight, _analysis))
    layout(layer)
    picture = Image.fromarray(image)  # a copy
    level, cover = layer.image.split()
    picture.paste(level, mask=cover)
    return np.array(picture)


class _Layer:
    """Levels and cover that are drawn on, and how."""

    def __init__(self, width: int, height: int, rng: Random):
        self.width, self.height, self.rng = width, height, rng
        self.image = Image.new('LA', (width, height))
        self.pen = ImageDraw.Draw(self.image)
        self.unit = min(width / 100, height / 80)  # 1 in a frame of 100x80
        self.level = rng.choice((255, 255, 255, 235, 200, 0, 30))
        self.back = 0 if self.level > 127 else 255
        self.cover = rng.choice((255, 255, 255, 200, 150))
        self.line = max(1, round(self.unit * rng.uniform(0.15, 0.7)))
        self.face = rng.choice(FONTS)
        self.stroke = rng.choice((0, 0, 0, 1))
        self.ink = (self.level, self.cover)

    def text(self, text: str, x: float, y: float, size: float = 4.0, anchor: str = 'lt',
             plate: bool = False) -> None:
        """Write at a point given in percent of the frame; size in units of the frame."""
        at = (x * self.width / 100, y * self.height / 100)
        font = _font(self.face, max(7, round(size * self.unit)))
        if plate:
            left, top, right, bottom = self.pen.textbbox(at, text, font, anchor)
            self.pen.rounded_rectangle((left - 2, top - 2, right + 2, bottom + 2), 2,
                                       (self.back, self.rng.choice((120, 255))))
        self.pen.text(at, text, self.ink, font, anchor, stroke_width=self.stroke,
                      stroke_fill=(self.back, self.cover))

    def lines(self, *lines: tuple[float, ...]) -> None:
        """Draw lines x, y, x, y, ... in percent of the frame."""
        sides = (self.width / 100, self.height / 100)
        for line in lines:
            self.pen.line([value * sides[i % 2] for i, value in enumerate(line)], self.ink,
                          self.line)

    def ring(self, x: float, y: float, radius: float, fill: bool = False,
             start: float = 0, end: float = 360) -> None:
        """Draw an arc around a point in percent, with a radius in units of the frame."""
        x, y, radius = x * self.width / 100, y * self.height / 100, radius * self.unit
        box = (x - radius, y - radius, x + radius, y + radius)
        if fill:
            self.pen.ellipse(box, self.ink)
        else:
            self.pen.arc(box, start, end, self.ink, self.line)


@lru_cache(maxsize=64)
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path(), 'fonts', 'ttf')
    return ImageFont.truetype(str(folder / f'{face}.ttf'), size)


def _legend(layer: _Layer, left: float, top: float, right: float, bottom: float) -> None:
    """Draw the luma of a palette, hot end up, in percent of the frame."""
    x0, x1 = (round(v * layer.width / 100) for v in (left, right))
    y0, y1 = (round(v * layer.height / 100) for v in (top, bottom))
    colours = matplotlib.colormaps[layer.rng.choice(PALETTES)](np.linspace(1, 0, max(y1 - y0, 1)))
    luma = (255 * colours[:, :3] @ (0.299, 0.587, 0.114)).astype(np.uint8)
    bar = Image.fromarray(np.repeat(luma[:, None], max(x1 - x0, 1), 1))
    layer.image.paste(Image.merge('LA', (bar, Image.new('L', bar.size, 255))), (x0, y0))
    if layer.rng.random() < 0.5:
        layer.pen.rectangle((x0 - 1, y0 - 1, x1, y1), outline=layer.ink)


def _handheld(layer: _Layer) -> None:
    """Lay out a hand-held camera: big reading, circle in the middle, palette on the right."""
    rng = layer.rng
    low, high = sorted(rng.uniform(-20, 150) for _ in range(2))
    layer.text(f'~{(low + high) / 2:.1f} °C', 3, 3, rng.uniform(6, 12), plate=rng.random() < 0.3)
    _legend(layer, 94, 16, rng.uniform(95.5, 98), 84)
    layer.text(f'{high:.0f}', 98, 9, rng.uniform(3.5, 6), 'rt')
    layer.text(f'{low:.0f}', 98, 92, rng.uniform(3.5, 6), 'rb')
    layer.ring(50, 50, rng.uniform(3, 7))
    for angle in range(0, 360, 90):
        x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        layer.lines((50 + 3 * x, 50 + 3 * y, 50 + 8 * x, 50 + 8 * y))
    layer.text(rng.choice(('\u25c6THERM', 'ThermoVue', 'heatSCOPE', 'PYRO\u00b7ix')), 3, 96,
               rng.uniform(4, 9), 'lb')
    if rng.random() < 0.5:
        layer.text(f'\u03b5 {rng.uniform(0.6, 1):.2f}', 3, 20, 4)


def _drone(layer: _Layer) -> None:
    """Lay out a drone's link: compass strip, speeds, home arrow, thirds, battery."""
    rng = layer.rng
    for i in range(-8, 9):
        x = 50 + 3 * i
        layer.lines((x, 3, x, 6 if i % 4 else 9))
    layer.text(f'{rng.randrange(360)}°', 50, 10, 4, 'mt')
    for side, name, anchor in ((6, 'm/s', 'lm'), (96, 'm', 'rm')):
        layer.text(f'{rng.uniform(0, 120):.1f} {name}', side, 48, 4, anchor, rng.random() < 0.4)
    if rng.random() < 0.4:
        layer.lines(*((v, 0, v, 100) for v in (33.3, 66.7)), *((0, v, 100, v) for v in (33, 67)))
    layer.text('\u25b2', rng.uniform(30, 70), rng.uniform(25, 75), rng.uniform(4, 8), 'mm')
    x0, y0 = 88 * layer.width / 100, 3 * layer.height / 100
    charge = rng.uniform(1, 8) * layer.unit
    layer.pen.rectangle((x0, y0, x0 + 8 * layer.unit, y0 + 4 * layer.unit), None, layer.ink)
    layer.pen.rectangle((x0, y0, x0 + charge, y0 + 4 * layer.unit), layer.ink)
    volts = rng.uniform(10, 17)
    layer.text(f'{volts:.1f}V \u2022 {rng.randrange(20)} sat', 3, 97, 4, 'lb')


def _surveillance(layer: _Layer) -> None:
    """Lay out a fixed camera: bars with clock and name, boxes of a detector, watermark."""
    rng = layer.rng
    bar = rng.uniform(6, 9) * layer.height / 100
    top = rng.random() < 0.5
    layer.pen.rectangle((0, 0 if top else layer.height - bar, layer.width,
                         bar if top else layer.height), (layer.back, rng.choice((110, 255))))
    y, anchor = (1.5, 'lt') if top else (98.5, 'lb')
    layer.text(f'{rng.randrange(1, 29):02}.{rng.randrange(1, 13):02}.20{rng.randrange(10, 30)}  '
               f'{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}', 2, y, 4,
               anchor)
    layer.text(rng.choice(('Gate North', 'Perimeter 07', 'Yard', 'TH-CAM/3')), 98, y, 4,
               'r' + anchor[1])
    for _ in range(rng.randrange(4)):
        x, y = rng.uniform(5, 75), rng.uniform(20, 65)
        wide, high = rng.uniform(5, 20), rng.uniform(8, 25)
        layer.lines((x, y, x + wide, y, x + wide, y + high, x, y + high, x, y))
        layer.text(f'person 0.{rng.randrange(30, 99)}', x, y - 1, 3.5, 'lb', rng.random() < 0.5)
    if rng.random() < 0.3:
        solid, layer.ink = layer.ink, (layer.level, 90)
        layer.text('SAMPLE', 50, 50, 14, 'mm')
        layer.ink = solid


def _sight(layer: _Layer) -> None:
    """Lay out a sight: mil dots, chevron, range, field stop."""
    rng = layer.rng
    if rng.random() < 0.3:
        stop = Image.new('L', layer.image.size, 255)
        radius = rng.uniform(0.47, 0.6) * min(layer.image.size)
        x, y = layer.width / 2, layer.height / 2
        ImageDraw.Draw(stop).ellipse((x - radius, y - radius, x + radius, y + radius), 0)
        layer.image.paste((0, 255), mask=stop)
    for i in range(-5, 6):
        if i:
            layer.ring(50 + 5 * i, 50, 0.6, True)
            layer.ring(50, 50 + 6 * i, 0.6, True)
    layer.lines((10, 50, 22, 50), (78, 50, 90, 50), (50, 84, 50, 96))
    layer.lines((47, 56, 50, 50, 53, 56))
    layer.text(f'{rng.randrange(40, 1500)}m', 70, 60, rng.uniform(4, 8), plate=rng.random() < 0.4)
    layer.text(rng.choice(('WHITE HOT', 'Edge', '3.2\u00d7', 'PIP')), 30, 88, 4)
    layer.ring(50, 50, rng.uniform(12, 30), start=rng.randrange(360), end=rng.randrange(360))


def _analysis(layer: _Layer) -> None:
    """Lay out software for analysis: table of spots, isotherm line, area, axis with numbers."""
    rng = layer.rng
    for number in range(rng.randrange(2, 6)):
        x, y = rng.uniform(15, 85), rng.uniform(25, 85)
        layer.lines((x - 2, y, x + 2, y), (x, y - 2.5, x, y + 2.5))
        layer.text(f'P{number}: {rng.uniform(0, 90):.2f}', x + 1, y - 1, 3.5, 'lb')
        layer.text(f'P{number}   {rng.uniform(0, 90):6.2f} °C', 3, 4 + 6 * number, 4,
                   plate=number % 2 == 0)
    x, wave = rng.uniform(20, 50), rng.uniform(2, 9)
    layer.lines(tuple(v for i in range(30) for v in (
        x + i, 60 + wave * math.sin(i / rng.uniform(2.5, 3.5)))))
    layer.lines((30, 30, 70, 35, 64, 70, 28, 66, 30, 30))
    side = rng.choice((2, 90))
    _legend(layer, side, 40, side + 3, 95)
    for i in range(5):
        layer.text(f'{20 + 7 * i}', side + 4, 94 - 13 * i, 3.5, 'lm')
