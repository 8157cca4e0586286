"""
Judged kinds of non-uniformity: what is left of fixed pattern after its correction.

Frames are (H, W) float32 in levels, 0 to 255, before gain control.
"""

from __future__ import annotations

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.judging.fields import (
    coordinates, enlarged, far_level, middle, normalized, power_law, profile, sign, Simulate,
    with_spectrum)
from fliqe_ros.simulation.artifacts.artifact import Artifact
from fliqe_ros.simulation.severity import Range
import numpy as np


def pixel_fpn(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Give each pixel its own offset.

    The offsets have heavy tails, since a few pixels drift far, and a part repeats with the
    cells of the readout. Offset and gain: Perry & Dereniak 1993, doi 10.1117/12.145601.
    """
    spread = np.exp(np.float32(rng.uniform(0.3, 0.8))
                    * rng.standard_normal(frame.shape, np.float32))
    pattern = spread * rng.standard_normal(frame.shape, np.float32)
    size = rng.uniform(0.0, 0.6) * float(pattern.std())
    cell = np.kron(rng.normal(0, size, (8, 8)), np.ones((2, 2))).astype(np.float32)
    height, width = frame.shape
    pattern += np.tile(cell, (height // 16 + 1, width // 16 + 1))[:height, :width]
    return frame + np.float32(strength) * normalized(pattern)


def _lines(length: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the offsets of lines, pink to white, some of them far off: (length,), rms 1."""
    offsets = profile(length, rng.uniform(0.0, 1.2), rng)
    far = rng.random(length) < rng.uniform(0.0, 0.12)
    return normalized(np.where(far, offsets * 3, offsets))


def row_fpn(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Give each row the offset of its readout, with 1/f noise from row to row."""
    return frame + np.float32(strength) * _lines(frame.shape[0], rng)[:, None]


def column_fpn(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Give each column the offset of its amplifier."""
    return frame + np.float32(strength) * _lines(frame.shape[1], rng)


def row_and_column_fpn(frame: np.ndarray, strength: float,
                       rng: np.random.Generator) -> np.ndarray:
    """
    Add a pattern whose spectrum has a ridge on each axis.

    Pezoa & Medina 2011, Spectral model for fixed-pattern noise in infrared focal-plane arrays
    (LNCS 6915): Gaussian ridges over the frequencies, random phases.
    """
    height, width = frame.shape
    v = np.fft.fftfreq(height, 1 / height).astype(np.float32)[:, None]
    u = np.fft.rfftfreq(width, 1 / width).astype(np.float32)
    of_columns, of_rows = (np.float32(rng.uniform(0.4, 4.0)) for _ in range(2))
    balance = np.float32(np.exp(rng.uniform(-0.7, 0.7)))
    amplitude = np.exp(-(v / of_columns) ** 2 / 2) + balance * np.exp(-(u / of_rows) ** 2 / 2)
    return frame + np.float32(strength) * with_spectrum(amplitude, frame.shape, rng)


def gain_fpn(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Give pixels and columns their own gain.

    The pattern grows with the distance from the temperature of the last correction, which is
    drawn outside of the scene.
    """
    pixels = rng.standard_normal(frame.shape, np.float32)
    columns = profile(frame.shape[1], rng.uniform(0.0, 0.6), rng)
    pattern = normalized(pixels * rng.uniform(0.2, 0.7) + columns * rng.uniform(0.5, 1.0))
    corrected_at = 127.5 + sign(rng) * rng.uniform(150.0, 330.0)
    distance = frame - np.float32(corrected_at)
    return frame + np.float32(strength / max(np.abs(distance).mean(), 1.0)) * pattern * distance


def low_frequency_shading(frame: np.ndarray, strength: float,
                          rng: np.random.Generator) -> np.ndarray:
    """Add radiation of the housing: a sum of the first Zernike polynomials."""
    y, x = coordinates(frame.shape)
    y, x = y - rng.uniform(-0.15, 0.15), x - rng.uniform(-0.15, 0.15)
    square = x * x + y * y
    terms = (x + 0 * y, y + 0 * x, 2 * square, x * x - y * y, 2 * x * y,
             3 * square * x - 2 * x, 3 * square * y - 2 * y, 6 * square * (square - 1))
    # Tilt alone is what skies and roads have too, so that the radial terms lead.
    weights = rng.normal(0, (0.4, 0.4, 0.5, 0.4, 0.4, 0.3, 0.3, 0.4))
    weights[2] += sign(rng)
    field = np.zeros(frame.shape, np.float32)
    for weight, term in zip(weights, terms):
        field += np.float32(weight) * term
    field -= middle(field)
    return frame + field * np.float32(strength / max(float(np.ptp(field)), 1e-6))


def hot_corner(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Let the readout electronics glow from one or two corners or edges, mostly brighter."""
    y, x = coordinates(frame.shape)
    out = frame.astype(np.float32)
    polarity = 1.0 if rng.random() < 0.75 else -1.0
    for share in (1.0, rng.uniform(0.4, 1.0))[:rng.integers(1, 3)]:
        fy, fx = sign(rng), sign(rng)
        if rng.random() < 0.25:
            fx *= rng.uniform(0.0, 0.6)
        distance = np.hypot(y - fy * float(y.max()), x - fx * float(x.max()))
        reach, fall = rng.uniform(0.25, 0.6), rng.uniform(1.0, 2.0)
        glow = np.exp(-(distance / reach) ** fall)
        out += np.float32(polarity * share * strength) * glow.astype(np.float32)
    return out


def narcissus(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Add the detector's own reflection: a disc about the middle, mostly cold, often with a ring.

    Howard & Abel 1982, Narcissus: reflections on retroreflections in thermal imaging systems
    (doi 10.1364/AO.21.003393).
    """
    y, x = coordinates(frame.shape)
    radius = np.hypot(y - rng.uniform(-0.15, 0.15), x - rng.uniform(-0.15, 0.15))
    size, order = rng.uniform(0.15, 0.45), rng.uniform(1.2, 6.0)
    disc = 1 / (1 + (radius / size) ** (2 * order))
    thickness = size * rng.uniform(0.1, 0.3)
    ring = rng.uniform(-0.5, 0.5) * np.exp(-((radius - 1.3 * size) / thickness) ** 2)
    polarity = -1.0 if rng.random() < 0.75 else 1.0
    return frame + np.float32(polarity * strength) * (disc + ring).astype(np.float32)


def dead_columns(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lose columns: stuck at a level, far off, or noise; whole, or from one edge on."""
    out = frame.astype(np.float32)
    height, width = out.shape
    number = min(max(1, round(strength)), width // 2)
    if rng.random() < 0.3:  # side by side, as behind one broken amplifier
        columns = (rng.integers(width) + np.arange(number)) % width
    else:
        columns = rng.choice(width, number, replace=False)
    way, same = rng.integers(4), rng.random() < 0.5
    stuck = far_level(middle(frame), 80.0, rng)
    for each, column in enumerate(columns):
        rows = slice(0, height)
        if each and rng.random() < 0.25:
            end = int(height * rng.uniform(0.3, 0.9))
            rows = slice(0, end) if rng.random() < 0.5 else slice(height - end, height)
        level = float(np.median(out[rows, column]))
        other = stuck if same else far_level(level, 80.0, rng)
        if way == 0:
            out[rows, column] += far_level(level, 70.0, rng) - level
        elif way == 1:
            out[rows, column] = rng.normal(other, 45.0, len(range(height)[rows]))
        else:
            out[rows, column] = other
    return out


def dead_rows(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lose rows, as ``dead_columns`` loses columns."""
    return np.ascontiguousarray(dead_columns(np.ascontiguousarray(frame.T), strength, rng).T)


def dead_cluster(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Kill pixels in clusters, each grown by random walks; the share is per mille."""
    out = frame.astype(np.float32)
    height, width = out.shape
    total = max(2, round(out.size * strength / 1000))
    for share in rng.dirichlet(np.full(rng.integers(1, 8), 3.0)):
        walks = int(rng.integers(1, 16))
        steps = rng.integers(-1, 2, (max(2, round(3 * share * total / walks)), walks, 2))
        steps = steps.cumsum(axis=0).reshape(-1, 2)
        rows = np.clip(rng.integers(height) + steps[:, 0], 0, height - 1)
        columns = np.clip(rng.integers(width) + steps[:, 1], 0, width - 1)
        around = float(np.median(out[rows, columns]))
        level = far_level(around, 90.0, rng)
        out[rows, columns] = level + rng.choice((0.0, 25.0)) * rng.standard_normal(len(steps))
    return out


def blinking_pixels(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Put a share of the pixels, in percent, into the other state of telegraph noise."""
    out = frame.astype(np.float32)
    number = max(2, rng.binomial(out.size, strength / 100))
    index = rng.integers(out.size, size=number)
    flat = out.reshape(-1)
    jump = 60.0 + rng.exponential(rng.uniform(30.0, 90.0), number)
    up = rng.random(number) < rng.choice((0.1, 0.5, 0.9))
    # Where a jump would leave the scale it would not show, so that it goes the other way.
    up = np.where(flat[index] > 200, False, np.where(flat[index] < 55, True, up))
    flat[index] += np.where(up, jump, -jump)
    return out


def four_channel_readout(frame: np.ndarray, strength: float,
                         rng: np.random.Generator) -> np.ndarray:
    """Give four readout channels their own offsets and gains: interleaved lines, or blocks."""
    offsets = normalized(rng.permutation(np.linspace(-1, 1, 4)) + rng.normal(0, 0.3, 4))
    gains = 1 + rng.normal(0, 0.002 * strength, 4)
    down = rng.random() < 0.3
    length = frame.shape[0 if down else 1]
    channel = np.arange(length) % 4
    if rng.random() < 0.4:  # four areas, whose few borders need a greater step to show
        channel = np.minimum(np.arange(length) * 4 // length, 3)
        offsets = offsets * 2
    offset = (offsets[channel] * strength).astype(np.float32)
    gain = gains[channel].astype(np.float32)
    if down:
        offset, gain = offset[:, None], gain[:, None]
    return (frame - 127.5) * gain + 127.5 + offset


def sun_trail(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Burn the path of the sun into the sensor: an arc, or several, some with a spot."""
    height, width = frame.shape
    trail = np.zeros(frame.shape, np.float32)
    size = np.hypot(height, width)
    thickness = max(1, round(size * rng.uniform(0.006, 0.022)))
    centre = rng.uniform(0.25, 0.75, 2) * (width, height)
    turn, reach = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.2, 0.6)
    along = reach * np.array((np.cos(turn), np.sin(turn)))
    ends = (centre - along, centre + rng.uniform(-0.8, 0.8) * along[::-1] * (1, -1),
            centre + along)
    t = np.linspace(0, 1, 40)[:, None]
    for _ in range(rng.integers(1, 4)):
        path = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t ** 2 * ends[2]
        points = np.rint(path + (width, height) * rng.normal(0, 0.04, 2)).astype(np.int32)
        cv2.polylines(trail, [points], False, float(rng.uniform(0.7, 1.0)), thickness)
    if rng.random() < 0.5:
        spot = (int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.2, 0.8)))
        cv2.circle(trail, spot, 2 * thickness + 1, 1.0, -1)
    side = max(3, thickness | 1)
    soft = np.asarray(cv2.blur(cv2.blur(trail, (side, side)), (side, side)))
    uneven = enlarged(1 + 0.15 * power_law((16, 16), 1.0, rng), frame.shape)
    burnt = soft / max(float(soft.max()), 1e-6) * uneven
    level = float(np.median(frame[burnt > 0.4]))
    return frame + np.float32(np.sign(far_level(level, 60.0, rng) - level) * strength) * burnt


def _artifact(simulate: Simulate, mild: float, reference: float, strong: float, unit: str,
              whole: bool = True) -> Artifact:
    return Artifact(Distortion.NON_UNIFORMITY, simulate, Range(mild, reference, strong, unit),
                    whole=whole)


ARTIFACTS = {
    'pixel_fpn': _artifact(pixel_fpn, 5, 14, 40, 'levels rms'),
    'row_fpn': _artifact(row_fpn, 3, 10, 32, 'levels rms'),
    'column_fpn': _artifact(column_fpn, 3, 10, 32, 'levels rms'),
    'row_and_column_fpn': _artifact(row_and_column_fpn, 4, 11, 34, 'levels rms'),
    'gain_fpn': _artifact(gain_fpn, 5, 14, 40, 'levels rms'),
    'low_frequency_shading': _artifact(low_frequency_shading, 50, 150, 400, 'levels'),
    'hot_corner': _artifact(hot_corner, 45, 130, 350, 'levels', False),
    'narcissus': _artifact(narcissus, 30, 85, 230, 'levels', False),
    'dead_columns': _artifact(dead_columns, 1, 5, 30, 'columns', False),
    'dead_rows': _artifact(dead_rows, 1, 5, 30, 'rows', False),
    'dead_cluster': _artifact(dead_cluster, 0.5, 4, 30, 'pixels per 1000', False),
    'blinking_pixels': _artifact(blinking_pixels, 0.2, 1, 6, 'percent of the pixels'),
    'four_channel_readout': _artifact(four_channel_readout, 4, 12, 40, 'levels rms'),
    'sun_trail': _artifact(sun_trail, 30, 90, 250, 'levels', False),
}
