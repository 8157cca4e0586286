"""What every backend offers: a loaded model that turns prepared frames into scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
import re
from typing import Any, ClassVar, NamedTuple

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.models.registry import ARCHITECTURES
import numpy as np

TORCH, ONNXRUNTIME = 'torch', 'onnxruntime'
BACKENDS = ('auto', TORCH, ONNXRUNTIME)
PRECISIONS = ('auto', 'float32', 'float16', 'bfloat16')
DEVICES = 'auto, cpu, cuda, cuda:N'


def is_device(name: str) -> bool:
    """Tell whether a name is one of ``DEVICES``; the device need not exist."""
    return re.fullmatch(r'auto|cpu|cuda(:\d+)?', name) is not None


class Outputs(NamedTuple):
    """What a model says of N frames; every number is in [0, 1]."""

    #: (N,) float32, higher is better.
    scores: np.ndarray
    #: (N, types) float32, the first ones of ``CLASSES``; None without a type head.
    probabilities: np.ndarray | None = None
    #: (N, h, w) float32; None if the model has none.
    quality_maps: np.ndarray | None = None


class Backend(ABC):
    """A loaded model."""

    #: ``torch`` or ``onnxruntime``.
    name: ClassVar[str]
    #: Frames in one forward pass at most: memory grows with each. The node's batches of 4 frames
    #: (16 on a GPU) stay whole. On a CPU larger batches gain nothing.
    largest_batch: ClassVar[int] = 8

    #: Name of the architecture in ``models.registry``.
    architecture: str
    #: What the model file says about the model.
    metadata: dict[str, Any]
    #: ``float32``, ``float16`` or ``bfloat16``.
    precision: str
    #: CPU threads that inference uses at most.
    threads: int

    @property
    def device(self) -> str:
        """Return ``cpu`` or ``cuda:N``."""
        return 'cpu'

    @property
    def gpu_memory_bytes(self) -> int:
        """Return the memory that this process holds on the GPU; 0 on the CPU."""
        return 0

    def prepare(self, frame: np.ndarray, gain: GainControl) -> Prepared:
        """
        Do the CPU's part of the work on one frame: gain control and preprocessing.

        :param frame: (H, W) uint8, uint16 or float, or (H, W, 3) uint8 BGR.
        :raises FrameError: if gain control refuses the frame.
        """
        return Prepared(ARCHITECTURES[self.architecture].preprocess(gain(frame)))

    def predict(self, frames: Sequence[Prepared]) -> Outputs:
        """
        Score any number of frames, at most ``largest_batch`` in one forward pass.

        :param frames: at least one; all have the same ``batch_key``.
        """
        parts = [self._predict(frames[start:start + self.largest_batch])
                 for start in range(0, len(frames), self.largest_batch)]
        if len(parts) == 1:
            return parts[0]
        fields: list[Any] = [None if field[0] is None else np.concatenate(field)
                             for field in zip(*parts)]
        return Outputs(*fields)

    @abstractmethod
    def _predict(self, frames: Sequence[Prepared]) -> Outputs:
        """Score frames of one ``batch_key`` in one forward pass."""

    @abstractmethod
    def release(self) -> None:
        """Let go of the model and of the GPU memory it held; nothing can be scored any more."""
