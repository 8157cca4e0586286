"""
thermal_s: a small fully convolutional network on the native-resolution gray frame.

Noise, aliasing, compression blocks and slight blur live in single pixels and vanish when a frame
is resized, so the frame is never resized. The convolutions are unpadded: padding would draw an
edge around the frame that looks sharp, and the smaller the frame the more it would weigh.
"""

from typing import ClassVar

import cv2
from fliqe_ros.distortion import CLASSES
from fliqe_ros.model.network import binary_head, EMBEDDING_SIZE, Prediction, QualityNetwork
import numpy as np
import torch
from torch import nn, Tensor
import torch.nn.functional as F

#: Frames narrower or lower than this are padded by reflection; one feature cell spans 16 px.
MIN_SIDE = 128
#: Side and stride, in feature cells, of the windows of the quality map (128 px every 32 px).
MAP_WINDOW, MAP_STRIDE = 8, 2


def _conv(channels_in: int, channels_out: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, bias=False),
        nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


class ThermalS(QualityNetwork):
    """
    Texture statistics → 128-d unit embedding → binary head, type head and quality map.

    The embedding is computed from mean and standard deviation of each feature channel: over the
    whole frame for score and type, over windows of it for the map. Under 0.5 M parameters.
    """

    architecture: ClassVar[str] = 'thermal_s'

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(   # 1 x H x W
            _conv(1, 16, 2, size=5),     # 16 x H/2
            _conv(16, 24, 2),            # 24 x H/4
            _conv(24, 24),
            _conv(24, 48, 2),            # 48 x H/8
            _conv(48, 48),
            _conv(48, 96, 2),            # 96 x H/16
            _conv(96, 128))              # 128 x H/16
        self.projection = nn.Sequential(
            nn.Linear(256, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, EMBEDDING_SIZE))
        self.classifier = binary_head()
        self.type_head = nn.Sequential(
            nn.Linear(EMBEDDING_SIZE, 64), nn.ReLU(), nn.BatchNorm1d(64),
            nn.Linear(64, len(CLASSES)))

    def prepare(self, frame: np.ndarray) -> Tensor:
        """Gray frame as a (1, H, W) tensor; sides under 128 px are padded by reflection."""
        gray = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        pad_h, pad_w = (max(0, MIN_SIDE - side) for side in gray.shape)
        if pad_h or pad_w:
            gray = cv2.copyMakeBorder(gray, pad_h // 2, pad_h - pad_h // 2,
                                      pad_w // 2, pad_w - pad_w // 2, cv2.BORDER_REFLECT_101)
        if not gray.flags.writeable:  # torch warns of tensors over read-only message buffers
            gray = gray.copy()
        return torch.from_numpy(np.ascontiguousarray(gray)).unsqueeze(0)

    def feature_map(self, batch: Tensor) -> Tensor:
        """(N, 1, H, W) uint8 → (N, 128, h, w) features, one cell every 16 px."""
        return self.features((batch.float() - 115.0) / 64.0)

    def embed(self, mean: Tensor, mean_of_squares: Tensor) -> Tensor:
        """Channel statistics (N, 128) each → (N, 128) unit embeddings."""
        deviation = (mean_of_squares - mean.square()).clamp_min(0.0).add(1e-4).sqrt()
        return F.normalize(self.projection(torch.cat((mean, deviation), dim=1)), dim=1)

    def embed_frame(self, features: Tensor) -> Tensor:
        """(N, 128, h, w) features → (N, 128) embeddings of whole frames."""
        return self.embed(features.mean((2, 3)), features.square().mean((2, 3)))

    def embed_windows(self, features: Tensor) -> Tensor:
        """(N, 128, h, w) features → (N, 128, rows, columns) embeddings of windows."""
        window = (min(MAP_WINDOW, features.shape[2]), min(MAP_WINDOW, features.shape[3]))
        mean = F.avg_pool2d(features, window, MAP_STRIDE)
        squares = F.avg_pool2d(features.square(), window, MAP_STRIDE)
        count, _, rows, columns = mean.shape
        flat = [x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in (mean, squares)]
        return self.embed(*flat).reshape(count, rows, columns, -1).permute(0, 3, 1, 2)

    def encode(self, batch: Tensor) -> Tensor:
        """(N, 1, H, W) uint8 → (N, 128) unit embeddings."""
        return self.embed_frame(self.feature_map(batch))

    def encode_views(self, batch: Tensor) -> list:
        """Embed whole frames, and one corner of them, so that windows score as frames do."""
        features = self.feature_map(batch)
        rows, columns = (max(4, round(0.65 * side)) for side in features.shape[2:])
        corners = [features[:, :, vertical, horizontal]
                   for vertical in (slice(None, rows), slice(-rows, None))
                   for horizontal in (slice(None, columns), slice(-columns, None))]
        part = corners[int(torch.randint(4, ()))]
        return [self.embed_frame(features), self.embed_frame(part)]

    def forward(self, batch: Tensor) -> Prediction:
        """(N, 1, H, W) uint8 → prediction with types and map."""
        features = self.feature_map(batch)
        embedding = self.embed_frame(features)
        windows = self.embed_windows(features)
        count, _, rows, columns = windows.shape
        flat = windows.permute(0, 2, 3, 1).reshape(-1, EMBEDDING_SIZE)
        return Prediction(
            embedding=embedding,
            logit=self.classifier(embedding).squeeze(1),
            type_logits=self.type_head(embedding),
            map_logits=self.classifier(flat).reshape(count, rows, columns))
