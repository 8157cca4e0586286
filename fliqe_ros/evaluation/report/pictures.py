"""The pictures of a report: one set for each model, and one with all methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
from fliqe_ros.data.sources import Frame, Source
from fliqe_ros.evaluation import figures
from fliqe_ros.evaluation.evaluate import chosen_frames
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.evaluation.metrics import confusion, EvaluationRecord
from fliqe_ros.evaluation.protocols import PROTOCOLS, Version
from fliqe_ros.evaluation.report.results import Results
import numpy as np

#: Most frames to draw the embeddings of, each clean and distorted.
EMBEDDED_FRAMES = 120


def draw_all(folder: Path, results: Results, sources: Sequence[Source], limit: int) -> list[str]:
    """
    Write every picture into ``folder``.

    :param limit: most validation frames of each source that were evaluated.
    :return: the names of the files; see ``picture_name``.
    """
    drawn = ['roc.png']
    compared = {protocol: results.records[protocol] for protocol in ('reference', 'random')}
    figures.draw_roc(folder / 'roc.png', 'Distorted frames found against false alarms', compared,
                     results.model_names)
    frame = _most_structured_frame(sources, limit)
    versions = list(PROTOCOLS['reference'](frame, np.random.default_rng(0)))
    for model in results.models:
        records = {name: results.records[name][model.name] for name in PROTOCOLS}
        for picture, draw in _pictures(model, versions, records).items():
            name = picture_name(picture, model.name, results.model_names)
            draw(folder / name)
            drawn.append(name)
    return drawn


def _pictures(model: NetworkMethod, versions: Sequence[Version],
              records: dict[str, list[EvaluationRecord]]) -> dict[str, Callable[[Path], None]]:
    """
    Return name → function of a path that draws the picture, for one model.

    :param versions: of the frame to show.
    :param records: protocol → records of the model.
    """
    estimates = model.estimate([version.image for version in versions])
    pictures: dict[str, Callable[[Path], None]] = {
        'grid': partial(figures.draw_grid, versions=versions, estimates=estimates,
                        title=f'One frame, clean and distorted: {model.name}'),
        'severity': partial(figures.draw_severity, records=records['graded'],
                            title=f'Score against severity: {model.name}'),
        'reliability': partial(figures.draw_reliability, records=records['random'],
                               title=f'Calibration, random severities: {model.name}'),
        'tsne': partial(figures.draw_embeddings, records=_some_frames(records['reference']),
                        title=f'Embeddings of validation frames: {model.name}')}
    if confusion(records['reference']).any():
        pictures['confusion'] = partial(
            figures.draw_confusion, records=records['reference'],
            title=f'Types seen, reference severities: {model.name}')
    return pictures


def picture_name(picture: str, model: str, models: tuple[str, ...]) -> str:
    """Return the file name of a picture; for all models but the first it has the model's name."""
    if model == models[0]:
        return f'{picture}.png'
    plain = ''.join(letter if letter.isalnum() else '-' for letter in model)
    return f'{picture}-{plain}.png'


def _most_structured_frame(sources: Sequence[Source], limit: int) -> Frame:
    """Return the frame with most structure, because distortions are easiest to see on it."""
    def structure(frame: Frame) -> float:
        return cv2.Laplacian(cv2.GaussianBlur(frame.to_8bit(), (0, 0), 3), cv2.CV_32F).std()

    return max((frame for source in sources for frame in chosen_frames(source.validation, limit)),
               key=structure)


def _some_frames(records: Sequence[EvaluationRecord]) -> list[EvaluationRecord]:
    """Return the records of at most ``EMBEDDED_FRAMES`` frames, evenly chosen."""
    frames = list(dict.fromkeys((record.source, record.frame) for record in records))
    chosen = set(chosen_frames(frames, EMBEDDED_FRAMES))
    return [record for record in records if (record.source, record.frame) in chosen]
