"""Evaluation of methods: all score the same versions of frames that they have never seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from fliqe_ros.data.sources import Source
from fliqe_ros.evaluation.methods import Estimates, Method, NetworkMethod
from fliqe_ros.evaluation.metrics import EvaluationRecord
from fliqe_ros.evaluation.protocols import PROTOCOLS, Version
from fliqe_ros.models.network import QualityNetwork
import numpy as np
from tqdm import tqdm

#: A limit that leaves no frame out.
ALL_FRAMES = 10**9

T = TypeVar('T')


def evaluate_network(network: QualityNetwork, sources: Sequence[Source], device: str = 'cpu',
                     limit: int = ALL_FRAMES, seed: int = 0) -> list[EvaluationRecord]:
    """
    Score the validation frames of all sources, clean and distorted.

    The frames are distorted after the default gain control, at reference severities.

    :param network: in evaluation mode, on ``device``.
    :param limit: most frames per source, evenly chosen.
    """
    method = NetworkMethod(network.architecture, network, device)
    return evaluate_methods([method], sources, 'reference', limit, seed)[method.name]


def evaluate_methods(methods: Sequence[Method], sources: Sequence[Source],
                     protocol: str = 'reference', limit: int = ALL_FRAMES, seed: int = 0,
                     progress: bool = False) -> dict[str, list[EvaluationRecord]]:
    """
    Let every method score the same versions of the validation frames.

    :param protocol: a name in ``PROTOCOLS``.
    :param limit: most frames per source, evenly chosen.
    :param progress: show a progress bar on standard error.
    :return: method name → records, in the same order for every method.
    """
    records: dict[str, list[EvaluationRecord]] = {method.name: [] for method in methods}
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


def chosen_frames(frames: Sequence[T], limit: int) -> Sequence[T]:
    """Return at most ``limit`` of the frames, evenly chosen."""
    return frames[::max(1, -(-len(frames) // limit))]


def _records(estimates: Estimates, versions: Sequence[Version], source: str,
             index: int) -> list[EvaluationRecord]:
    embeddings = [None] * len(versions) if estimates.embeddings is None else estimates.embeddings
    return [
        EvaluationRecord(source, version.truth, version.severity, float(score), predicted,
                         version.kind, index, embedding)
        for version, score, predicted, embedding
        in zip(versions, estimates.scores, estimates.types, embeddings)]
