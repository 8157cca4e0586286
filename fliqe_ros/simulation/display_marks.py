"""Marks of burnt-in displays: reticles, spots and areas of measurement, frames of trackers."""

from __future__ import annotations

import cv2
from fliqe_ros.simulation.display_page import Page, Style
from fliqe_ros.simulation.display_words import pick, reading, words
import numpy as np

SYMBOLS = ('cross', 'gap cross', 'diagonal', 'half cross', 'scope', 'circle', 'ring dot', 'dot',
           'square', 'brackets', 'triangle', 'wedge')


def blank_mask(page: Page) -> np.ndarray:
    """Return a mask without ink, of the page's size."""
    return np.zeros((page.height, page.width), np.uint8)


def draw_lines(mask: np.ndarray, lines: list, page: Page, style: Style) -> None:
    """Draw open lines, each a list of points (x, y)."""
    kind = cv2.LINE_AA if style.smooth else cv2.LINE_8
    points = [np.rint(np.asarray(line, np.float32).reshape(-1, 2)).astype(np.int32)
              for line in lines]
    cv2.polylines(mask, points, False, 255, page.px(style.line), kind)


def _symbol(mask: np.ndarray, kind: str, x: float, y: float, radius: float, page: Page,
            style: Style) -> None:
    """Draw a mark of a kind around a point."""
    near, gap = radius, 0.4 * radius
    line = page.px(style.line)
    smooth = cv2.LINE_AA if style.smooth else cv2.LINE_8
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    if kind in ('cross', 'scope'):
        draw_lines(mask, [[(x - near, y), (x + near, y)], [(x, y - near), (x, y + near)]], page,
                   style)
    if kind == 'gap cross':
        draw_lines(mask, [[(x + gap * i, y + gap * j), (x + near * i, y + near * j)]
                          for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))], page, style)
    if kind == 'diagonal':
        draw_lines(mask, [[(x - near, y - near), (x + near, y + near)],
                          [(x - near, y + near), (x + near, y - near)]], page, style)
    if kind == 'half cross':
        draw_lines(mask, [[(x - near, y), (x - gap, y)], [(x + gap, y), (x + near, y)],
                          [(x, y + gap), (x, y + near)]], page, style)
    if kind in ('circle', 'scope', 'ring dot'):
        cv2.circle(mask, (round(x), round(y)), max(2, round(0.7 * radius)), 255, line, smooth)
    if kind in ('dot', 'ring dot'):
        cv2.circle(mask, (round(x), round(y)), max(1, round(0.15 * radius)), 255, -1, smooth)
    if kind == 'square':
        draw_lines(mask, [[(x + near * i, y + near * j) for i, j in corners]], page, style)
    if kind == 'brackets':
        draw_lines(mask, [[(x + near * i, y + gap * j), (x + near * i, y + near * j),
                           (x + gap * i, y + near * j)] for i, j in corners[:4]], page, style)
    if kind in ('triangle', 'wedge'):
        points = [[x - near, y - near], [x + near, y - near], [x, y + 0.5 * near]]
        if kind == 'wedge':
            cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 255, smooth)
        else:
            draw_lines(mask, [points + points[:1]], page, style)


def reticle(page: Page, style: Style, rng: np.random.Generator) -> None:
    """Draw one or two marks about the middle, some with ticks like a sight's."""
    mask = blank_mask(page)
    x, y = (page.width - 1) / 2, (page.height - 1) / 2
    if rng.random() < 0.2:
        x, y = x * rng.uniform(0.8, 1.2), y * rng.uniform(0.8, 1.2)
    radius = max(4.0, min(page.height, page.width) * 0.02 * 22.0 ** rng.random())
    for _ in range(pick(rng, (1, 1, 1, 2))):
        _symbol(mask, pick(rng, SYMBOLS[:10]), x, y, radius, page, style)
    if rng.random() < 0.3:
        tick = max(1.0, radius * rng.uniform(0.03, 0.15))
        for place in radius * np.linspace(-1, 1, 2 * rng.integers(2, 6) + 1):
            draw_lines(mask, [[(x + place, y - tick), (x + place, y + tick)],
                              [(x - tick, y + place), (x + tick, y + place)]], page, style)
    page.draw(mask, style)


def spots(page: Page, style: Style, rng: np.random.Generator) -> None:
    """Draw one to six spots of measurement, some with a reading."""
    mask = blank_mask(page)
    kind, radius = pick(rng, SYMBOLS), max(3.0, page.scale * rng.uniform(5, 26))
    labelled, height = rng.random() < 0.6, min(page.text_px(style), page.px(22, 5))
    for number in range(1, rng.integers(2, 8)):
        x, y = rng.uniform(0.08, 0.92, 2) * (page.width, page.height)
        _symbol(mask, kind, x, y, radius, page, style)
        if labelled:
            text = pick(rng, (reading(rng), f'{number}', f'Sp{number}'))
            page.write(text, style, y - radius - 2, x + radius, (0.5, 0.0), height)
    page.draw(mask, style)


def areas(page: Page, style: Style, rng: np.random.Generator) -> None:
    """Draw one to three frames: areas of measurement, or of a tracker."""
    mask = blank_mask(page)
    kind = pick(rng, ('whole', 'corners', 'dashes', 'ellipse'))
    line, height = page.px(style.line), min(page.text_px(style), page.px(22, 5))
    smooth = cv2.LINE_AA if style.smooth else cv2.LINE_8
    for _ in range(pick(rng, (1, 1, 1, 2, 2, 3))):
        wide, high = rng.uniform(0.06, 0.6, 2) * (page.width, page.height)
        left, top = rng.uniform(0.02, 0.98, 2) * (page.width - wide, page.height - high)
        if rng.random() < 0.4:
            left, top = (page.width - wide) / 2, (page.height - high) / 2
        x0, y0, x1, y1 = (round(v) for v in (left, top, left + wide, top + high))
        if kind == 'ellipse':
            cv2.ellipse(mask, ((left + wide / 2, top + high / 2), (wide, high), 0.0), 255, line,
                        smooth)
        else:
            shown = mask if kind == 'whole' else blank_mask(page)
            cv2.rectangle(shown, (x0, y0), (x1, y1), 255, line, smooth)
            if kind == 'corners':
                arm = max(2, round(min(wide, high) * rng.uniform(0.1, 0.35)))
                shown[y0 + arm:y1 - arm] = 0
                shown[:, x0 + arm:x1 - arm] = 0
            elif kind == 'dashes':
                dash = page.px(rng.uniform(6, 20), 2)
                rows, columns = np.ogrid[:page.height, :page.width]
                shown[(rows + columns) // dash % 2 == 0] = 0
            np.maximum(mask, shown, out=mask)
        if rng.random() < 0.5:
            page.write(words(rng), style, top - line - 2, left, (1.0, 0.0), height)
    page.draw(mask, style)
