"""PyTorch: the reference backend, for checkpoints and GPUs."""

from contextlib import nullcontext
import gc
from pathlib import Path

from fliqe_ros.backends import Outputs, TORCH
from fliqe_ros.model.checkpoint import load_model
from fliqe_ros.model.inference import Scorer
from fliqe_ros.model.network import as_tensor, QualityNetwork
import numpy as np
import torch


def load(path: Path, device: str, precision: str, threads: int) -> 'TorchBackend':
    """
    Load a checkpoint; see ``backends.load_backend``.

    On the CPU, ``threads`` becomes the number of threads of everything PyTorch does in this
    process: it has no other setting.
    """
    where = _find_device(device)
    return TorchBackend(load_model(path), where, getattr(torch, precision), threads)


class TorchBackend:
    """A network on the CPU or a CUDA device; half precisions by automatic mixed precision."""

    name = TORCH

    def __init__(self, network: QualityNetwork, device, precision, threads: int):
        self.architecture = network.architecture
        self.metadata = network.metadata
        self.threads = threads
        self._device = device
        self._precision = precision
        self._scorer = Scorer(network).to(device, memory_format=torch.channels_last)
        if device.type == 'cpu':
            torch.set_num_threads(threads)

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:N``."""
        return str(self._device)

    @property
    def gpu_memory_bytes(self) -> int:
        """Memory this process holds on the GPU; 0 on the CPU."""
        return torch.cuda.memory_reserved(self._device) if self._device.type == 'cuda' else 0

    @torch.inference_mode()
    def predict(self, batch: np.ndarray, maps: bool = True) -> Outputs:
        """(N, C, h, w) uint8 batch of prepared frames → outputs."""
        with self._autocast():
            outputs = self._scorer(as_tensor(batch).to(self._device), maps)
        return Outputs(*(output.float().cpu().numpy() for output in outputs))

    def release(self) -> None:
        """Let go of the network and of the GPU memory it held."""
        self._scorer = None
        if self._device.type == 'cuda':
            gc.collect()
            torch.cuda.empty_cache()

    def _autocast(self):
        if self._precision is torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, self._precision)


def _find_device(name: str) -> torch.device:
    if name == 'cpu' or name == 'auto' and not torch.cuda.is_available():
        return torch.device('cpu')
    index = torch.device('cuda' if name == 'auto' else name).index or 0
    if index >= torch.cuda.device_count():
        raise ValueError(f'Device {name!r} is not there: this machine has '
                         f'{torch.cuda.device_count()} CUDA devices.')
    return torch.device('cuda', index)
