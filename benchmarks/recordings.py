"""
Speed of scoring recordings: CPU time of each stage by format, and two processes against one.

Prints how many workers so many terabytes a day take. CPU times of one thread are measured, so that
they hold on a machine that does other things too. Two processes on two cores are compared with one
process on one core, and with one that decodes on the other core, in rounds, in turn.
"""

import argparse
from collections import Counter
from contextlib import contextmanager
from itertools import cycle, islice
import os
from pathlib import Path
from statistics import median
import subprocess
import sys
import tempfile
from time import perf_counter, process_time, thread_time
from unittest.mock import patch

import av
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.spans import WHOLE
from fliqe_ros.frame_io.streams import open_recording, Recording
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.monitoring.picture_changes import compare
from fliqe_ros.recordings import scoring
from fliqe_ros.recordings.journal import Ending, NO_ROWS
from fliqe_ros.recordings.planning import plan
from fliqe_ros.recordings.run import Run
from fliqe_ros.recordings.scoring import Reading, score_span, SpanOfCamera
from fliqe_ros.recordings.settings import settings_of
from fliqe_ros.recordings.tables import write_frames
from fliqe_ros.recordings.workers import ThisProcess
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from growth import table
import numpy as np
from records import write
from rosbags import rosbag2
from rosbags.typesys import get_typestore, Stores

_DAY_S = 24 * 3600
_RATE_HZ = 30
#: Recordings that several processes score.
_COPIES = 8
#: Workers are never all at work: retries, stragglers, the ends of runs.
_AT_WORK = 0.8


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--frames', type=int, default=1024, help='of each format; default 1024')
    arguments.add_argument('--rounds', type=int, default=5, help='default 5')
    arguments.add_argument('--terabytes', type=float, default=10.0, help='a day; default 10')
    arguments.add_argument('--robots', type=int, default=1000, help='default 1000')
    arguments.add_argument('--price', type=float, default=0.05,
                           help='of a core for an hour, in any currency; default 0.05')
    arguments.add_argument('--out', type=Path, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='one round, few frames')
    return arguments


def write_formats(folder: Path, count: int) -> dict:
    """Write a recording in each format, of a scene that moves; return name → path."""
    large, small = (_counts(height, width) for height, width in ((512, 640), (256, 320)))
    paths = {'bag (MCAP), raw mono16 640×512': folder / 'raw',
             'FFV1 gray16 640×512': folder / 'lossless.mkv',
             'PNG 16 bits 640×512': folder / 'png',
             'H.264 640×512, 2 Mbit/s': folder / 'large.mp4',
             'H.264 320×256, 1 Mbit/s': folder / 'small.mp4'}
    raw, lossless, png, large_mp4, small_mp4 = paths.values()
    _write_bag(raw, islice(cycle(large), count))
    _write_video(lossless, islice(cycle(large), count), 'ffv1', 'gray16le')
    _write_images(png, islice(cycle(large), count))
    for path, frames, rate in ((large_mp4, large, 2_000_000), (small_mp4, small, 1_000_000)):
        gray = [GainControl()(frame) for frame in frames]
        _write_video(path, islice(cycle(gray), count), 'libx264', 'yuv420p', rate)
    return paths


def _counts(height: int, width: int, count: int = 64) -> list:
    scene, rng = ThermalScene(3, height, width), np.random.default_rng(0)
    return [scene.sensor_counts(scene.render(number / _RATE_HZ), rng) for number in range(count)]


def _write_bag(path: Path, frames) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    image = 'sensor_msgs/msg/Image'
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/front/image_raw', image, typestore=store)
        for number, frame in enumerate(frames):
            stamp_ns = number * 33_000_000
            stamp = store.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9))
            message = store.types[image](
                header=store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='front'),
                height=frame.shape[0], width=frame.shape[1], encoding='mono16', is_bigendian=0,
                step=frame.strides[0], data=frame.view(np.uint8).ravel())
            writer.write(connection, stamp_ns, bytes(store.serialize_cdr(message, image)))


def _write_video(path: Path, frames, codec: str, pixels: str, bit_rate: int = 0) -> None:
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=_RATE_HZ, options={'g': '30'})
        stream.pix_fmt, stream.bit_rate = pixels, bit_rate
        for number, frame in enumerate(frames):
            if not number:
                stream.height, stream.width = frame.shape
            name = 'gray16le' if frame.dtype == np.uint16 else 'gray'
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=name)))
        container.mux(stream.encode())


def _write_images(folder: Path, frames) -> None:
    import cv2
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f'{number:05}.png'), frame)


class _Times:
    """CPU time of this thread by stage, in s."""

    def __init__(self):
        self.spent = Counter()

    @contextmanager
    def of(self, stage: str):
        began_s = thread_time()
        try:
            yield
        finally:
            self.spent[stage] += thread_time() - began_s

    def around(self, stage: str, function):
        def timed(*arguments):
            with self.of(stage):
                return function(*arguments)
        return timed


class _TimedSpan(SpanOfCamera):

    def frames(self):
        """Yield the frames; reading and decoding them is timed."""
        times, found = TIMES, super().frames()
        while True:
            with times.of('read and decode'):
                frame = next(found, None)
            if frame is None:
                return
            object.__setattr__(frame, 'read', times.around('read and decode', frame.read))
            yield frame


TIMES = _Times()


def measure_stages(fliqe: FLIQE, path: Path) -> dict:
    """Score a recording in this process; return CPU ms of a frame by stage, rows and size."""
    files = tuple(sorted(path.iterdir())) if path.name == 'png' else (path,)
    recording = Recording(str(path), files)
    settings = settings_of({})
    with open_recording(recording) as streams:
        camera = streams[0].camera
    part = _TimedSpan(recording, camera, WHOLE, Reading(), settings.gain, settings.borders,
                      PaletteReader(settings.palette).memory)
    rows = [NO_ROWS]
    TIMES.spent.clear()
    with patch.object(scoring, 'compare', TIMES.around('change of the picture', compare)), \
            patch.object(fliqe, 'prepare', TIMES.around('gain control', fliqe.prepare)), \
            patch.object(fliqe, 'assess_prepared',
                         TIMES.around('network', fliqe.assess_prepared)):
        began_s, all_began_s = thread_time(), process_time()
        ending = score_span(fliqe, part, rows.append)
        took_s, all_took_s = thread_time() - began_s, process_time() - all_began_s
    TIMES.spent['rest (Python)'] = took_s - sum(TIMES.spent.values())
    TIMES.spent['read and decode'] += all_took_s - took_s  # FFmpeg decodes in threads of its own
    if ending.broken or ending.errors:
        raise RuntimeError(f'{path}: {ending}')
    found = np.concatenate(rows)
    size = sum(file.stat().st_size for file in path.rglob('*')) if path.is_dir() \
        else path.stat().st_size
    return {'rows': found, 'bytes': size / len(found),
            'ms': {stage: 1e3 * spent / len(found) for stage, spent in TIMES.spent.items()}}


class _DoneAlready(ThisProcess):
    """Gives rows at once, as workers that take no time."""

    def __init__(self, fliqe: FLIQE, rows: np.ndarray):
        super().__init__(fliqe, lambda frames: None)
        self._rows = rows

    def score(self, parts, journals):
        """Return rows for the frames of each part."""
        return self.submit(lambda: [
            (np.resize(self._rows, (part.span.stop or len(part.recording.files)) -
                       (part.span.start or 0)),
             Ending(palette_before=part.palette, palette_after=part.palette)) for part in parts])


def measure_rest(fliqe: FLIQE, rows: np.ndarray, frames: int, folder: Path) -> dict:
    """Return the CPU time per frame, in ms, of what the process of `fliqe score` does itself."""
    images = folder / 'many'
    images.mkdir()
    for number in range(frames):  # nobody reads them
        (images / f'{number:07}.png').touch()
    began_s = process_time()
    run = Run(fliqe, _DoneAlready(fliqe, rows), settings_of({}), Reading(), folder)
    cameras = list(run.score(plan([str(images)]).recordings))
    scored_s = process_time()
    write_frames(cameras, folder, {})
    if [len(camera.rows) for camera in cameras] != [frames] or run.failures:
        raise RuntimeError(f'not all was scored: {run.failures}')
    return {'journal and verdicts': 1e3 * (scored_s - began_s) / frames,
            'tables': 1e3 * (process_time() - scored_s) / frames}


def measure_jobs(path: Path, jobs: int, cores: set, folder: Path) -> tuple:
    """Return how long `fliqe score` of some copies takes, with its start, and its CPU time; s."""
    copies = folder / f'copies_{perf_counter()}'
    copies.mkdir()
    for number in range(_COPIES):
        (copies / f'{number}{path.suffix}').symlink_to(path)
    began_s = perf_counter()
    process = subprocess.Popen(
        [sys.executable, '-m', 'fliqe_ros.tools.fliqe', 'score', str(copies), '--out',
         str(copies / 'out'), '--jobs', str(jobs), '--device', 'cpu', '--threads', '1', '-q'],
        env={**os.environ, 'OMP_NUM_THREADS': '1'}, cwd=folder,
        preexec_fn=lambda: os.sched_setaffinity(0, cores))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f'fliqe score ended with {status}')
    return perf_counter() - began_s, usage.ru_utime + usage.ru_stime


def sizes(stages: list, terabytes: float, robots: int, price: float) -> list:
    """Return what a day's recordings take, by format."""
    found = []
    for row in stages:
        frames = terabytes * 1e12 / row['bytes']
        core_s = frames * row['total_ms'] / 1e3
        found.append({'format': row['format'], 'million_frames': frames / 1e6,
                      'camera_hours': frames / robots / _RATE_HZ / 3600,
                      'workers': core_s / _DAY_S / _AT_WORK,
                      'tasks_per_s': frames / Reading.frames_each / _DAY_S,
                      'cost_of_a_day': core_s / 3600 / _AT_WORK * price})
    return found


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Measure everything."""
    fliqe = FLIQE(device='cpu', threads=1)
    paths = write_formats(folder, options.frames)
    stages, jobs = [], []
    for name, path in paths.items():
        found = [measure_stages(fliqe, path) for _ in range(options.rounds)]
        spent = {stage: median(each['ms'][stage] for each in found) for stage in found[0]['ms']}
        stages.append({'format': name, 'bytes': found[0]['bytes'], 'ms': spent,
                       'total_ms': sum(spent.values())})
    rest = measure_rest(fliqe, found[0]['rows'], 100 * options.frames, folder)
    cores = sorted(os.sched_getaffinity(0))
    for name, path in list(paths.items())[::4]:  # raw, and small ones of H.264
        ways = {'one_core': (1, cores[:1]), 'one': (1, cores[:2]), 'two': (2, cores[:2])}
        times = np.array([[measure_jobs(path, number, set(where), folder)
                           for number, where in ways.values()]
                          for _ in range(options.rounds)])  # round, way, (time, CPU time)
        jobs.append({'format': name, 'frames': _COPIES * options.frames, **{
            f'{way}_{what}': float(np.median(times[:, number, column]))
            for number, way in enumerate(ways) for column, what in enumerate(('s', 'cpu_s'))},
            'faster': float(np.median(times[:, 0, 0] / times[:, 2, 0]))})
    return {'stages': stages, 'rest_ms': rest, 'jobs': jobs,
            'sizes': sizes(stages, options.terabytes, options.robots, options.price)}


def show(found: dict, terabytes: float) -> None:
    """Print the tables of docs/sizing.md."""
    stages = found['stages']
    print(table(stages, {
        'CPU ms of a frame': lambda r: r['format'], 'kB': lambda r: r['bytes'] / 1e3,
        **{name: lambda r, name=name: r['ms'][name] for name in stages[0]['ms']},
        'sum': lambda r: r['total_ms'], 'frames/s of a core': lambda r: 1e3 / r['total_ms'],
        'MB/s of a core': lambda r: r['bytes'] / r['total_ms'] / 1e3}), end='\n\n')
    print('CPU ms of a frame in the process that has others score: ' +
          ', '.join(f'{name} {ms:.3f}' for name, ms in found['rest_ms'].items()), end='\n\n')
    print(table(found['jobs'], {
        'Format': lambda r: r['format'], 'frames': lambda r: r['frames'],
        'one core, --jobs 1 (s)': lambda r: r['one_core_s'],
        'two cores, --jobs 1': lambda r: r['one_s'], '--jobs 2': lambda r: r['two_s'],
        'times one core': lambda r: r['faster'], 'CPU time (s)': lambda r: r['one_core_cpu_s'],
        'of two cores, --jobs 1': lambda r: r['one_cpu_s'],
        'of --jobs 2': lambda r: r['two_cpu_s']}), end='\n\n')
    print(table(found['sizes'], {
        f'{terabytes:g} TB a day of': lambda r: r['format'],
        'million frames': lambda r: r['million_frames'],
        f'hours of each robot at {_RATE_HZ} Hz': lambda r: r['camera_hours'],
        'workers': lambda r: r['workers'], 'tasks/s': lambda r: r['tasks_per_s'],
        'cost of a day': lambda r: r['cost_of_a_day']}))


def main() -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args()
    if options.quick:
        options.frames, options.rounds = 24, 1
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(options, Path(scratch))
    show(found, options.terabytes)
    if options.out or not options.quick:
        write('recordings', {name: value for name, value in vars(options).items()
                             if name not in ('out', 'quick')}, found,
              *filter(None, [options.out]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
