"""Gain control and preprocessing of batches of frames, on tensors: what GPUs do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from fliqe_ros.imaging.gain_control import FULL_STATISTICS_PIXELS, GainControl, STRIDE
from fliqe_ros.models.preprocessing import INPUT_SIZE, MIN_SIDE
import numpy as np
from PIL import Image
import torch
from torch import Tensor

# Pillow 9.0 has no Image.Resampling; its annotations do not name the constant.
_BILINEAR = Image.BILINEAR  # type: ignore[attr-defined]

# PIL resizes with weights that are whole numbers of 22 bits.
_HALF_BITS = 11


class TensorPreprocessing(ABC):
    """
    Gives batches of frames of one shape the values that the CPU's preprocessing gives.

    :param shape: (H, W), or (H, W, 3) for colours.
    :param gain: gain control for frames of 16 bits.
    :param device: where the frames are.
    """

    def __init__(self, shape: tuple[int, ...], gain: GainControl, device: torch.device) -> None:
        self._gain = gain

    @staticmethod
    @abstractmethod
    def accepts(frame: np.ndarray) -> bool:
        """Tell whether such frames can be preprocessed here; the CPU has to do the rest."""

    def __call__(self, frames: Tensor) -> Tensor:
        """
        Return what the network takes, (N, C, h, w) uint8.

        :param frames: (N, H, W) or (N, H, W, 3): uint8, gray or BGR, or int16 with the bits of
            uint16.
        """
        return self._preprocess(
            stretch(frames, self._gain) if frames.dtype == torch.int16 else frames)

    @abstractmethod
    def _preprocess(self, frames: Tensor) -> Tensor:
        """Return what the network takes, (N, C, h, w) uint8, from uint8 frames."""


class ThermalSPreprocessing(TensorPreprocessing):
    """Preprocessing for thermal_s: ``preprocess_thermal_s`` on tensors."""

    @staticmethod
    def accepts(frame: np.ndarray) -> bool:
        """Accept gray frames that need no padding; colours become gray on the CPU."""
        return (frame.dtype in (np.uint8, np.uint16) and frame.ndim == 2
                and min(frame.shape) >= MIN_SIDE)

    def _preprocess(self, frames: Tensor) -> Tensor:
        return frames.unsqueeze(1)


class ResNet50Preprocessing(TensorPreprocessing):
    """Preprocessing for resnet50: ``preprocess_resnet50`` on tensors."""

    def __init__(self, shape: tuple[int, ...], gain: GainControl, device: torch.device) -> None:
        super().__init__(shape, gain, device)
        self._for_rows = _resize_weights(shape[1], device)
        self._for_columns = _resize_weights(shape[0], device)

    @staticmethod
    def accepts(frame: np.ndarray) -> bool:
        """Accept gray and colour frames of 8 bits, and frames of 16 bits."""
        return frame.dtype in (np.uint8, np.uint16)

    def _preprocess(self, frames: Tensor) -> Tensor:
        """Resize to 224x224 RGB as PIL's bilinear filter does, to the same levels."""
        channels = frames.unsqueeze(1) if frames.ndim == 3 else frames.flip(3).permute(0, 3, 1, 2)
        narrow = _resize_rows(channels, self._for_rows)
        resized = _resize_rows(narrow.transpose(2, 3), self._for_columns).transpose(2, 3)
        return resized.expand(-1, 3, -1, -1)


def stretch(frames: Tensor, gain: GainControl) -> Tensor:
    """
    Apply gain control to each raw frame, with the same levels as ``GainControl`` gives.

    :param frames: (N, H, W) int16 with the bits of uint16, for which PyTorch has few operations.
    :return: (N, H, W) uint8.
    """
    counts = frames.int() & 0xFFFF
    if gain.mode == 'none':
        return (counts >> 8).to(torch.uint8)
    counts >>= gain.input_shift
    low: Any
    high: Any
    low, high = ((gain.low, gain.high) if gain.mode == 'fixed_range'
                 else _percentile_range(counts, gain))
    gray = counts.double().clamp_(low, high).sub_(low).mul_(255).div_(high - low)
    return gray.round_().to(torch.uint8)


def _resize_weights(side: int, device: torch.device) -> Tensor:
    """
    Return the weight of each pixel of a side in each of the 224 pixels it is resized to.

    :return: (side, 2 * 224) float32: the upper 11 bits of the weights, then the lower ones.
    """
    # PIL gives away its own rounded weights when it resizes rows of one bright pixel each.
    pixels = Image.fromarray(np.eye(side, dtype=np.int32) << 2 * _HALF_BITS)
    weights = np.asarray(pixels.resize((INPUT_SIZE, side), _BILINEAR))
    halves = weights >> _HALF_BITS, weights & (1 << _HALF_BITS) - 1
    return torch.from_numpy(np.concatenate(halves, axis=1).astype(np.float32)).to(device)


def _resize_rows(levels: Tensor, weights: Tensor) -> Tensor:
    """Resize every row, (N, C, h, w) → (N, C, h, 224), uint8."""
    # Sums of both halves of the weights are whole numbers below 2**24: exact in float32.
    sums = (levels.float() @ weights).int()
    high, low = sums.split(INPUT_SIZE, dim=3)
    rounded = (high << _HALF_BITS) + low + (1 << 2 * _HALF_BITS - 1)
    return (rounded >> 2 * _HALF_BITS).to(torch.uint8)


def _percentile_range(counts: Tensor, gain: GainControl) -> tuple[Tensor, Tensor]:
    """Return what becomes black and what white of each frame: (N, 1, 1) float64 each."""
    if counts[0].numel() > FULL_STATISTICS_PIXELS:
        counts = counts[:, ::STRIDE, ::STRIDE]
    ranked = counts.flatten(1).sort(1).values
    low, high = (_percentile(ranked, each)[:, None, None] for each in (gain.low, gain.high))
    is_flat = low >= high
    return torch.where(is_flat, low - 0.5, low), torch.where(is_flat, high + 0.5, high)


def _percentile(ranked: Tensor, percent: float) -> Tensor:
    """(N, K) sorted → (N,) float64: between neighbours as ``numpy.percentile`` computes it."""
    position = percent / 100 * (ranked.shape[1] - 1)
    below = int(position)
    share = position - below
    start, end = (ranked[:, min(index, ranked.shape[1] - 1)].double()
                  for index in (below, below + 1))
    return start + (end - start) * share if share < 0.5 else end - (end - start) * (1 - share)
