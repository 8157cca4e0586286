"""How good a model is: clean and distorted versions of frames that it has never seen."""

from dataclasses import dataclass
from typing import Iterable, Optional

from fliqe_ros.distortion import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.model import QualityNetwork
from fliqe_ros.training.distortions import distort
import numpy as np
import torch

#: A frame scoring below this is called distorted.
THRESHOLD = 0.5


@dataclass(frozen=True)
class Verdict:
    """What a model said of one version of one frame."""

    source: str
    truth: Distortion
    severity: Optional[float]  # None is the reference severity
    score: float
    predicted: Distortion      # UNKNOWN without a type head


@dataclass(frozen=True)
class Metrics:
    """Figures of a set of verdicts; every share in [0, 1], NaN where it has no frames."""

    frames: int
    balanced_accuracy: float   # mean of clean recall and distorted recall at THRESHOLD
    clean_recall: float
    distorted_recall: float
    auroc: float               # clean against distorted, by score
    type_accuracy: float       # nine-way
    calibration_error: float   # expected calibration error of the score, 10 bins
    mean_scores: dict          # Distortion → mean score

    @property
    def worst_distortion_score(self) -> float:
        """Highest mean score of any distortion."""
        return max((self.mean_scores[d] for d in DISTORTIONS if d in self.mean_scores),
                   default=float('nan'))


def versions(frame: np.ndarray, random_severities: bool, rng: np.random.Generator) -> Iterable:
    """Yield (distortion, severity, frame) for the clean frame and all its distorted versions."""
    yield Distortion.CLEAN, None, frame
    for distortion in DISTORTIONS:
        severity = rng.uniform(0.0, 1.0) if random_severities else None
        yield distortion, severity, distort(frame, distortion, severity, rng)


@torch.inference_mode()
def judge(network: QualityNetwork, sources: list, device: str = 'cpu', limit: int = 10**9,
          random_severities: bool = False, seed: int = 0) -> list:
    """
    Score the validation frames of all sources in all versions; returns a list of Verdict.

    limit: most frames per source, evenly chosen. Distortions apply to the frame after the default
    gain control.
    """
    verdicts = []
    for source in sources:
        chosen = source.validation[::max(1, -(-len(source.validation) // limit))]
        for index, frame in enumerate(chosen):
            rng = np.random.default_rng((seed, index))
            cases = list(versions(frame.to_8bit(), random_severities, rng))
            batch = torch.stack([network.prepare(image) for _, _, image in cases]).to(device)
            prediction = network(batch)
            types = _types(prediction, len(cases))
            verdicts += [
                Verdict(source.name, distortion, severity, float(score), predicted)
                for (distortion, severity, _), score, predicted
                in zip(cases, prediction.score.float().cpu(), types)]
    return verdicts


def _types(prediction, count):
    if prediction.type_logits is None:
        return [Distortion.UNKNOWN] * count
    return [CLASSES[index] for index in prediction.type_logits.argmax(1).tolist()]


def metrics(verdicts: list) -> Metrics:
    """Summarise verdicts."""
    scores = np.array([verdict.score for verdict in verdicts])
    clean = np.array([verdict.truth == Distortion.CLEAN for verdict in verdicts], bool)
    right_type = [verdict.truth == verdict.predicted for verdict in verdicts]
    clean_recall = _mean(scores[clean] >= THRESHOLD)
    distorted_recall = _mean(scores[~clean] < THRESHOLD)
    groups = {d: [v.score for v in verdicts if v.truth == d] for d in CLASSES}
    return Metrics(
        frames=len(verdicts),
        balanced_accuracy=(clean_recall + distorted_recall) / 2,
        clean_recall=clean_recall,
        distorted_recall=distorted_recall,
        auroc=auroc(scores[clean], scores[~clean]),
        type_accuracy=_mean(right_type),
        calibration_error=calibration_error(scores, clean),
        mean_scores={d: _mean(group) for d, group in groups.items() if group})


def metrics_by_source(verdicts: list) -> dict:
    """Source name → Metrics."""
    names = dict.fromkeys(verdict.source for verdict in verdicts)
    return {name: metrics([v for v in verdicts if v.source == name]) for name in names}


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else float('nan')


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    if not len(positive) or not len(negative):
        return float('nan')
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, 'left')
    not_above = np.searchsorted(ordered, positive, 'right')
    return float((below + not_above).mean() / (2 * len(ordered)))


def calibration_error(scores: np.ndarray, clean: np.ndarray, bins: int = 10) -> float:
    """
    Return the expected calibration error: |mean score - share of clean| over equal bins.

    Guo et al., On Calibration of Modern Neural Networks (ICML 2017). Clean and distorted frames
    count half each, as the score is trained to mean.
    """
    if clean.all() or not clean.any():
        return float('nan')
    weights = np.where(clean, 0.5 / clean.sum(), 0.5 / (~clean).sum())
    index = np.minimum((scores * bins).astype(int), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = index == number
        error += abs((weights * (scores - clean))[inside].sum())
    return float(error)
