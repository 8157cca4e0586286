"""
Judged kinds of blank pictures: nothing of the scene is seen.

The strength is the contrast in levels that is left of the scene. Frames are (H, W) float32,
0 to 255: the shutter before gain control, the others after it.
"""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.judging.fields import (
    coarse, coordinates, direction, enlarged, normalized, power_law, profile, sign, Simulate)
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


def _left(frame: np.ndarray, strength: float) -> np.ndarray:
    """Return what is left of the scene, about 0, its 0 to 255 within ``strength`` levels."""
    return (frame - np.float32(127.5)) * np.float32(strength / 255)


def _sometimes(value: float, rng: np.random.Generator) -> float:
    """Return the value or 0."""
    return value if rng.random() < 0.5 else 0.0


def _grain(shape: tuple[int, ...], size: float, rng: np.random.Generator) -> np.ndarray:
    return np.float32(size) * rng.standard_normal(shape, np.float32)


def shutter(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Close the shutter: one temperature with residual pattern, shading and noise."""
    height, width = frame.shape
    level = rng.uniform(30.0, 225.0)
    lines = (profile(height, 0.8, rng)[:, None] * rng.uniform(0.0, 2.0)
             + profile(width, 0.8, rng) * rng.uniform(0.0, 2.0))
    y, x = coordinates(frame.shape)
    shade = rng.uniform(-12.0, 12.0) * (x * x + y * y) + rng.uniform(-6.0, 6.0) * x
    return level + _left(frame, strength) + lines + shade + _grain(
        frame.shape, rng.uniform(1.5, 5.0), rng)


def black_frame(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show black, or nearly, with or without noise."""
    level = _sometimes(rng.uniform(0.0, 24.0), rng) + strength / 2
    grain = _grain(picture.shape, _sometimes(rng.uniform(0.3, 3.0), rng), rng)
    return np.clip(_left(picture, strength) + level + grain, 0, 255)


def white_frame(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show white, or nearly."""
    return 255 - black_frame(255 - picture, strength, rng)


def constant(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show one level between black and white."""
    noise = _sometimes(rng.uniform(0.2, 2.5), rng)
    return (rng.uniform(25.0, 230.0) + _left(picture, strength)
            + _grain(picture.shape, noise, rng))


def ramp(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show a gradient without a scene: straight, bent, from a corner or about a point."""
    y, x = coordinates(picture.shape)
    cosine, sine = direction(rng)
    straight = cosine * x + sine * y
    about = np.hypot(y - rng.uniform(-0.8, 0.8), x - rng.uniform(-0.8, 0.8))
    field = (straight, straight + 0.5 * straight ** 2, about, np.tanh(3 * straight),
             enlarged(power_law(coarse(picture.shape, 24), 5.0, rng), picture.shape),
             )[rng.integers(5)]
    field = (field - field.min()) / max(float(np.ptp(field)), 1e-6)
    height = rng.uniform(60.0, 255.0)
    low = rng.uniform(0.0, 255.0 - height)
    out = low + height * (field if rng.random() < 0.5 else 1 - field)
    grain = _grain(picture.shape, _sometimes(rng.uniform(0.3, 4.0), rng), rng)
    return np.clip(out + _left(picture, strength) + grain, 0, 255).astype(np.float32)


def snow(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show noise alone: white, along rows as analogue receivers have it, or blotchy."""
    shape = picture.shape
    way = rng.integers(4)
    if way == 0:
        noise = power_law(shape, rng.uniform(0.0, 0.8), rng)
    elif way == 1:
        noise = rng.standard_normal(shape, np.float32)
        for step in range(1, int(rng.integers(2, 6))):
            noise = noise + 0.6 ** step * np.roll(noise, step, axis=1)
    elif way == 2:
        noise = rng.exponential(1.0, shape).astype(np.float32)
    else:
        noise = np.where(rng.random(shape, np.float32) < rng.uniform(0.2, 0.8), 1.0, -1.0)
    grain = rng.uniform(30.0, 80.0) * sign(rng) * normalized(noise.astype(np.float32))
    return np.clip(rng.uniform(70.0, 185.0) + grain + _left(picture, strength), 0, 255)


def bars(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show a test picture: bars with a lower strip, a wedge, checks, a grid, or rings."""
    height, width = picture.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    y, x = coordinates(picture.shape)
    cell = max(3, int(min(height, width) * rng.uniform(0.06, 0.2)))
    way = rng.integers(5)
    if way == 0:  # luma of 75% bars (SMPTE EG 1) over their reverse
        luma = np.array((180, 162, 131, 112, 84, 65, 35))
        test = luma[columns * 7 // width] + 0 * rows
        strip = (np.array((35, 16, 84, 16, 131, 16, 180))[columns * 7 // width]) + 0 * rows
        test = np.where(rows > height * rng.uniform(0.65, 0.85), strip, test)
    elif way == 1:
        steps = int(rng.integers(5, 17))
        test = (columns * steps // width) * 255 // (steps - 1) + 0 * rows
    elif way == 2:
        test = (rows // cell + columns // cell) % 2 * 255
    elif way == 3:
        line = max(1, cell // 12)
        test = np.where((rows % cell < line) | (columns % cell < line), 235, 60)
        test = np.where(np.abs(np.hypot(y, x) - 0.5) < 0.015, 235, test)
    else:
        test = 127 + 110 * np.sin(rng.uniform(15.0, 60.0) * np.hypot(y, x) ** rng.choice((1, 2)))
    if rng.random() < 0.3:
        test = 255 - test
    return np.clip(test + _left(picture, strength), 0, 255).astype(np.float32)


def _artifact(simulate: Simulate, mild: float, reference: float, strong: float,
              stage: Stage = Stage.PICTURE) -> Artifact:
    return Artifact(Distortion.BLANK, simulate,
                    Range(mild, reference, strong, 'levels left of the scene'), stage)


ARTIFACTS = {
    'shutter': _artifact(shutter, 5, 1, 0.1, Stage.SENSOR),
    'black_frame': _artifact(black_frame, 12, 3, 0.3),
    'white_frame': _artifact(white_frame, 12, 3, 0.3),
    'constant': _artifact(constant, 12, 3, 0.3),
    'ramp': _artifact(ramp, 12, 3, 0.3),
    'snow': _artifact(snow, 24, 6, 0.5),
    'bars': _artifact(bars, 12, 3, 0.3),
}
