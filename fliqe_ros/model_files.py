"""Where the packaged models lie, and why a model file may be refused; free of torch."""

from pathlib import Path
from typing import Union

PathLike = Union[str, Path]

_WEIGHTS = Path(__file__).resolve().parent / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'


class CheckpointError(ValueError):
    """A model file cannot be used; the message names the file and the reason in one sentence."""

    def __init__(self, path: PathLike, reason: str):
        super().__init__(f'Cannot load model {path}: {reason}.')
        self.path = Path(path)
        self.reason = reason
