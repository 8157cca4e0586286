"""What ``agc`` and ``inputs`` do of a batch of frames, on tensors: for GPUs."""

from fliqe_ros.imaging.gain_control import FULL_STATISTICS_PIXELS, GainControl, STRIDE
from fliqe_ros.models.preprocessing import INPUT_SIZE, MIN_SIDE
import numpy as np
from PIL import Image
import torch
from torch import Tensor

# PIL resizes by whole numbers of 22 bits.
_HALF_BITS = 11


def can_prepare(architecture: str, frame: np.ndarray) -> bool:
    """Tell whether ``Preparation`` takes such frames; the rest is for the CPU."""
    if architecture == 'resnet50':
        return frame.dtype == np.uint8 or frame.dtype == np.uint16
    # Colours may be those of a palette; small frames are padded once they are in 8 bits.
    return (frame.dtype in (np.uint8, np.uint16) and frame.ndim == 2
            and min(frame.shape) >= MIN_SIDE)


class Preparation:
    """
    Prepares frames of one kind as ``inputs.prepare`` does.

    shape: (H, W), or (H, W, 3) for colours. device: where the frames are.
    """

    def __init__(self, architecture: str, shape: tuple, gain: GainControl, device: torch.device):
        self._gain = gain
        self._weights = None
        if architecture == 'resnet50':
            self._weights = [resize_weights(side, device) for side in shape[:2]]

    def __call__(self, frames: Tensor) -> Tensor:
        """
        (N, H, W) or (N, H, W, 3) → (N, C, h, w) uint8.

        frames: uint8, gray or BGR, or int16 with the bits of uint16.
        """
        levels = stretch(frames, self._gain) if frames.dtype == torch.int16 else frames
        if self._weights:
            return preprocess_resnet50(levels, *self._weights)
        return levels.unsqueeze(1)


def stretch(frames: Tensor, gain: GainControl) -> Tensor:
    """
    Apply gain control to each of some raw frames, to the same levels as ``GainControl`` does.

    frames: (N, H, W) int16 with the bits of uint16, which PyTorch knows only since 2.3.
    Returns (N, H, W) uint8.
    """
    counts = frames.int() & 0xFFFF
    if gain.mode == 'none':
        return (counts >> 8).to(torch.uint8)
    counts >>= gain.input_shift
    low, high = ((gain.low, gain.high) if gain.mode == 'fixed_range'
                 else _percentile_range(counts, gain))
    gray = counts.double().clamp_(low, high).sub_(low).mul_(255).div_(high - low)
    return gray.round_().to(torch.uint8)


def preprocess_resnet50(frames: Tensor, for_columns: Tensor, for_rows: Tensor) -> Tensor:
    """
    Resize as PIL's bilinear filter does, to the same levels.

    frames: (N, H, W) gray or (N, H, W, 3) BGR, uint8. for_columns, for_rows: ``resize_weights`` of
    H and W. Returns (N, 3, 224, 224) uint8 RGB.
    """
    channels = frames.unsqueeze(1) if frames.ndim == 3 else frames.flip(3).permute(0, 3, 1, 2)
    narrow = _resize_rows(channels, for_rows)
    return _resize_rows(narrow.transpose(2, 3), for_columns).transpose(2, 3).expand(-1, 3, -1, -1)


def resize_weights(side: int, device: torch.device) -> Tensor:
    """(side, 2 * 224): upper and lower halves of the weights of its pixels in each of 224."""
    # PIL tells its own weights, rounded as it does for itself, by resizing rows of one bright
    # pixel each.
    pixels = Image.fromarray(np.eye(side, dtype=np.int32) << 2 * _HALF_BITS)
    weights = np.asarray(pixels.resize((INPUT_SIZE, side), Image.BILINEAR))
    halves = weights >> _HALF_BITS, weights & (1 << _HALF_BITS) - 1
    return torch.from_numpy(np.concatenate(halves, axis=1).astype(np.float32)).to(device)


def _resize_rows(levels: Tensor, weights: Tensor) -> Tensor:
    """(N, C, h, w) → (N, C, h, 224), uint8."""
    # Sums of both halves of the weights are whole numbers below 2**24: exact in float32.
    sums = (levels.float() @ weights).int()
    high, low = sums.split(INPUT_SIZE, dim=3)
    rounded = (high << _HALF_BITS) + low + (1 << 2 * _HALF_BITS - 1)
    return (rounded >> 2 * _HALF_BITS).to(torch.uint8)


def _percentile_range(counts: Tensor, gain: GainControl) -> tuple:
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
