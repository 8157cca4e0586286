"""How good methods are: all judge the same versions of frames that they have never seen."""

from fliqe_ros.model import QualityNetwork
from fliqe_ros.training.conditions import CONDITIONS
from fliqe_ros.training.metrics import metrics, metrics_by_source, Verdict
from fliqe_ros.training.raters import NetworkRater
import numpy as np
from tqdm import tqdm

__all__ = ['chosen_frames', 'judge', 'judge_all', 'metrics', 'metrics_by_source', 'Verdict']

ALL_FRAMES = 10**9


def judge(network: QualityNetwork, sources: list, device: str = 'cpu', limit: int = ALL_FRAMES,
          random_severities: bool = False, seed: int = 0) -> list:
    """
    Score the validation frames of all sources, clean and distorted; returns a list of Verdict.

    network: in evaluation mode, on ``device``. limit: most frames per source, evenly chosen.
    Distortions apply to the frame after the default gain control, at reference severities or
    random ones.
    """
    rater = NetworkRater(network.architecture, network, device)
    condition = 'random' if random_severities else 'reference'
    return judge_all([rater], sources, condition, limit, seed)[rater.name]


def judge_all(raters: list, sources: list, condition: str = 'reference', limit: int = ALL_FRAMES,
              seed: int = 0, progress: bool = False) -> dict:
    """
    Let every rater score the same versions of the validation frames.

    condition: a name in ``CONDITIONS``. Returns rater name → list of Verdict, in one order.
    """
    verdicts = {rater.name: [] for rater in raters}
    chosen = [(source.name, index, frame) for source in sources
              for index, frame in enumerate(chosen_frames(source.validation, limit))]
    for name, index, frame in tqdm(chosen, desc=condition, unit='frame', disable=not progress):
        rng = np.random.default_rng((seed, index))
        versions = list(CONDITIONS[condition](frame, rng))
        if not versions:
            continue
        images = [version.image for version in versions]
        for rater in raters:
            verdicts[rater.name] += _verdicts(rater.rate(images), versions, name, index)
    return verdicts


def chosen_frames(frames: list, limit: int) -> list:
    """At most ``limit`` of the frames, evenly chosen."""
    return frames[::max(1, -(-len(frames) // limit))]


def _verdicts(ratings, versions, source, index):
    embeddings = [None] * len(versions) if ratings.embeddings is None else ratings.embeddings
    return [
        Verdict(source, version.truth, version.severity, float(score), predicted, version.kind,
                index, embedding)
        for version, score, predicted, embedding
        in zip(versions, ratings.scores, ratings.types, embeddings)]
