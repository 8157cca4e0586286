"""Where the packaged models lie; free of torch."""

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'
