"""The architectures: the one place that knows which there are, and what belongs to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from fliqe_ros.models.preprocessing import preprocess_resnet50, preprocess_thermal_s
import numpy as np

if TYPE_CHECKING:
    from fliqe_ros.models.network import QualityNetwork


@dataclass(frozen=True)
class Architecture:
    """
    An architecture.

    ``preprocess`` turns a frame, (H, W) gray or (H, W, 3) BGR uint8, into what the network takes,
    (C, h, w) uint8. ``network`` is where its class is, as ``module:class``: it is imported only
    when it is asked for, since it needs PyTorch. ``training`` are the settings, by name, in which
    its training differs from the defaults of ``training.config.TrainingConfig``.
    """

    name: str
    preprocess: Callable[[np.ndarray], np.ndarray]
    network: str
    training: Mapping[str, float] = field(default_factory=dict)

    def build(self) -> QualityNetwork:
        """Return a new network with random weights; imports PyTorch."""
        module, _, name = self.network.partition(':')
        return getattr(import_module(module), name)()


#: Name → architecture, the default first.
ARCHITECTURES = {architecture.name: architecture for architecture in (
    Architecture('thermal_s', preprocess_thermal_s, 'fliqe_ros.models.thermal_s:ThermalS'),
    Architecture(
        'resnet50', preprocess_resnet50, 'fliqe_ros.models.resnet50:ResNet50',
        # It sees frames shrunk to 224x224, so its views are nearly as large as frames; only its
        # projection learns.
        {'epochs': 12, 'steps': 100, 'view_rows': 384, 'view_columns': 480, 'large_epochs': 0,
         'contrastive_weight': 1.0, 'head_steps': 100}),
)}
DEFAULT_ARCHITECTURE = next(iter(ARCHITECTURES))
