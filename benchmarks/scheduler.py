"""
How much work a Dask scheduler hands out, by tasks that do nothing, as `fliqe score` does it.

A real scheduler and real workers on this machine. Beside tasks per second it tells the CPU time
that scheduler and client spend on each, which bounds what they do on machines of their own.
"""

import argparse
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack
import os
from pathlib import Path
import subprocess
import sys
import tempfile
from time import perf_counter, process_time, sleep

from fliqe_ros.estimator import FLIQE
from fliqe_ros.recordings.cluster import Cluster
from fliqe_ros.recordings.workers import ModelSpec
from records import memory_mb, write

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--tasks', type=int, default=100_000, help='default 100000')
    arguments.add_argument('--workers', type=int, default=2, help='processes; default 2')
    arguments.add_argument('--threads', type=int, default=16, help='of each; default 16')
    arguments.add_argument('--out', type=Path, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='few tasks')
    return arguments


def start(stack: ExitStack, folder: Path, *words) -> subprocess.Popen:
    """Start `dask`, until the stack ends."""
    log = stack.enter_context((folder / 'log').open('ab'))
    process = subprocess.Popen([sys.executable, '-m', 'dask', *map(str, words)], stdout=log,
                               stderr=log, cwd=folder)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def run(cluster: Cluster, tasks: int) -> None:
    """Have tasks done, as many at a time as there is room for."""
    running, begun = set(), 0
    while begun < tasks or running:
        while begun < tasks and len(running) < cluster.slots:
            running.add(cluster.submit(len, ()))
            begun += 1
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            if future.result() != 0:
                raise RuntimeError('a task gave another result')


def main() -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args()
    tasks = 300 if options.quick else options.tasks
    fliqe = FLIQE(device='cpu')
    spec = ModelSpec(None, 'cpu', fliqe.precision, fliqe.backend, 1, fliqe.model_hash)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        file = folder / 'scheduler.json'
        scheduler = start(stack, folder, 'scheduler', '--host', '127.0.0.1', '--port', 0,
                          '--no-dashboard', '--scheduler-file', file)
        while not file.exists():
            sleep(0.1)
        workers = [start(stack, folder, 'worker', '--scheduler-file', file, '--nthreads',
                         options.threads, '--no-nanny', '--no-dashboard', '--local-directory',
                         folder) for _ in range(options.workers)]
        cluster = Cluster(str(file), spec)
        stack.callback(cluster.close)
        run(cluster, 10 * cluster.slots)  # for warming up
        processes = {'scheduler': [scheduler.pid], 'workers': [each.pid for each in workers]}
        before = {name: sum(map(cpu_s, pids)) for name, pids in processes.items()}
        began_s, own_s = perf_counter(), process_time()
        run(cluster, tasks)
        took_s = perf_counter() - began_s
        spent = {name: 1e3 * (sum(map(cpu_s, pids)) - before[name]) / tasks
                 for name, pids in processes.items()}
        spent['client'] = 1e3 * (process_time() - own_s) / tasks
        memory = memory_mb(scheduler.pid)
    print(f'{tasks} tasks in {took_s:.1f} s: {tasks / took_s:.0f} a second; CPU ms of each: ' +
          ', '.join(f'{name} {ms:.2f}' for name, ms in spent.items()) +
          f'; memory of the scheduler {memory:.0f} MB')
    if options.out or not options.quick:
        write('scheduler', {'tasks': tasks, 'workers': options.workers,
                            'threads': options.threads},
              {'took_s': took_s, 'tasks_per_s': tasks / took_s, 'cpu_ms': spent,
               'scheduler_memory_mb': memory}, *filter(None, [options.out]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
