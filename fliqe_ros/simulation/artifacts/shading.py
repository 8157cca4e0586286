"""Shading: slow offsets over the frame, dark corners, and what burnt into the sensor."""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts import processing
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


def _shading(frame: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """
    Add radiation of housing, lens and sensor that was not corrected since it changed.

    An uncooled sensor sees more of its housing than of the scene, and a flat-field correction
    takes it away until the housing's temperature changes. A cooled sensor sees its own cold
    reflection from a lens, a disc or ring (narcissus: Howard & Abel 1982, 'Narcissus:
    reflections on retroreflections in thermal imaging systems').

    :param amplitude: from the least to the most shaded pixel, levels.
    """
    kinds = (_corner, _housing, _bowl, _narcissus, _blotches, _ramp)
    kind = rng.choice(len(kinds), p=(0.25, 0.12, 0.13, 0.25, 0.19, 0.06))
    field = _unit(kinds[kind](frame.shape, rng))
    field = _unit(field + rng.uniform(0.0, 0.3) * _unit(_blotches(frame.shape, rng)))
    sign = rng.choice([-1.0, 1.0])
    if sign * _correlation(field, frame) > 0.3:  # it would only stretch the scene's own slope
        sign = -sign
    shaded = frame + np.float32(sign * amplitude) * (field - field.mean())
    return _perhaps_regained(shaded, rng)


def _vignetting(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Let corners see the housing: the lens or window is too small for the sensor.

    :param share: of the housing in what the farthest corner sees.
    """
    y, x = _grid(frame.shape, rng.uniform(-0.25, 0.25, 2))
    radius = np.hypot(y * rng.uniform(0.8, 1.25), x)
    # From a slow decline to the hard edge of the rim itself.
    start, end = rng.uniform(0.2, 0.6), rng.uniform(0.75, 0.95)
    fall = np.clip((radius / radius.max() - start) / (end - start), 0, 1)
    fall = fall ** rng.uniform(0.6, 2.0) if rng.random() < 0.7 else 3 * fall**2 - 2 * fall**3
    behind = (frame * fall).sum() / max(fall.sum(), 1e-6)
    housing = rng.uniform(-30, 20) if rng.random() < 0.75 else rng.uniform(235, 285)
    if abs(housing - behind) < 80:
        housing = 255 - housing
    return frame + np.float32(share) * fall.astype(np.float32) * (np.float32(housing) - frame)


def _sun_burn(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Burn in spots or a trail, where the sun or a laser changed the response of pixels.

    Microbolometers keep an offset and lose response where the sun's image stood, and keep the
    path along which it wandered, for days or for ever.

    :param share: diameter of a spot in the frame's width.
    """
    rows, columns = frame.shape
    burnt = np.zeros(frame.shape, np.float32)
    size = max(share * columns, 2.0)
    centre = rng.uniform(0.15, 0.85, 2) * (columns, rows)
    if rng.random() < 0.5:
        width = size * rng.uniform(0.12, 0.35)
        for point in _trail(centre, min(size * rng.uniform(2, 5), 0.6 * columns), width, rng):
            _burn(burnt, point, width, rng.uniform(0.7, 1.0))
        size = width
    else:
        for _ in range(rng.integers(1, 4)):
            _burn(burnt, centre, size * rng.uniform(0.7, 1.2), rng.uniform(0.7, 1.0))
            centre = rng.uniform(0.05, 0.95, 2) * (columns, rows)
    soft = cv2.GaussianBlur(burnt, (0, 0), max(size * rng.uniform(0.03, 0.15), 0.3))
    level = np.float32((frame * soft).sum() / max(soft.sum(), 1e-6))
    stuck = processing.contrasting(rng.uniform(-30, 285), float(level), 80.0, rng)
    kept = np.float32(rng.uniform(0.2, 1.0))
    return frame + soft * (stuck - level + (kept - 1) * (frame - level))


def _ghost_of_nuc(frame: np.ndarray, weight: float, rng: np.random.Generator) -> np.ndarray:
    """
    Correct with a scene instead of the shutter: the scene stays as its negative.

    Happens if the shutter sticks, if an external correction is started before a scene, and to
    scene-based correction of a camera that stood still (Harris & Chiang 1999, 'Nonuniformity
    correction of infrared image sequences using the constant-statistics constraint').

    :param weight: contrast of the ghost, of which 1 is that of an ordinary scene.
    """
    other = _other_scene(frame, rng)
    if rng.random() < 0.5:
        other = cv2.GaussianBlur(other, (0, 0), rng.uniform(0.005, 0.03) * max(frame.shape))
    other = other - other.mean()
    sign = -1.0 if rng.random() < 0.85 else 1.0
    scale = sign * weight * 60.0 / max(float(other.std()), 6.0)
    return _perhaps_regained(frame + np.float32(scale) * other, rng)


def _perhaps_regained(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let gain control adapt to a frame, or saturate as one that is slow or fixed."""
    return processing.regained(frame) if rng.random() < 0.6 else frame


def _grid(shape: tuple[int, int], centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertical (rows, 1) and horizontal (1, columns) distance from a centre; the frame is ±1."""
    y, x = np.ogrid[-1:1:shape[0] * 1j, -1:1:shape[1] * 1j]
    return (y - centre[0]).astype(np.float32), (x - centre[1]).astype(np.float32)


def _unit(field: np.ndarray) -> np.ndarray:
    """Bring a field to 0 to 1."""
    return (field - field.min()) / max(float(np.ptp(field)), 1e-6)


def _correlation(field: np.ndarray, frame: np.ndarray) -> float:
    """Correlation coefficient of two pictures of one shape, from every fourth row and column."""
    a, b = (picture[::4, ::4] - picture[::4, ::4].mean() for picture in (field, frame))
    return float((a * b).mean() / max(a.std() * b.std(), 1e-6))


def _corner(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the glow of electronics behind one corner, or one side."""
    side = rng.choice([-1.0, 1.0], 2) * (1.0, rng.choice([1.0, 1.0, rng.uniform(0, 1)]))
    y, x = _grid(shape, side if rng.random() < 0.5 else side[::-1])
    return np.exp(-(y**2 + x**2) / (2 * rng.uniform(0.3, 1.0) ** 2))


def _housing(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the radiation of a housing around, which grows towards the edges."""
    y, x = _grid(shape, rng.uniform(-0.2, 0.2, 2))
    power = rng.uniform(2.0, 8.0)
    return np.abs(y) ** power + np.abs(x) ** power


def _bowl(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a shading that depends on the distance from about the middle."""
    y, x = _grid(shape, rng.uniform(-0.3, 0.3, 2))
    return np.hypot(y, x) ** rng.uniform(1.0, 4.0)


def _narcissus(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a disc or a ring about the optical axis."""
    y, x = _grid(shape, rng.uniform(-0.3, 0.3, 2))
    aspect = shape[1] / shape[0]
    radius = np.hypot(y, x * aspect) if aspect >= 1 else np.hypot(y / aspect, x)
    size, edge = rng.uniform(0.2, 0.8), rng.uniform(0.03, 0.2)
    if rng.random() < 0.5:
        return 1 / (1 + np.exp((radius - size) / edge))
    return np.exp(-((radius - size) / (2 * edge)) ** 2)


def _blotches(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth field of a few hills and hollows."""
    hills = rng.standard_normal((int(rng.integers(3, 6)), int(rng.integers(3, 6))), np.float32)
    return cv2.resize(hills, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _ramp(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a straight slope of any direction."""
    y, x = _grid(shape, np.zeros(2))
    angle = rng.uniform(0, 2 * np.pi)
    return y * np.float32(np.sin(angle)) + x * np.float32(np.cos(angle))


def _trail(start: np.ndarray, length: float, width: float,
           rng: np.random.Generator) -> np.ndarray:
    """Draw the points (N, 2), x and y, of a curved path, closed or with gaps as at 1 Hz."""
    count = int(np.clip(length / width * rng.uniform(0.8, 3.0), 5, 60))
    heading = rng.uniform(0, 2 * np.pi) + np.linspace(0, rng.uniform(-2.5, 2.5), count)
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * (length / count)
    return start + np.cumsum(steps, axis=0)


def _burn(burnt: np.ndarray, centre: np.ndarray, diameter: float, depth: float) -> None:
    """Burn one spot into a map, exact to a quarter of a pixel."""
    x, y = np.rint(4 * centre).astype(int).tolist()
    cv2.circle(burnt, (x, y), max(int(2 * diameter), 3), depth, -1, cv2.LINE_8, 2)


def _other_scene(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return another scene of the same kind: the frame mirrored, turned, moved and enlarged."""
    rows, columns = frame.shape
    flip = np.diag(rng.permutation([(-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (1.0, 1.0)])[0])
    turn, zoom = rng.uniform(-0.4, 0.4), rng.uniform(1.0, 1.8)
    turned = zoom * flip @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = np.array([columns, rows]) / 2
    shift = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.05, 0.3, 2) * (columns, rows)
    moves = np.column_stack([turned, middle - turned @ middle + shift])
    return cv2.warpAffine(frame, moves, (columns, rows), borderMode=cv2.BORDER_REFLECT_101)


ARTIFACTS = {
    'shading': Artifact(
        Distortion.NON_UNIFORMITY, _shading, Range(55, 160, 500, 'amplitude, levels'),
        Stage.SENSOR, False),
    'vignetting': Artifact(
        Distortion.NON_UNIFORMITY, _vignetting, Range(0.4, 0.75, 1.0, 'share of the housing'),
        Stage.SENSOR, False),
    'sun_burn': Artifact(
        Distortion.NON_UNIFORMITY, _sun_burn, Range(0.03, 0.09, 0.25, 'share of the width'),
        Stage.SENSOR, False),
    'ghost_of_nuc': Artifact(
        Distortion.NON_UNIFORMITY, _ghost_of_nuc, Range(0.3, 0.6, 1.2, 'contrast of the ghost'),
        Stage.SENSOR),
}
