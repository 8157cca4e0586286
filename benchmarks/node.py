"""
Speed of the node: cameras in processes of their own → DDS → node → scores.

As in NVIDIA's ros2_benchmark, frames are made beforehand and published at fixed rates, in
several iterations of which medians are reported; then the highest rate is searched at which less
than 5 % of the frames are lost. All of it once for one node with all cameras and once for a node
process for each camera; beside that the CPU time of the network alone at the same rates.
"""

import argparse
from pathlib import Path
from statistics import median
import sys
import tempfile

from bare_network import cpu_ms_per_frame
from fliqe_ros.node.inference_worker import CPU_BATCH
from fliqe_ros.node.parameters import PARAMETERS
from fliqe_ros.node.timing import percentile
from fliqe_ros.tools.demo_system import isolated
import rclpy
from records import memory_mb, RESULTS, write
from system import running_system

CAMERAS = (1, 2, 4, 8, 16)
RATES_HZ = (9, 30, 60)
ENCODINGS = ('mono8', 'mono16')
SIZES = ((320, 256), (640, 512))
ACCEPTABLE_LOSS = 0.05
HIGHEST_HZ = 480.0
FLOOD_CAMERAS, FLOOD_HZ = 8, 30.0
#: The node's parameters that can be chosen here.
CHOSEN = [spec for spec in PARAMETERS if spec.name in ('backend', 'max_batch', 'threads')]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--cameras', type=int, nargs='+', default=CAMERAS)
    arguments.add_argument('--rates', type=float, nargs='+', default=RATES_HZ, help='Hz')
    arguments.add_argument('--encodings', nargs='+', choices=ENCODINGS, default=ENCODINGS)
    arguments.add_argument('--sizes', nargs='+', type=_size, default=SIZES, metavar='WxH')
    arguments.add_argument('--iterations', type=int, default=3, help='default 3')
    arguments.add_argument('--seconds', type=float, default=8.0, help='of each, default 8')
    arguments.add_argument('--soak', type=float, default=300.0, metavar='SECONDS',
                           help='of the flood at the end, default 300')
    arguments.add_argument('--reliable', action='store_true',
                           help='reliable transport instead of sensor-data QoS')
    arguments.add_argument('--segment-mb', type=float, default=4.0,
                           help='shared memory of each process for its frames, default 4; what '
                                'Fast DDS takes by itself is 0.5')
    for spec in CHOSEN:
        arguments.add_argument(f'--{spec.name.replace("_", "-")}', type=type(spec.default),
                               default=spec.default, help=f'of the node. {spec.description}')
    arguments.add_argument('--out', type=Path, default=RESULTS, help='folder of the result')
    arguments.add_argument('--quick', action='store_true',
                           help='a second or less of everything, two cameras, small frames')
    return arguments


def _size(text: str) -> tuple:
    width, _, height = text.partition('x')
    return int(width), int(height)


def _parameters(options) -> dict:
    return {spec.name: getattr(options, spec.name) for spec in CHOSEN}


def at_fixed_rate(system, rate_hz: float, seconds: float, iterations: int) -> dict:
    """Return the medians of several iterations: latency, share scored, CPU time, memory."""
    rows = [_summary(system.measure(rate_hz, seconds)) for _ in range(iterations)]
    return {'rate_hz': rate_hz, **{
        key: median(known) if (known := [row[key] for row in rows if row[key] is not None])
        else None for key in rows[0]}}


def _summary(measured: dict) -> dict:
    sent, scored = sum(measured['sent']), sum(measured['scored'])
    latencies = measured['latencies_ms']
    return {
        **{f'latency_p{percent}_ms': percentile(latencies, percent) for percent in (50, 95, 99)},
        'latency_max_ms': max(latencies, default=None),
        'kept_hz': measured['kept_hz'],
        'share_scored': scored / sent,
        'least_to_most': min(measured['scored']) / max(*measured['scored'], 1),
        'cpu_ms_per_frame': 1e3 * measured['cpu_s'] / scored if scored else None,
        'memory_mb': measured['memory_mb']}


def highest_rate(system, seconds: float) -> float:
    """Return the highest rate in Hz, to 5 %, at which less than 5 % of the frames are lost."""
    low_hz, high_hz = 1.0, HIGHEST_HZ
    while high_hz > 1.05 * low_hz:
        rate_hz = (low_hz * high_hz) ** 0.5
        measured = system.measure(rate_hz, seconds)
        lost = 1 - sum(measured['scored']) / sum(measured['sent'])
        # Cameras that cannot keep up their rate show what the machine can do, not the node.
        kept = measured['kept_hz'] >= (1 - ACCEPTABLE_LOSS) * rate_hz
        passed = kept and lost < ACCEPTABLE_LOSS
        low_hz, high_hz = (rate_hz, high_hz) if passed else (low_hz, rate_hz)
    return low_hz


def measure_grid(options, new_folder) -> list:
    """Return a row for each number of cameras, encoding, size, rate, and one node or many."""
    rows = []
    for node_for_each in (False, True):
        for cameras in options.cameras:
            if node_for_each and cameras == 1:
                continue  # the same as one node for all
            for encoding, size in ((e, s) for e in options.encodings for s in options.sizes):
                case = {'nodes': cameras if node_for_each else 1, 'cameras': cameras,
                        'encoding': encoding, 'width': size[0], 'height': size[1]}
                print(case, flush=True)
                with running_system(
                        new_folder(), cameras, encoding, size, node_for_each=node_for_each,
                        reliable=options.reliable, **_parameters(options)) as system:
                    start_mb = sum(memory_mb(node.pid) for node in system.nodes)
                    system.measure(options.rates[0], min(options.seconds, 2.0))  # warm-up
                    at_rates = [at_fixed_rate(system, rate, options.seconds, options.iterations)
                                for rate in options.rates]
                    peak_hz = highest_rate(system, options.seconds / 4)
                rows += [{**case, 'memory_at_start_mb': start_mb, 'highest_rate_hz': peak_hz,
                          **row} for row in at_rates]
    return rows


def measure_network(options) -> list:
    """Return a row for each size and rate: what the network alone takes of the CPU."""
    return [{'width': size[0], 'height': size[1], 'rate_hz': rate, 'cpu_ms_per_frame': median(
        cpu_ms_per_frame(size, rate, options.seconds, options.backend, options.threads)
        for _ in range(options.iterations))}
        for size in options.sizes for rate in options.rates]


def soak(options, new_folder) -> dict:
    """Flood one node with many cameras for long; tell fairness and growth of memory."""
    cameras, size = min(max(options.cameras), FLOOD_CAMERAS), options.sizes[-1]
    with running_system(new_folder(), cameras, options.encodings[-1], size,
                        reliable=options.reliable, **_parameters(options)) as system:
        system.measure(FLOOD_HZ, min(10.0, options.soak))
        early_mb = memory_mb(system.nodes[0].pid)
        row = _summary(system.measure(FLOOD_HZ, options.soak))
    return {'cameras': cameras, 'rate_hz': FLOOD_HZ, 'width': size[0], 'height': size[1],
            'frames_in_batch': min(cameras, options.max_batch or CPU_BATCH),
            'seconds': options.soak, 'memory_early_mb': early_mb, **row}


def main(argv=None) -> int:
    """Measure and write the result."""
    options = parser().parse_args(argv)
    if options.quick:
        options.cameras, options.rates, options.encodings = (2,), (10.0,), ('mono16',)
        options.sizes, options.iterations, options.seconds = ((160, 128),), 1, 1.0
        options.soak = 1.0
    with tempfile.TemporaryDirectory(prefix='fliqe_bench_') as folder, \
            isolated(Path(folder), options.segment_mb):
        rclpy.init(args=[])

        def new_folder() -> Path:
            return Path(tempfile.mkdtemp(dir=folder))
        try:
            content = {'node': measure_grid(options, new_folder),
                       'bare_network': measure_network(options),
                       'soak': soak(options, new_folder)}
        finally:
            rclpy.shutdown()
    settings = _parameters(options) | {name: getattr(options, name) for name in (
        'iterations', 'seconds', 'reliable', 'segment_mb')}
    write('node', settings, content, options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
