"""What the demo found: expected against seen as a table, a record, and a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from fliqe_ros.distortion_types import Distortion, DISTORTIONS
from fliqe_ros.imaging.crops import richest_corner
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

CLEAN = Distortion.CLEAN.label
CROP_PX = 200
_PICTURES_IN_A_ROW = 7
# A seam or fog shows in the whole frame only.
_SHOWN_WHOLE = (Distortion.CORRUPTION.label, Distortion.OBSTRUCTION.label)
_COLOURS = ('#d95f02', '#7570b3')


@dataclass(frozen=True)
class Sample:
    """One scored frame: when it was taken, what was done to it, what the node said."""

    stamp_s: float
    phase: str
    score: float
    smoothed_score: float
    distortion: str


@dataclass(frozen=True)
class Row:
    """All frames of one camera that one type of distortion was done to."""

    camera: str
    expected: str
    seen: str
    mean_score: float
    frames: int


def summarise(camera: str, samples: Sequence[Sample]) -> list[Row]:
    """Sum up a camera's samples: one row per type of distortion, in the order of appearance."""
    rows = []
    for expected in dict.fromkeys(sample.phase for sample in samples):
        chosen = [sample for sample in samples if sample.phase == expected]
        seen, _ = Counter(sample.distortion for sample in chosen).most_common(1)[0]
        mean_score = sum(sample.score for sample in chosen) / len(chosen)
        rows.append(Row(camera, expected, seen, mean_score, len(chosen)))
    return rows


def find_problems(recordings: Mapping[str, Sequence[Sample]], faulty_camera: str) -> list[str]:
    """
    Say what speaks against a working system; an empty list is a pass.

    :param recordings: samples of each camera by its name.
    :param faulty_camera: the one that went through every distortion.
    """
    problems = [f'{camera}: not one score arrived'
                for camera, samples in recordings.items() if not samples]
    if problems:
        return problems
    rows = {row.expected: row for row in summarise(faulty_camera, recordings[faulty_camera])}
    wanted = [CLEAN] + [distortion.label for distortion in DISTORTIONS]
    problems = [f'{faulty_camera}: no {name} frame was scored'
                for name in wanted if name not in rows]
    if problems:
        return problems
    clean = rows.pop(CLEAN).mean_score
    problems = [f'{faulty_camera}: {row.expected} frames scored {row.mean_score:.2f}, not below '
                f'the {clean:.2f} of clean ones' for row in rows.values()
                if not row.mean_score < clean]
    distorted = sum(row.mean_score for row in rows.values()) / len(rows)
    for camera, samples in recordings.items():
        mean_score = sum(sample.score for sample in samples) / len(samples)
        if camera != faulty_camera and not mean_score > distorted:
            problems.append(f'{camera}: clean frames scored {mean_score:.2f}, not above the '
                            f'{distorted:.2f} of distorted ones')
    return problems


def format_table(rows: Iterable[Row]) -> str:
    """Lay rows out as text, a mark where the type seen is the one expected."""
    lines = [f'{"camera":<13}{"expected":<17}{"seen":<19}{"mean score":>10}{"frames":>8}']
    for row in rows:
        mark = '✓' if row.seen == row.expected else '✗'
        lines.append(f'{row.camera:<13}{row.expected:<17}{mark + " " + row.seen:<19}'
                     f'{row.mean_score:>10.2f}{row.frames:>8}')
    return '\n'.join(lines)


def draw_report(path: Path, recordings: Mapping[str, Sequence[Sample]],
                pictures: Mapping[str, np.ndarray]) -> None:
    """
    Write the picture: frames of every phase above the score curves of every camera.

    :param recordings: samples of each camera by its name, none empty.
    :param pictures: (H, W) uint8 frames by caption, at least one.
    """
    figure = Figure(figsize=(16, 12), dpi=100, layout='constrained')
    FigureCanvasAgg(figure)
    columns = min(len(pictures), _PICTURES_IN_A_ROW)
    rows = -(-len(pictures) // columns)
    grid = figure.add_gridspec(rows + len(recordings), columns,
                               height_ratios=[1.6] * rows + [2.0] * len(recordings))
    for place, (caption, picture) in enumerate(pictures.items()):
        axes = figure.add_subplot(grid[divmod(place, columns)])
        shown = picture if caption in _SHOWN_WHOLE else detail(picture)
        axes.imshow(shown, cmap='gray', vmin=0, vmax=255, interpolation='nearest')
        axes.set_title(caption, fontsize=11)
        axes.axis('off')
    began = min(sample.stamp_s for samples in recordings.values() for sample in samples)
    ended = max(sample.stamp_s for samples in recordings.values() for sample in samples)
    for i, (camera, samples) in enumerate(recordings.items()):
        axes = figure.add_subplot(grid[rows + i, :])
        _draw_scores(axes, camera, samples, began, _COLOURS[i % len(_COLOURS)])
        axes.set_xlim(0, max(ended - began, 1e-3))
    axes.set_xlabel('seconds')
    axes.legend(loc='lower right', fontsize=9)
    figure.suptitle('FLIQE: quality of two thermal cameras, one of them failing in every way',
                    fontsize=14)
    figure.savefig(path)


def detail(picture: np.ndarray) -> np.ndarray:
    """Cut out the square of ``CROP_PX`` where a frame shows most, so that single pixels show."""
    y, x = richest_corner(picture, CROP_PX)
    return picture[y:y + CROP_PX, x:x + CROP_PX]


def _draw_scores(axes: Axes, camera: str, samples: Sequence[Sample], began: float,
                 colour: str) -> None:
    times = [sample.stamp_s - began for sample in samples]
    axes.plot(times, [sample.score for sample in samples], '.', color=colour, alpha=0.35,
              label='score of each frame')
    axes.plot(times, [sample.smoothed_score for sample in samples], '-', color=colour, lw=2,
              label='smoothed score')
    stretches = [(name, next(stretch)[0]) for name, stretch
                 in groupby(zip(times, samples), key=lambda item: item[1].phase)]
    ends = [start for _, start in stretches[1:]] + times[-1:]
    for (name, start), end in zip(stretches, ends):
        if name != CLEAN:
            axes.axvspan(start, end, color='0.88', zorder=0)
            axes.text((start + end) / 2, 1.04, name.replace('_', '\n'), ha='center', fontsize=9)
    axes.set(ylim=(-0.02, 1.22), yticks=np.linspace(0, 1, 6), ylabel=f'{camera}\nquality score')
    axes.grid(alpha=0.3)
