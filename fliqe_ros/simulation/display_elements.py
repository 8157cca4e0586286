"""
Elements of burnt-in displays.

They are those that hand-held cameras show (spots, scale, emissivity, logo), video cores and fixed
cameras (strips of text, symbols, menus), and sights and drones (reticle, tape, horizon, battery).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
from fliqe_ros.simulation.display_marks import areas, blank_mask, draw_lines, reticle, spots
from fliqe_ros.simulation.display_page import Page, Style
from fliqe_ros.simulation.display_words import pick, reading, words
import numpy as np

Generator = np.random.Generator


def readouts(page: Page, style: Style, rng: Generator) -> None:
    """Write one to three lines at an edge, at a corner or anywhere."""
    margin = page.px(rng.uniform(2, 24))
    height = page.text_px(style)
    down, across = (pick(rng, (0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, rng.random()))
                    for _ in range(2))
    lines = min(pick(rng, (1, 1, 1, 1, 2, 2, 3)), page.height // (3 * height) + 1)
    pitch = height * rng.uniform(1.3, 2.0)
    row = margin + down * (page.height - 2 * margin - (lines - 1) * pitch)
    for line in range(lines):
        page.write(words(rng), style, row + line * pitch,
                   margin + across * (page.width - 2 * margin), (down, across))


def banner(page: Page, style: Style, rng: Generator) -> None:
    """Draw a strip along the upper or lower edge, with text in it."""
    text = min(page.text_px(style), page.px(18, 6))
    height = min(round(text * rng.uniform(1.3, 2.0)), page.height // 9)
    top = pick(rng, (0, page.height - height))
    page.fill(top, 0, height, page.width, style.ground, style.veil)
    for across in rng.permutation([0.02, 0.5, 0.98])[:rng.integers(1, 4)]:
        page.write(reading(rng) if rng.random() < 0.5 else words(rng), style, top + height / 2,
                   across * page.width, (0.5, across), min(text, height))


def scale_bar(page: Page, style: Style, rng: Generator) -> None:
    """Draw the scale of levels or of a palette's luma, with numbers at its ends."""
    upright = rng.random() < 0.75
    along, across = (page.height, page.width) if upright else (page.width, page.height)
    length = round(along * rng.uniform(0.25, 0.9))
    breadth = max(2, round(across * rng.uniform(0.012, 0.05)))
    start = round((along - length) * pick(rng, (0.5, rng.random())))
    edge = round(across * rng.uniform(0.01, 0.06))
    offset = edge if rng.random() < 0.3 else across - edge - breadth
    bar = np.tile(_ramp(length, rng)[:, None], (1, breadth))
    top, left = (start, offset) if upright else (offset, start)
    bar = bar if upright else np.ascontiguousarray(bar.T[:, ::-1])
    frame = page.px(style.line) if rng.random() < 0.6 else 0
    page.fill(top - frame, left - frame, len(bar) + 2 * frame, bar.shape[1] + 2 * frame, style.ink,
              style.opacity)
    page.fill(top, left, len(bar), bar.shape[1], bar, style.opacity)
    height = min(page.text_px(style), page.px(24, 6))
    for share in np.linspace(0, 1, pick(rng, (2, 2, 2, 3, 5))) if rng.random() < 0.85 else ():
        place, side = start + share * length, float(offset > across / 2)
        beside = offset - 2 * frame - 3 if side else offset + breadth + 2 * frame + 3
        beyond = rng.random() < 0.5
        row, column, anchor = (place, beside, (share, side)) if upright else (
            beside, place, (side, share))
        if upright and beyond and share in (0.0, 1.0):
            row, column = place + (2 * share - 1) * (frame + 3), offset + breadth / 2
            anchor = (1.0 - share, 0.5)
        page.write(reading(rng), style, row, column, anchor, height)


def _ramp(length: int, rng: Generator) -> np.ndarray:
    """Return a scale of levels, hot first: a gray ramp, or one like the luma of a palette."""
    level = np.linspace(1.0, 0.0, length, dtype=np.float32)
    kind = rng.random()
    if kind < 0.6:
        level = level ** rng.uniform(0.6, 1.6)
    elif kind < 0.85:  # a rainbow's luma rises and falls
        level = np.interp(level, np.linspace(0, 1, 6), rng.uniform(0, 1, 6)).astype(np.float32)
    if rng.random() < 0.2:
        steps = rng.integers(4, 17)
        level = np.rint(level * steps) / np.float32(steps)
    if rng.random() < 0.25:
        level = level[::-1]
    return 255.0 * level


def logo(page: Page, style: Style, rng: Generator) -> None:
    """Draw a brand in a corner: a shape, a name or both."""
    height = page.px(rng.uniform(14, 60), 7)
    margin = page.px(rng.uniform(3, 25))
    below, right = rng.random(2) < 0.5
    name = words(rng) if rng.random() < 0.75 else ''
    mask = style.font.mask(name, max(5, round(0.7 * height)))[:page.height, :page.width // 3]
    if name == '' or rng.random() < 0.5:
        emblem = _emblem(height, rng)
        tall = max(len(mask), height)
        parts = [cv2.copyMakeBorder(part, (tall - len(part)) // 2,
                                    tall - len(part) - (tall - len(part)) // 2,
                                    0, height // 4, cv2.BORDER_CONSTANT)
                 for part in (emblem, mask) if part.size]
        mask = np.concatenate(parts, 1)
    top = page.height - margin - len(mask) if below else margin
    left = page.width - margin - mask.shape[1] if right else margin
    if mask.size and rng.random() < 0.25:  # cut out of a plate
        mask = 255 - np.pad(mask, height // 4)
    if mask.size:
        page.draw(mask, style, top, left)


def _emblem(side: int, rng: Generator) -> np.ndarray:
    """Draw a shape of a few corners, arcs and holes; (side, side) uint8."""
    mask = np.zeros((side, side), np.uint8)
    middle = (side // 2, side // 2)
    kind = pick(rng, ('polygon', 'ring', 'bars', 'disc'))
    if kind == 'polygon':
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        radii = side * rng.uniform(0.25, 0.5, len(angles))
        points = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] + side / 2
        cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
    elif kind == 'bars':
        mask[:, np.arange(side) * rng.integers(3, 8) // side % 2 == 0] = 255
    else:
        cv2.circle(mask, middle, side // 2 - 1, 255, -1, cv2.LINE_AA)
        if kind == 'ring':
            cv2.circle(mask, middle, max(1, round(side * rng.uniform(0.1, 0.4))), 0, -1)
    return mask


def tape(page: Page, style: Style, rng: Generator) -> None:
    """Draw a tape of ticks with numbers along an edge: compass, height or speed."""
    mask = blank_mask(page)
    upright = rng.random() < 0.4
    along, across = (page.height, page.width) if upright else (page.width, page.height)
    ticks = int(rng.integers(7, 30))
    places = along * (0.5 + rng.uniform(0.15, 0.45) * np.linspace(-1, 1, ticks))
    edge = page.px(rng.uniform(6, 50), 3)
    base, inward = (edge, 1) if rng.random() < 0.6 else (across - 1 - edge, -1)
    long, every = page.px(rng.uniform(8, 26), 4), int(rng.integers(3, 8))
    height, number = min(page.text_px(style), page.px(18, 5)), int(rng.integers(0, 300))
    lines = []
    for index, place in enumerate(places):
        tip = base + inward * (long if index % every == 0 else long // 2)
        lines.append([(base, place), (tip, place)] if upright else [(place, base), (place, tip)])
        if index % (2 * every) == 0:
            row, column = (place, tip + 3 * inward) if upright else (tip + 3 * inward, place)
            beside = (1.0 - inward) / 2
            page.write(f'{number + 5 * index}', style, row, column,
                       (0.5, beside) if upright else (beside, 0.5), height)
    if rng.random() < 0.5:
        lines.append([(base, places[0]), (base, places[-1])] if upright
                     else [(places[0], base), (places[-1], base)])
    draw_lines(mask, lines, page, style)
    page.draw(mask, style)


def icons(page: Page, style: Style, rng: Generator) -> None:
    """Draw battery, signal bars or the dot of a recording."""
    mask = blank_mask(page)
    size = page.px(rng.uniform(12, 36), 6)
    down, right = rng.random(2) < (0.3, 0.7)
    margin = page.px(rng.uniform(4, 25), 2)
    x = page.width - margin - 2 * size if right else margin
    y = page.height - margin - size if down else margin
    step = -3 * size if right else 3 * size
    for kind in rng.permutation(['battery', 'bars', 'dot'])[:rng.integers(1, 4)]:
        if kind == 'battery':
            tall = max(4, round(0.6 * size))
            cv2.rectangle(mask, (x, y), (x + 2 * size - 3, y + tall), 255, page.px(style.line))
            cv2.rectangle(mask, (x + 2 * size - 2, y + tall // 3),
                          (x + 2 * size - 1, y + tall - tall // 3), 255, -1)
            cv2.rectangle(mask, (x, y), (x + round(rng.uniform(0.2, 1.8) * size), y + tall), 255,
                          -1)
        elif kind == 'bars':
            width = max(1, size // 5)
            for bar in range(rng.integers(2, 6)):
                left = x + bar * (width + max(1, width // 2))
                mask[y + size - (bar + 1) * size // 5:y + size, left:left + width] = 255
        else:
            cv2.circle(mask, (x + size // 2, y + size // 2), size // 3, 255, -1,
                       cv2.LINE_AA if style.smooth else cv2.LINE_8)
            page.write('REC', style, y + size // 2, x + size + 2, (0.5, 0.0), max(5, size // 2))
        x += step
    page.draw(mask, style)


def menu(page: Page, style: Style, rng: Generator) -> None:
    """Draw a box with lines of text, one of them inverted."""
    height = min(page.text_px(style), page.px(16, 5))
    pitch = round(height * rng.uniform(1.5, 2.2))
    lines = min(int(rng.integers(2, 6)), page.height // (4 * pitch) + 1)
    high, wide = lines * pitch, round(page.width * rng.uniform(0.15, 0.33))
    top, left = (round(pick(rng, (0.03, 0.97, rng.random())) * room)
                 for room in (page.height - high, page.width - wide))
    page.fill(top, left, high, wide, style.ground, style.veil)
    chosen = int(rng.integers(-1, lines))
    for line in range(lines):
        mask = style.font.mask(words(rng), height)[:pitch, :wide - 4]
        if line == chosen:
            page.fill(top + line * pitch, left, pitch, wide, style.ink)
        if mask.size:
            page.paint(mask, style.ground if line == chosen else style.ink, style.opacity,
                       top + line * pitch + (pitch - len(mask)) // 2, left + 2)


def trace(page: Page, style: Style, rng: Generator) -> None:
    """Draw a curve: a profile along a line, or a histogram."""
    mask = blank_mask(page)
    wide, high = rng.uniform((0.15, 0.06), (0.5, 0.2)) * (page.width, page.height)
    left, top = rng.uniform(0.03, 0.97, 2) * (page.width - wide, page.height - high)
    if rng.random() < 0.4:
        page.fill(round(top), round(left), round(high), round(wide), style.ground, style.veil)
    curve = cv2.GaussianBlur(rng.standard_normal((1, 48)).cumsum(1), (0, 0), rng.uniform(0.5, 3))
    down = (curve[0] - curve.min()) / np.ptp(curve)
    points = np.stack([left + np.linspace(0, wide, 48), top + high * down], 1)
    if rng.random() < 0.3:
        feet = np.stack([points[:, 0], np.full(48, top + high)], 1)
        draw_lines(mask, list(np.stack([points, feet], 1)), page, style)
    else:
        draw_lines(mask, [points], page, style)
    page.draw(mask, style)


def horizon(page: Page, style: Style, rng: Generator) -> None:
    """Draw an artificial horizon or the rungs of a pitch ladder, tilted."""
    mask = blank_mask(page)
    angle, rungs = rng.uniform(-0.5, 0.5), pick(rng, (1, 3, 5))
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle),
                                                                        np.cos(angle)])
    middle = np.array([page.width, page.height]) / 2
    outer = rng.uniform(0.1, 0.4) * page.width
    inner = outer * rng.uniform(0.2, 0.7)
    pitch = page.height * rng.uniform(0.06, 0.14)
    lines = []
    for rung in range(-(rungs // 2), rungs // 2 + 1):
        for side in (-1, 1):
            at = middle + rung * pitch * across
            lines.append([at + side * inner * along, at + side * outer * along])
    draw_lines(mask, lines, page, style)
    page.draw(mask, style)


#: Elements, and how often each is drawn beside the others.
ELEMENTS: dict[Callable[[Page, Style, Generator], None], float] = {
    readouts: 6.0, scale_bar: 2.0, reticle: 2.0, spots: 1.5, areas: 1.5, logo: 1.0, banner: 0.8,
    tape: 0.7, icons: 0.8, menu: 0.5, trace: 0.4, horizon: 0.4,
}
