"""Where the packaged models lie; free of torch."""

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'
#: SHA-256 of the packaged checkpoint, the only one that an unsafe PyTorch may load.
DEFAULT_MODEL_SHA256 = '30505b9d0259c2b60133cd25be14b01ddb009c181bdb3497654d702da774a659'
