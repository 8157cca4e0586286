"""PyTorch: the reference backend, for checkpoints and GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from fliqe_ros.backends.base import Backend, Outputs, TORCH
from fliqe_ros.backends.cuda import CudaBackend
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.network import as_tensor, QualityNetwork
from fliqe_ros.models.preprocessing import Prepared, stack
from fliqe_ros.models.scorer import Scorer
import torch


def load(path: Path, device: str, precision: str, threads: int) -> Backend:
    """
    Load a checkpoint; see ``backends.load_backend``.

    ``threads`` becomes the number of threads of everything PyTorch does on the CPU in this
    process: it has no other setting.
    """
    where = _find_device(device)
    on_gpu = where.type == 'cuda'
    if precision == 'auto':
        precision = 'float16' if on_gpu else 'float32'
    if on_gpu:
        return CudaBackend(load_model(path), where, precision, threads)
    if precision == 'float16':
        raise ValueError(
            "Precision 'float16' needs a GPU: on the CPU take 'bfloat16' or 'float32'.")
    return TorchBackend(load_model(path), precision, threads)


class TorchBackend(Backend):
    """A network on the CPU. Scores vary with the size of the batch by about 1e-6."""

    name: ClassVar[str] = TORCH

    def __init__(self, network: QualityNetwork, precision: str, threads: int) -> None:
        self.architecture = network.architecture
        self.metadata = network.metadata
        self.precision = precision
        self.threads = threads
        self._scorer: Scorer | None = Scorer(network, getattr(torch, precision)).to(
            memory_format=torch.channels_last)
        torch.set_num_threads(threads)

    @torch.inference_mode()
    def _predict(self, frames: Sequence[Prepared]) -> Outputs:
        assert self._scorer is not None
        outputs = self._scorer(as_tensor(stack(frames)))
        return Outputs(*(output.numpy() for output in outputs))

    def release(self) -> None:
        """Let go of the network."""
        self._scorer = None


def _find_device(name: str) -> torch.device:
    if name == 'cpu' or name == 'auto' and not torch.cuda.is_available():
        return torch.device('cpu')
    index = torch.device('cuda' if name == 'auto' else name).index or 0
    if index >= torch.cuda.device_count():
        raise ValueError(f'Device {name!r} is not there: this machine has '
                         f'{torch.cuda.device_count()} CUDA devices.')
    return torch.device('cuda', index)
