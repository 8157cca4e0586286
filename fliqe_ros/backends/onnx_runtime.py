"""ONNX Runtime: exported models on the CPU, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
from typing import ClassVar

from fliqe_ros.backends.base import Backend, ONNXRUNTIME, Outputs
from fliqe_ros.errors import CheckpointError
from fliqe_ros.models.preprocessing import Prepared, stack
from fliqe_ros.models.registry import ARCHITECTURES
import onnxruntime


def load(path: Path, device: str, precision: str, threads: int) -> OnnxRuntimeBackend:
    """Load a model that ``fliqe_ros.tools.export`` wrote; see ``backends.load_backend``."""
    if device.startswith('cuda'):
        raise ValueError(f"Backend 'onnxruntime' runs on the CPU only: for device {device!r} use "
                         "backend 'torch'.")
    if precision not in ('auto', 'float32'):
        raise ValueError(f"Backend 'onnxruntime' computes in float32 only: for precision "
                         f"{precision!r} use backend 'torch'.")
    return OnnxRuntimeBackend(path, threads)


class OnnxRuntimeBackend(Backend):
    """
    A session on the CPU. A frame's score is the same in batches of any size.

    :raises CheckpointError: if the file cannot be used.
    """

    name: ClassVar[str] = ONNXRUNTIME

    def __init__(self, path: Path, threads: int) -> None:
        self.precision = 'float32'
        self.threads = threads
        self._session: onnxruntime.InferenceSession | None = _open(path, threads)
        properties = self._session.get_modelmeta().custom_metadata_map
        self.architecture = properties.get('architecture')
        if self.architecture not in ARCHITECTURES:
            raise CheckpointError(path, 'it was not exported by fliqe_ros (it names no '
                                        f'architecture out of {", ".join(sorted(ARCHITECTURES))})')
        try:
            self.metadata = json.loads(properties['metadata'])
        except (KeyError, ValueError) as error:
            raise CheckpointError(path, 'its metadata is missing or damaged') from error
        self._input = self._session.get_inputs()[0].name
        self._outputs = [each.name for each in self._session.get_outputs()]

    def _predict(self, frames: Sequence[Prepared]) -> Outputs:
        assert self._session is not None
        outputs = self._session.run(self._outputs, {self._input: stack(frames)})
        return Outputs(**dict(zip(self._outputs, outputs)))

    def release(self) -> None:
        """Let go of the session."""
        self._session = None


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads may spin between the layers of a network, which takes a tenth off its time, but not
    # while they wait for the next frame, which would eat up a robot's cores.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    options.log_severity_level = 3  # errors; they come as exceptions anyway
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # it has a dozen kinds of them; none is the user's concern
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            path, f'it is not an ONNX model ({lines[0][:100].rstrip(".")})') from error
