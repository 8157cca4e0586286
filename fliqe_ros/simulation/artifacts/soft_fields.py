"""Smooth random fields, wide blurs and outlines: what things before a lens are made of."""

from __future__ import annotations

import cv2
import numpy as np


def clouds(shape: tuple[int, ...], cells: float, rng: np.random.Generator) -> np.ndarray:
    """
    Draw a smooth field of two octaves.

    :param shape: (H, W).
    :param cells: how many bumps fit into the frame's shorter side, about.
    :return: (H, W) float32, 0 to 1.
    """
    field = np.zeros(shape, np.float32)
    for octave in (1, 2):
        grid = [2 + int(np.ceil(octave * cells * side / min(shape))) for side in shape]
        bumps = rng.random(grid, np.float32)
        field += cv2.resize(bumps, shape[::-1], interpolation=cv2.INTER_CUBIC) / octave
    low, high = np.quantile(field[::4, ::4], (0.03, 0.97)).astype(np.float32)
    return np.clip((field - low) / (high - low), 0, 1)


def fractal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw a field with detail of all sizes, as of mountains; (H, W) float32, deviation 1."""
    roughness = rng.uniform(0.45, 0.75)  # how much weaker each octave is than the one before
    field = np.zeros(shape, np.float32)
    cells, weight = 2.0, 1.0
    while cells < min(shape) / 2:
        grid = [2 + int(np.ceil(cells * side / min(shape))) for side in shape]
        hills = rng.standard_normal(grid, np.float32)
        field += np.float32(weight) * cv2.resize(
            hills, shape[::-1], interpolation=cv2.INTER_CUBIC)
        cells, weight = 2 * cells, weight * roughness
    return field / max(float(field.std()), 1e-6)


def wide_blur(frame: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a Gaussian of any width (px), on a smaller copy if it is wide."""
    factor = max(1, int(sigma / 1.5))
    if factor == 1:
        return cv2.GaussianBlur(frame, (0, 0), max(sigma, 0.1))
    small = [max(4, -(-side // factor)) for side in frame.shape]
    reduced = cv2.resize(frame, small[::-1], interpolation=cv2.INTER_AREA)
    reduced = cv2.GaussianBlur(reduced, (0, 0), sigma / factor)
    return cv2.resize(reduced, frame.shape[::-1], interpolation=cv2.INTER_CUBIC)


def positions(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return x as (1, W) and y as (H, 1) from the middle, in shorter sides of the frame."""
    rows, columns = shape
    x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) / min(shape)
    y = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2) / min(shape)
    return x[None, :], y[:, None]


def covering(distance: np.ndarray, share: float, softness: float) -> np.ndarray:
    """
    Cover the share of a frame in which a field is lowest.

    :param distance: (H, W), any field.
    :param softness: width of the edge, in the units of the field.
    :return: (H, W) float32, 1 where it is covered, 0 where it is not.
    """
    edge = np.quantile(distance[::2, ::2], np.clip(share, 0.0, 1.0))
    steps = np.clip((distance - edge) / max(softness, 1e-4), -9, 9).astype(np.float32)
    return 1 / (1 + np.exp(steps))


def contrasting(behind: float, rng: np.random.Generator, least: float = 60.0) -> float:
    """Draw a level, -20 to 275, that differs at least so much from what lies behind."""
    darker = max(behind - least + 20.0, 0.0)
    brighter = max(275.0 - behind - least, 0.0)
    place = rng.uniform(0.0, darker + brighter)
    return place - 20.0 if place < darker else behind + least + place - darker


def grain(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw the sensor's own noise, which nothing before the lens takes away; float32."""
    return rng.uniform(0.3, 1.5) * rng.standard_normal(shape, np.float32)
