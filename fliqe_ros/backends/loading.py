"""
Chooses the backend that suits a model file and a device, and loads the file with it.

A backend is imported only once it is chosen, so that a node on ONNX Runtime needs no PyTorch.
"""

from __future__ import annotations

from ctypes import CDLL
from importlib import import_module
from importlib.util import find_spec
import os
from pathlib import Path
from types import ModuleType

from fliqe_ros.backends.base import (
    Backend, BACKENDS, DEVICES, is_device, ONNXRUNTIME, PRECISIONS, TORCH)
from fliqe_ros.errors import BackendError, CheckpointError, one_line
from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_ONNX_MODEL

_MODULES = {TORCH: 'fliqe_ros.backends.pytorch',
            ONNXRUNTIME: 'fliqe_ros.backends.onnx_runtime'}
_DEFAULT_MODELS = {TORCH: DEFAULT_MODEL, ONNXRUNTIME: DEFAULT_ONNX_MODEL}


def load_backend(model_path: str | Path | None, device: str, precision: str, backend: str,
                 threads: int) -> tuple[Backend, Path]:
    """
    Load a model file with the backend that suits it; the arguments are those of ``FLIQE``.

    :return: the backend and the path of the file.
    :raises CheckpointError: if the file cannot be used.
    :raises BackendError: if the backend is not installed or its installation is broken.
    :raises ValueError: for settings that are unknown, not available on this machine, or do not
        go together; one sentence.
    """
    _require_known(device, precision, backend)
    chosen = backend
    if backend == 'auto':
        backend = _best_backend(model_path, device, precision)
    path = Path(model_path or _DEFAULT_MODELS[backend]).expanduser()
    _require_match(path, backend)
    if not _is_installed(backend):
        raise BackendError(f'{_what_needs(backend, chosen, device, precision, path)}, which is '
                           f'not installed: pip install {backend}.')
    return _import_backend(backend).load(path, device, precision, _cpu_threads(threads)), path


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
    if not is_device(device):
        raise ValueError(f'Device {device!r} is none of {DEVICES}.')


def _best_backend(path: str | Path | None, device: str, precision: str) -> str:
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
                         'fliqe export.')
    if not path.is_file():
        raise CheckpointError.no_file(path)


def _what_needs(backend: str, chosen: str, device: str, precision: str, path: Path) -> str:
    """Return the beginning of a sentence on which of the settings takes this backend."""
    package = {TORCH: 'PyTorch', ONNXRUNTIME: 'ONNX Runtime'}[backend]
    if chosen == backend:
        return f'Backend {backend!r} is {package}'
    if path != _DEFAULT_MODELS[backend] or backend == ONNXRUNTIME:
        return f'Model {path} needs {package}'
    if device.startswith('cuda'):
        return f'Device {device!r} needs {package}'
    if precision not in ('auto', 'float32'):
        return f'Precision {precision!r} needs {package}'
    return f'Without ONNX Runtime the model needs {package}'


def _import_backend(backend: str) -> ModuleType:
    if backend == ONNXRUNTIME:
        # Read when ONNX Runtime is imported. Without it new versions report their use to their
        # makers and leave a file in the temporary folder. The owner of the robot may set it.
        os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
    try:
        return import_module(_MODULES[backend])
    except Exception as error:  # a broken build raises OSError, RuntimeError, AttributeError, …
        raise BackendError(f'Backend {backend!r} is installed but cannot be imported '
                           f'({type(error).__name__}: {one_line(error)}).') from error


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # an entry in sys.modules that bars its import
        return False


def _cuda_is_there() -> bool:
    """Tell whether PyTorch can use a GPU, without importing it where there is no driver."""
    try:
        CDLL('libcuda.so.1')
    except OSError:
        return False
    if not _is_installed(TORCH):
        return False
    try:
        import torch
        return torch.cuda.is_available()
    except Exception:  # a broken PyTorch finds no GPU; ONNX Runtime may still work
        return False
