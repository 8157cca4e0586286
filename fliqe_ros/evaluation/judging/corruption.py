"""
Judged kinds of corruption: what happens to frames between the sensor and the driver.

Pictures are (H, W) float32, 0 to 255. ``misreading`` has the counts that are read wrongly.
"""

from __future__ import annotations

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.judging.fields import sign, Simulate
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np


def tear(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Join rows of frames between which the camera moved; the shift is of the width."""
    height, width = picture.shape
    out = picture.copy()
    shift = max(2, round(strength * width)) * int(sign(rng))
    rows = np.sort(rng.uniform(0.15, 0.85, rng.integers(1, 4)) * height).astype(int)
    for each, row in enumerate(rows):
        out[row:] = np.roll(out[row:], shift if each % 2 == 0 else -2 * shift, axis=1)
        if rng.random() < 0.4:  # the camera moved up or down as well
            down = int(rng.integers(1, max(2, height // 6)))
            out[row:] = np.roll(out, -down, axis=0)[row:]
    return out


def vertical_roll(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Start the frame at a wrong row, often with the bar of the blanking interval at the seam."""
    height = picture.shape[0]
    shift = max(2, round(strength * height))
    out = picture.copy()
    if rng.random() < 0.5:
        bar = max(1, round(height * rng.uniform(0.005, 0.05)))
        out[height - bar:] = rng.uniform(0.0, 40.0)
    return np.roll(out, shift * int(sign(rng)), axis=0)


def horizontal_roll(picture: np.ndarray, strength: float,
                    rng: np.random.Generator) -> np.ndarray:
    """Start the rows at a wrong column, as ``vertical_roll``."""
    return np.ascontiguousarray(vertical_roll(np.ascontiguousarray(picture.T), strength, rng).T)


def slant(counts: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Read the buffer with a wrong width; the strength is the shear in widths."""
    height, width = counts.shape
    shear = max(2.0, strength * width) / height * sign(rng)
    starts = np.arange(height) * width + np.rint(np.arange(height) * shear).astype(int)
    index = (starts[:, None] + np.arange(width)) % counts.size
    return counts.reshape(-1)[index]


def missing_block_rows(counts: np.ndarray, strength: float,
                       rng: np.random.Generator) -> np.ndarray:
    """Lose runs of packets, which begin and end within rows: zero, gray, full or stale."""
    out = counts.reshape(-1).copy()
    low, gray, high = np.percentile(counts[::4, ::4], (0.5, 50, 99.5)).astype(counts.dtype)
    fill = (0, low, gray, high, None)[rng.integers(5)]
    if fill == gray and rng.random() < 0.5:
        fill = low // 2 + high // 2
    for share in strength * rng.dirichlet(np.full(rng.integers(1, 5), 4.0)):
        length = min(out.size - 1, max(counts.shape[1], round(out.size * share)))
        start = rng.integers(out.size - length)
        if fill is None:  # what stood there before came from another place
            out[start:start + length] = np.roll(out, rng.integers(out.size))[:length]
        else:
            out[start:start + length] = fill
    return out.reshape(counts.shape)


def repeated_rows(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Stay at one row for a run of rows, several times; a share of the rows is lost."""
    height = picture.shape[0]
    longest = max(4, round(height * rng.uniform(0.03, 0.12)))
    source = np.arange(height)
    starts = rng.permutation(np.arange(0, height, longest))
    for start in starts[:max(1, round(strength * len(starts)))]:
        source[start:start + longest] = start
    return picture[source]


def comb_fields(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Weave two fields between which the scene moved by ``strength`` pixels."""
    shift = strength * sign(rng)
    whole = int(np.floor(shift))
    moved = np.roll(picture, whole, axis=1)
    moved = moved + (shift - whole) * (np.roll(moved, 1, axis=1) - moved)
    if rng.random() < 0.5:
        moved = np.roll(moved, int(rng.integers(-3, 4)), axis=0)
    out = picture.copy()
    odd = slice(int(rng.integers(2)), None, 2)
    out[odd] = moved[odd] + rng.uniform(-6.0, 6.0)
    return out


def few_levels(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Leave few levels: at quantiles, in even steps or between the two."""
    number = max(2, round(strength))
    sample = picture[::4, ::4].ravel()
    even = np.linspace(sample.min(), sample.max() + 1e-3, number + 1)
    quantiles = np.quantile(sample, np.linspace(0, 1, number + 1))
    edges = even + rng.choice((0.0, 0.0, 0.5, 1.0)) * (quantiles - even)
    centres = (edges[1:] + edges[:-1]) / 2
    if rng.random() < 0.5:  # cut off instead of rounded
        centres = edges[:-1]
    table = centres[np.searchsorted(edges[1:-1], np.arange(256))].astype(np.float32)
    return table[np.clip(np.rint(picture), 0, 255).astype(np.uint8)]


def _blocks(picture: np.ndarray, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Return (N, side, side) blocks in scan order, and their rows and columns."""
    down, across = -(-picture.shape[0] // side), -(-picture.shape[1] // side)
    padded = np.pad(picture, ((0, down * side - picture.shape[0]),
                              (0, across * side - picture.shape[1])), mode='edge')
    blocks = padded.reshape(down, side, across, side).swapaxes(1, 2).reshape(-1, side, side)
    return blocks.copy(), (down, across)


def _joined(blocks: np.ndarray, grid: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """Undo ``_blocks``."""
    side = blocks.shape[1]
    rows = blocks.reshape(*grid, side, side).swapaxes(1, 2)
    picture = rows.reshape(grid[0] * side, grid[1] * side)
    return np.ascontiguousarray(picture[:shape[0], :shape[1]]).astype(np.float32)


def smeared_jpeg(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Damage a share of a JPEG scan.

    Blocks slip and their DC drifts, as it is coded by differences (ITU-T T.81, F.1.1.5.1), or
    nothing more is decoded and the last good row runs down.
    """
    side = 8
    blocks, grid = _blocks(picture, side)
    number = len(blocks)
    length = max(1, min(number - 1, round(strength * number)))
    if rng.random() < 0.4:
        return _run_down(picture, number - length, grid[1], side, rng)
    start = int(rng.integers(number - length + 1))
    run = np.roll(blocks[start:start + length], int(rng.integers(1, grid[1])), axis=0)
    drift = sign(rng) * rng.uniform(30.0, 110.0)
    jumps = rng.normal(0, 40.0, length) * (rng.random(length) < 0.03)
    detail = run - run.mean(axis=(1, 2), keepdims=True)
    base = run.mean(axis=(1, 2)) + drift + np.cumsum(jumps)
    # The sum of the differences leaves the scale and is clipped, not folded.
    blocks[start:start + length] = (np.clip(base, -30, 285)[:, None, None]
                                    + rng.choice((0.0, 0.5, 1.0)) * detail)
    return np.clip(_joined(blocks, grid, picture.shape), 0, 255)


def _run_down(picture: np.ndarray, good: int, across: int, side: int,
              rng: np.random.Generator) -> np.ndarray:
    """Let the last decoded row run down below the first ``good`` blocks, towards gray."""
    height, width = picture.shape
    block_columns = np.arange(width) // side
    first = (good // across + (block_columns < good % across)) * side
    last = picture[np.clip(first - 1, 0, height - 1), np.arange(width)]
    below = np.arange(height)[:, None] - first
    gray = np.clip(below / (height * rng.uniform(0.05, 1.0)), 0, 1) ** 0.5
    if rng.random() < 0.4:
        gray = np.ones_like(gray)
    return np.where(below >= 0, last + gray * (128 - last), picture).astype(np.float32)


def macroblock_errors(picture: np.ndarray, strength: float,
                      rng: np.random.Generator) -> np.ndarray:
    """Spoil a share of the macroblocks in runs: wrong motion, one level, or a wrong residual."""
    side = 16 if min(picture.shape) >= 128 else 8
    blocks, grid = _blocks(picture, side)
    number, longest = len(blocks), int(rng.integers(3, 16))
    ramp = (np.arange(side) + 0.5) * np.pi / side
    spoilt = 0
    while spoilt < max(1, strength * number):
        length = int(rng.integers(1, longest))
        run = np.arange(length) + rng.integers(number)
        run = run[run < number]
        spoilt += len(run)
        way = rng.integers(4)
        if way == 0:
            blocks[run] = blocks[(run + rng.integers(2, number)) % number]
        elif way == 1:
            level = float(blocks[run[0]].mean())
            blocks[run] = (level + rng.uniform(60.0, 200.0) + 20.0) % 295.0 - 20.0
        elif way == 2:
            down, along = (np.cos(rng.integers(0, 6) * ramp) for _ in range(2))
            blocks[run] += rng.uniform(60.0, 140.0) * sign(rng) * down[:, None] * along
        else:
            blocks[run] = np.roll(blocks[run], side // 2, axis=1)[:, ::-1] + 40.0 * sign(rng)
    return np.clip(_joined(blocks, grid, picture.shape), 0, 255)


def two_halves(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Take a part of the picture from another scene: turned, closer and at another gain."""
    height, width = picture.shape
    zoom = rng.uniform(1.0, 2.0)
    top, left = (rng.uniform(0, 1 - 1 / zoom) * size for size in (height, width))
    rows = (top + np.arange(height) / zoom).astype(int)
    columns = (left + np.arange(width) / zoom).astype(int)
    flips = ((-1, 1), (1, -1), (-1, -1))[rng.integers(3)]
    other = picture[rows][:, columns][::flips[0], ::flips[1]]
    other = other * rng.uniform(0.6, 1.2) + sign(rng) * rng.uniform(15.0, 50.0)
    out = picture.copy()
    if rng.random() < 0.7:
        part = max(2, round(height * strength))
        place = slice(0, part) if rng.random() < 0.5 else slice(height - part, height)
        out[place] = other[place]
    else:
        part = max(2, round(width * strength))
        place = slice(0, part) if rng.random() < 0.5 else slice(width - part, width)
        out[:, place] = other[:, place]
    return np.clip(out, 0, 255)


def _artifact(simulate: Simulate, mild: float, reference: float, strong: float, unit: str,
              stage: Stage = Stage.PICTURE, whole: bool = True) -> Artifact:
    return Artifact(Distortion.CORRUPTION, simulate, Range(mild, reference, strong, unit), stage,
                    whole)


ARTIFACTS = {
    'tear': _artifact(tear, 0.02, 0.12, 0.45, 'of the width'),
    'vertical_roll': _artifact(vertical_roll, 0.04, 0.2, 0.5, 'of the height'),
    'horizontal_roll': _artifact(horizontal_roll, 0.04, 0.2, 0.5, 'of the width'),
    'slant': _artifact(slant, 0.05, 0.6, 6, 'widths', Stage.COUNTS),
    'missing_block_rows': _artifact(missing_block_rows, 0.03, 0.15, 0.6, 'of the frame',
                                    Stage.COUNTS, False),
    'repeated_rows': _artifact(repeated_rows, 0.1, 0.4, 0.95, 'of the rows', whole=False),
    'comb_fields': _artifact(comb_fields, 1.5, 7, 24, 'pixels'),
    'few_levels': _artifact(few_levels, 32, 10, 3, 'levels'),
    'smeared_jpeg': _artifact(smeared_jpeg, 0.1, 0.4, 0.9, 'of the blocks', whole=False),
    'macroblock_errors': _artifact(macroblock_errors, 0.02, 0.12, 0.5, 'of the blocks',
                                   whole=False),
    'two_halves': _artifact(two_halves, 0.1, 0.35, 0.5, 'of the frame'),
}
