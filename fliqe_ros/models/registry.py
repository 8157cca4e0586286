"""The architectures: the one place that knows which there are, and what belongs to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TYPE_CHECKING

from fliqe_ros.models.preprocessing import preprocess_resnet50, preprocess_thermal_s
import numpy as np

if TYPE_CHECKING:
    from fliqe_ros.models.network import QualityNetwork
    from fliqe_ros.models.tensor_preprocessing import TensorPreprocessing


@dataclass(frozen=True)
class Architecture:
    """
    An architecture and all that depends on it.

    What needs PyTorch is named as ``module:class`` and imported on first use.
    """

    name: str
    #: Turns a frame, (H, W) gray or (H, W, 3) BGR uint8, into what the network takes,
    #: (C, h, w) uint8.
    preprocess: Callable[[np.ndarray], np.ndarray]
    #: The class of the network.
    network: str
    #: The class that does gain control and ``preprocess`` on a GPU.
    gpu_preprocessing: str
    #: Whether it sees gray levels, not colours; what a palette coloured is turned back for it.
    reads_gray: bool = False
    #: Settings in which its training differs from ``training.config.TrainingConfig``, by name.
    training: Mapping[str, float] = field(default_factory=dict)

    def build(self) -> QualityNetwork:
        """Return a new network with random weights; imports PyTorch."""
        return _imported(self.network)()

    def tensor_preprocessing(self) -> type[TensorPreprocessing]:
        """Return the class of its preprocessing on a GPU; imports PyTorch."""
        return _imported(self.gpu_preprocessing)


def _imported(place: str) -> Any:
    module, _, name = place.partition(':')
    return getattr(import_module(module), name)


#: Name → architecture, the default first.
ARCHITECTURES = {architecture.name: architecture for architecture in (
    Architecture(
        'thermal_s', preprocess_thermal_s, 'fliqe_ros.models.thermal_s:ThermalS',
        'fliqe_ros.models.tensor_preprocessing:ThermalSPreprocessing', reads_gray=True,
        # Its heads are learnt with the encoder; fitted anew, they were worse.
        training={'contrastive_weight': 0.3, 'score_weight': 1.0, 'clean_share': 0.75,
                  'head_steps': 0}),
    Architecture(
        'thermal_s7', preprocess_thermal_s, 'fliqe_ros.models.thermal_s7:ThermalS7',
        'fliqe_ros.models.tensor_preprocessing:ThermalSPreprocessing', reads_gray=True),
    Architecture(
        'resnet50', preprocess_resnet50, 'fliqe_ros.models.resnet50:ResNet50',
        'fliqe_ros.models.tensor_preprocessing:ResNet50Preprocessing',
        # It sees frames shrunk to 224x224, so its views are nearly as large as frames; only its
        # projection learns.
        training={'epochs': 12, 'steps': 100, 'view_rows': 384, 'view_columns': 480,
                  'large_share': 0, 'contrastive_weight': 1.0, 'head_steps': 100}),
)}
DEFAULT_ARCHITECTURE = next(iter(ARCHITECTURES))
