"""
Speed of the networks on a CUDA GPU, and of the node's loop without DDS.

Without a GPU it says so and ends well.
"""

import argparse
from pathlib import Path
import sys
import tempfile

from fliqe_ros.estimator import FLIQE
from fliqe_ros.model_files import DEFAULT_MODEL
from fliqe_ros.node.timing import percentile
from library import make_models
import numpy as np
from records import RESULTS, write
from stopwatch import time_calls

BATCHES = (1, 2, 4, 8, 16, 32, 64)
PRECISIONS = ('float32', 'bfloat16', 'float16')
SIZE = (640, 512)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--seconds', type=float, default=2.0, help='of each, default 2')
    arguments.add_argument('--out', type=Path, default=RESULTS, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='two batches, moments of each')
    return arguments


def measure_model(model: str, precision: str, batches: tuple, seconds: float) -> list:
    """Return rows: frames per second end to end, of the bare forward pass, and of the copy."""
    import torch
    fliqe = FLIQE(model, 'cuda', precision)
    backend, rows = fliqe._backend, []
    rng = np.random.default_rng(0)
    for batch in batches:
        frames = [rng.integers(0, 256, SIZE[::-1], np.uint8) for _ in range(batch)]
        prepared = np.stack([fliqe._prepare(frame) for frame in frames])
        on_host = torch.from_numpy(prepared).pin_memory()
        on_gpu = on_host.cuda()

        def forward():
            with torch.inference_mode(), backend._autocast():
                backend._scorer(on_gpu, maps=False)

        rows.append({
            'architecture': fliqe.architecture, 'precision': precision, 'batch': batch,
            'end_to_end_ms': _median_ms(lambda: fliqe.estimate_batch(frames), seconds),
            'forward_ms': _median_ms(forward, seconds),
            'copy_ms': _median_ms(lambda: on_host.to('cuda', non_blocking=True), seconds)})
    return rows


def measure_loop(cameras: int, seconds: float) -> dict:
    """Return latencies of the node's work without DDS: mono16 of all cameras to assessments."""
    fliqe = FLIQE(DEFAULT_MODEL, 'cuda', 'float16')
    rng = np.random.default_rng(0)
    frames = [rng.integers(7000, 9000, SIZE[::-1], np.uint16) for _ in range(cameras)]
    times_ms = time_calls(lambda: fliqe.assess_batch(frames, quality_maps=False), seconds).times_ms
    return {'cameras': cameras, **{f'p{percent}_ms': percentile(times_ms, percent)
                                   for percent in (50, 95, 99)}}


def _median_ms(work, seconds: float) -> float:
    import torch

    def work_to_the_end():
        work()
        torch.cuda.synchronize()
    return time_calls(work_to_the_end, seconds).median_ms


def main(argv=None) -> int:
    """Measure and write the result, or tell why there is nothing to measure."""
    options = parser().parse_args(argv)
    try:
        import torch
        available = torch.cuda.is_available()
    except ImportError:
        available = False
    if not available:
        print('gpu: no CUDA device that PyTorch can use, nothing to measure')
        return 0
    batches, seconds = (BATCHES[:2], 0.05) if options.quick else (BATCHES, options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        models = make_models(Path(folder))
        rows = [row for model in ('thermal_s .pt', 'resnet50 .pt') for precision in PRECISIONS
                for row in measure_model(models[model], precision, batches, seconds)]
    write('gpu', {'seconds': seconds, 'device': torch.cuda.get_device_name(0)},
          {'models': rows, 'loop': measure_loop(16, seconds)}, options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
