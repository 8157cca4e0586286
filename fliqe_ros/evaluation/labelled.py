"""
Frames that people have judged, listed one by one: natively bad ones, and ones with opinions.

The lists name repository, commit and path of each frame, as ``fliqe_ros.tools.download`` reads
them. None of these frames was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import csv
from pathlib import Path
from typing import NamedTuple

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.methods import Method
from fliqe_ros.evaluation.metrics import EvaluationRecord
from fliqe_ros.frame_io.files import read_frames
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm


class LabelledFrame(NamedTuple):
    """A frame and what people say of it."""

    source: str             #: its camera
    name: str               #: its file
    truth: Distortion       #: what is wrong with it; CLEAN of a good one
    opinion: float          #: mean opinion score, 1 bad to 5 excellent; NaN if there is none
    scene: str              #: frames of one scene can be compared
    image: np.ndarray       #: (H, W) uint8, or (H, W, 3) uint8 BGR


def labelled_frames(table: Path, folder: Path) -> Iterator[LabelledFrame]:
    """
    Yield the frames of a table that are in a folder.

    :param table: CSV with the columns folder, file, type, and perhaps opinion and scene.
    :param folder: where ``fliqe_ros.tools.download`` has put them.
    :raises OSError: if the table cannot be read.
    :raises SourceError: if a frame cannot be read.
    """
    with table.open(encoding='utf-8', newline='') as file:
        for row in csv.DictReader(file):
            path = folder / row['folder'] / row['file']
            if path.is_file():
                frame = next(iter(read_frames(path)))
                image = frame if frame.dtype == np.uint8 else GainControl()(frame)
                yield LabelledFrame(
                    row['folder'], row['file'], Distortion[row['type'].upper()],
                    float(row.get('opinion') or 'nan'), row.get('scene') or '', image)


def labelled_records(method: Method, frames: Sequence[LabelledFrame],
                     progress: bool = False) -> list[EvaluationRecord]:
    """Let a method score the frames; records in their order."""
    records = []
    for index, frame in enumerate(tqdm(frames, unit='frame', disable=not progress)):
        found = method.estimate([frame.image])
        records.append(EvaluationRecord(
            frame.source, frame.truth, None, float(found.scores[0]), found.types[0],
            frame.truth.label, index))
    return records


class Agreement(NamedTuple):
    """How well scores follow opinions."""

    correlation: float  #: Spearman's, of scores and opinions; NaN for less than three frames
    pairs: int          #: of frames of one scene whose opinions differ by ``TOLD_APART`` or more
    right: int          #: pairs in which the better frame has the higher score


#: Difference of two mean opinions of some thirty people that is no chance.
TOLD_APART = 0.5


def agreement(scores: Sequence[float], frames: Sequence[LabelledFrame]) -> Agreement:
    """Compare scores with the opinions of the frames that have one."""
    rated = [(score, frame) for score, frame in zip(scores, frames)
             if not np.isnan(frame.opinion)]
    pairs = [(one[0] - other[0]) * (one[1].opinion - other[1].opinion) > 0
             for index, one in enumerate(rated) for other in rated[:index]
             if one[1].scene == other[1].scene
             and abs(one[1].opinion - other[1].opinion) >= TOLD_APART]
    correlation = float('nan')
    if len(rated) > 2:
        correlation = float(spearmanr([score for score, _ in rated],
                                      [frame.opinion for _, frame in rated]).statistic)
    return Agreement(correlation, len(pairs), sum(pairs))
