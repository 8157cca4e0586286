"""Arithmetic of training: mixed precision where the device has it, and the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os

import torch
from torch import Tensor

_GradScaler = getattr(torch.amp, 'GradScaler', None) or torch.cuda.amp.GradScaler  # before 2.3

PRECISIONS = ('auto', 'float32', 'bfloat16', 'float16')


class MixedPrecision:
    """
    Automatic mixed precision on one device; ``name`` is what it came to.

    :param name: one of ``PRECISIONS``; ``auto`` is bfloat16 on a GPU that has it, else float16 on
        a GPU, and float32 on the CPU.
    :raises ValueError: if the name is none of them, or float16 is wanted without a GPU.
    """

    def __init__(self, name: str = 'auto', device: str = 'cpu') -> None:
        self._device_type = torch.device(device).type
        cuda = self._device_type == 'cuda'
        if name not in PRECISIONS:
            raise ValueError(f'precision {name!r} is none of {", ".join(PRECISIONS)}')
        if name == 'float16' and not cuda:
            raise ValueError('float16 needs a GPU; take bfloat16 or float32')
        if name == 'auto':
            halved = 'bfloat16' if cuda and torch.cuda.is_bf16_supported() else 'float16'
            name = halved if cuda else 'float32'
        self.name = name
        # float16 alone has too short a range for gradients
        self.scaler = _GradScaler(enabled=name == 'float16')

    def autocast(self) -> torch.autocast:
        """Return the context of forward passes; losses are computed outside, in float32."""
        return torch.autocast(self._device_type, getattr(torch, self.name),
                              enabled=self.name != 'float32')

    def descend(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Take one step of the optimiser down the gradient of the loss."""
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(optimizer)
        self.scaler.update()


@contextmanager
def deterministic() -> Iterator[None]:
    """
    Let GPU kernels give the same bits each time, for the time of a ``with`` block.

    cuBLAS reads its environment variable when the process first uses it, so the block has to
    begin before that.
    """
    variable = 'CUBLAS_WORKSPACE_CONFIG'
    given, benchmark = os.environ.get(variable), torch.backends.cudnn.benchmark
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault(variable, ':4096:8')
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        if given is None:
            del os.environ[variable]
