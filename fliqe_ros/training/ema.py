"""What a network has learned: its running average, and what of it belongs in a saved state."""

import hashlib
from typing import Any

import torch
from torch import nn, Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def ema_copy(network: nn.Module, decay: float) -> AveragedModel:
    """
    Return the exponential moving average of a network, to be updated after each step.

    Parameters and BatchNorm statistics are averaged; counters are copied.
    """
    average = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(averaged: Any, current: Any, count: Tensor | int) -> None:
        if averaged[0].is_floating_point():
            average(averaged, current, count)
        else:
            for mine, other in zip(averaged, current):
                mine.copy_(other)

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)


def learned_state(module: nn.Module) -> dict[str, Any]:
    """Return the entries of the state dict that training changes: none of frozen layers."""
    frozen = _frozen_keys(module)
    return {key: value for key, value in module.state_dict().items() if key not in frozen}


def digest(module: nn.Module) -> str:
    """Return a SHA-256 of all parameters and buffers."""
    content = hashlib.sha256()
    for key, value in module.state_dict().items():
        content.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
    return content.hexdigest()


def _frozen_keys(module: nn.Module) -> set[str]:
    """Name parameters and buffers of the layers that have parameters but no gradients."""
    keys: set[str] = set()
    for name, layer in module.named_modules():
        parameters = dict(layer.named_parameters(prefix=name, recurse=False))
        if parameters and not any(each.requires_grad for each in parameters.values()):
            keys.update(parameters, dict(layer.named_buffers(prefix=name, recurse=False)))
    return keys
