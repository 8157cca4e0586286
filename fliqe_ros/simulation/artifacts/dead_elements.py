"""Dead elements: pixels and lines of a sensor that are stuck, blink, or are far off."""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts import processing
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np

#: Levels by which a dead element differs from the scene at least.
LEAST_CONTRAST = 70.0


def _dead_pixels(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Let pixels be stuck or blink, alone and in clusters.

    A camera replaces the defects in its list by their neighbours (bad pixel replacement, in the
    makers' data sheets); those that came later, or all if the list is lost, are seen.
    """
    zoom = processing.drawn_zoom(frame.shape, rng)
    scene = _sensed(frame, zoom)
    rows, columns = np.nonzero(_dead(scene.shape, share, rng))
    change = np.zeros(scene.shape, np.float32)
    here, draw = scene[rows, columns], _branch(rng)
    change[rows, columns] = processing.contrasting(
        _stuck(rows.size, draw), here, LEAST_CONTRAST, draw) - here
    return frame + processing.shown(change, frame.shape, rng)


def _dead_clusters(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Let a few ragged patches of pixels die, as after a laser, a blow or bonds that come loose.

    :param share: of the pixels, those that are dead.
    """
    zoom = processing.drawn_zoom(frame.shape, rng)
    scene = _sensed(frame, zoom)
    change = np.zeros(scene.shape, np.float32)
    total = max(3, round(share * scene.size))
    raggedness, is_one_level = rng.uniform(0.2, 1.5), rng.random() < 0.7
    for part in rng.dirichlet(np.full(rng.integers(1, 9), 2.0)):
        middle, draw = rng.random(2), _branch(rng)
        rows, columns = _patch(scene.shape, middle, max(2, round(part * total)), raggedness, draw)
        here = scene[rows, columns]
        stuck = _stuck(rows.size, draw)
        change[rows, columns] = processing.contrasting(
            np.full_like(stuck, stuck[0]) if is_one_level else stuck,
            np.full_like(here, np.median(here)) if is_one_level else here, LEAST_CONTRAST,
            draw) - here
    return frame + processing.shown(change, frame.shape, rng)


def _patch(shape: tuple[int, int], middle: np.ndarray, count: int, raggedness: float,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of so many pixels around a place: the nearest, more or less."""
    radius = np.sqrt(count / np.pi)
    reach = int(np.ceil(radius * (1.5 + raggedness))) + 1
    (top, left), (bottom, right) = (
        np.clip((middle * shape + sign * reach).astype(int), 0, shape) for sign in (-1, 1))
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    away = np.hypot(y - middle[0] * shape[0], (x - middle[1] * shape[1]) * rng.uniform(0.6, 1.6))
    away = away / radius + raggedness * rng.standard_normal(away.shape, np.float32)
    nearest = np.argsort(away, axis=None)[:count]
    return nearest // away.shape[1] + top, nearest % away.shape[1] + left


def _dead_lines(frame: np.ndarray, count: float, rng: np.random.Generator) -> np.ndarray:
    """Let rows or columns die, or parts of them, by their amplifier or connection."""
    zoom = processing.drawn_zoom(frame.shape, rng)
    scene = _sensed(frame, zoom)
    change = np.zeros(scene.shape, np.float32)
    chance, lines = rng.random(), max(1, round(count))
    vertical = lines if chance < 0.5 else 0 if chance < 0.85 else lines // 2
    _kill_rows(change.T, scene.T, vertical, _branch(rng))
    _kill_rows(change, scene, lines - vertical, _branch(rng))
    return frame + processing.shown(change, frame.shape, rng)


def _branch(rng: np.random.Generator) -> np.random.Generator:
    """Return a generator for draws whose number depends on the strength; leaves others alone."""
    return np.random.default_rng(rng.integers(2**32))


def _sensed(frame: np.ndarray, zoom: int) -> np.ndarray:
    """Return the frame as a sensor sees it whose pictures are enlarged."""
    shape = processing.sensor_shape(frame.shape, zoom)
    return frame if zoom == 1 else cv2.resize(frame, shape[::-1], interpolation=cv2.INTER_AREA)


def _dead(shape: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Draw which pixels are dead; bool of this shape.

    Some sensors lack the pixels of a whole lattice by design: every 15th of Seek's is black.
    """
    if rng.random() < 0.1:
        step, shift = max(2, round(1 / share)), int(rng.integers(2, 8))
        y, x = np.ogrid[:shape[0], :shape[1]]
        return (x + shift * y) % step == 0
    clustered = rng.choice([0.0, rng.uniform(0.2, 0.8)])
    dead = rng.random(shape, np.float32) < share * (1 - clustered)
    size = rng.integers(1, 4, 2) if rng.random() < 0.7 else rng.integers(3, 7, 2)
    kind = cv2.MORPH_ELLIPSE if rng.random() < 0.5 else cv2.MORPH_RECT
    cluster = cv2.getStructuringElement(kind, (int(size[0]), int(size[1])))
    centres = rng.random(shape, np.float32) < share * clustered / cluster.sum()
    return dead | (cv2.dilate(centres.astype(np.uint8), cluster) > 0)


def _stuck(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw levels at which elements are stuck: all black, all white, both, or any; float32."""
    kinds = ([0], [255], [0, 255], [0, 255, 128], range(256), [-30, 285])
    return rng.choice(np.array(kinds[rng.integers(len(kinds))], np.float32), count)


def _kill_rows(change: np.ndarray, scene: np.ndarray, count: int,
               rng: np.random.Generator) -> None:
    """
    Add to ``change``, of the scene's shape, what dead rows add to a scene.

    Lines are drawn one after the other, so that the same draw with more lines has the same ones.
    """
    where = _places(scene.shape[0], rng)[:max(1, scene.shape[0] // 2)]
    partial, kind = rng.random() < 0.3, int(rng.integers(4))
    levels = _stuck(where.size, rng)
    for row, level in zip(where[:count], levels):
        part = slice(None)
        if partial:  # from a break in the line to its far end
            start = int(rng.uniform(0.0, 0.7) * scene.shape[1])
            part = slice(start, None) if rng.random() < 0.5 else slice(0, scene.shape[1] - start)
        here = scene[row, part]
        change[row, part] = _dead_line(here, level, kind, rng) - here


def _places(lines: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the order in which lines die: anywhere, side by side, in pairs, or evenly spaced."""
    chance, start = rng.random(), int(rng.integers(lines))
    if chance < 0.6:
        return rng.permutation(lines)
    if chance < 0.7:
        return (start + np.arange(lines)) % lines
    if chance < 0.8:
        pairs = rng.permutation(lines - 1)
        return np.stack([pairs, pairs + 1], 1).ravel()
    step = int(rng.integers(2, max(3, lines // 8)))
    return (start + step * np.arange(lines // step)) % lines


def _dead_line(scene: np.ndarray, level: float, kind: int,
               rng: np.random.Generator) -> np.ndarray:
    """Return a dead line: of one level, in two cases of four; noisy; or of another offset."""
    middle = float(np.median(scene))
    stuck = processing.contrasting(float(level), middle, LEAST_CONTRAST, rng)
    if kind == 2:
        return stuck + rng.uniform(20.0, 60.0) * rng.standard_normal(scene.shape, np.float32)
    if kind == 3:
        return scene + (stuck - np.float32(middle))
    return np.full_like(scene, stuck)


ARTIFACTS = {
    'dead_pixels': Artifact(
        Distortion.NON_UNIFORMITY, _dead_pixels, Range(
            0.004, 0.02, 0.08, 'share of the pixels', 0.002),
        Stage.SENSOR),
    'dead_clusters': Artifact(
        Distortion.NON_UNIFORMITY, _dead_clusters, Range(
            0.0008, 0.004, 0.03, 'share of the pixels'),
        Stage.SENSOR, False),
    'dead_lines': Artifact(
        Distortion.NON_UNIFORMITY, _dead_lines, Range(1, 5, 24, 'lines', 0.7),
        Stage.SENSOR, False),
}
