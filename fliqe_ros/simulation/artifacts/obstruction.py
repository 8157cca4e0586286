"""Obstruction: something before the lens, or its own cover, hides a part of the view."""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.artifacts.soft_fields import (
    contrasting, covering, grain, positions, wide_blur)
from fliqe_ros.simulation.severity import Range
import numpy as np


def _covered(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Hold something before the lens: from one side, a finger, a strap or a leaf.

    :param share: of the frame, what is hidden.
    """
    x, y = positions(frame.shape)
    shape = rng.choice(('side', 'side', 'finger', 'strap', 'leaf'))
    angle, bow = rng.uniform(0, 2 * np.pi), rng.normal(0.0, 0.2)
    if shape == 'side':
        angle = rng.integers(4) * np.pi / 2 + rng.normal(0.0, 0.15)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x + bow * np.square(along)
    place = rng.uniform(-0.35, 0.35)
    if shape == 'side':
        waves = 0.12 * np.sin(rng.uniform(2, 9) * across + rng.uniform(0, 6))
        distance = along + waves
    elif shape == 'finger':  # a capsule that comes in from a border
        distance = np.hypot(np.maximum(along - rng.uniform(-0.2, 0.3), 0), across - place)
    elif shape == 'strap':
        distance = np.abs(across - place)
    else:  # a leaf is where two discs overlap
        apart = rng.uniform(0.3, 1.0)
        distance = np.maximum(np.hypot(along, across - place - apart),
                              np.hypot(along, across - place + apart))
    softness = rng.choice((0.003, rng.uniform(0.005, 0.05)))
    return _hidden(frame, covering(distance, share, softness), along, rng)


def _lens_cover(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Break or lift the cover: a ring segment, a disc or a wedge of even level.

    :param share: of the frame, what is hidden.
    """
    x, y = positions(frame.shape)
    shape = rng.choice(('ring', 'ring', 'disc', 'wedge'))
    angle = rng.uniform(0, 2 * np.pi)
    away = {'ring': rng.uniform(0.15, 0.8), 'disc': rng.uniform(0.7, 2.5),
            'wedge': rng.uniform(0.3, 0.8)}[str(shape)]
    middle = away * np.array((np.cos(angle), np.sin(angle)))
    from_middle = np.hypot(x - middle[0], y - middle[1])
    if shape == 'wedge':  # its point lies off the middle, its edges are bowed
        turn = np.arctan2(y - middle[1], x - middle[0]) - angle - np.pi + rng.normal(0.0, 0.3)
        distance = np.abs(np.angle(np.exp(1j * (turn + rng.normal(0.0, 0.4) * from_middle))))
    else:
        distance = -from_middle if shape == 'ring' else from_middle
    softness = rng.uniform(0.006, 0.05)
    return _hidden(frame, covering(distance, share, softness), distance, rng)


def _hidden(frame: np.ndarray, cover: np.ndarray, slope: np.ndarray,
            rng: np.random.Generator) -> np.ndarray:
    """
    Hide a scene by something of nearly even level, with the sensor's noise on it.

    :param cover: (H, W), 0 to 1.
    :param slope: (H, W), the field along which its level changes a little.
    """
    weight = float(cover.mean())
    seen = float((frame * (1 - cover)).mean()) / max(1 - weight, 0.05)
    level = contrasting(seen, rng, 45.0) + rng.uniform(-20, 20) * slope
    opacity = rng.uniform(0.88, 1.0)
    behind = wide_blur(frame, 0.05 * min(frame.shape))
    instead = opacity * level + (1 - opacity) * behind + grain(frame.shape, rng)
    return (frame + cover * (instead - frame)).astype(np.float32)


ARTIFACTS = {
    'covered': Artifact(
        Distortion.OBSTRUCTION, _covered, Range(0.12, 0.35, 0.8, 'share of the frame'),
        Stage.SENSOR, False),
    'lens_cover': Artifact(
        Distortion.OBSTRUCTION, _lens_cover, Range(0.15, 0.45, 0.85, 'share of the frame'),
        Stage.SENSOR, False),
}
