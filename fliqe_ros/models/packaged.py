"""Where the packaged models lie; free of torch."""

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'
#: SHA-256 of the packaged checkpoint, the only one that an unsafe PyTorch may load.
DEFAULT_MODEL_SHA256 = '85d613664194a61305a0767d1cc063139282b4ee3c96ee5e51f1de4e7eb1c7b7'
