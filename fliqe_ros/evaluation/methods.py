"""Raters: whatever turns frames into scores, so that networks and rules are judged alike."""

import statistics
import time
from typing import NamedTuple, Optional, Protocol

import cv2
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.network import QualityNetwork
import numpy as np
import torch

#: Frames in one forward pass, so that memory stays small.
MOST_AT_ONCE = 16


class Estimates(NamedTuple):
    """
    What a method says of N frames.

    scores: (N,) float64 in [0, 1], higher is cleaner. types: N Distortions, UNKNOWN where it tells
    none. embeddings: (N, D) float32, or None.
    """

    scores: np.ndarray
    types: list
    embeddings: Optional[np.ndarray] = None


class Method(Protocol):
    """A method to be judged."""

    name: str

    def estimate(self, frames: list) -> Estimates:
        """Rate frames of any size, each (H, W) uint8 gray or (H, W, 3) uint8 BGR."""


class NetworkMethod:
    """A FLIQE network, which must be in evaluation mode and on ``device``."""

    def __init__(self, name: str, network: QualityNetwork, device: str = 'cpu'):
        self.name, self.network, self.device = name, network, device

    @torch.inference_mode()
    def estimate(self, frames: list) -> Estimates:
        """Rate frames as ``fliqe_ros.FLIQE`` does; those of one input size share a pass."""
        inputs = [self.network.preprocess(frame) for frame in frames]
        scores, types, embeddings = np.empty(len(frames)), [Distortion.UNKNOWN] * len(frames), {}
        for chosen in _batches([tuple(tensor.shape) for tensor in inputs]):
            batch = torch.stack([inputs[index] for index in chosen])
            prediction = self.network(batch.to(self.device))
            scores[chosen] = prediction.score.double().cpu()
            embeddings.update(zip(chosen, prediction.embedding.float().cpu().numpy()))
            if prediction.type_logits is not None:
                for index, best in zip(chosen, prediction.type_logits.argmax(1).tolist()):
                    types[index] = CLASSES[best]
        return Estimates(scores, types, np.stack([embeddings[i] for i in range(len(frames))]))


def _batches(shapes):
    """Put indices of equal shapes together, at most ``MOST_AT_ONCE``."""
    groups = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(index)
    return [group[start:start + MOST_AT_ONCE] for group in groups.values()
            for start in range(0, len(group), MOST_AT_ONCE)]


def milliseconds_per_frame(method: Method, frames: list) -> float:
    """
    Median time of rating one frame at a time, in one thread, after a frame to warm up.

    From the 8-bit frame to the score: what a method converts or resizes counts.
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
