"""
Obstruction by things of any outline and any filling, beside those that have a name.

What lies on a lens is of no known shape: a learner that saw round drops and ragged mud alone would
take the shape for the fault. Common to all of it is that the scene goes on around it and not
behind it, and that its edge, far out of focus, is soft.
"""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.artifacts.soft_fields import (
    clouds, contrasting, covering, fractal, grain, positions, wide_blur)
from fliqe_ros.simulation.severity import Range
import numpy as np

MOST_SPOTS, MOST_STROKES = 40, 5


def _spots(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw ellipses of all sizes with a rough outline."""
    x, y = positions(shape)
    distance = np.full(shape, np.inf, np.float32)
    spread, longest = rng.uniform(0.1, 0.8), rng.choice((1.0, 4.0))
    for _ in range(int(np.exp(rng.uniform(0, np.log(MOST_SPOTS))))):
        along, across = _turned(x, y, rng)
        radius = np.exp(spread * rng.standard_normal())
        np.minimum(distance, np.hypot(along, across * rng.uniform(1, longest)) / radius,
                   out=distance)
    return distance * np.exp(rng.uniform(0, 0.25) * fractal(shape, rng))


def _polygon(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw what lies between a few straight lines."""
    x, y = positions(shape)
    left, top = rng.uniform(-0.5, 0.5, 2)
    distance = np.full(shape, -np.inf, np.float32)
    for _ in range(int(rng.integers(3, 7))):
        angle = rng.uniform(0, 2 * np.pi)
        line = (x - left) * np.cos(angle) + (y - top) * np.sin(angle)
        np.maximum(distance, line * rng.uniform(0.6, 1.6), out=distance)
    return distance


def _border(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw what comes in from one border or two."""
    x, y = positions(shape)
    distance = np.full(shape, np.inf, np.float32)
    sides = (x - x.min(), x.max() - x, y - y.min(), y.max() - y)
    for side in rng.permutation(4)[:rng.integers(1, 3)]:
        np.minimum(distance, sides[side] * rng.uniform(0.7, 1.5), out=distance)
    return distance + rng.uniform(0, 0.15) * clouds(shape, rng.uniform(1, 6), rng)


def _strokes(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw bowed strokes, as a hair, a thread or a wiper leaves them."""
    x, y = positions(shape)
    distance = np.full(shape, np.inf, np.float32)
    for _ in range(int(rng.integers(1, MOST_STROKES + 1))):
        along, across = _turned(x, y, rng)
        across = across + rng.normal(0, 0.4) * np.square(along)
        beyond = np.maximum(np.abs(along) - rng.uniform(0.1, 1.0), 0)
        np.minimum(distance, np.hypot(across * rng.uniform(1, 2), beyond), out=distance)
    return distance


def _turned(x: np.ndarray, y: np.ndarray,
            rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates along and across a direction, from a place in the frame."""
    angle, left, top = rng.uniform(0, np.pi), *rng.uniform(-0.6, 0.6, 2)
    left = left * x.size / y.size
    return ((x - left) * np.cos(angle) + (y - top) * np.sin(angle),
            (y - top) * np.cos(angle) - (x - left) * np.sin(angle))


#: Fields that are lowest where something lies, and how often each is drawn.
_OUTLINES = (
    (_spots, 0.38), (_polygon, 0.14), (_border, 0.14), (_strokes, 0.1), (fractal, 0.12),
    (lambda shape, rng: clouds(shape, rng.uniform(1, 10), rng), 0.12))


def _patch(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Hide a part of the frame.

    :param share: of the frame, what is hidden.
    """
    outlines, shares = zip(*_OUTLINES)
    outline = outlines[rng.choice(len(outlines), p=shares)]
    field = outline(frame.shape, rng).astype(np.float32)
    low, high = np.quantile(field[::2, ::2], np.clip((share - 0.15, share + 0.15), 0, 1))
    cover = covering(field, share, rng.uniform(0.03, 0.5) * float(high - low))
    least = min(frame.shape)
    if rng.random() < 0.8:  # out of focus
        cover = cv2.GaussianBlur(
            cover, (0, 0), least * np.exp(rng.uniform(np.log(0.004), np.log(0.05))))
    if rng.random() < 0.3:  # with holes and thin places
        cover = cover * (1 - rng.uniform(0, 0.6) * clouds(frame.shape, rng.uniform(2, 14), rng))
    behind = wide_blur(frame, rng.uniform(0.02, 0.12) * least)
    instead = behind + rng.uniform(0.5, 1.0) * (_filling(frame, rng) - behind)
    return (frame + cover * (instead + grain(frame.shape, rng) - frame)).astype(np.float32)


def _filling(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw what it looks like: an even level, clouds, a slope."""
    x, y = positions(frame.shape)
    level = np.full_like(
        frame, contrasting(float(frame.mean()), rng, float(rng.uniform(25, 60))))
    if rng.random() < 0.5:
        level += rng.uniform(5, 35) * (clouds(frame.shape, rng.uniform(0.7, 8), rng) - 0.5)
    if rng.random() < 0.3:
        angle = rng.uniform(0, 2 * np.pi)
        level += rng.uniform(5, 60) * (np.cos(angle) * x + np.sin(angle) * y)
    return level


ARTIFACTS = {
    'patch': Artifact(
        Distortion.OBSTRUCTION, _patch, Range(0.03, 0.12, 0.6, 'share of the frame'),
        Stage.SENSOR, False),
}
