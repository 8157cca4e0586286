"""
Judged kinds of obstruction: what lies on the lens or stands before a part of it.

Each covers the part of the frame where a field is high; the share or the opacity is the strength.
Frames are (H, W) float32 in levels, 0 to 255, before gain control.
"""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.judging.fields import (
    coarse, coordinates, cover, direction, enlarged, far_level, middle, normalized, power_law,
    profile, sign, Simulate)
from fliqe_ros.simulation.artifacts.artifact import Artifact
from fliqe_ros.simulation.severity import Range
import numpy as np


def _veiled(frame: np.ndarray, mask: np.ndarray, behind: np.ndarray | float) -> np.ndarray:
    """Mix what is seen through the obstruction, or its own level, into the frame."""
    return frame + mask * (behind - frame)


def _soft(frame: np.ndarray, cells: float) -> np.ndarray:
    """Return the frame as it looks with detail of less than 1 / cells of its length gone."""
    small = cv2.resize(frame, coarse(frame.shape, max(8, round(cells)))[::-1],
                       interpolation=cv2.INTER_AREA)
    return cv2.resize(small, frame.shape[::-1], interpolation=cv2.INTER_CUBIC)


def _blobs(shape: tuple[int, int], number: int, spread: float,
           rng: np.random.Generator) -> np.ndarray:
    """Return a field that is highest at ``number`` ovals with log-normal radii."""
    y, x = coordinates(shape)
    field = np.full(shape, -np.inf, np.float32)
    stretch, tilt = rng.uniform(0.6, 1.6), rng.uniform(-0.4, 0.4)
    for radius in np.exp(rng.normal(0.0, spread, number)).astype(np.float32):
        dy, dx = y - rng.uniform(-0.7, 0.7), x - rng.uniform(-0.8, 0.8)
        distance = np.sqrt((dx + tilt * dy) ** 2 + (dy * stretch) ** 2)
        np.maximum(field, -distance / radius, out=field)
    return field


def rain_drops(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Put drops on the lens: the scene in them is turned, blurred and mixed with their temperature.

    Water is opaque in the long-wave infrared but where it is thin (Hale & Querry 1973, doi
    10.1364/AO.12.000555), and the lens is far out of focus.
    """
    shape = coarse(frame.shape)
    field = _blobs(shape, int(rng.integers(4, 36)), rng.uniform(0.2, 0.6), rng)
    mask = enlarged(cover(field, strength, rng.uniform(0.02, 0.2)), frame.shape)
    through = _soft(frame, rng.uniform(8, 20))[::rng.choice((-1, 1)), ::rng.choice((-1, 1))]
    clear = rng.uniform(0.1, 0.6)
    level = far_level(middle(frame), 50.0, rng)
    rim = rng.uniform(-40.0, 40.0) * 4 * mask * (1 - mask)
    return _veiled(frame, mask, clear * through + (1 - clear) * level) + rim


def breath_fog(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Fog a part of the lens: a soft patch that scatters, so that contrast and detail go."""
    shape = coarse(frame.shape)
    y, x = coordinates(shape)
    dome = -np.hypot(y - rng.uniform(-0.5, 0.5), x - rng.uniform(-0.5, 0.5))
    rough = normalized(dome) + rng.uniform(0.2, 0.8) * power_law(shape, 2.5, rng)
    field = np.asarray(cv2.GaussianBlur(rough, (0, 0), max(shape) / 24))
    patch = enlarged(cover(field, rng.uniform(0.4, 0.85), rng.uniform(0.3, 0.9)), frame.shape)
    opacity = patch * np.float32(strength)
    scattered = _veiled(frame, np.minimum(1.5 * opacity, 1.0), _soft(frame, 16))
    level = middle(frame) + sign(rng) * rng.uniform(10.0, 90.0)
    return _veiled(scattered, opacity, level)


def frost(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Grow ice from the rim or from a side, in needles along the ridges of a fractal."""
    shape = coarse(frame.shape, 160)
    y, x = coordinates(shape)
    cosine, sine = direction(rng)
    from_rim = y * y + x * x
    from_side = cosine * x + sine * y
    needles = normalized(-np.abs(power_law(shape, rng.uniform(2.4, 3.2), rng)))
    growth = normalized(from_rim if rng.random() < 0.6 else from_side)
    field = growth + rng.uniform(0.4, 0.9) * needles
    ice = cover(field, strength, rng.uniform(0.1, 0.35)) * np.float32(rng.uniform(0.75, 1.0))
    level = far_level(middle(frame), 60.0, rng) + rng.uniform(6.0, 20.0) * needles
    return _veiled(frame, enlarged(ice, frame.shape), enlarged(level, frame.shape))


def mud(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Splash dirt: ragged spots of all sizes, opaque, at the temperature of the lens."""
    shape = coarse(frame.shape)
    spots = _blobs(shape, int(rng.integers(3, 24)), rng.uniform(0.4, 0.9), rng)
    ragged = 1 + rng.uniform(0.1, 0.3) * power_law(shape, rng.uniform(2.4, 3.2), rng)
    mask = cover(spots * ragged, strength, rng.uniform(0.02, 0.12))
    thickness = rng.uniform(3.0, 15.0) * power_law(shape, 2.0, rng)
    level = far_level(middle(frame), 60.0, rng) + thickness
    opacity = np.float32(rng.uniform(0.85, 1.0))
    return _veiled(frame, opacity * enlarged(mask, frame.shape), enlarged(level, frame.shape))


def finger_smear(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Wipe grease over the lens: a band that blurs along the stroke and has fine streaks."""
    shape = coarse(frame.shape, 160)
    y, x = coordinates(shape)
    cosine, sine = direction(rng)
    along, across = cosine * x + sine * y, cosine * y - sine * x
    across = across + rng.uniform(-0.5, 0.5) * along ** 2
    band = -np.abs(across - rng.uniform(-0.25, 0.25))
    mask = cover(band, rng.uniform(0.3, 0.65), rng.uniform(0.1, 0.5))
    lines = profile(128, rng.uniform(0.6, 1.4), rng)
    streaks = np.interp(across, np.linspace(-1.3, 1.3, 128), lines).astype(np.float32)
    small = cv2.resize(frame, coarse(frame.shape, 240)[::-1], interpolation=cv2.INTER_AREA)
    kernel = np.zeros((19, 19), np.float32)
    cv2.line(kernel, (round(9 - 9 * cosine), round(9 - 9 * sine)),
             (round(9 + 9 * cosine), round(9 + 9 * sine)), 1.0)
    wiped = enlarged(cv2.filter2D(small, cv2.CV_32F, kernel / kernel.sum()), frame.shape)
    opacity = enlarged(mask, frame.shape) * np.float32(strength)
    level = middle(frame) + sign(rng) * rng.uniform(20.0, 90.0)
    grease = rng.uniform(12.0, 30.0) * enlarged(streaks, frame.shape)
    seen = _veiled(frame, np.minimum(1.6 * opacity, 1.0), wiped)
    return _veiled(seen, 0.7 * opacity, level) + opacity * grease


def branch_before_lens(frame: np.ndarray, strength: float,
                       rng: np.random.Generator) -> np.ndarray:
    """Hold twigs before the lens: out of focus, opaque, at the temperature of the air."""
    shape = coarse(frame.shape, 128)
    size = np.hypot(*shape)
    field = np.full(shape, -1e6, np.float32)
    for _ in range(rng.integers(1, 4)):
        middle_point = rng.uniform(0.25, 0.75, 2) * shape[::-1]
        turn = rng.uniform(0, np.pi)
        reach = size * np.array((np.cos(turn), np.sin(turn)))
        bend = rng.normal(0, 0.06 * size, (5, 2))
        path = middle_point + np.linspace(-1, 1, 5)[:, None] * reach + bend
        field = np.maximum(field, _twig(path, shape, 1.0))
        for start in path[1:4]:
            side = turn + sign(rng) * rng.uniform(0.4, 1.1)
            tip = start + size * rng.uniform(0.2, 0.5) * np.array((np.cos(side), np.sin(side)))
            field = np.maximum(field, _twig(np.stack((start, tip)), shape,
                                            rng.uniform(0.3, 0.7)))
    mask = cover(field, strength, rng.uniform(0.05, 0.25))
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.7, 2.0))
    level = far_level(middle(frame), 60.0, rng)
    return _veiled(frame, enlarged(mask, frame.shape), level)


def _twig(path: np.ndarray, shape: tuple[int, int], thickness: float) -> np.ndarray:
    """Return minus the distance from a path of (x, y) in pixels, in thicknesses."""
    away = np.full(shape, 255, np.uint8)
    cv2.polylines(away, [np.rint(path).astype(np.int32)], False, 0, 1)
    # A path outside of the frame has no pixels to be near to.
    distance = np.minimum(cv2.distanceTransform(away, cv2.DIST_L2, 3), 2.0 * sum(shape))
    return -distance / np.float32(thickness)


def half_open_cover(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Leave the cover on a part of the lens: a flap, a cap's arc or two leaves, out of focus."""
    shape = coarse(frame.shape)
    y, x = coordinates(shape)
    cosine, sine = direction(rng)
    along, across = cosine * x + sine * y, cosine * y - sine * x
    way = rng.integers(3)
    if way == 0:
        field = across + 0 * along
    elif way == 1:
        field = across + rng.uniform(-0.8, 0.8) * along ** 2
    else:
        field = np.abs(across - rng.uniform(-0.2, 0.2))
    mask = cover(field, strength, rng.uniform(0.02, 0.2))
    shade = far_level(middle(frame), 55.0, rng) + rng.uniform(-25.0, 25.0) * along
    return _veiled(frame, enlarged(mask, frame.shape),
                   enlarged(shade.astype(np.float32), frame.shape))


def _artifact(simulate: Simulate, mild: float, reference: float, strong: float,
              unit: str = 'of the frame') -> Artifact:
    return Artifact(Distortion.OBSTRUCTION, simulate, Range(mild, reference, strong, unit),
                    whole=False)


ARTIFACTS = {
    'rain_drops': _artifact(rain_drops, 0.04, 0.18, 0.6),
    'breath_fog': _artifact(breath_fog, 0.3, 0.7, 0.97, 'opacity'),
    'frost': _artifact(frost, 0.08, 0.35, 0.9),
    'mud': _artifact(mud, 0.03, 0.15, 0.6),
    'finger_smear': _artifact(finger_smear, 0.3, 0.65, 0.97, 'opacity'),
    'branch_before_lens': _artifact(branch_before_lens, 0.05, 0.2, 0.6),
    'half_open_cover': _artifact(half_open_cover, 0.1, 0.3, 0.8),
}
