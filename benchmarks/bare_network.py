"""
CPU time of nothing but the network, for frames that come at a rate.

Between frames that come 33 ms apart a CPU forgets weights and slows down, so that each takes
longer than in a loop. What a node adds is told by comparing both at one rate.
"""

import argparse
import subprocess
import sys
from time import perf_counter, process_time, sleep


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--size', type=int, nargs=2, default=(640, 512),
                           metavar=('WIDTH', 'HEIGHT'))
    arguments.add_argument('--rate', type=float, default=30.0, help='Hz')
    arguments.add_argument('--seconds', type=float, default=8.0)
    arguments.add_argument('--threads', type=int, default=0, help='as of the node')
    arguments.add_argument('--backend', default='auto', help='as of the node')
    return arguments


def cpu_ms_per_frame(size: tuple, rate_hz: float, seconds: float, backend: str,
                     threads: int) -> float:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, '--size', *map(str, size), '--rate', str(rate_hz),
         '--seconds', str(seconds), '--threads', str(threads), '--backend', backend],
        stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout)


def main(argv=None) -> int:
    """Measure and print the CPU time of a frame in ms."""
    options = parser().parse_args(argv)
    from fliqe_ros.backends.loading import load_backend
    from fliqe_ros.imaging.gain_control import GainControl
    from pipelines import frames_for
    network, _ = load_backend(None, 'cpu', 'auto', options.backend, options.threads)
    frames = [network.prepare(frame, GainControl())
              for frame in frames_for('thermal_s', *options.size, 8)]
    for frame in frames:
        network.predict([frame])
    count = max(1, int(options.seconds * options.rate))
    began_s, began_cpu_s = perf_counter(), process_time()
    for number in range(count):
        network.predict([frames[number % len(frames)]])
        sleep(max(0.0, (number + 1) / options.rate - (perf_counter() - began_s)))
    print(1e3 * (process_time() - began_cpu_s) / count)
    return 0


if __name__ == '__main__':
    sys.exit(main())
