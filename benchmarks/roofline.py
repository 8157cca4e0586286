"""How fast this machine could run the networks at most: its peak against their operations."""

from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.scorer import Scorer
import numpy as np
from stopwatch import time_calls
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

_SIDE = 2048


def measure_roofline(checkpoints: list, width: int, height: int, threads: int,
                     seconds: float) -> list:
    """
    Compare every network's arithmetic with the speed of the best kernel there is.

    :return: rows (architecture, size of the frame, the network's operations on it in GFLOP, the
        machine's peak in GFLOP/s in float32, the least time in ms that a frame can take).
    """
    peak = peak_gflops(threads, seconds)
    rows = []
    for checkpoint in checkpoints:
        network = load_model(checkpoint)
        frame = network.preprocess(np.zeros((height, width), np.uint8)).unsqueeze(0)
        gflop = gflop_of(Scorer(network), (frame,))
        rows.append({'architecture': network.architecture, 'width': width, 'height': height,
                     'gflop': gflop, 'peak_gflops': peak, 'least_ms': 1e3 * gflop / peak})
    return rows


def gflop_of(module: nn.Module, inputs: tuple) -> float:
    """Return how many floating-point operations convolutions and products take, in 1e9."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(*inputs)
    return counter.get_total_flops() / 1e9


def peak_gflops(threads: int, seconds: float) -> float:
    """Return the speed of a large matrix product in float32."""
    torch.set_num_threads(threads)
    matrix = torch.rand(_SIDE, _SIDE)
    return 2e-6 * _SIDE**3 / time_calls(lambda: matrix @ matrix, seconds).median_ms
