"""
Speed of the library against the reference pipeline, in one run.

Every option is measured in processes of its own, since the thread pools of PyTorch and ONNX
Runtime spoil each other's times, and in several rounds in turn, so that whatever else the
machine does meets all of them alike.
"""

import argparse
from itertools import cycle, islice
import json
import os
from pathlib import Path
from statistics import median
import subprocess
import sys
import tempfile
from time import perf_counter

from stopwatch import time_calls

SIZES = ((160, 120), (320, 256), (640, 512), (1280, 1024))
BATCHES = (1, 4, 8, 16)
BATCH_SIZE = (640, 512)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--rounds', type=int, default=7, help='default 7')
    arguments.add_argument('--seconds', type=float, default=2.0,
                           help='for each option, size and batch in each round; default 2')
    arguments.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)),
                           help='CPU threads of every option, default: all cores')
    arguments.add_argument('--others', action='store_true',
                           help='also torch.compile, and OpenVINO if it is installed')
    arguments.add_argument('--only', nargs='+', metavar='OPTION',
                           help='measure these beside the reference and its bare network')
    arguments.add_argument('--out', type=Path, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='one short round, small frames')
    arguments.add_argument('--one', nargs=2, metavar=('OPTION', 'JOB'), help=argparse.SUPPRESS)
    return arguments


def measure(name: str, job: dict) -> dict:
    """Measure one pipeline in this process: start-up, memory, and times by size and batch."""
    began_s = perf_counter()
    from pipelines import frames_for, open_pipeline
    from records import memory_mb
    models = {tuple(key.split()): path for key, path in job['models'].items()}
    score = open_pipeline(name, models, job['threads'])
    loaded_s = perf_counter()
    width, height = job['cases'][0][:2]
    frame = frames_for(name, width, height, 1)
    first_s = perf_counter()
    score(frame)
    result = {'import_and_load_s': loaded_s - began_s,
              'first_frame_ms': 1e3 * (perf_counter() - first_s), 'cases': []}
    for width, height, batch in job['cases']:
        frames = frames_for(name, width, height, max(batch, 8))
        result['cases'].append(
            [width, height, batch, *_time(score, frames, batch, job['seconds'])])
    result['peak_memory_mb'] = memory_mb('self', 'VmHWM')
    return result


def _time(score, frames: list, batch: int, seconds: float) -> tuple:
    """Return the median time of a frame and its CPU time in ms."""
    endless = cycle(frames)
    timing = time_calls(lambda: score([*islice(endless, batch)]), seconds)
    return timing.median_ms / batch, timing.cpu_ms / batch


def run_one(name: str, job: dict) -> dict:
    """Measure one pipeline in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, '--one', name, json.dumps(job)],
        stdout=subprocess.PIPE, check=True, text=True,
        cwd=tempfile.gettempdir(), env={**os.environ, 'OMP_NUM_THREADS': str(job['threads'])})
    return json.loads(done.stdout.splitlines()[-1])


def make_resnet50(path: Path):
    """Write a checkpoint of random weights; return the network."""
    from fliqe_ros.models.checkpoint import save_checkpoint
    from fliqe_ros.models.resnet50 import ResNet50
    network = ResNet50().eval()
    network.metadata = {}
    save_checkpoint(path, network, {})
    return network


def make_models(folder: Path) -> dict:
    """Return the models by (architecture, suffix); but for the packaged one of random weights."""
    from fliqe_ros.backends.onnx_export import export
    from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_ONNX_MODEL
    from fliqe_ros.models.thermal_s7 import ThermalS7
    export(make_resnet50(folder / 'resnet50.pt'), folder / 'resnet50.onnx')
    version_7 = ThermalS7().eval()  # takes as long with random weights
    version_7.metadata = {}
    export(version_7, folder / 'thermal_s7.onnx')
    return {'thermal_s .pt': str(DEFAULT_MODEL), 'thermal_s .onnx': str(DEFAULT_ONNX_MODEL),
            'thermal_s7 .onnx': str(folder / 'thermal_s7.onnx'),
            'resnet50 .pt': str(folder / 'resnet50.pt'),
            'resnet50 .onnx': str(folder / 'resnet50.onnx')}


def summarise(rounds: dict) -> list:
    """Return rows (option, size, batch, median, lowest, highest, CPU time in ms; frames/s)."""
    rows = []
    for name, results in rounds.items():
        for index, case in enumerate(results[0]['cases']):
            times_ms = [result['cases'][index][3] for result in results]
            rows.append({
                'option': name, 'width': case[0], 'height': case[1], 'batch': case[2],
                'median_ms': median(times_ms), 'lowest_ms': min(times_ms),
                'highest_ms': max(times_ms), 'frames_per_s': 1e3 / median(times_ms),
                'cpu_ms': median(result['cases'][index][4] for result in results)})
    return rows


def against_reference(rounds: dict) -> list:
    """Return how many times faster than the reference, round by round, each option is."""
    from pipelines import REFERENCE
    rows = []
    for name, results in rounds.items():
        for index, (width, height, batch, *_) in enumerate(results[0]['cases']):
            alone = [at for at, case in enumerate(rounds[REFERENCE][0]['cases'])
                     if case[:2] == [width, height]]
            ratios = [theirs['cases'][alone[0]][3] / ours['cases'][index][3]
                      for theirs, ours in zip(rounds[REFERENCE], results)]
            rows.append({'option': name, 'width': width, 'height': height, 'batch': batch,
                         **_spread('times_faster', ratios)})
    return rows


def against_bare(rounds: dict) -> list:
    """Return how long resnet50 takes, round by round, in times of its bare network."""
    from pipelines import BARE
    if 'resnet50 onnxruntime' not in rounds:
        return []
    rows = []
    for index, (width, height, batch, *_) in enumerate(rounds[BARE][0]['cases']):
        ratios = [ours['cases'][index][3] / bare['cases'][index][3]
                  for ours, bare in zip(rounds['resnet50 onnxruntime'], rounds[BARE])]
        rows.append({'width': width, 'height': height, 'batch': batch,
                     **_spread('times_as_long', ratios)})
    return rows


def _spread(name: str, ratios: list) -> dict:
    return {name: median(ratios), 'lowest': min(ratios), 'highest': max(ratios)}


def main(argv=None) -> int:
    """Measure and write the result."""
    options = parser().parse_args(argv)
    if options.one:
        print(json.dumps(measure(options.one[0], json.loads(options.one[1]))))
        return 0
    from importlib.util import find_spec
    from pipelines import BARE, OTHERS, OURS, REFERENCE
    from records import RESULTS, write
    from roofline import measure_roofline
    from stages import measure_stages
    if unknown := sorted({*(options.only or ())} - {*OURS, *OTHERS}):
        parser().error(f'{", ".join(unknown)}: the options are {", ".join((*OURS, *OTHERS))}')
    names = [REFERENCE, BARE, *(options.only or OURS)]
    if options.others and not options.only:
        names += [name for name in OTHERS if 'openvino' not in name or find_spec('openvino')]
    sizes, batches, batch_size = SIZES, BATCHES, BATCH_SIZE
    if options.quick:
        sizes, batches, batch_size = SIZES[:2], BATCHES[:2], SIZES[1]
        options.rounds, options.seconds = 1, 0.05
    rounds = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        models = make_models(Path(folder))
        for number in range(options.rounds):
            for name in names[number % len(names):] + names[:number % len(names)]:
                several = batches[1:] if name == BARE or (
                    name in OURS and OURS[name].batches) else ()
                job = {'models': models, 'threads': options.threads, 'seconds': options.seconds,
                       'cases': [*((*size, 1) for size in sizes),
                                 *((*batch_size, batch) for batch in several)]}
                rounds[name].append(run_one(name, job))
                print(f'round {number + 1}: {name}', flush=True)
        roofline = measure_roofline([models['resnet50 .pt'], models['thermal_s .pt']],
                                    *batch_size, options.threads, options.seconds)
    write('library', {'rounds': options.rounds, 'seconds': options.seconds,
                      'threads': options.threads},
          {'times': summarise(rounds), 'against_reference': against_reference(rounds),
           'against_bare': against_bare(rounds), 'start_up': start_up(rounds),
           'roofline': roofline, 'stages': measure_stages(*batch_size, options.seconds)},
          options.out or RESULTS)
    return 0


def start_up(rounds: dict) -> list:
    """Return rows (option; import and load in s; first frame in ms; peak memory in MB)."""
    keys = ('import_and_load_s', 'first_frame_ms', 'peak_memory_mb')
    return [{'option': name, **{key: median(result[key] for result in results) for key in keys}}
            for name, results in rounds.items()]


if __name__ == '__main__':
    sys.exit(main())
