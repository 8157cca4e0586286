"""Metrics of a set of records: detection, types, calibration, rank correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
    severity: float | None  #: 0 (mild) to 1 (strong); None is the reference severity
    score: float            #: 0 (distorted) to 1 (clean)
    predicted: Distortion   #: UNKNOWN if the method tells no types
    kind: str = ''          #: kind of version: a distortion, an artifact, a palette
    frame: int = 0          #: number of the frame among the evaluated ones of its source
    #: (D,) float32; None if the method has none
    embedding: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Metrics:
    """
    Metrics of a set of records, each in [0, 1]; NaN if there are no frames to compute it from.

    The positive class is "distorted": precision, recall and F1 are those of finding distorted
    frames.
    """

    frames: int                #: number of versions of frames
    accuracy: float            #: at ``THRESHOLD``, like the next six
    balanced_accuracy: float   #: mean of clean recall and distorted recall
    precision: float
    distorted_recall: float
    f1: float
    clean_recall: float
    false_alarms: float        #: 1 - clean recall
    auroc: float               #: clean against distorted, by score
    type_accuracy: float       #: over all classes; NaN for a method without types
    calibration_error: float   #: expected calibration error of the score, 10 bins
    mean_scores: dict[Distortion, float]  #: only types that occur


def metrics(records: Sequence[EvaluationRecord]) -> Metrics:
    """Return the metrics of records."""
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


def metrics_by_source(records: Sequence[EvaluationRecord]) -> dict[str, Metrics]:
    """Return source name → metrics, in the order of appearance."""
    names = dict.fromkeys(record.source for record in records)
    return {name: metrics([v for v in records if v.source == name]) for name in names}


def metrics_by_kind(records: Sequence[EvaluationRecord]) -> dict[str, Metrics]:
    """
    Return kind of version → metrics, in the order of appearance.

    The distorted versions of a kind are compared with its own clean versions (a palette), or, if
    it has none (a distortion, an artifact), with all clean versions.
    """
    kinds: dict[str, list[EvaluationRecord]] = {}
    for record in records:
        kinds.setdefault(record.kind, []).append(record)
    clean = [v for v in records if v.truth == Distortion.CLEAN]
    complete = {
        kind: group if any(v.truth == Distortion.CLEAN for v in group) else clean + group
        for kind, group in kinds.items()}
    return {kind: metrics(group) for kind, group in complete.items()
            if any(v.truth != Distortion.CLEAN for v in group)}


def worst_first(by_source: dict[str, Metrics]) -> dict[str, Metrics]:
    """Sort sources by false alarms, most first; sources without clean frames come last."""
    def key(name: str) -> float:
        alarms = by_source[name].false_alarms
        return np.inf if np.isnan(alarms) else -alarms
    return {name: by_source[name] for name in sorted(by_source, key=key)}


def scores_and_truth(records: Sequence[EvaluationRecord]) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores, (N,) float64, and whether each frame is clean, (N,) bool."""
    scores = np.array([record.score for record in records], np.float64)
    clean = np.array([record.truth == Distortion.CLEAN for record in records], bool)
    return scores, clean


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Return the probability that a positive scores above a negative; ties count half."""
    if not len(positive) or not len(negative):
        return float('nan')
    scores = np.concatenate([positive, negative])
    return float(roc_auc_score(np.arange(len(scores)) < len(positive), scores))


def roc(scores: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the points of the ROC curve from (0, 0) to (1, 1), one for every distinct score.

    :param scores: (N,) float.
    :param clean: (N,) bool; both values must occur.
    :return: share of the clean frames and share of the distorted frames that are called distorted,
        as the threshold rises; both float64 of the same length.
    """
    alarms, hits, _ = roc_curve(~clean, -scores, drop_intermediate=False)
    return alarms, hits


class Bin(NamedTuple):
    """Frames of similar scores."""

    mean_score: float
    clean_share: float  #: share of clean frames among them
    weight: float       #: their share of all frames


def reliability(scores: np.ndarray, clean: np.ndarray, bins: int = 10) -> list[Bin]:
    """
    Sort frames by score into bins of equal width from 0 to 1.

    All clean frames together weigh as much as all distorted ones, because the score is trained to
    be the probability of "clean" at even odds.

    :param scores: (N,) float.
    :param clean: (N,) bool.
    :return: the bins that are not empty; none at all if every frame is clean or every one is
        distorted.
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
    Return the expected calibration error: the mean of ``|mean score - share of clean|`` over bins.

    Guo et al., On Calibration of Modern Neural Networks (ICML 2017). Bins and weights are those of
    ``reliability``.
    """
    found = reliability(scores, clean, bins)
    if not found:
        return float('nan')
    return sum(each.weight * abs(each.mean_score - each.clean_share) for each in found)


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; NaN if one is constant."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float('nan')
    return float(spearmanr(first, second)[0])


def severity_correlations(records: Sequence[EvaluationRecord]) -> dict[Distortion, float]:
    """
    Return distortion → Spearman's rank correlation of score and severity; the best is -1.

    It is taken over all records of the distortion that have a severity and over all clean ones,
    which rank below severity 0.
    """
    clean = [(-1.0, v.score) for v in records if v.truth == Distortion.CLEAN]
    found: dict[Distortion, float] = {}
    for distortion in DISTORTIONS:
        graded = [(v.severity, v.score) for v in records
                  if v.truth == distortion and v.severity is not None]
        if graded:
            found[distortion] = spearman(*np.array(clean + graded).T)
    return found


def confusion(records: Sequence[EvaluationRecord]) -> np.ndarray:
    """Return (13, 13) int counts: row true type, column predicted type, ordered as ``CLASSES``."""
    typed = [(record.truth, record.predicted) for record in records
             if record.predicted in CLASSES]
    if not typed:
        return np.zeros((len(CLASSES), len(CLASSES)), int)
    return confusion_matrix(*zip(*typed), labels=CLASSES)


def _mean(values: np.ndarray | Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float('nan')


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float('nan')
