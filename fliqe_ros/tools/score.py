"""Score images, videos, bags and folders of them from the command line; needs no ROS."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
import sys

from fliqe_ros.errors import FrameError, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.files import find_files, read_sequences
import numpy as np


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(prog='fliqe score',
                                        description=__doc__)
    arguments.add_argument('paths', nargs='+', metavar='PATH',
                           help='images (8 or 16 bits), videos, ROS bags (rosbag2 folder, .db3, '
                                '.mcap, .bag; needs rosbags), or folders of them')
    arguments.add_argument('--model', help='model file, default: the packaged one')
    arguments.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    arguments.add_argument('--precision', default='auto',
                           help='auto (float16 on a GPU, else float32), float32, float16 or '
                                'bfloat16')
    arguments.add_argument('--backend', default='auto', help='auto, torch or onnxruntime')
    arguments.add_argument('--threads', type=int, default=0,
                           help='CPU threads, default: all cores but one')
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """
    Print one line for each file: score, most probable distortion, path.

    A video's score is the mean of its frames' scores, its distortion the most frequent one. A bag
    gets such a line for each of its image topics.

    :return: the exit status: 1 if anything could not be scored; standard error says what.
    """
    options = parser().parse_args(argv)
    try:
        fliqe = FLIQE(options.model, options.device, options.precision, options.backend,
                      options.threads)
    except ValueError as error:
        return _tell(error)
    failures = 0
    for path in options.paths:
        try:
            failures += sum(_score(fliqe, file) for file in find_files(path))
        except SourceError as error:
            failures += _tell(error)
    return int(failures > 0)


def _score(fliqe: FLIQE, file: Path) -> int:
    """Print the lines of one file; returns how many of its cameras could not be scored."""
    failures = 0
    try:
        for name, frames in read_sequences(file):
            try:
                print(score_line(fliqe, name, frames), flush=True)
            except (SourceError, FrameError) as error:
                failures += _tell(error)
    except SourceError as error:
        failures += _tell(error)
    return failures


def _tell(error: Exception) -> int:
    print(f'score: {error}', file=sys.stderr)
    return 1


def score_line(fliqe: FLIQE, name: str, frames: Iterable[np.ndarray]) -> str:
    """
    Assess the frames of one camera, one at a time, and describe the result.

    :raises SourceError: if there is no frame, or reading them fails.
    :raises FrameError: if a frame cannot be scored.
    """
    total, labels = 0.0, Counter[str]()
    for frame in frames:
        assessment = fliqe.assess(frame)
        total += assessment.score
        labels[assessment.distortion.label] += 1
    if not labels:
        raise SourceError(f'{name}: not one readable frame')
    (label, _), = labels.most_common(1)
    return f'{total / labels.total():.3f}  {label:<14}  {name}'


if __name__ == '__main__':
    sys.exit(main())
