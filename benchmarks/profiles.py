"""
Tells what it brings to learn a camera, on folders of frames, each folder a camera.

    python benchmarks/profiles.py cameras/*

judges each frame of a camera by what is learnt from its other frames: as it is, with mild blur,
noise and fixed pattern, and with severe trouble. It also tries to learn from frames with severe
trouble.
A folder good/ in a camera's folder holds its good frames; without it all are.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import sys
import time

import cv2
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.errors import ProfileError
from fliqe_ros.estimator import Assessment, FLIQE
from fliqe_ros.evaluation.judging.non_uniformity import (
    blinking_pixels, column_fpn, row_and_column_fpn, row_fpn)
from fliqe_ros.frame_io.files import read_frames
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.monitoring.status import Thresholds
from fliqe_ros.profiles.camera_profile import CameraProfile
from fliqe_ros.profiles.learning import LEAST_FRAMES, ProfileLearner
from fliqe_ros.profiles.measures import measure, MILD_BLUR, MILD_NOISE, windows
from fliqe_ros.simulation.degradations import degrade
import numpy as np

THRESHOLDS = Thresholds(0.6, 0.3, 0.05, 5)
SEVERE = CLASSES[1:9] + (Distortion.CORRUPTION, Distortion.BLANK)
MILD = ('mild blur', 'mild noise', 'mild stripes', 'a few bad pixels')
#: Patterns of another make than those that are put on while learning: 8-bit levels, in turn one of
#: these for each frame; percent of the pixels.
STRIPES, STRIPED = 4.0, (row_fpn, column_fpn, row_and_column_fpn)
BAD_PIXELS = 0.2
HEIGHT, WIDTH = 512, 640
#: Frames of a camera, one of which is judged by the others.
_FEWEST = LEAST_FRAMES + 4

#: Of one frame: name of the version → picture and what the model says of it.
Versions = dict[str, tuple[np.ndarray, Assessment]]


def main() -> int:
    """Run the benchmark; return the exit status."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('folders', nargs='+', type=Path, help='a folder for each camera')
    arguments.add_argument('--model', help='model file, default: the packaged one')
    arguments.add_argument('--frames', type=int, default=24, help='most frames of a camera')
    arguments.add_argument('--severe', type=int, default=3, help='frames with severe trouble')
    options = arguments.parse_args()
    model = FLIQE(options.model, device='cpu', threads=1)
    rows = []
    for folder in options.folders:
        frames = good_frames(folder, options.frames)
        if len(frames) < _FEWEST:
            print(f'{folder.name}: left aside, {len(frames)} frames of one size', file=sys.stderr)
            continue
        found = [versions(model, frame, number, number < options.severe)
                 for number, frame in enumerate(frames)]
        rows.append(judged(found))
        tell(rows[-1:], folder.name)
    tell(rows, 'all')
    tell_severe(rows)
    tell_times(model)
    return 0


def good_frames(folder: Path, most: int) -> list[np.ndarray]:
    """Return frames of a camera as 8-bit gray pictures of its most frequent size."""
    folder = folder / 'good' if (folder / 'good').is_dir() else folder
    files = sorted(path for path in folder.iterdir() if path.is_file())
    chosen = np.linspace(0, len(files) - 1, min(most, len(files))).astype(int)
    palette, frames = PaletteReader(), []
    for index in chosen:
        gray = palette.to_gray(GainControl()(next(iter(read_frames(files[index])))))
        top, left = (max(have - want, 0) // 2
                     for have, want in zip(gray.shape, (HEIGHT, WIDTH)))
        frames.append(np.ascontiguousarray(gray[top:top + HEIGHT, left:left + WIDTH]))
    shapes = [frame.shape for frame in frames]
    usual = max(set(shapes), key=shapes.count, default=None)
    return [frame for frame in frames if frame.shape == usual]


def versions(model: FLIQE, frame: np.ndarray, seed: int, severe: bool) -> Versions:
    """Return a frame as it is and with trouble, with what the model says."""
    rng = np.random.default_rng(seed)
    noisy = np.clip(np.rint(frame + rng.normal(0, MILD_NOISE, frame.shape)), 0, 255)
    patterns = np.random.default_rng((seed, 1))
    levels, striped = frame.astype(np.float32), STRIPED[seed % len(STRIPED)]
    pictures = {'good': frame, 'mild blur': cv2.GaussianBlur(frame, (0, 0), MILD_BLUR),
                'mild noise': noisy.astype(np.uint8),
                'mild stripes': to_uint8(striped(levels, STRIPES, patterns)),
                'a few bad pixels': to_uint8(blinking_pixels(levels, BAD_PIXELS, patterns))}
    if severe:
        pictures.update({each.label: degrade(frame, each, None, rng) for each in SEVERE})
    assessments = model.assess_batch(list(pictures.values()))
    return dict(zip(pictures, zip(pictures.values(), assessments)))


def judged(frames: list[Versions]) -> dict[str, dict]:
    """Return the scores of a camera's frames, before and after learning all its others."""
    row: dict[str, dict] = {'before': {}, 'after': {}, 'learnt': {}}
    for index, frame in enumerate(frames):
        profile = learnt([each['good'] for each in frames[:index] + frames[index + 1:]])
        if profile:
            add_scores(row['before'], frame, None)
            add_scores(row['after'], frame, profile)
    for each in SEVERE:
        bad = [frame[each.label] for frame in frames if each.label in frame]
        # as often as it takes, since few frames are made bad
        spoilt = learnt(bad * (-(-LEAST_FRAMES // len(bad)))) if bad else None
        row['learnt'][each.label] = [] if spoilt is None else [
            spoilt.judge(*picture, '', THRESHOLDS).assessment.score for picture in bad]
    return row


def learnt(frames: list[tuple[np.ndarray, Assessment]]) -> CameraProfile | None:
    """Return the profile of frames; None if they are refused."""
    learner = ProfileLearner('')
    for picture, assessment in frames:
        learner.add(picture, assessment)
    try:
        return learner.profile()
    except ProfileError:
        return None


def add_scores(scores: dict, frame: Versions, profile: CameraProfile | None) -> None:
    """Add the scores of all versions of a frame."""
    for name, (picture, assessment) in frame.items():
        said = profile.judge(picture, assessment, '', THRESHOLDS).assessment if profile \
            else assessment
        scores.setdefault(name, []).append(said.score)


def tell(rows: list[dict], name: str) -> None:
    """Print how often good frames are kept and mild trouble is noticed, mean over cameras."""
    used = [row for row in rows if row['after']]
    words = [f'{name:30}', f'{sum(len(row["after"]["good"]) for row in used)} frames']
    for when in ('before', 'after'):
        if used:
            good = np.mean([share(row, when, 'good', at_least=True) for row in used])
            mild = [[share(row, when, each) for row in used] for each in MILD]
            words.append(f'{when}: good kept {good:.3f}, ' + ', '.join(
                f'{each} noticed {np.mean(shares):.2f} of frames, '
                f'{np.mean(np.array(shares) > 0.5):.2f} of cameras'
                for each, shares in zip(MILD, mild)))
    print('; '.join(words), flush=True)


def share(row: dict, when: str, version: str, at_least: bool = False) -> float:
    """Return the share of frames whose score is below (or at least) the warning threshold."""
    low = np.array(row[when][version]) < THRESHOLDS.warn_below
    return float(np.mean(~low if at_least else low))


def tell_severe(rows: list[dict]) -> None:
    """Print how much of severe trouble is bad before and after, and if learnt as normal."""
    for each in SEVERE:
        shares = []
        for when in ('before', 'after', 'learnt'):
            scores = [score for row in rows for score in row[when].get(each.label, [])]
            shares.append(np.mean(np.array(scores) < THRESHOLDS.error_below) if scores else 0)
        refused = sum(not row['learnt'][each.label] for row in rows)
        print(f'{each.label:16} bad before {shares[0]:.2f}, after {shares[1]:.2f}; learnt as '
              f'normal: refused for {refused} of {len(rows)} cameras, '
              f'else bad {shares[2]:.2f}')


def tell_times(model: FLIQE) -> None:
    """Print the CPU time of the measures of a frame beside the model's."""
    frame = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
    for name, work in (('measures', lambda: measure(windows(frame))),
                       ('model', lambda: model.assess(frame))):
        times_ms = []
        for _ in range(100):
            start = time.process_time()
            work()
            times_ms.append(1e3 * (time.process_time() - start))
        print(f'{name}: {np.median(times_ms):.2f} ms of CPU time, at best {min(times_ms):.2f}')


if __name__ == '__main__':
    sys.exit(main())
