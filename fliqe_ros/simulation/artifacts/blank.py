"""
Blank: frames in which there is nothing to see.

The strength of each kind is the share of the scene's contrast that is left in the frame.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.artifacts.lost_signal import lost_signal
from fliqe_ros.simulation.severity import Range
import numpy as np


def _closed_shutter(counts: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """
    Close the shutter, or leave the cap on: one temperature, shown as counts.

    What the sensor has of noise, fixed pattern and shading is a few counts, and gain control
    stretches it to the whole range, unless its gain is limited.

    :param counts: (H, W) uint16.
    :return: uint16 counts, or a uint8 picture of a camera whose gain is limited.
    """
    noise = np.exp(rng.uniform(np.log(0.5), np.log(20.0)))
    field = noise * _sensor_field(counts.shape, rng)
    low, high = np.percentile(counts[::4, ::4], (0.5, 99.5))
    scene = (counts - np.float32((low + high) / 2)) / np.float32(max(high - low, 1.0))
    if rng.random() < 0.25:
        contrast = rng.uniform(8.0, 60.0)
        level = rng.uniform(20.0, 235.0)
        return to_uint8(level + field * (contrast / (6 * field.std())) + left * 255 * scene)
    span = float(np.ptp(np.percentile(field[::4, ::4], (0.5, 99.5))))
    level = np.clip(np.median(counts) + rng.uniform(-800, 800), 200.0, 65_000.0)
    shown = np.rint(level + field + np.float32(left * span) * scene)
    return np.clip(shown, 0, 65_535).astype(np.uint16)


def _sensor_field(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw what a sensor reads of a uniform scene: noise of 1, with pattern and shading."""
    rows, columns = shape
    field: np.ndarray = rng.standard_normal(shape, np.float32)
    weights = rng.uniform(0.0, 1.0, 3) * (rng.random(3) < 0.6)
    field += np.float32(weights[0]) * rng.standard_normal((1, columns), np.float32)
    field += np.float32(weights[1]) * rng.standard_normal((rows, 1), np.float32)
    hills = rng.standard_normal((3, 4), np.float32)
    slow = cv2.resize(hills, (columns, rows), interpolation=cv2.INTER_CUBIC)
    field += np.float32(4 * weights[2]) * slow
    if rng.random() < 0.4:  # denoised
        field = cv2.GaussianBlur(field, (0, 0), rng.uniform(0.5, 1.5))
    return field


def _black(frame: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """Lose the signal, which is read as black: 0, or 16 in video (ITU-R BT.601)."""
    return np.float32(left) * frame + rng.choice([0.0, 0.0, 16.0, rng.uniform(0, 24)])


def _white(frame: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """Saturate everything: 255, or 235 in video."""
    white = rng.choice([255.0, 255.0, 235.0, rng.uniform(231, 255)])
    return white - np.float32(left) * (255 - frame)


def _one_level(frame: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """Show one level, and perhaps the steps beside it by noise."""
    noise = np.float32(rng.choice([0.0, rng.uniform(0.2, 0.8)]))
    level = np.float32(rng.uniform(0, 255))
    return _with_trace(frame, left, level + noise * rng.standard_normal(frame.shape, np.float32))


def _gradient(frame: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """Show a smooth ramp, straight or round: shading alone, or a wall out of focus."""
    rows, columns = frame.shape
    y, x = np.mgrid[-1:1:rows * 1j, -1:1:columns * 1j].astype(np.float32)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        ramp = y * np.float32(np.sin(angle)) + x * np.float32(np.cos(angle))
    else:
        centre = rng.uniform(-1.0, 1.0, 2).astype(np.float32)
        ramp = np.hypot((y - centre[0]) * np.float32(rng.uniform(0.7, 1.4)), x - centre[1])
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    contrast = rng.uniform(30, 255) * rng.choice([-1.0, 1.0])
    start = rng.uniform(0, 255 - abs(contrast)) + max(-contrast, 0.0)
    field = np.float32(start) + np.float32(contrast) * ramp ** np.float32(rng.uniform(0.5, 2.0))
    noise = np.float32(rng.choice([0.0, rng.uniform(0.3, 3.0)]))
    return _with_trace(frame, left, field + noise * rng.standard_normal(frame.shape, np.float32))


def _noise_alone(frame: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """Show noise alone: no sensor, no antenna, or a gain without limit."""
    noise: np.ndarray = rng.standard_normal(frame.shape, np.float32)
    chance = rng.random()
    if chance < 0.35:
        sigmas = np.exp(rng.uniform(np.log(0.4), np.log(4.0), 2))
        noise = cv2.GaussianBlur(noise, (0, 0), *sigmas)
        noise = noise / noise.std()
    elif chance < 0.5:  # from blotches to grain, as 1/f noise has it
        for scale in (4, 16):
            coarse = rng.standard_normal([-(-side // scale) for side in frame.shape], np.float32)
            noise += cv2.resize(coarse, frame.shape[::-1], interpolation=cv2.INTER_LINEAR)
    elif chance < 0.65:  # two levels, as snow of a comparator
        noise = np.where(noise > rng.uniform(-1.5, 1.5), np.float32(1), np.float32(-1))
    contrast = np.exp(rng.uniform(np.log(5.0), np.log(150.0)))
    level = np.float32(rng.uniform(30, 225))
    return _with_trace(frame, left, level + np.float32(contrast) * noise)


def _test_picture(frame: np.ndarray, left: float, rng: np.random.Generator) -> np.ndarray:
    """Show what a recorder, a grabber or a camera does in place of a lost signal."""
    return _with_trace(frame, left, lost_signal(frame.shape, rng))


def _with_trace(frame: np.ndarray, left: float, field: np.ndarray) -> np.ndarray:
    """Lay what is left of a scene over a picture, float32."""
    return field + np.float32(left) * (frame - frame.mean())


def _blank(simulate: Callable[[np.ndarray, float, np.random.Generator], np.ndarray],
           stage: Stage = Stage.PICTURE) -> Artifact:
    return Artifact(Distortion.BLANK, simulate,
                    Range(0.1, 0.01, 0.001, 'share of the scene that is left', 0.8), stage)


ARTIFACTS = {
    'closed_shutter': _blank(_closed_shutter, Stage.COUNTS),
    'black': _blank(_black),
    'white': _blank(_white),
    'one_level': _blank(_one_level),
    'gradient': _blank(_gradient),
    'noise_alone': _blank(_noise_alone),
    'test_picture': _blank(_test_picture),
}
