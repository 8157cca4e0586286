"""Methods: whatever turns frames into scores, so that networks and rules compare alike."""

from __future__ import annotations

from collections.abc import Sequence
import statistics
import time
from typing import NamedTuple, Protocol

import cv2
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.preprocessing import group_indices
import numpy as np
import torch

#: Most frames in one forward pass, so that memory stays small.
MAX_BATCH_SIZE = 16


class Estimates(NamedTuple):
    """What a method says of N frames."""

    #: (N,) float64 in [0, 1], higher is cleaner.
    scores: np.ndarray
    #: N types; UNKNOWN if the method tells none.
    types: list[Distortion]
    #: (N, D) float32; None if the method has none.
    embeddings: np.ndarray | None = None


class Method(Protocol):
    """A method that can be evaluated."""

    name: str

    def estimate(self, frames: Sequence[np.ndarray]) -> Estimates:
        """
        Score frames.

        :param frames: of any size, each (H, W) uint8 gray or (H, W, 3) uint8 BGR.
        """


class NetworkMethod:
    """
    A FLIQE network.

    :param network: in evaluation mode, on ``device``.
    """

    def __init__(self, name: str, network: QualityNetwork, device: str = 'cpu') -> None:
        self.name, self.network, self.device = name, network, device

    @torch.inference_mode()
    def estimate(self, frames: Sequence[np.ndarray]) -> Estimates:
        """Score frames as ``fliqe_ros.FLIQE`` does; those of one input size share a pass."""
        inputs = [self.network.preprocess(frame) for frame in frames]
        scores, types = np.empty(len(frames)), [Distortion.UNKNOWN] * len(frames)
        embeddings: dict[int, np.ndarray] = {}
        for chosen in _batches(inputs):
            batch = torch.stack([inputs[index] for index in chosen])
            prediction = self.network(batch.to(self.device))
            scores[chosen] = prediction.score.double().cpu()
            embeddings.update(zip(chosen, prediction.embedding.float().cpu().numpy()))
            if prediction.type_logits is not None:
                for index, best in zip(chosen, prediction.type_logits.argmax(1).tolist()):
                    types[index] = CLASSES[best]
        return Estimates(scores, types, np.stack([embeddings[i] for i in range(len(frames))]))


def _batches(inputs: Sequence[torch.Tensor]) -> list[list[int]]:
    """Group the indices of tensors of one shape, at most ``MAX_BATCH_SIZE`` together."""
    return [group[start:start + MAX_BATCH_SIZE]
            for group in group_indices(tuple(tensor.shape) for tensor in inputs)
            for start in range(0, len(group), MAX_BATCH_SIZE)]


def milliseconds_per_frame(method: Method, frames: Sequence[np.ndarray]) -> float:
    """
    Return the median time of scoring one frame at a time, in one thread, after one to warm up.

    The time is that from the 8-bit frame to the score, with all that a method converts or resizes.

    :param frames: see ``Method.estimate``.
    :return: milliseconds.
    """
    torch_threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        method.estimate(frames[:1])
        times = []
        for frame in frames:
            began = time.perf_counter()
            method.estimate([frame])
            times.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv_threads)
    return 1000 * statistics.median(times)
