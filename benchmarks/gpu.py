"""
Speed of the networks on a CUDA GPU, and of the node's loop without DDS.

Without a GPU it says so and ends well.
"""

import argparse
import gc
from itertools import cycle
from pathlib import Path
import sys
import tempfile
from time import perf_counter, sleep

from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.image_messages import NativeConverter
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.node.timing import percentile
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.smoothing import SmoothingWindow
from library import make_resnet50
import numpy as np
from records import RESULTS, write
from stages import Mono16Message
from stopwatch import time_calls

BATCHES = (1, 2, 4, 8, 16, 32, 64)
PRECISIONS = ('float32', 'bfloat16', 'float16')
SIZE = (640, 512)
CAMERAS, RATE_HZ = (1, 4, 16), 60


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--seconds', type=float, default=1.0,
                           help='of each model, precision and batch; twenty times that of each '
                           'loop; default 1')
    arguments.add_argument('--out', type=Path, default=RESULTS, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='two batches, moments of each')
    return arguments


def measure_model(model: Path, precision: str, batches: tuple, seconds: float) -> list:
    """
    Time batches of gray frames of 640x512.

    :return: rows (end to end: frames in memory to scores; the bare forward pass on prepared frames
        in GPU memory, as PyTorch does it and as a CUDA graph; the copy of the frames to there; all
        median ms. And by how much scores differ from those of the CPU in float32, at most).
    """
    import torch
    fliqe = FLIQE(model, 'cuda', precision)
    difference = _largest_difference(model, fliqe)
    rng = np.random.default_rng(0)
    rows = []
    for batch in batches:
        sets = cycle([[rng.integers(0, 256, SIZE[::-1], np.uint8) for _ in range(batch)]
                      for _ in range(2)])
        fliqe.estimate_batch(next(sets))  # the first batch of a kind is not yet a graph
        on_host = torch.from_numpy(np.stack(next(sets))).pin_memory()
        rows.append({
            'architecture': fliqe.architecture, 'precision': precision, 'batch': batch,
            'end_to_end_ms': _median_ms(lambda: fliqe.estimate_batch(next(sets)), seconds),
            **{f'{way}_ms': _median_ms(forward, seconds)
               for way, forward in _bare_forward(model, precision, next(sets)).items()},
            'copy_ms': _median_ms(lambda: on_host.to('cuda', non_blocking=True), seconds),
            'score_difference': difference})
    return rows


def _bare_forward(model: Path, precision: str, frames: list) -> dict:
    """Return what runs the network on prepared frames that lie in GPU memory, and no more."""
    from fliqe_ros.models.checkpoint import load_model
    from fliqe_ros.models.scorer import Scorer
    import torch
    network = load_model(model)
    batch = torch.stack([network.preprocess(frame) for frame in frames]).cuda()
    scorer = Scorer(network, getattr(torch, precision)).to(
        'cuda', memory_format=torch.channels_last)
    graph = torch.cuda.CUDAGraph()

    def forward():
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            scorer(batch)

    forward()
    with torch.cuda.graph(graph):
        forward()
    return {'forward': forward, 'graph': graph.replay}


def _largest_difference(model: Path, fliqe: FLIQE) -> float:
    rng = np.random.default_rng(0)
    frames = []
    for seed in range(4):
        scene = ThermalScene(10**6 + seed, 256, 320)
        clean = GainControl()(scene.sensor_counts(scene.render(1.0), rng))
        frames += [clean, *(distort(clean, kind) for kind in CLASSES[1:])]
    scores = [each.estimate_batch(frames) for each in (FLIQE(model, 'cpu', 'float32'), fliqe)]
    return float(np.abs(np.subtract(*scores)).max())


def measure_loop(cameras: int, rate_hz: float, seconds: float) -> dict:
    """
    Measure the node's work without DDS: image messages of all cameras to smoothed scores.

    All cameras send at once. The messages are mono16; latencies are in ms.
    """
    import torch
    gc.collect()
    torch.cuda.empty_cache()  # of the models before
    fliqe = FLIQE(DEFAULT_MODEL, 'cuda')
    converter, gain = NativeConverter(), GainControl()
    windows = [SmoothingWindow(300) for _ in range(cameras)]
    sets = cycle([[Mono16Message(*SIZE, seed) for seed in range(first, first + cameras)]
                  for first in (0, cameras)])

    def work():
        frames = [fliqe.prepare(converter.to_array(message), gain) for message in next(sets)]
        for window, assessment in zip(windows, fliqe.assess_prepared(frames, False)):
            window.push(assessment.score)

    for _ in range(3):
        work()
    times_ms, due_s = [], perf_counter()
    for _ in range(max(3, int(seconds * rate_hz))):
        due_s += 1 / rate_hz
        sleep(max(0.0, due_s - perf_counter()))
        began_s = perf_counter()
        work()
        times_ms.append(1e3 * (perf_counter() - began_s))
    return {'cameras': cameras, 'rate_hz': rate_hz,
            **{f'p{percent}_ms': percentile(times_ms, percent) for percent in (50, 95, 99)},
            'max_ms': max(times_ms), 'gpu_memory_mb': fliqe.gpu_memory_bytes / 1e6,
            'highest_rate_hz': 1e3 / time_calls(work, seconds / 4).median_ms}


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
        resnet50 = Path(folder, 'resnet50.pt')
        make_resnet50(resnet50)
        rows = [row for model in (DEFAULT_MODEL, resnet50) for precision in PRECISIONS
                for row in measure_model(model, precision, batches, seconds)]
    write('gpu', {'seconds': seconds, 'device': torch.cuda.get_device_name(0)},
          {'models': rows,
           'loop': [measure_loop(cameras, RATE_HZ, 20 * seconds) for cameras in CAMERAS]},
          options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
