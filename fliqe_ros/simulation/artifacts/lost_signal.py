"""What is shown in place of a lost signal: bars, checks, crosshatch, snow, and a message."""

from __future__ import annotations

import cv2
from fliqe_ros.imaging.pixels import to_uint8
import numpy as np

#: Luma of white, yellow, cyan, green, magenta, red, blue and black at full level (ITU-R BT.601).
BARS = np.array([255, 226, 179, 150, 105, 76, 29, 0], np.float32)
#: Luma of the strip below: -I, white, +Q, and black with its steps.
PLUGE = np.array([24, 255, 32, 16, 8, 16], np.float32)
#: Luma of the plain pictures of recorders: blue, and grays.
PLAIN = (29.0, 41.0, 16.0, 64.0, 105.0, 128.0, 180.0)
MESSAGES = (
    'NO SIGNAL', 'No Signal', 'NO VIDEO', 'VIDEO LOSS', 'SIGNAL LOST', 'Video lost', 'NO INPUT',
    'CAMERA OFFLINE', 'Connecting...', 'NO CONNECTION', 'Please wait', 'CH 1', 'TEST', 'NO CAMERA')
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def lost_signal(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """
    Draw the picture of a lost signal.

    :param shape: rows and columns of the frame.
    :return: float32, levels.
    """
    kinds = (_bars, _bars, _stairs, _checker, _crosshatch, _snow, _plain, _plain)
    kind = kinds[rng.integers(len(kinds))]
    picture = to_uint8(np.ascontiguousarray(kind(shape, rng)))
    if kind is _plain or rng.random() < 0.5:
        _write(picture, rng)
    picture = picture.astype(np.float32)
    if rng.random() < 0.3:  # through an analog line
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 0.9))
    noise = np.float32(rng.choice([0.0, rng.uniform(0.5, 4.0)]))
    return picture + noise * rng.standard_normal(shape, np.float32)


def _bars(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw colour bars as gray: full or 75%, alone or over the lower strips of SMPTE EG 1."""
    rows, columns = shape
    bars = BARS * rng.choice([1.0, 0.75])
    bars = bars[:7] if rng.random() < 0.5 else bars
    picture = np.tile(_spread(bars, columns), (rows, 1))
    if rng.random() < 0.4:
        reverse = np.where(np.arange(bars.size) % 2, np.float32(16), bars[::-1])
        picture[rows * 2 // 3:rows * 3 // 4] = _spread(reverse, columns)
        picture[rows * 3 // 4:] = _spread(PLUGE, columns)
    return picture if rng.random() < 0.85 else picture[:, ::-1]


def _spread(levels: np.ndarray, count: int) -> np.ndarray:
    """Spread levels evenly over a count of pixels."""
    return levels[np.arange(count) * levels.size // count]


def _stairs(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a gray scale in steps, across or down."""
    steps = np.linspace(0, 255, int(rng.integers(5, 17)), dtype=np.float32)
    steps = steps if rng.random() < 0.5 else steps[::-1]
    if rng.random() < 0.7:
        return np.tile(_spread(steps, shape[1]), (shape[0], 1))
    return np.tile(_spread(steps, shape[0])[:, None], (1, shape[1]))


def _checker(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a checkerboard."""
    size = _pitch(shape, rng)
    y, x = np.ogrid[:shape[0], :shape[1]]
    low, high = rng.uniform(0, 90), rng.uniform(150, 255)
    return np.where((y // size + x // size) % 2, np.float32(high), np.float32(low))


def _crosshatch(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a crosshatch, which may have a circle about the middle."""
    size, width = _pitch(shape, rng), int(rng.integers(1, 4))
    low, high = np.float32(rng.uniform(0, 90)), np.float32(rng.uniform(150, 255))
    if rng.random() < 0.2:
        low, high = high, low
    y, x = np.ogrid[:shape[0], :shape[1]]
    picture = np.where((y % size < width) | (x % size < width), high, low)
    if rng.random() < 0.5:
        radius = int(rng.uniform(0.25, 0.48) * min(shape))
        cv2.circle(picture, (shape[1] // 2, shape[0] // 2), radius, float(high), width)
    return picture


def _pitch(shape: tuple[int, int], rng: np.random.Generator) -> int:
    """Draw the side of a square in pixels: a fourth to a twenty-fourth of the frame."""
    return max(4, int(min(shape) / np.exp(rng.uniform(np.log(4), np.log(24)))))


def _snow(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the snow of a receiver without a station, smeared along the lines."""
    snow = cv2.blur(rng.standard_normal(shape, np.float32), (int(rng.integers(1, 6)), 1))
    snow *= np.float32(rng.uniform(35, 90)) / snow.std()
    return np.clip(snow + np.float32(rng.uniform(70, 150)), 0, 255)


def _plain(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw one level, as the blue picture of a recorder."""
    return np.full(shape, rng.choice(PLAIN), np.float32)


def _write(picture: np.ndarray, rng: np.random.Generator) -> None:
    """Write a message into a uint8 picture, with or without a box behind."""
    rows, columns = picture.shape
    text, font = MESSAGES[rng.integers(len(MESSAGES))], FONTS[rng.integers(len(FONTS))]
    thickness = int(rng.integers(1, 3)) if columns > 100 else 1
    (width, height), base = cv2.getTextSize(text, font, 1.0, thickness)
    scale = min(rng.uniform(0.3, 0.9) * columns / width, 0.3 * rows / (height + base))
    (width, height), base = cv2.getTextSize(text, font, scale, thickness)
    place = rng.uniform(0, 1, 2) if rng.random() < 0.3 else np.array([0.5, 0.5])
    edge = max(2, height // 2)
    left = edge + int(place[0] * max(columns - width - 2 * edge, 0))
    top = edge + int(place[1] * max(rows - height - base - 2 * edge, 0))
    level = float(picture[top:top + height + 1, left:left + width + 1].mean())
    ink = 0 if level > 127 else 255
    if rng.random() < 0.5:
        corners = (left - edge, top - edge), (left + width + edge, top + height + base + edge)
        cv2.rectangle(picture, *corners, 255 - ink, -1)
        if rng.random() < 0.5:
            cv2.rectangle(picture, *corners, ink, thickness)
    cv2.putText(picture, text, (left, top + height), font, scale, ink, thickness)
