"""What a camera does to the pattern of its sensor on the way to the picture."""

from __future__ import annotations

import cv2
import numpy as np


def drawn_zoom(shape: tuple[int, int], rng: np.random.Generator) -> int:
    """Draw how many times a camera enlarges what its sensor reads: seldom twice, else once."""
    return 2 if rng.random() < 0.2 and min(shape) >= 100 else 1


def sensor_shape(shape: tuple[int, int], zoom: int) -> tuple[int, int]:
    """Rows and columns of the sensor behind a frame of this shape."""
    return -(-shape[0] // zoom), -(-shape[1] // zoom)


def shown(pattern: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """
    Return a pattern as it is shown: enlarged, and often a little denoised or sharpened.

    :param pattern: float32 of the ``sensor_shape``, (rows, columns).
    :param shape: of the frame.
    :return: float32 of that shape.
    """
    if pattern.shape != shape:
        pattern = cv2.resize(pattern, shape[::-1], interpolation=cv2.INTER_LINEAR)
    chance, sigma, gain = rng.random(), rng.uniform(0.4, 0.8), rng.uniform(0.3, 1.0)
    if chance < 0.3:
        return cv2.GaussianBlur(pattern, (5, 5), sigma)
    if chance < 0.45:
        return (1 + gain) * pattern - gain * cv2.GaussianBlur(pattern, (5, 5), 1.0)
    return pattern


def regained(frame: np.ndarray) -> np.ndarray:
    """Stretch the 0.5 to 99.5 percentile range to 0 to 255 levels, as gain control does."""
    low, high = np.percentile(frame[::4, ::4], (0.5, 99.5))
    return (frame - np.float32(low)) * np.float32(255.0 / max(high - low, 1.0))


def contrasting(level: np.ndarray | float, scene: np.ndarray | float, distance: float,
                rng: np.random.Generator) -> np.ndarray:
    """
    Return levels of stuck elements that differ from the scene around by at least a distance.

    An element that is stuck at the level of its scene is not seen, and so is no fault here.

    :param level, scene: of one shape, levels.
    :param distance: levels, below 127.
    :return: float32 of that shape.
    """
    room = np.where(np.less(scene, 127.5), 1.0, -1.0)
    other = scene + room * rng.uniform(distance, 127.0, np.shape(scene))
    return np.where(np.abs(np.subtract(level, scene)) < distance, other, level).astype(np.float32)
