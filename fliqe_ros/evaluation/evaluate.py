"""How good methods are: all judge the same versions of frames that they have never seen."""

from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.evaluation.metrics import EvaluationRecord
from fliqe_ros.evaluation.protocols import PROTOCOLS
from fliqe_ros.models.network import QualityNetwork
import numpy as np
from tqdm import tqdm

ALL_FRAMES = 10**9


def evaluate_network(network: QualityNetwork, sources: list, device: str = 'cpu',
                     limit: int = ALL_FRAMES, seed: int = 0) -> list:
    """
    Score the validation frames of all sources, clean and distorted.

    network: in evaluation mode, on ``device``. limit: most frames per source, evenly chosen.
    Distortions apply to the frame after the default gain control, at reference severities.
    Returns a list of EvaluationRecord.
    """
    method = NetworkMethod(network.architecture, network, device)
    return evaluate_methods([method], sources, 'reference', limit, seed)[method.name]


def evaluate_methods(methods: list, sources: list, protocol: str = 'reference',
                     limit: int = ALL_FRAMES, seed: int = 0, progress: bool = False) -> dict:
    """
    Let every method score the same versions of the validation frames.

    protocol: a name in ``PROTOCOLS``. Returns method name → list of EvaluationRecord, in one
    order.
    """
    records = {method.name: [] for method in methods}
    chosen = [(source.name, index, frame) for source in sources
              for index, frame in enumerate(chosen_frames(source.validation, limit))]
    for name, index, frame in tqdm(chosen, desc=protocol, unit='frame', disable=not progress):
        rng = np.random.default_rng((seed, index))
        versions = list(PROTOCOLS[protocol](frame, rng))
        if not versions:
            continue
        images = [version.image for version in versions]
        for method in methods:
            records[method.name] += _records(method.estimate(images), versions, name, index)
    return records


def chosen_frames(frames: list, limit: int) -> list:
    """At most ``limit`` of the frames, evenly chosen."""
    return frames[::max(1, -(-len(frames) // limit))]


def _records(estimates, versions, source, index):
    embeddings = [None] * len(versions) if estimates.embeddings is None else estimates.embeddings
    return [
        EvaluationRecord(source, version.truth, version.severity, float(score), predicted,
                         version.kind, index, embedding)
        for version, score, predicted, embedding
        in zip(versions, estimates.scores, estimates.types, embeddings)]
