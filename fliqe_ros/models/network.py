"""The interface that every architecture offers to the estimator and to the training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.registry import ARCHITECTURES
import numpy as np
import torch
from torch import nn, Tensor

EMBEDDING_SIZE = 128


class Prediction(NamedTuple):
    """What a network says of a batch of N frames."""

    #: (N, 128 or 256) float, unit length.
    embedding: Tensor
    #: (N,) float, logit of "distorted"; the quality score is ``1 - sigmoid(logit)``.
    logit: Tensor
    #: (N, types) float, the first ones of ``CLASSES``; None without a type head.
    type_logits: Tensor | None = None
    #: (N, h, w) float, ``logit`` of blocks of the frame, one every 32 px; None without a map.
    map_logits: Tensor | None = None

    @property
    def score(self) -> Tensor:
        """Return the (N,) quality score in [0, 1], higher is better."""
        return torch.sigmoid(-self.logit)


class QualityNetwork(nn.Module, ABC):
    """An encoder to unit embeddings with a binary head and, if it has one, a type head."""

    architecture: ClassVar[str]
    any_size: ClassVar[bool]       # whether it takes frames as large as they are
    has_map: ClassVar[bool]        # whether it tells where in the frame quality is bad
    first_convolution: ClassVar[str]  # name of the layer behind normalize; unpadded or mean 0
    normalize: nn.Module           # what gray levels, 0 to 255, go through first
    classifier: nn.Module
    type_head: nn.Module | None    # None where it tells no types by a head of its own
    metadata: dict[str, Any]       # what its checkpoint says about it

    @property
    def types(self) -> tuple[Distortion, ...]:
        """Return the types that it is to learn, clean first."""
        if self.type_head is None:
            return CLASSES
        *_, last = self.type_head.children()
        assert isinstance(last, nn.Linear)
        return CLASSES[:last.out_features]

    def preprocess(self, frame: np.ndarray) -> Tensor:
        """
        Turn one frame into the input of the network; see ``fliqe_ros.models.preprocessing``.

        :param frame: (H, W) gray or (H, W, 3) BGR, uint8.
        :return: (C, h, w) uint8, on the CPU.
        """
        return as_tensor(ARCHITECTURES[self.architecture].preprocess(frame))

    def levels(self, batch: Tensor) -> Tensor:
        """(N, C, h, w) uint8 → what the first convolution takes, in the precision of that."""
        weight = self.get_submodule(self.first_convolution).weight
        return self.normalize(batch.float()).to(weight.dtype)

    @abstractmethod
    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """
        Encode frames.

        :param batch: (N, C, h, w) uint8, prepared frames.
        :return: unit embeddings, and ``Prediction.map_logits``.
        """

    def logit(self, embedding: Tensor) -> Tensor:
        """Embeddings → ``Prediction.logit``."""
        return self.classifier(embedding).squeeze(1)

    def type_logits(self, embedding: Tensor) -> Tensor | None:
        """Embeddings → ``Prediction.type_logits``."""
        return self.type_head(embedding) if self.type_head else None

    @property
    def tells_types(self) -> bool:
        """Return whether it tells types."""
        return self.type_head is not None

    @property
    def heads(self) -> list[nn.Module]:
        """Return what judges embeddings and is fitted once they are learnt."""
        return [head for head in (self.classifier, self.type_head) if head is not None]

    @property
    def map_head(self) -> nn.Module | None:
        """Return what makes the quality map of frozen features; None if nothing is fitted so."""
        return None

    def forward(self, batch: Tensor) -> Prediction:
        """(N, C, h, w) uint8 batch of prepared frames → prediction."""
        embedding, map_logits = self.encode(batch)
        return Prediction(
            embedding, self.logit(embedding), self.type_logits(embedding), map_logits)


class Normalize(nn.Module):
    """Gray levels, float, minus ``mean`` and divided by ``scale``."""

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, levels: Tensor) -> Tensor:
        """Any shape → the same shape."""
        return (levels - self.mean) / self.scale


def as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor over the array's memory, or over a copy where torch cannot use that."""
    array = np.ascontiguousarray(array)
    # torch warns of tensors over read-only memory, such as that of a message
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def type_head(types: int, embedding_size: int = EMBEDDING_SIZE) -> nn.Sequential:
    """Embedding-64-types head."""
    return nn.Sequential(
        nn.Linear(embedding_size, 64), nn.ReLU(), nn.BatchNorm1d(64),
        nn.Linear(64, types))


def binary_head(embedding_size: int = EMBEDDING_SIZE) -> nn.Sequential:
    """Embedding-128-64-1 head: each hidden Linear followed by ReLU, then BatchNorm."""
    return nn.Sequential(
        nn.Linear(embedding_size, 128), nn.ReLU(), nn.BatchNorm1d(128),
        nn.Linear(128, 64), nn.ReLU(), nn.BatchNorm1d(64),
        nn.Linear(64, 1))
