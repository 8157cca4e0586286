"""Baselines as methods: fitted to the training split where they have no thresholds."""

from __future__ import annotations

from collections.abc import Callable

import cv2
from fliqe_ros.data.sources import Source
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.baselines.registry import Baseline
from fliqe_ros.evaluation.evaluate import chosen_frames
from fliqe_ros.evaluation.methods import Estimates
from fliqe_ros.evaluation.protocols import PROTOCOLS
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

#: What each baseline is fitted to: these versions of the same frames.
FITTED_TO = ('reference', 'random')


class BaselineMethod:
    """A baseline whose measures are decided on by ``decide``: (K,) floats → score."""

    def __init__(self, name: str, measure: Callable, decide: Callable) -> None:
        self.name, self._measure, self._decide = name, measure, decide

    def estimate(self, frames: list) -> Estimates:
        """Score gray or BGR frames; tells no types."""
        scores = [self._decide(measured(self._measure, frame)) for frame in frames]
        return Estimates(np.array(scores, np.float64), [Distortion.UNKNOWN] * len(frames))


def measured(measure: Callable, frame: np.ndarray) -> np.ndarray:
    """(K,) float64 measures of a gray or BGR frame, converted to gray as OpenCV does it."""
    gray = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return np.atleast_1d(np.asarray(measure(gray), np.float64))


def calibrate(baselines: list[Baseline], sources: list[Source], limit: int, seed: int = 0,
              progress: bool = False) -> list[BaselineMethod]:
    """
    Return a method for each baseline, fitted to the training split where it has to be.

    All are fitted to the same versions (clean, reference and random severities) of at most
    ``limit`` training frames of each source.
    """
    frames = [(index, frame) for source in sources
              for index, frame in enumerate(chosen_frames(source.training, limit))]
    fitted = [each for each in baselines if each.decide is None]
    clean: list[bool] = []
    measures: dict[str, list[np.ndarray]] = {each.name: [] for each in fitted}
    for index, frame in tqdm(frames, desc='fit to the training split', unit='frame',
                             disable=not progress or not fitted):
        rng = np.random.default_rng((seed, index))
        for version in (each for name in FITTED_TO for each in PROTOCOLS[name](frame, rng)):
            clean.append(version.truth == Distortion.CLEAN)
            for each in fitted:
                measures[each.name].append(measured(each.measure, version.image))
    decide = {each.name: fit_probability(np.stack(measures[each.name]), np.array(clean))
              for each in fitted}
    return [BaselineMethod(each.name, each.measure, each.decide or decide[each.name])
            for each in baselines]


def fit_probability(measures: np.ndarray, clean: np.ndarray) -> Callable:
    """
    Fit the probability of "clean" to measures; returns a function of one row.

    measures: (N, K) float. clean: (N,) bool, both values must occur; they weigh the same.
    For K = 1 it is Platt scaling (Platt, Probabilistic Outputs for SVMs, 1999), else logistic
    regression; neither has a penalty to speak of.
    """
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=1e6, class_weight='balanced', max_iter=10_000))
    model.fit(measures, clean)
    return lambda row: float(model.predict_proba(row[None, :])[0, 1])
