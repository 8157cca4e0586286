"""
Obstruction by what sticks to the lens or its window: dirt, drops and what wiping leaves.

It is far out of focus on the lens and less so on a window, so edges are from soft to fairly
sharp. Water and dirt are opaque at 8 to 14 µm or nearly so, and show at their own temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.artifacts.soft_fields import (
    clouds, contrasting, covering, fractal, grain, positions, wide_blur)
from fliqe_ros.simulation.distortions import motion_kernel
from fliqe_ros.simulation.severity import Range
import numpy as np

MOST_BLOTCHES = 60
MOST_DROPS = 45


def _dirt(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Put dark or bright blotches with soft edges on the lens, many small or few large.

    :param share: of the frame, what they cover, about.
    """
    rows, columns = frame.shape
    count = int(np.exp(rng.uniform(np.log(2), np.log(MOST_BLOTCHES))))
    radius = max(1.5, np.sqrt(share * rows * columns / (np.pi * count)))
    softness = rng.uniform(0.08, 0.4)
    opacity = rng.uniform(0.6, 1.0)
    usual = contrasting(float(frame.mean()), rng)
    hidden, levels_of = np.zeros_like(frame), frame.copy()
    inset = 0.15 if count < 6 else 0.0  # one of few is not lost at the border
    for _ in range(count):
        middle = rng.uniform(inset, 1 - inset, 2) * (columns, rows)
        behind = float(frame[int(middle[1]), int(middle[0])])
        level = usual + rng.normal(0, 15)
        if abs(level - behind) < 45 or rng.random() < 0.15:
            level = contrasting(behind, rng)
        _put(hidden, levels_of, _Blotch.draw(
            middle, radius * np.exp(rng.normal(-0.1, 0.4)), softness, level, 0.09, rng, opacity))
    soft = wide_blur(frame, max(1.5, 0.6 * radius))
    return _shown(frame, hidden, soft, levels_of, 0.9, rng)


def _splash(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Splash mud at the window: ragged spots of all sizes.

    :param share: of the frame, what they cover.
    """
    x, y = positions(frame.shape)
    count, spread = int(np.exp(rng.uniform(np.log(2), np.log(25)))), rng.uniform(0.3, 0.9)
    distance = np.full(frame.shape, np.inf, np.float32)
    for radius in np.exp(spread * rng.standard_normal(count)).astype(np.float32):
        across, down = rng.uniform(-0.5, 0.5, 2) * frame.shape[::-1] / min(frame.shape)
        np.minimum(distance, np.hypot(x - across, y - down) / radius, out=distance)
    distance = distance * np.exp(rng.uniform(0.05, 0.35) * fractal(frame.shape, rng))
    hidden = rng.uniform(0.8, 1.0) * covering(distance, share, rng.uniform(0.002, 0.03))
    level = contrasting(float(frame.mean()), rng) + rng.uniform(0, 15) * clouds(
        frame.shape, rng.uniform(2, 8), rng)
    soft = wide_blur(frame, 0.03 * min(frame.shape))
    return _shown(frame, hidden, soft, level, 0.95, rng)


def _drops(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Put on drops of 2 to 15% of the width, round or running: local blur under a local veil.

    :param share: of the frame, what they cover, about.
    """
    rows, columns = frame.shape
    left = share * rows * columns
    least = 2 * np.sqrt(left / (np.pi * MOST_DROPS)) / columns
    typical = np.clip(np.exp(rng.uniform(np.log(0.03), np.log(0.13))), least, 0.15)
    softness, running = rng.uniform(0.03, 0.2), rng.choice((0.0, 0.0, 0.4))
    veil = rng.uniform(0.35, 0.9)
    warm = contrasting(float(frame.mean()), rng, 50.0)
    hidden, levels_of = np.zeros_like(frame), np.full_like(frame, warm)
    for _ in range(MOST_DROPS):
        width = np.clip(typical * np.exp(rng.normal(0, 0.3)), 0.02, 0.15) * columns
        size, middle = max(1.5, width / 2), rng.random(2) * (columns, rows)
        level = warm + rng.normal(0, 12)
        drop = _Blotch.draw(middle, size, softness, level, 0.025, rng)
        _put(hidden, levels_of, drop)
        left -= np.pi * size**2
        if rng.random() < running:  # it ran down to here and left a thinner trail
            for _ in range(int(rng.integers(2, 7))):
                middle = middle - (rng.normal(0, 0.12) * size, 0.5 * size)
                trail = replace(drop, middle=middle, radius=size * 0.55, opacity=0.8)
                _put(hidden, levels_of, trail)
                left -= 0.4 * size**2
        if left <= 0:
            break
    rim = cv2.morphologyEx(hidden, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    soft = wide_blur(frame, max(2.0, rng.uniform(0.15, 0.4) * typical * columns))
    soft = soft + rng.choice((0.0, rng.uniform(-60, 60))) * rim  # edges bend light away
    return _shown(frame, hidden, soft, levels_of, veil, rng)


def _smear(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Wipe grease across the lens: blur along the wipe, and streaks of veil.

    :param share: of the frame, what is smeared.
    """
    least = min(frame.shape)
    x, y = positions(frame.shape)
    angle, bow = rng.uniform(0, np.pi), rng.normal(0.0, 0.4)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x + bow * np.square(along)
    band = np.abs(across - rng.uniform(-0.3, 0.3))
    band = np.hypot(band, rng.choice((0.0, 0.4)) * np.abs(along - rng.uniform(-0.4, 0.4)))
    band = band + rng.uniform(0.0, 0.12) * clouds(frame.shape, rng.uniform(3, 8), rng)
    where = covering(band, share, rng.uniform(0.005, 0.05))

    count = int(rng.integers(20, 120))
    places = np.linspace(-1.5, 1.5, count)
    streaks = np.interp(across, places, rng.random(count)).astype(np.float32)
    factor = max(1, least // 160)  # wide kernels on a smaller copy
    small = cv2.resize(frame, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    length = max(5.0, rng.uniform(0.05, 0.16) * min(small.shape))
    wiped = cv2.filter2D(small, -1, motion_kernel(length, -np.degrees(angle)))
    wiped = cv2.resize(wiped, frame.shape[::-1], interpolation=cv2.INTER_LINEAR)
    veil = rng.uniform(0.2, 0.5) + rng.uniform(0.2, 0.5) * (2 * streaks - 1)
    level = contrasting(float(frame.mean()), rng, 50.0)
    return _shown(frame, where, wiped, np.full_like(frame, level), np.clip(veil, 0, 0.95), rng)


@dataclass(frozen=True)
class _Blotch:
    """A roundish thing on the lens."""

    middle: np.ndarray   #: (x, y), px
    radius: float        #: px
    softness: float      #: of its edge, in radii
    level: float         #: 8-bit levels
    shade: float         #: how much brighter it is at its lower end than in its middle, in levels
    waves: np.ndarray    #: (2, 2), the waves of its outline as cosine and sine, in radii
    axes: np.ndarray     #: (2,), half axes in radii
    opacity: float = 1.0

    @classmethod
    def draw(cls, middle: np.ndarray, radius: float, softness: float, level: float,
             roughness: float, rng: np.random.Generator, opacity: float = 1.0) -> _Blotch:
        """Draw its outline and shade."""
        return cls(middle, radius, softness, level, rng.normal(0.0, 12.0),
                   rng.normal(0.0, roughness, (2, 2)), rng.uniform(0.7, 1.0, 2), opacity)


def _put(hidden: np.ndarray, level_map: np.ndarray, blotch: _Blotch) -> None:
    """Put a blotch into the maps of what is hidden (0 to 1) and of the levels that hide it."""
    reach = blotch.radius * (1.4 + 2.5 * blotch.softness)
    (left, top), (right, bottom) = (
        np.clip(np.rint(blotch.middle + sign * reach), 0, hidden.shape[::-1]).astype(int)
        for sign in (-1, 1))
    if left >= right or top >= bottom:
        return
    x = (np.arange(left, right, dtype=np.float32) - blotch.middle[0])[None] / blotch.radius
    y = (np.arange(top, bottom, dtype=np.float32) - blotch.middle[1])[:, None] / blotch.radius
    distance = np.hypot(x / blotch.axes[0], y / blotch.axes[1])
    x, y = x / np.maximum(np.hypot(x, y), 1e-3), y / np.maximum(np.hypot(x, y), 1e-3)
    (cosine2, cosine3), (sine2, sine3) = blotch.waves  # of twice and three times the angle
    edge = 1 + cosine2 * (x * x - y * y) + 2 * sine2 * x * y
    edge += cosine3 * x * (x * x - 3 * y * y) + sine3 * y * (3 * x * x - y * y)
    steps = np.clip((distance - edge) * (2 / blotch.softness), -20, 20)
    inside = blotch.opacity / (1 + np.exp(steps))
    window = np.s_[top:bottom, left:right]
    # Beside the blotch that hides most, others do not show.
    level = blotch.level + blotch.shade * y * np.minimum(distance, 1)
    level_map[window] = np.where(inside > hidden[window], level, level_map[window])
    hidden[window] = np.maximum(hidden[window], inside)


def _shown(frame: np.ndarray, hidden: np.ndarray, soft: np.ndarray, level_map: np.ndarray,
           veil: np.ndarray | float, rng: np.random.Generator) -> np.ndarray:
    """Show a soft scene below a veil where it is hidden, and the scene elsewhere; float32."""
    instead = soft + veil * (level_map - soft) + grain(frame.shape, rng)
    return (frame + hidden * (instead - frame)).astype(np.float32)


ARTIFACTS = {
    'dirt': Artifact(
        Distortion.OBSTRUCTION, _dirt, Range(0.02, 0.08, 0.35, 'share of the frame'),
        Stage.SENSOR, False),
    'splash': Artifact(
        Distortion.OBSTRUCTION, _splash, Range(0.03, 0.12, 0.5, 'share of the frame'),
        Stage.SENSOR, False),
    'drops': Artifact(
        Distortion.OBSTRUCTION, _drops, Range(0.03, 0.12, 0.5, 'share of the frame'),
        Stage.SENSOR, False),
    'smear': Artifact(
        Distortion.OBSTRUCTION, _smear, Range(0.12, 0.35, 0.95, 'share of the frame'),
        Stage.SENSOR, False),
}
