"""
Chooses the backend that suits a model file and a device, and loads the file with it.

A backend is imported only once it is chosen, so that a node on ONNX Runtime needs no PyTorch.
"""

from ctypes import CDLL
from importlib import import_module
from importlib.util import find_spec
import os
from pathlib import Path
import re

from fliqe_ros.backends.base import BACKENDS, ONNXRUNTIME, PRECISIONS, TORCH
from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_ONNX_MODEL

_MODULES = {TORCH: 'fliqe_ros.backends.pytorch',
            ONNXRUNTIME: 'fliqe_ros.backends.onnx_runtime'}
_DEFAULT_MODELS = {TORCH: DEFAULT_MODEL, ONNXRUNTIME: DEFAULT_ONNX_MODEL}


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
