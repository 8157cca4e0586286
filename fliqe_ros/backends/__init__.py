"""
What runs a model: PyTorch, the reference, or ONNX Runtime, which a robot gets by with.

A backend is imported only once it is chosen, so that a node on ONNX Runtime needs no PyTorch.
"""

from ctypes import CDLL
from importlib import import_module
from importlib.util import find_spec
import os
from pathlib import Path
import re
from typing import NamedTuple, Optional, Protocol, Sequence

from fliqe_ros.agc import GainControl
from fliqe_ros.inputs import Prepared
from fliqe_ros.model_files import DEFAULT_MODEL, DEFAULT_ONNX_MODEL
import numpy as np

TORCH, ONNXRUNTIME = 'torch', 'onnxruntime'
BACKENDS = ('auto', TORCH, ONNXRUNTIME)
PRECISIONS = ('auto', 'float32', 'float16', 'bfloat16')

_MODULES = {TORCH: 'fliqe_ros.backends.pytorch',
            ONNXRUNTIME: 'fliqe_ros.backends.onnx_runtime'}
_DEFAULT_MODELS = {TORCH: DEFAULT_MODEL, ONNXRUNTIME: DEFAULT_ONNX_MODEL}


class Outputs(NamedTuple):
    """What a model says of N frames; every number is in [0, 1]."""

    scores: np.ndarray                            #: (N,) float32, higher is better
    probabilities: Optional[np.ndarray] = None    #: (N, 9) float32; None without a type head
    quality_maps: Optional[np.ndarray] = None     #: (N, h, w) float32; None if not wanted or none


class Backend(Protocol):
    """A loaded model."""

    name: str          #: ``torch`` or ``onnxruntime``
    architecture: str
    metadata: dict
    device: str        #: ``cpu`` or ``cuda:N``
    precision: str     #: ``float32``, ``float16`` or ``bfloat16``
    threads: int       #: CPU threads that inference uses at most

    @property
    def gpu_memory_bytes(self) -> int:
        """Memory this process holds on the GPU; 0 on the CPU."""

    def prepare(self, frame: np.ndarray, gain: GainControl) -> Prepared:
        """
        Do what is to be done on the CPU for one frame.

        :param frame: (H, W) uint8, uint16 or float, or (H, W, 3) uint8 BGR.
        :raises FrameError: if gain control cannot be had of it.
        """

    def predict(self, frames: Sequence[Prepared], maps: bool = True) -> Outputs:
        """
        Score frames of one kind in one forward pass.

        :param maps: whether quality maps are wanted; they take a sixth of the time.
        """

    def release(self) -> None:
        """Let go of the model and of the GPU memory it held; ``predict`` is over."""


def load_backend(path, device: str, precision: str, backend: str, threads: int) -> tuple:
    """
    Load a model file with the backend that suits it; the arguments are those of ``FLIQE``.

    :return: the backend and the path of the file.
    :raises CheckpointError: if the file cannot be used.
    :raises ValueError: for settings that are unknown, not to be had here, or do not go together;
        one sentence.
    """
    _require_known(device, precision, backend)
    if backend == 'auto':
        backend = _best_backend(path, device, precision)
    path = Path(path or _DEFAULT_MODELS[backend]).expanduser()
    _require_match(path, backend)
    module = import_module(_MODULES[backend])
    return module.load(path, device, precision, _cpu_threads(threads)), path


def _cpu_threads(threads: int) -> int:
    """Return the number itself, or for 0 all cores this process may use but one, at least 1."""
    if isinstance(threads, bool) or not hasattr(threads, '__index__') or threads < 0:
        raise ValueError(f'Threads must be a whole number, 0 or more, not {threads!r}.')
    return threads or max(len(os.sched_getaffinity(0)) - 1, 1)


def _require_known(device: str, precision: str, backend: str) -> None:
    if backend not in BACKENDS:
        raise ValueError(f'Backend {backend!r} is none of {", ".join(BACKENDS)}.')
    if precision not in PRECISIONS:
        raise ValueError(f'Precision {precision!r} is none of {", ".join(PRECISIONS)}.')
    if not re.fullmatch(r'auto|cpu|cuda(:\d+)?', device):
        raise ValueError(f'Device {device!r} is none of auto, cpu, cuda, cuda:N.')


def _best_backend(path, device: str, precision: str) -> str:
    if path:
        return ONNXRUNTIME if Path(path).suffix == '.onnx' else TORCH
    # Measured on CPUs, ONNX Runtime takes half of the time; on a GPU PyTorch is at home.
    suits = precision in ('auto', 'float32') and not device.startswith('cuda')
    if not (suits and _is_installed(ONNXRUNTIME) and DEFAULT_ONNX_MODEL.is_file()):
        return TORCH
    return TORCH if device == 'auto' and _cuda_is_there() else ONNXRUNTIME


def _require_match(path: Path, backend: str) -> None:
    if backend == TORCH and path.suffix == '.onnx':
        raise ValueError(f"Backend 'torch' cannot run {path}: give it the checkpoint that this "
                         'was exported from.')
    if backend == ONNXRUNTIME and path.suffix != '.onnx':
        raise ValueError(f"Backend 'onnxruntime' cannot run {path}: export it with "
                         'python -m fliqe_ros.tools.export.')
    if not _is_installed(backend):
        raise ValueError(f'Backend {backend!r} is not installed: pip install {backend}.')


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


def _cuda_is_there() -> bool:
    """Tell whether PyTorch can use a GPU, without importing it where there is no driver."""
    try:
        CDLL('libcuda.so.1')
    except OSError:
        return False
    if not _is_installed(TORCH):
        return False
    import torch
    return torch.cuda.is_available()
