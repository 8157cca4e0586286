"""Networks that score thermal frames, and their checkpoints. Torch only, no ROS."""

from fliqe_ros.model.checkpoint import (
    load_backbone, load_encoder, load_model, save_checkpoint)
from fliqe_ros.model.network import Prediction, QualityNetwork
from fliqe_ros.model.resnet50 import ResNet50
from fliqe_ros.model.thermal_s import ThermalS
from fliqe_ros.model_files import CheckpointError, DEFAULT_MODEL

__all__ = [
    'CheckpointError', 'DEFAULT_MODEL', 'Prediction', 'QualityNetwork', 'ResNet50', 'ThermalS',
    'load_backbone', 'load_encoder', 'load_model', 'save_checkpoint',
]
