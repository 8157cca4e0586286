"""Where the packaged models lie; free of torch."""

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'
#: SHA-256 of the packaged checkpoint, the only one that an unsafe PyTorch may load.
DEFAULT_MODEL_SHA256 = '51f2c5753f0287c3c68b0366ff2af0f0f23f7ed34bbd9aa0b2942576c0ac65f1'
