"""The reference network: a ResNet-50 encoder with a projection and a binary head."""

from __future__ import annotations

from typing import ClassVar

from fliqe_ros.models.network import (
    binary_head, EMBEDDING_SIZE, Normalize, QualityNetwork)
import torch
from torch import nn, Tensor
import torch.nn.functional as F
import torchvision


class PretrainedEncoder(nn.Module):
    """
    A frozen backbone → projection → 128-d unit embedding: the reference's recipe.

    The backbone is frozen for good: no gradients, and its BatchNorm statistics stay as they are
    in training mode too. Only the projection learns.

    :param backbone: (N, 3, 224, 224) → (N, width).
    """

    def __init__(self, backbone: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = backbone.requires_grad_(False)
        widths = (width, 1024, 512, 256, EMBEDDING_SIZE)
        layers = []
        for width_in, width_out in zip(widths, widths[1:]):
            layers += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.ReLU()]
        self.projection_head = nn.Sequential(*layers[:-2])

    def train(self, mode: bool = True) -> PretrainedEncoder:
        """Set the mode of the projection; the backbone stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def features(self, image: Tensor) -> Tensor:
        """Normalised images → (N, width), what the backbone sees."""
        with torch.no_grad():  # nothing to learn below, so nothing to keep for it
            return self.encoder(image).float()

    def project(self, features: Tensor) -> Tensor:
        """(N, width) → (N, 128)."""
        return F.normalize(self.projection_head(features), dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised images → (N, 128)."""
        return self.project(self.features(image))


class ResNet50Encoder(PretrainedEncoder):
    """torchvision's ResNet-50 without classifier; takes (N, 3, 224, 224) RGB in [0, 1]."""

    def __init__(self) -> None:
        backbone = torchvision.models.resnet50(weights=None)
        backbone.fc = nn.Identity()
        super().__init__(backbone, 2048)


class ResNet50(QualityNetwork):
    """
    The published FLIQE network; loads its checkpoints unchanged.

    Attribute names are those of the published state dict: ``iqa_encoder.encoder.*``,
    ``iqa_encoder.projection_head.N.*``, ``classifier.N.*``. It has neither type head nor map.
    """

    architecture: ClassVar[str] = 'resnet50'
    any_size: ClassVar[bool] = False
    has_map: ClassVar[bool] = False
    first_convolution: ClassVar[str] = 'iqa_encoder.encoder.conv1'

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize(0.0, 255.0)
        self.iqa_encoder = ResNet50Encoder()
        self.classifier = binary_head()
        self.type_head = None

    def encode(self, batch: Tensor) -> tuple[Tensor, None]:
        """(N, 3, 224, 224) uint8 RGB → (N, 128) unit embeddings, and no map."""
        return self.iqa_encoder(self.levels(batch)), None
