"""Baselines as methods; those without thresholds of their own are fitted to training frames."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from fliqe_ros.data.sources import Source
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.baselines.registry import Baseline, Decision, Measure
from fliqe_ros.evaluation.evaluate import chosen_frames
from fliqe_ros.evaluation.methods import Estimates
from fliqe_ros.evaluation.protocols import PROTOCOLS
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

#: Protocols whose versions of the training frames all baselines are fitted to.
FITTED_TO = ('reference', 'random')


class BaselineMethod:
    """A baseline as a method: ``decide`` turns what it measures into a score."""

    def __init__(self, name: str, measure: Measure, decide: Decision) -> None:
        self.name, self._measure, self._decide = name, measure, decide

    def estimate(self, frames: Sequence[np.ndarray]) -> Estimates:
        """Score gray or BGR frames; all types are UNKNOWN."""
        scores = [self._decide(measured(self._measure, frame)) for frame in frames]
        return Estimates(np.array(scores, np.float64), [Distortion.UNKNOWN] * len(frames))


def measured(measure: Measure, frame: np.ndarray) -> np.ndarray:
    """Return (K,) float64 measures of a gray or BGR frame; OpenCV converts colours to gray."""
    gray = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return np.atleast_1d(np.asarray(measure(gray), np.float64))


def calibrate(baselines: Sequence[Baseline], sources: Sequence[Source], limit: int,
              seed: int = 0, progress: bool = False) -> list[BaselineMethod]:
    """
    Return a method for each baseline; those without thresholds are fitted to the training split.

    All are fitted to the same versions (clean, reference and random severities) of the same
    training frames.

    :param limit: most training frames of each source.
    :param progress: show a progress bar on standard error.
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


def fit_probability(measures: np.ndarray, clean: np.ndarray) -> Decision:
    """
    Fit the probability of "clean" to measures.

    For K = 1 it is Platt scaling (Platt, Probabilistic Outputs for SVMs, 1999), else logistic
    regression; the penalty is negligible. Clean and distorted frames weigh the same in total.

    :param measures: (N, K) float.
    :param clean: (N,) bool; both values must occur.
    :return: function of one row of K measures that gives the probability.
    """
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=1e6, class_weight='balanced', max_iter=10_000))
    model.fit(measures, clean)
    return lambda row: float(model.predict_proba(row[None, :])[0, 1])
