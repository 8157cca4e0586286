"""
Corruption on the way: rows and columns that end up in the wrong place, or nowhere.

Frames are read out and sent row by row. A buffer that is shown while it is written is torn; a
reader that starts at the wrong byte rolls the frame; a reader with the wrong row width shears it;
a lost packet leaves a gap (GigE Vision 2.0, 'packet resend'; USB Video Class 1.5, 2.4.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np

#: A seam is plain if gray levels jump by so much more across it than beside it, on average.
PLAIN_STEP = 12.0
MOST_DRAWS = 6
#: Share of the rows that are sheared at the reference.
REFERENCE_SHEAR = 0.5


class Seams(NamedTuple):
    """A picture of parts that do not belong together."""

    picture: np.ndarray  #: (H, W) float32
    axis: int            #: 0 if its parts lie on one another, 1 if they lie side by side
    places: np.ndarray   #: the rows, or columns, in which a new part begins

    @property
    def step(self) -> float:
        """How much more gray levels jump, on average, across the plainest seam than beside it."""
        length = self.picture.shape[self.axis]
        places = self.places[self.places > 0]
        if not len(places):
            return 0.0
        two_before, before, behind, two_behind = (
            np.take(self.picture, np.clip(places + offset, 0, length - 1), self.axis)
            for offset in (-2, -1, 0, 1))
        usual = (np.abs(before - two_before) + np.abs(two_behind - behind)) / 2
        return float((np.abs(behind - before) - usual).mean(axis=1 - self.axis).max())


def _torn(frame: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """
    Compose parts of different times: the camera or the scene moved in between.

    :param shift: how far the view moved between two parts, in widths of the frame.
    """
    def draw() -> Seams:
        rows, columns = frame.shape
        distance = max(3.0, shift * rng.uniform(0.7, 1.5) * columns)
        angle = rng.choice((0.0, np.pi)) + rng.normal(0.0, 0.5)
        step = distance * np.array((np.cos(angle), np.sin(angle)))
        count = int(rng.choice((1, 1, 1, 2, 3)))
        seams = np.sort(rng.integers(rows // 10, rows - rows // 10, count))
        other_exposure = rng.random() < 0.15
        border = int(rng.choice((cv2.BORDER_REFLECT_101, cv2.BORDER_WRAP)))
        torn = frame.copy()
        for part, (top, bottom) in enumerate(zip(seams, [*seams[1:], rows]), start=1):
            # Two buffers take turns, or each part is later than the one above.
            late = part if count == 1 or part == 1 or rng.random() < 0.5 else 0
            view = moved(frame, step * late, border) if late else frame
            torn[top:bottom] = view[top:bottom] + 18.0 * (other_exposure and late > 0)
        return Seams(torn, 0, seams)
    return _plainest(draw)


def _rolled(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Start to read in the middle: the end of the frame meets its start at a seam.

    :param share: how far the frame is rolled, in heights (and widths) of it.
    """
    def draw() -> Seams:
        axis = int(rng.integers(2))
        also_other = rng.random() < 0.25
        lengths = np.array(frame.shape)
        steps = np.minimum(share * rng.uniform(0.7, 1.4, 2), 0.5) * lengths
        steps = (np.maximum(2, np.rint(steps)) * rng.choice((-1, 1), 2)).astype(int)
        steps[1 - axis] *= also_other
        rolled = np.roll(frame, tuple(steps), (0, 1))
        seam = int(steps[axis] % lengths[axis])
        if axis == 0 and rng.random() < 0.2:  # the gap between two frames, a blank interval
            gap = max(1, int(rng.uniform(0.005, 0.04) * len(frame)))
            rolled[seam:seam + gap] = rng.choice((0.0, 16.0, 255.0))
        return Seams(rolled, axis, np.array([seam]))
    return _plainest(draw)


def _sheared(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Lose sync, or take a wrong row width: each row starts pixels from where it should.

    Rows are read from one long buffer, so what leaves on one side comes in on the other. The
    error is from a sixth of the width over the whole frame (a clock that is not quite right) to
    a third of it per row (another width).

    :param share: of the rows, those behind the point where sync is lost; at the reference every
        second draw has it lost from the start.
    """
    rows, columns = frame.shape
    least, most = columns / (6 * rows), max(2.0, columns / 3)
    skew = float(np.exp(rng.uniform(np.log(least), np.log(most)))) * int(rng.choice((-1, 1)))
    from_start = rng.random() < 0.5
    share = min(1.0, share / REFERENCE_SHEAR) if from_start else share
    sheared_rows = max(2, round(share * rows))
    start = rows - sheared_rows
    in_itself = rng.random() < 0.3  # each row wraps in itself, as at lost sync of analog video
    twice = np.concatenate((frame, frame)).ravel()
    sheared = frame.copy()
    for row in range(start, rows):
        offset = round(skew * (row - start + 1))
        if in_itself:
            sheared[row] = np.roll(frame[row], -offset)
        else:
            begin = (row * columns + offset) % frame.size
            sheared[row] = twice[begin:begin + columns]
    return sheared


def _lost_rows(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Lose runs of rows: they are black, gray, white, repeated or of the frame before.

    :param share: of the rows, those that are lost.
    """
    def draw() -> Seams:
        lost, starts = _lost_pixels(frame.shape, share, rng)
        filling = rng.choice(
            ('black', 'black', 'gray', 'white', 'repeated', 'before', 'before', 'garbage'))
        if filling == 'repeated':
            instead = _last_good_rows(frame, lost)
        elif filling == 'before':
            instead = other_view(frame, rng)
        elif filling == 'garbage':
            instead = rng.uniform(0, 255, frame.shape).astype(np.float32)
        else:
            level = {'black': 0.0, 'gray': rng.uniform(90, 165), 'white': 255.0}[str(filling)]
            instead = np.full_like(frame, level)
        return Seams(np.where(lost, instead, frame), 0, starts)
    return _plainest(draw)


def _lost_counts(counts: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Lose packets of raw counts, which read as zero or as all ones.

    Gain control comes after that: it stretches the gap too and leaves the scene little contrast.

    :param counts: (H, W) uint16.
    :param share: of the pixels, those that are lost.
    """
    lost, _ = _lost_pixels(counts.shape, share, rng)
    nothing = int(rng.choice((0, 0, 0x3FFF, 0xFFFF)))
    if nothing and int(counts.max()) > nothing // 2:  # else it is as bright as the scene
        nothing = 0
    return np.where(lost, np.uint16(nothing), counts)


def _half_frame(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Show parts of two frames: buffers mixed up, or two cameras in one buffer.

    :param share: of the picture, what belongs to the other frame.
    """
    def draw() -> Seams:
        axis = int(rng.integers(2))
        length = frame.shape[axis]
        taken = min(length - 1, max(2, round(share * rng.uniform(0.85, 1.15) * length)))
        is_first = rng.random() < 0.5
        seam = taken if is_first else length - taken
        first, last = np.split(np.arange(length), [seam])
        mixed, of_other = frame.copy(), first if is_first else last
        place = (of_other,) if axis == 0 else (slice(None), of_other)
        mixed[place] = other_view(frame, rng)[place]
        return Seams(mixed, axis, np.array([seam]))
    return _plainest(draw)


def _interlace(frame: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Take two fields of a moving scene, one after the other: edges become combs."""
    shift = int(round(shift)) * int(rng.choice((-1, 1)))
    combed = frame.copy()
    combed[1::2] = moved(frame, np.array((shift, 0.0)))[1::2]
    return combed


def moved(frame: np.ndarray, step: np.ndarray,
          border: int = cv2.BORDER_REFLECT_101) -> np.ndarray:
    """Return the view of a camera that turned: shifted by (x, y) px; borders as in OpenCV."""
    move = np.array([[1, 0, step[0]], [0, 1, step[1]]], np.float32)
    return cv2.warpAffine(frame, move, frame.shape[::-1], borderMode=border)


def other_view(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make another frame of a picture: mirrored, shifted far, enlarged, in another contrast."""
    rows, columns = frame.shape
    flip = int(rng.integers(-1, 3))  # 2 is none
    other = cv2.flip(frame, flip) if flip < 2 else frame
    zoom = rng.uniform(1.0, 1.6)
    angle = rng.normal(0.0, 4.0)
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), angle, zoom).astype(np.float32)
    turn[:, 2] += rng.uniform(0.08, 0.35, 2) * (columns, rows) * rng.choice((-1, 1), 2)
    other = cv2.warpAffine(other, turn, (columns, rows), borderMode=cv2.BORDER_REFLECT_101)
    gain = float(rng.choice((1.0, 1.0, rng.uniform(0.5, 1.4), -1.0)))
    middle = float(other.mean())
    other = middle + gain * (other - middle) + float(rng.choice((0.0, 0.0, rng.normal(0, 25))))
    return np.clip(other, 0, 255).astype(frame.dtype)


def _lost_pixels(shape: tuple[int, ...], share: float,
                 rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a mask of what is lost, runs of rows or of packets, and the rows they begin in."""
    rows, columns = shape
    whole_rows = rng.random() < 0.6
    unit = columns if whole_rows else 1
    total = rows * columns // unit
    lost_units = max(1, round(share * total))
    runs = min(lost_units, int(np.exp(rng.uniform(0.0, np.log(2 + min(24, rows / 12))))))
    # Runs and gaps between them are random parts that sum to the whole.
    lengths = 1 + rng.multinomial(lost_units - runs, rng.dirichlet(np.full(runs, 2.0)))
    gaps = rng.multinomial(total - lost_units, rng.dirichlet(np.ones(runs + 1)))
    starts = np.cumsum(gaps[:-1]) + np.cumsum(lengths) - lengths
    lost = np.zeros(total, bool)
    for start, length in zip(starts, lengths):
        lost[start:start + length] = True
    return np.repeat(lost, unit).reshape(shape), starts * unit // columns


def _last_good_rows(frame: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Repeat the last row that came, for each row of which something is lost."""
    rows = np.arange(len(frame))
    came = np.where(lost.any(axis=1), 0, rows)
    return frame[np.maximum.accumulate(came)]


def _plainest(draw: Callable[[], Seams]) -> np.ndarray:
    """Draw until a seam is plain: in front of an even sky nobody sees that a frame is torn."""
    draws = []
    for _ in range(MOST_DRAWS):
        draws.append(draw())
        if draws[-1].step > PLAIN_STEP:
            return draws[-1].picture
    return max(draws, key=lambda drawn: drawn.step).picture


ARTIFACTS = {
    'torn': Artifact(
        Distortion.CORRUPTION, _torn, Range(0.03, 0.12, 0.4, 'shift, widths of the frame', 0.01),
        Stage.PICTURE, False),
    'rolled': Artifact(
        Distortion.CORRUPTION, _rolled, Range(0.03, 0.25, 0.5, 'roll, share of the frame', 0.01),
        Stage.PICTURE, False),
    'sheared': Artifact(
        Distortion.CORRUPTION, _sheared, Range(
            0.1, REFERENCE_SHEAR, 1.0, 'share of the rows', 0.03),
        Stage.PICTURE, False),
    'lost_rows': Artifact(
        Distortion.CORRUPTION, _lost_rows, Range(0.02, 0.12, 0.7, 'share of the rows', 0.008),
        Stage.PICTURE, False),
    'lost_counts': Artifact(
        Distortion.CORRUPTION, _lost_counts, Range(0.004, 0.1, 0.6, 'share of the pixels', 0.001),
        Stage.COUNTS, False),
    'half_frame': Artifact(
        Distortion.CORRUPTION, _half_frame, Range(0.12, 0.35, 0.5, 'share of the picture', 0.05),
        Stage.PICTURE, False),
    'interlace': Artifact(
        Distortion.CORRUPTION, _interlace, Range(4, 7.5, 14, 'shift of a field, px', 2.5),
        Stage.PICTURE),
}
