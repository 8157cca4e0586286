"""Figures of a set of records: detection, types, calibration, order."""

from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

#: A frame scoring below this is called distorted.
THRESHOLD = 0.5


@dataclass(frozen=True)
class EvaluationRecord:
    """What a method said of one version of one frame."""

    source: str
    truth: Distortion
    severity: Optional[float]  # None is the reference severity
    score: float               # 0 (distorted) to 1 (clean)
    predicted: Distortion      # UNKNOWN where a method tells no types
    kind: str = ''             # of version: a distortion, a trouble, a palette
    frame: int = 0             # number of the frame among those judged of its source
    embedding: Optional[np.ndarray] = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Metrics:
    """
    Figures of a set of records; every share in [0, 1], NaN where it has no frames.

    The positive class is "distorted": precision, recall and F1 are those of finding distorted
    frames among ``frames`` versions of frames.
    """

    frames: int
    accuracy: float            # at THRESHOLD, like the next six
    balanced_accuracy: float   # mean of clean recall and distorted recall
    precision: float
    distorted_recall: float
    f1: float
    clean_recall: float
    false_alarms: float        # 1 - clean recall
    auroc: float               # clean against distorted, by score
    type_accuracy: float       # nine-way; NaN for a method without types
    calibration_error: float   # expected calibration error of the score, 10 bins
    mean_scores: dict          # Distortion → mean score


def metrics(records: list) -> Metrics:
    """Summarise records."""
    scores, clean = scores_and_truth(records)
    called = scores < THRESHOLD
    hits, alarms, misses = (int(np.sum(chosen)) for chosen in (
        called & ~clean, called & clean, ~called & ~clean))
    clean_recall, distorted_recall = _mean(~called[clean]), _mean(called[~clean])
    right_type = [v.truth == v.predicted for v in records if v.predicted != Distortion.UNKNOWN]
    groups = {d: [v.score for v in records if v.truth == d] for d in CLASSES}
    return Metrics(
        frames=len(records),
        accuracy=_mean(called != clean),
        balanced_accuracy=(clean_recall + distorted_recall) / 2,
        precision=_share(hits, hits + alarms),
        distorted_recall=distorted_recall,
        f1=_share(2 * hits, 2 * hits + alarms + misses),
        clean_recall=clean_recall,
        false_alarms=1 - clean_recall,
        auroc=auroc(scores[clean], scores[~clean]),
        type_accuracy=_mean(right_type),
        calibration_error=calibration_error(scores, clean),
        mean_scores={d: _mean(group) for d, group in groups.items() if group})


def metrics_by_source(records: list) -> dict:
    """Source name → Metrics, in the order of appearance."""
    names = dict.fromkeys(record.source for record in records)
    return {name: metrics([v for v in records if v.source == name]) for name in names}


def metrics_by_kind(records: list) -> dict:
    """
    Kind of version → Metrics, in the order of appearance.

    A kind without clean versions of its own (a distortion, a trouble) is held against all clean
    ones; a kind with some (a palette) against those.
    """
    kinds = {}
    for record in records:
        kinds.setdefault(record.kind, []).append(record)
    clean = [v for v in records if v.truth == Distortion.CLEAN]
    complete = {
        kind: group if any(v.truth == Distortion.CLEAN for v in group) else clean + group
        for kind, group in kinds.items()}
    return {kind: metrics(group) for kind, group in complete.items()
            if any(v.truth != Distortion.CLEAN for v in group)}


def worst_first(by_source: dict) -> dict:
    """Order source → Metrics by false alarms, most in front; sources without clean ones last."""
    def key(name):
        alarms = by_source[name].false_alarms
        return np.inf if np.isnan(alarms) else -alarms
    return {name: by_source[name] for name in sorted(by_source, key=key)}


def scores_and_truth(records: list) -> tuple:
    """Scores, (N,) float64, and whether each frame is clean, (N,) bool."""
    scores = np.array([record.score for record in records], np.float64)
    clean = np.array([record.truth == Distortion.CLEAN for record in records], bool)
    return scores, clean


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    if not len(positive) or not len(negative):
        return float('nan')
    scores = np.concatenate([positive, negative])
    return float(roc_auc_score(np.arange(len(scores)) < len(positive), scores))


def roc(scores: np.ndarray, clean: np.ndarray) -> tuple:
    """
    Points of the ROC curve from (0, 0) to (1, 1), one for every distinct score.

    Returns the share of clean frames called distorted and that of distorted frames called so,
    as the threshold rises; both float64 of one length. Both kinds of frames must be there.
    """
    alarms, hits, _ = roc_curve(~clean, -scores, drop_intermediate=False)
    return alarms, hits


class Bin(NamedTuple):
    """Frames of similar scores: mean score, share of clean among them, their share of all."""

    mean_score: float
    clean_share: float
    weight: float


def reliability(scores: np.ndarray, clean: np.ndarray, bins: int = 10) -> list:
    """
    Sort frames into equal bins of [0, 1] by score; returns a Bin for each that is not empty.

    Clean and distorted frames count half each, as the score is trained to mean; so there is none
    where either kind is missing.
    """
    if clean.all() or not clean.any():
        return []
    weights = np.where(clean, 0.5 / clean.sum(), 0.5 / (~clean).sum())
    index = np.minimum((scores * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        inside = index == number
        weight = weights[inside].sum()
        if weight > 0:
            found.append(Bin(float(np.average(scores[inside], weights=weights[inside])),
                             float(np.average(clean[inside], weights=weights[inside])),
                             float(weight)))
    return found


def calibration_error(scores: np.ndarray, clean: np.ndarray, bins: int = 10) -> float:
    """
    Return the expected calibration error: |mean score - share of clean| over equal bins.

    Guo et al., On Calibration of Modern Neural Networks (ICML 2017); weights as in
    ``reliability``.
    """
    found = reliability(scores, clean, bins)
    if not found:
        return float('nan')
    return sum(each.weight * abs(each.mean_score - each.clean_share) for each in found)


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank; NaN if one is flat."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float('nan')
    return float(spearmanr(first, second)[0])


def severity_correlations(records: list) -> dict:
    """
    Distortion → Spearman correlation of score and severity, best -1.

    Taken over all records of the type that have a severity, with the clean frames below severity
    0.
    """
    clean = [(-1.0, v.score) for v in records if v.truth == Distortion.CLEAN]
    found = {}
    for distortion in DISTORTIONS:
        graded = [(v.severity, v.score) for v in records
                  if v.truth == distortion and v.severity is not None]
        if graded:
            found[distortion] = spearman(*np.array(clean + graded).T)
    return found


def confusion(records: list) -> np.ndarray:
    """(9, 9) int counts: rows the truth, columns the type seen, in the order of ``CLASSES``."""
    typed = [(record.truth, record.predicted) for record in records
             if record.predicted in CLASSES]
    if not typed:
        return np.zeros((len(CLASSES), len(CLASSES)), int)
    return confusion_matrix(*zip(*typed), labels=CLASSES)


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else float('nan')


def _share(part, whole) -> float:
    return part / whole if whole else float('nan')
