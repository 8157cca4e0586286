"""Where the packaged models lie; free of torch."""

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
#: The model that is used where none is named: the checkpoint, and the same exported to ONNX.
DEFAULT_MODEL = _WEIGHTS / 'thermal_s.pt'
DEFAULT_ONNX_MODEL = _WEIGHTS / 'thermal_s.onnx'
#: SHA-256 of the packaged checkpoint, the only one that an unsafe PyTorch may load.
DEFAULT_MODEL_SHA256 = '9b1535355f43d554bb8c65e509fb7185709eebe98ecd41baafe6873a324024c5'
