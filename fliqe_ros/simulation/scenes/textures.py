"""Pictures with natural statistics and no meaning: dead leaves over gradients and 1/f texture."""

import cv2
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.scenes.noise import spectral_noise
import numpy as np


def dead_leaves(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """
    Occluding random shapes with a power law of sizes, as (height, width) uint8.

    Lee, Mumford & Huang, Occlusion Models for Natural Images (IJCV 2001): such pictures share the
    scale invariance of natural ones, whatever the camera.
    """
    canvas = rng.uniform(40, 215) + 40 * spectral_noise(rng, height, width, rng.uniform(1.2, 2.0))
    smallest, largest = rng.uniform(1.5, 8.0), rng.uniform(0.15, 0.5) * height
    count = int(rng.uniform(300, 3000))
    # density of radii ~ r**-3 between the two ends, large ones first so that details survive
    uniform = rng.random(count)
    radii = 1 / np.sqrt(uniform / smallest**2 + (1 - uniform) / largest**2)
    contrast = rng.uniform(15, 70)
    for radius in sorted(radii, reverse=True):
        level = float(np.clip(canvas.mean() + contrast * rng.standard_normal(), 0, 255))
        _leaf(rng, canvas, radius, level)
    canvas += rng.uniform(0, 8) * spectral_noise(rng, height, width, rng.uniform(0.6, 1.4))
    return to_uint8(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.35, 0.8)))


def close_up(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """
    Draw a few large, smoothly shaded bodies before a calm background, as (height, width) uint8.

    Faces, machines and walls near by look like this: hardly any texture, few edges, soft ones.
    """
    y, x = np.mgrid[-0.5:0.5:height * 1j, -0.5:0.5:width * 1j].astype(np.float32)
    canvas = _shade(rng, x, y) + rng.uniform(0, 8) * spectral_noise(rng, height, width, 2.0)
    sizes = np.geomspace(0.5, rng.uniform(0.01, 0.15), rng.integers(4, 40)) * height
    for radius in sizes:
        body = np.zeros((height, width), np.float32)
        _leaf(rng, body, radius, 1.0)
        canvas = np.where(body > 0, _shade(rng, x, y), canvas)
    soft = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), rng.uniform(0.4, 1.3))
    darkest, brightest = rng.uniform(0, 40), rng.uniform(200, 255)  # nothing saturates
    return to_uint8(np.interp(soft, (soft.min(), soft.max()), (darkest, brightest)))


def _shade(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Temperature that changes slowly along some direction and bulges a little."""
    slope_x, slope_y, bulge = rng.normal(0, (40, 40, 60))
    return rng.uniform(10, 245) + slope_x * x + slope_y * y + bulge * (x * x + y * y)


def _leaf(rng: np.random.Generator, canvas: np.ndarray, radius: float, level: float) -> None:
    height, width = canvas.shape
    centre = rng.uniform((0, 0), (width, height))
    shift = 4  # cv2 draws with 1/16 px
    kind = rng.random()
    if kind < 0.45:
        axes = np.rint(16 * radius * np.array([1.0, rng.uniform(0.3, 1.0)])).astype(int)
        point = tuple(int(v) for v in np.rint(centre * 16))
        cv2.ellipse(canvas, point, tuple(map(int, axes)), rng.uniform(0, 180), 0, 360,
                    level, -1, cv2.LINE_8, shift)
    elif kind < 0.85:
        box = (tuple(map(float, centre)), tuple(map(float, radius * rng.uniform(0.4, 2.5, 2))),
               float(rng.uniform(0, 90) if rng.random() < 0.5 else 0))
        cv2.fillConvexPoly(canvas, np.rint(cv2.boxPoints(box) * 16).astype(np.int32), level,
                           cv2.LINE_8, shift)
    else:
        end = centre + radius * 4 * rng.standard_normal(2)
        first, last = ([int(v) for v in np.rint(p * 16)] for p in (centre, end))
        cv2.line(canvas, first, last, level, int(max(1, radius / 6)), cv2.LINE_8, shift)
