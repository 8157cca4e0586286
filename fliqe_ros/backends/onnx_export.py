"""Checkpoint → ONNX: one file that ONNX Runtime scores frames of any size with."""

import json
from pathlib import Path

from fliqe_ros.backends import onnx_runtime
from fliqe_ros.backends.base import Outputs
from fliqe_ros.errors import ExportError
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.preprocessing import MIN_SIDE, Prepared
from fliqe_ros.models.scorer import Scorer
import numpy as np
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
import torch
from torch.export import Dim

#: The greatest difference from PyTorch that an exported model may show, in any output.
TOLERANCE = 1e-4

_OPSET = 18
_OUTPUTS = Outputs._fields
# Batch, height and width on which an export is compared with PyTorch; none is the example's.
_CHECKED = ((1, 512, 640), (1, MIN_SIDE, MIN_SIDE), (3, 256, 320), (2, 193, 131), (5, 130, 407))


def export(network: QualityNetwork, path: Path) -> float:
    """
    Write a network as an ONNX file once that is known to give what PyTorch gives.

    The input ``batch`` is (N, C, h, w) uint8; N is free, and so are h and w where they are for
    the network. Architecture and metadata travel in the file.

    :param network: in evaluation mode, with its ``metadata``.
    :return: the greatest difference from PyTorch that was found, at most ``TOLERANCE``.
    :raises ExportError: if the difference is greater; ``path`` is left as it was.
    """
    scorer = Scorer(network)
    path = Path(path)
    unfinished = path.with_name(path.name + '.part')
    try:
        _write(scorer, unfinished)
        difference = _largest_difference(scorer, unfinished)
        if not difference <= TOLERANCE:  # NaN too
            raise ExportError(f'ONNX Runtime and PyTorch differ by {difference:.2g}, more than '
                              f'{TOLERANCE:g}')
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return difference


def _write(scorer: Scorer, path: Path) -> None:
    network, example = scorer.network, _random_batch(scorer, 2, 384, 416)
    shapes = {0: Dim('frames')}
    if network.any_size:
        shapes |= {2: Dim('height', min=MIN_SIDE), 3: Dim('width', min=MIN_SIDE)}
    program = torch.onnx.export(
        scorer, (example,), dynamo=True, verbose=False, opset_version=_OPSET,
        input_names=['batch'], output_names=_OUTPUTS[:len(scorer(example))],
        dynamic_shapes=(shapes,))
    assert program is not None
    # The exporter notes for every node which line of which file on this machine made it.
    ClearMetadataAndDocStringPass()(program.model)
    program.model.metadata_props.update(
        architecture=network.architecture,
        metadata=json.dumps(network.metadata, ensure_ascii=False))
    program.save(path)


def _largest_difference(scorer: Scorer, path: Path) -> float:
    backend = onnx_runtime.load(path, 'cpu', 'float32', threads=1)
    largest = 0.0
    for shape in _CHECKED:
        batch = _random_batch(scorer, *shape)
        frames = [Prepared(frame) for frame in batch.numpy()]
        for ours, torchs in zip(backend.predict(frames), scorer(batch)):
            difference = np.abs(ours - torchs.numpy()).max()
            largest = max(largest, float(difference))
    return largest


def _random_batch(scorer: Scorer, count: int, height: int, width: int) -> torch.Tensor:
    """Return a batch of noise of different strengths, of a size that the network takes."""
    random = np.random.default_rng(height)
    frames = [random.normal(120, 5 + 40 * index / count, (height, width)).clip(0, 255)
              for index in range(count)]
    return torch.stack([scorer.network.preprocess(frame.astype(np.uint8)) for frame in frames])
