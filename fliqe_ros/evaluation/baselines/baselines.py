"""What is used instead of a network: sharpness and histogram rules, block rules, the classics."""

from dataclasses import dataclass
from typing import Any, Callable, Optional

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.baselines.autoware_rules import block_score, block_states
from fliqe_ros.evaluation.baselines.nss_metrics import make_brisque, make_niqe, piqe
from fliqe_ros.evaluation.evaluate import chosen_frames
from fliqe_ros.evaluation.methods import Estimates
from fliqe_ros.evaluation.protocols import PROTOCOLS
import numpy as np
from tqdm import tqdm

#: Gray levels up to which a pixel is dark, and from which it is saturated.
DARK, SATURATED = 5, 250
#: What each baseline is fitted to: these versions of the same frames.
FITTED_TO = ('reference', 'random')
HOW_TO_GET_THEM = 'pip install "fliqe_ros[baselines]"'


def laplacian(image: np.ndarray) -> float:
    """Logarithm of the variance of the Laplacian: sharpness (Pech-Pacheco et al., ICPR 2000)."""
    return float(np.log1p(cv2.Laplacian(image, cv2.CV_32F).var()))


def tenengrad(image: np.ndarray) -> float:
    """Logarithm of the mean squared Sobel gradient: sharpness (Tenenbaum 1970)."""
    gradients = [cv2.Sobel(image, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    return float(np.log1p(sum(np.square(gradient).mean() for gradient in gradients)))


def entropy(image: np.ndarray) -> float:
    """Shannon entropy of the gray levels, 0 to 8 bits."""
    share = np.bincount(image.ravel(), minlength=256) / image.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def histogram(image: np.ndarray) -> np.ndarray:
    """Shares of dark and of saturated pixels, dynamic range (1 to 99%) and mean; 0 to 1 each."""
    low, high = np.percentile(image, (1, 99))
    return np.array([(image <= DARK).mean(), (image >= SATURATED).mean(), (high - low) / 255,
                     image.mean() / 255])


@dataclass(frozen=True)
class Baseline:
    """
    A method that measures a gray frame.

    measure: (H, W) uint8 → float, or (K,) floats. decide: what it has measured → score in [0, 1]
    by the method's own thresholds; None if it has none and is fitted to the training split.
    """

    name: str
    measure: Callable
    decide: Optional[Callable] = None


def find_baselines() -> tuple:
    """
    Return all baselines that can run here, and a sentence for each that cannot.

    The sentence names the package that is missing.
    """
    found = [Baseline('laplacian', laplacian), Baseline('tenengrad', tenengrad),
             Baseline('entropy', entropy), Baseline('histogram', histogram),
             Baseline('autoware', block_states, block_score),
             Baseline('autoware fitted', block_states), Baseline('piqe', piqe)]
    missing = []
    for name, make in (('brisque', make_brisque), ('niqe', make_niqe)):
        try:
            found.append(Baseline(name, make()))
        except ImportError as error:
            missing.append(_left_out(name, error))
    return found, missing


class BaselineMethod:
    """An baseline whose measures are decided on by ``decide``: (K,) floats → score."""

    def __init__(self, name: str, measure: Callable, decide: Callable):
        self.name, self._measure, self._decide = name, measure, decide

    def estimate(self, frames: list) -> Estimates:
        """Rate gray or BGR frames; tells no types."""
        scores = [self._decide(measured(self._measure, frame)) for frame in frames]
        return Estimates(np.array(scores, np.float64), [Distortion.UNKNOWN] * len(frames))


def measured(measure: Callable, frame: np.ndarray) -> np.ndarray:
    """(K,) float64 measures of a gray or BGR frame, converted to gray as OpenCV does it."""
    gray = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return np.atleast_1d(np.asarray(measure(gray), np.float64))


def calibrate(baselines: list, sources: list, limit: int, seed: int = 0,
              progress: bool = False) -> list:
    """
    Return a method for each baseline, fitted to the training split where it has to be.

    All are fitted to the same versions (clean, reference and random severities) of at most
    ``limit`` training frames of each source.
    """
    frames = [(index, frame) for source in sources
              for index, frame in enumerate(chosen_frames(source.training, limit))]
    fitted = [each for each in baselines if each.decide is None]
    measures, clean = {each.name: [] for each in fitted}, []
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
    regression; neither has a penalty to speak of. Raises ImportError without scikit-learn.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    model: Any = make_pipeline(
        StandardScaler(), LogisticRegression(C=1e6, class_weight='balanced', max_iter=10_000))
    model.fit(measures, clean)
    return lambda row: float(model.predict_proba(row[None, :])[0, 1])


def _left_out(name, error):
    return f'{name} is left out: {error}; {HOW_TO_GET_THEM}.'
