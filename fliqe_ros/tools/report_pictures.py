"""The pictures of a report: one set for each model, and one with all methods."""

from functools import partial

import cv2
from fliqe_ros.training import figures
from fliqe_ros.training.alternatives import HOW_TO_GET_THEM
from fliqe_ros.training.conditions import CONDITIONS
from fliqe_ros.training.evaluation import chosen_frames
from fliqe_ros.training.metrics import confusion
import numpy as np

#: Most frames whose embeddings are drawn, each in nine versions.
EMBEDDED_FRAMES = 120


def draw_all(folder, study, sources: list, limit: int) -> tuple:
    """
    Write every picture into ``folder``; the further models' have their names in the file's.

    Returns the names of the files, and a sentence for each picture that cannot be drawn here.
    """
    drawn, left_out = ['roc.png'], []
    compared = {condition: study.results[condition] for condition in ('reference', 'random')}
    figures.draw_roc(folder / 'roc.png', 'Distorted frames found against false alarms', compared,
                     study.model_names)
    versions = list(CONDITIONS['reference'](_telling_frame(sources, limit),
                                            np.random.default_rng(0)))
    for model in study.models:
        verdicts = {name: study.results[name][model.name] for name in CONDITIONS}
        for picture, draw in _pictures(model, versions, verdicts).items():
            name = picture_name(picture, model.name, study.model_names)
            try:
                draw(folder / name)
                drawn.append(name)
            except ImportError as error:
                left_out.append(f'{name} is left out: {error}; {HOW_TO_GET_THEM}.')
    return drawn, left_out


def _pictures(model, versions, verdicts):
    """Return name → function of a path that draws the picture, for one model."""
    ratings = model.rate([version.image for version in versions])
    pictures = {
        'grid': partial(figures.draw_grid, versions=versions, ratings=ratings,
                        title=f'One frame, clean and distorted: {model.name}'),
        'severity': partial(figures.draw_severity, verdicts=verdicts['graded'],
                            title=f'Score against severity: {model.name}'),
        'reliability': partial(figures.draw_reliability, verdicts=verdicts['random'],
                               title=f'Calibration, random severities: {model.name}'),
        'tsne': partial(figures.draw_embeddings, verdicts=_some_frames(verdicts['reference']),
                        title=f'Embeddings of validation frames: {model.name}')}
    if confusion(verdicts['reference']).any():
        pictures['confusion'] = partial(
            figures.draw_confusion, verdicts=verdicts['reference'],
            title=f'Types seen, reference severities: {model.name}')
    return pictures


def picture_name(picture: str, model: str, models: tuple) -> str:
    """File name of a picture: plain for the first model, with its name for the others."""
    if model == models[0]:
        return f'{picture}.png'
    plain = ''.join(letter if letter.isalnum() else '-' for letter in model)
    return f'{picture}-{plain}.png'


def _telling_frame(sources, limit):
    """Choose the frame with most structure: distortions show on it."""
    def structure(frame):
        return cv2.Laplacian(cv2.GaussianBlur(frame.to_8bit(), (0, 0), 3), cv2.CV_32F).std()

    return max((frame for source in sources for frame in chosen_frames(source.validation, limit)),
               key=structure)


def _some_frames(verdicts):
    frames = list(dict.fromkeys((verdict.source, verdict.frame) for verdict in verdicts))
    chosen = set(chosen_frames(frames, EMBEDDED_FRAMES))
    return [verdict for verdict in verdicts if (verdict.source, verdict.frame) in chosen]
