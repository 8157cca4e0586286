"""Where the packaged models lie; free of torch."""

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'
#: SHA-256 of the packaged checkpoint, the only one that an unsafe PyTorch may load.
DEFAULT_MODEL_SHA256 = '020cda1b7e7f37817e4f9020741afeb54f9bdc825745250fe180da0d7ab3b239'
