"""What every backend offers: a loaded model that turns prepared frames into scores."""

from typing import NamedTuple, Optional, Protocol, Sequence

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.models.registry import ARCHITECTURES
import numpy as np

TORCH, ONNXRUNTIME = 'torch', 'onnxruntime'
BACKENDS = ('auto', TORCH, ONNXRUNTIME)
PRECISIONS = ('auto', 'float32', 'float16', 'bfloat16')


class Outputs(NamedTuple):
    """What a model says of N frames; every number is in [0, 1]."""

    scores: np.ndarray                            #: (N,) float32, higher is better
    probabilities: Optional[np.ndarray] = None    #: (N, 9) float32; None without a type head
    quality_maps: Optional[np.ndarray] = None     #: (N, h, w) float32; None if not wanted or none


class Backend(Protocol):
    """A loaded model."""

    name: str          #: ``torch`` or ``onnxruntime``
    architecture: str
    metadata: dict
    device: str        #: ``cpu`` or ``cuda:N``
    precision: str     #: ``float32``, ``float16`` or ``bfloat16``
    threads: int       #: CPU threads that inference uses at most

    @property
    def gpu_memory_bytes(self) -> int:
        """Memory this process holds on the GPU; 0 on the CPU."""

    def prepare(self, frame: np.ndarray, gain: GainControl) -> Prepared:
        """
        Do what is to be done on the CPU for one frame.

        :param frame: (H, W) uint8, uint16 or float, or (H, W, 3) uint8 BGR.
        :raises FrameError: if gain control cannot be had of it.
        """

    def predict(self, frames: Sequence[Prepared], maps: bool = True) -> Outputs:
        """
        Score frames of one kind in one forward pass.

        :param maps: whether quality maps are wanted; they take a sixth of the time.
        """

    def release(self) -> None:
        """Let go of the model and of the GPU memory it held; ``predict`` is over."""


def prepare(architecture: str, frame: np.ndarray, gain: GainControl) -> Prepared:
    """Do gain control and what the architecture asks for. Raises FrameError."""
    return Prepared(ARCHITECTURES[architecture].preprocess(gain(frame)))
