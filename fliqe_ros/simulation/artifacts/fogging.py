"""
Obstruction by water that condenses or freezes on the lens or on its window.

Fog scatters: a part of the light still makes a sharp picture, a part makes a soft one, the rest
lies over it as a veil, whose level is the temperature of the lens (at 8 to 14 µm water also
absorbs within some 10 µm: Hale & Querry, Applied Optics 12, 1973). Ice grows from the rim as
needles and facets that bend the light.
"""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.artifacts.soft_fields import (
    clouds, contrasting, covering, fractal, grain, positions, wide_blur)
from fliqe_ros.simulation.severity import Range
import numpy as np


def _fog(frame: np.ndarray, veil: float, rng: np.random.Generator) -> np.ndarray:
    """Fog the whole lens, evenly or in patches."""
    patches = rng.choice((0.0, rng.uniform(0.1, 0.5)))
    field = clouds(frame.shape, np.exp(rng.uniform(0.0, 2.0)), rng)
    amount = np.clip(veil * (1 + patches * (2 * field - 1)), 0.0, 0.97)
    return _veiled(frame, amount, rng)


def _breath(frame: np.ndarray, veil: float, rng: np.random.Generator) -> np.ndarray:
    """
    Fog a part of the lens: from one side, as it comes or goes, or a breath on the middle.

    :param veil: share of the light where the fog is densest.
    """
    x, y = positions(frame.shape)
    if rng.random() < 0.5:  # a patch, its middle anywhere
        middle = rng.uniform(-0.35, 0.35, 2)
        distance = np.hypot(x - middle[0], (y - middle[1]) * rng.uniform(0.7, 1.4))
    else:
        angle = rng.uniform(0, 2 * np.pi)
        distance = np.cos(angle) * x + np.sin(angle) * y
    distance = distance + rng.uniform(0.0, 0.3) * clouds(frame.shape, rng.uniform(2, 8), rng)
    where = covering(distance, rng.uniform(0.25, 0.6), rng.uniform(0.01, 0.1))
    return _veiled(frame, veil * where, rng)


def _veiled(frame: np.ndarray, amount: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    Put fog before a scene.

    :param amount: (H, W), share of the light that is scattered far, 0 to 1.
    :return: (H, W) float32.
    """
    amount = amount.astype(np.float32)
    least = min(frame.shape)
    soft = wide_blur(frame, max(1.6, rng.uniform(0.01, 0.03) * least))
    glow = wide_blur(frame, rng.uniform(0.08, 0.2) * least)
    # What is scattered little keeps the picture sharp where there is no fog.
    softness = np.clip(amount * rng.uniform(1.2, 2.0), 0.0, 1.0)
    level, of_scene = contrasting(float(frame.mean()), rng, 25.0), rng.uniform(0.2, 0.6)
    near = frame + softness * (soft - frame)
    veil = of_scene * glow + (1 - of_scene) * level
    return near + amount * (veil - near) + amount * grain(frame.shape, rng)


def _ice(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Grow ice from the rim or from one side: facets that each bend the view, and needles.

    :param share: of the frame, what is iced.
    """
    rows, columns = frame.shape
    x, y = positions(frame.shape)
    angle, tilt = rng.uniform(0, 2 * np.pi), rng.choice((0.0, rng.uniform(0.2, 1.0)))
    rim = -np.maximum(np.abs(x) * min(frame.shape) / columns, np.abs(y) * min(frame.shape) / rows)
    distance = rim + tilt * (np.cos(angle) * x + np.sin(angle) * y)
    distance = distance + rng.uniform(0.05, 0.25) * clouds(frame.shape, rng.uniform(4, 12), rng)
    where = covering(distance, share, rng.uniform(0.003, 0.03))

    facets, count = _facets(frame.shape, rng)
    bend = rng.uniform(0.01, 0.05) * min(frame.shape) * rng.standard_normal((2, count), np.float32)
    shades = rng.normal(0.0, rng.uniform(5, 30), count).astype(np.float32)
    grid_y, grid_x = np.mgrid[:rows, :columns].astype(np.float32)
    bent = cv2.remap(
        wide_blur(frame, rng.uniform(0.005, 0.02) * min(frame.shape)),
        grid_x + bend[0].take(facets), grid_y + bend[1].take(facets),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    needles = _needles(frame.shape, rng)
    level = contrasting(float(frame.mean()), rng)
    opacity = np.clip(rng.uniform(0.3, 0.75) + rng.uniform(0.3, 0.6) * (needles - 0.3), 0.0, 1.0)
    iced = bent + opacity * (level + shades.take(facets) - bent) + grain(frame.shape, rng)
    return frame + where * (iced - frame)


def _rime(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Freeze fog to the lens: opaque grains that grow together, from the rim or from one side.

    :param share: of the frame, what is covered.
    """
    x, y = positions(frame.shape)
    angle = rng.uniform(0, 2 * np.pi)
    distance = (-np.hypot(x, y) if rng.random() < 0.6
                else np.cos(angle) * x + np.sin(angle) * y)
    rough = fractal(frame.shape, rng)
    if rng.random() < 0.5:  # along ridges, as crystals grow
        rough = np.abs(rough)
    where = covering(distance + rng.uniform(0.1, 0.5) * rough, share, rng.uniform(0.003, 0.1))
    level = contrasting(float(frame.mean()), rng, 50.0) + rng.uniform(0, 20) * rough
    cover = rng.uniform(0.75, 1.0) * where
    return (frame + cover * (level + grain(frame.shape, rng) - frame)).astype(np.float32)


def _facets(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Divide a frame among random points, (H, W) int, and return how many there are."""
    count = int(np.exp(rng.uniform(np.log(25), np.log(300))))
    elsewhere = np.ones(shape, np.uint8)
    elsewhere[rng.integers(shape[0], size=count), rng.integers(shape[1], size=count)] = 0
    _, labels = cv2.distanceTransformWithLabels(
        elsewhere, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    return labels, int(labels.max()) + 1


def _needles(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw needles with branches at 60 degrees, as ice grows; (H, W) float32, 0 to 1."""
    image = np.zeros(shape, np.uint8)
    count = int(rng.integers(12, 40))
    ends = rng.random((count, 2)) * shape[::-1]
    angles = rng.choice((rng.uniform(0, np.pi), 0.0)) + rng.normal(0, rng.uniform(0.3, 2), count)
    lengths = min(shape) * rng.uniform(0.08, 0.4, count)
    turn = np.pi / 3
    for start, angle, length in zip(ends, angles, lengths):
        tip = start + length * np.array((np.cos(angle), np.sin(angle)))
        _line(image, start, tip, int(rng.integers(120, 256)), 1 + min(shape) // 250)
        for along in rng.random(3):
            foot = start + along * (tip - start)
            way = angle + rng.choice((-turn, turn))
            branch = 0.4 * (1 - along) * length * np.array((np.cos(way), np.sin(way)))
            _line(image, foot, foot + branch, int(rng.integers(80, 200)), 1)
    blur = rng.uniform(0.5, 1.0 + 0.006 * min(shape))
    return cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32) / 255


def _line(image: np.ndarray, start: np.ndarray, end: np.ndarray, level: int, width: int) -> None:
    (x0, y0), (x1, y1) = np.rint(start).astype(int), np.rint(end).astype(int)
    cv2.line(image, (int(x0), int(y0)), (int(x1), int(y1)), level, width, cv2.LINE_AA)


ARTIFACTS = {
    'fog': Artifact(
        Distortion.OBSTRUCTION, _fog, Range(0.3, 0.62, 0.92, 'share of the veil')),
    'breath': Artifact(
        Distortion.OBSTRUCTION, _breath, Range(0.4, 0.75, 0.97, 'share of the veil'),
        Stage.SENSOR, False),
    'ice': Artifact(
        Distortion.OBSTRUCTION, _ice, Range(0.15, 0.45, 0.95, 'share of the frame'),
        Stage.SENSOR, False),
    'rime': Artifact(
        Distortion.OBSTRUCTION, _rime, Range(0.08, 0.3, 0.9, 'share of the frame'),
        Stage.SENSOR, False),
}
