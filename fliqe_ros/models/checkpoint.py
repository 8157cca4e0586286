"""
Checkpoints: ``architecture``, ``state_dict`` and ``metadata``, read without running code.

PyTorch before 2.10 can be made to run code or to corrupt memory by a checkpoint, although only
weights are asked for (CVE-2025-32434, CVE-2026-24747). It may read the packaged checkpoint alone.
A hostile model file can still give any score, and fill memory. An .onnx file holds a graph and no
Python code; ONNX Runtime parses it, so take files only from people you trust.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

from fliqe_ros.errors import CheckpointError
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_MODEL_SHA256
from fliqe_ros.models.registry import ARCHITECTURES
from fliqe_ros.models.resnet50 import ResNet50, ResNet50Encoder
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.models.thermal_s7 import ThermalS7
import torch
from torch import nn

_SAFE_TORCH = (2, 10)

#: A key of thermal_s7, which was called thermal_s before there was a second stage.
FIRST_STAGE = 'edges.0.0.weight'
#: What keys begin with that thermal_s has from version 14 on.
THUMBNAIL = 'thumbnail.'
#: What keys begin with in a published file that holds an encoder and no head.
ENCODER_ONLY = 'projection_head.'


def save_checkpoint(path: str | Path, network: QualityNetwork, metadata: dict[str, Any]) -> None:
    """
    Write ``network`` to ``path``, replacing it only once the new file is complete.

    :param metadata: plain values only (version, classes, training data with licences, metrics,
        date).
    """
    path = Path(path)
    unfinished = path.with_name(path.name + '.part')
    state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    torch.save({'architecture': network.architecture, 'state_dict': state, 'metadata': metadata},
               unfinished)
    unfinished.replace(path)


def load_model(path: str | Path | None = None) -> QualityNetwork:
    """
    Read a network in evaluation mode, on the CPU, with its ``metadata`` as an attribute.

    :param path: a checkpoint of ours, or a published FLIQE state dict; None is the packaged
        default.
    :raises CheckpointError: if it cannot be used.
    """
    path = Path(path or DEFAULT_MODEL)
    return _network(path, _read(path))


def load_encoder(path: str | Path) -> QualityNetwork:
    """
    Read a network whose encoder is trained and whose heads are to be.

    :param path: a checkpoint, or a published file of a resnet50 encoder only.
    :raises CheckpointError: if it cannot be used.
    """
    path = Path(path)
    content = _read(path)
    if not any(key.startswith(ENCODER_ONLY) for key in content):
        return _network(path, content)
    network = ResNet50()
    _load_state(path, network.iqa_encoder, content)
    return network.eval()


def load_backbone(encoder: ResNet50Encoder, path: str | Path) -> None:
    """
    Fill an encoder's ResNet-50 from a torchvision state dict.

    :raises CheckpointError: if it cannot be used.
    """
    state = {key: value for key, value in _read(Path(path)).items() if not key.startswith('fc.')}
    _load_state(Path(path), encoder.encoder, state)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError.no_file(path)
    source: Path | BytesIO = path
    packaged = False
    if _torch_version() < _SAFE_TORCH:
        data = path.read_bytes()  # what was hashed is what is loaded, even if the file changes
        packaged = hashlib.sha256(data).hexdigest() == DEFAULT_MODEL_SHA256
        source = BytesIO(data)
    if _torch_version() < _SAFE_TORCH and not packaged:
        raise CheckpointError(
            path, f'PyTorch {torch.__version__} can be made to run code by a checkpoint '
            '(CVE-2025-32434, CVE-2026-24747); install 2.10 or newer, or export the model to ONNX '
            'on a machine that has it')
    try:
        content = torch.load(source, map_location='cpu', weights_only=True)
    except Exception as error:  # torch names a dozen causes; none of them is the user's concern
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(path, f'it is not a checkpoint ({detail[:100].rstrip(".")})') \
            from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise CheckpointError(path, 'it is not a checkpoint (it holds no dict)')
    return content


def _torch_version() -> tuple[int, ...]:
    return tuple(int(part) for part in torch.__version__.split('.')[:2])


def _network(path: Path, content: dict[str, Any]) -> QualityNetwork:
    if 'state_dict' in content:
        architecture, state = content.get('architecture'), content['state_dict']
        metadata = content.get('metadata', {})
    else:
        architecture, state, metadata = _published_architecture(path, content), content, {}
    if architecture not in ARCHITECTURES:
        raise CheckpointError(path, f'architecture {architecture!r} is none of '
                                    f'{", ".join(sorted(ARCHITECTURES))}')
    if architecture == ThermalS.architecture and FIRST_STAGE in state:  # up to version 7
        architecture = ThermalS7.architecture
    network = ARCHITECTURES[architecture].build()
    _load_state(path, network, _with_thumbnail(network, state))
    network.metadata = metadata
    return network.eval()


def _with_thumbnail(network: QualityNetwork, state: Any) -> Any:
    """Give a thermal_s of before version 14 the thumbnail of a new one, which says nothing."""
    if not isinstance(network, ThermalS) or not isinstance(state, dict) or any(
            str(key).startswith(THUMBNAIL) for key in state):
        return state
    return {**state, **{key: value for key, value in network.state_dict().items()
                        if key.startswith(THUMBNAIL)}}


def _published_architecture(path: Path, state: dict[str, Any]) -> str:
    if any(key.startswith('iqa_encoder.encoder.') for key in state):
        return ResNet50.architecture
    if any(key.startswith(ENCODER_ONLY) for key in state):
        raise CheckpointError(path, 'it holds an encoder only; train a binary head on it first')
    raise CheckpointError(path, 'it is not a checkpoint (it holds no known network)')


def _load_state(path: Path, module: nn.Module, state: dict[str, Any]) -> None:
    if not isinstance(state, dict):
        raise CheckpointError(path, 'its state_dict is not a dict')
    expected = module.state_dict()
    # files written before BatchNorm counted batches lack this key; nothing here reads it
    missing = [key for key in expected
               if key not in state and not key.endswith('num_batches_tracked')]
    unexpected = [key for key in state if key not in expected]
    for problem, keys in (('missing', missing), ('unexpected', unexpected)):
        if keys:
            raise CheckpointError(
                path, f'{len(keys)} {problem} key{"s" * (len(keys) > 1)}, first {keys[0]!r}')
    for key, value in state.items():
        shape = tuple(getattr(value, 'shape', ())) if torch.is_tensor(value) else None
        if shape != tuple(expected[key].shape):
            raise CheckpointError(
                path, f'{key!r} has shape {shape} instead of {tuple(expected[key].shape)}')
    module.load_state_dict(state, strict=False)  # what strict would refuse was refused above
    if not all(torch.isfinite(value).all() for value in module.state_dict().values()):
        raise CheckpointError(path, 'it holds weights that are not finite numbers')
