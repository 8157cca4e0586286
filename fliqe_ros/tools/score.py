"""
Score thermal images, videos, ROS bags and folders of them; needs no ROS.

Prints the mean score, the most frequent type and the name of each camera. With --out it also
writes tables, and a page to read, about every frame, camera and stretch of trouble.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
import json
import logging
import os
from pathlib import Path
import sys
import tempfile

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.errors import SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.recordings.annotated_bag import write_bag
from fliqe_ros.recordings.report.page import Report, write_report
from fliqe_ros.recordings.planning import count_frames, locked, Plan, plan
from fliqe_ros.recordings.run import Run
from fliqe_ros.recordings.scoring import Reading
from fliqe_ros.recordings.settings import read_parameters, ScoringSettings, settings_of
from fliqe_ros.recordings.tables import (
    ScoredCamera, since_start_s, write_cameras, write_events, write_frames)
from fliqe_ros.recordings.workers import ModelSpec, Processes, ThisProcess, Workers
import numpy as np
from tqdm import tqdm

#: Frames for which it is worth to start one more process.
_WORTH_A_PROCESS = 500
EXPLANATION = """
recordings: rosbag2 (folders, .db3, .mcap; cut ones too), ROS 1 bags, videos, images with all their
pages, arrays, tables, radiometric files of FLIR, DJI, InfraTec and InfiRay. Each image topic of a
bag is a camera of its own; with --out, numbered images of a folder are the frames of one camera.

In the folder of --out:
  frames.parquet  a row for each frame (frames.csv without pyarrow)
  cameras.csv     a row for each camera: means, shares of time, faults
  events.csv      a row for each stretch of trouble, with what to do about it
  report.html     all this to read: timelines, the worst moments, what to do
  bags            with --bag: <camera>/quality and /diagnostics for rqt_bag, Foxglove, PlotJuggler
  journal         what was scored; the same command goes on there after an interruption

Statuses and events are what the node would have said while it was recorded, with the parameters
in --params. Scores are made again only where the model, the file or how it is read has changed.

examples:
  fliqe score frame.png
  fliqe score drive_*.mcap flights/ @more.txt --out scores
  fliqe score drive.mcap --json | jq .mean_score

Exit status: 0; 1 if anything could not be read, which is told on standard error, although all the
rest is scored; 3 if all was read and --fail-below is not met; 130 if interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe score', description=__doc__, epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('paths', nargs='+', metavar='RECORDING',
                           help='file, folder, pattern such as "drive_*.mcap", or @FILE with a '
                                'path a line')
    arguments.add_argument('--out', type=Path, metavar='FOLDER',
                           help='write tables and a report there')
    arguments.add_argument('--bag', action='store_true',
                           help='with --out, also write a bag for each recording: scores and '
                                'diagnostics on its clock')
    arguments.add_argument('--params', type=Path, metavar='YAML',
                           help="the node's parameters, as in config/fliqe.yaml: thresholds, "
                                'times and gain control')
    _add_reading(arguments.add_argument_group('reading'))
    _add_model(arguments.add_argument_group('model'))
    _add_work(arguments.add_argument_group('work'))
    _add_printing(arguments.add_argument_group('printing'))
    return arguments


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--jpeg', action='store_true',
                       help='of a radiometric JPEG, score the picture that it shows, not its '
                            'counts')
    group.add_argument('--rate', type=_rate, default=10.0, metavar='HZ',
                       help='frames per second of numbered images; default %(default)s')


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--model', help='model file, default: the packaged one')
    group.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    group.add_argument('--precision', default='auto',
                       help='auto (float16 on a GPU, else float32), float32, float16 or bfloat16')
    group.add_argument('--backend', default='auto', help='auto, torch or onnxruntime')
    group.add_argument('--threads', type=int, default=0,
                       help='CPU threads of each process, default: one; of a single process all '
                            'cores but one')


def _add_work(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--jobs', type=_jobs, default=0, metavar='N',
                       help='processes of this machine, default: one for each core, of a GPU '
                            'one, if there is enough to do')
    group.add_argument('--cluster', metavar='SCHEDULER',
                       help='work on a Dask cluster: tcp://HOST:8786, or the file that a '
                            'scheduler wrote; needs fliqe_ros[cluster]')
    group.add_argument('--fail-below', type=_score_limit, metavar='SCORE',
                       help='exit with status 3 if the mean score of any camera is below')


def _add_printing(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--json', action='store_true', help='print a JSON object for each camera')
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument('-q', '--quiet', action='store_true',
                          help='print nothing but what could not be read')
    loudness.add_argument('-v', '--verbose', action='store_true',
                          help='also tell the settings, what was left aside and bad frames')


def _rate(text: str) -> float:
    rate_hz = float(text)
    if not 0.001 <= rate_hz <= 10_000:
        raise argparse.ArgumentTypeError('from 0.001 to 10000')
    return rate_hz


def _jobs(text: str) -> int:
    jobs = int(text)
    if not 1 <= jobs <= 1024:
        raise argparse.ArgumentTypeError('from 1 to 1024')
    return jobs


def _score_limit(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError('from 0 to 1')
    return score


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parser()
    options = arguments.parse_args(argv)
    if options.bag and options.out is None:
        arguments.error('--bag needs --out')
    if options.jobs and options.cluster:
        arguments.error('--jobs is for this machine; the cluster decides for itself')
    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR)
    try:
        settings = settings_of(read_parameters(options.params) if options.params else {})
        fliqe = FLIQE(options.model, options.device, options.precision, options.backend,
                      options.threads)
    except (ValueError, OSError) as error:
        return _tell(error)
    try:
        if options.out is None:
            with tempfile.TemporaryDirectory() as scratch:
                return _score(options, fliqe, settings, Path(scratch))
        with locked(options.out):
            return _score(options, fliqe, settings, options.out)
    except (SourceError, OSError) as error:
        return _tell(error)
    except KeyboardInterrupt:
        hint = '' if options.out is None else f'; the same command goes on in {options.out}'
        print(f'score: interrupted{hint}', file=sys.stderr)
        return 130


def _score(options: argparse.Namespace, fliqe: FLIQE, settings: ScoringSettings,
           folder: Path) -> int:
    found = plan(options.paths, sequences=options.out is not None)
    if options.verbose:
        _tell_plan(fliqe, settings, found)
    silent = True if options.quiet or options.json else None  # None: where nobody looks
    total = count_frames(found.recordings)
    with tqdm(total=total or None, unit='frame', disable=silent, delay=0.5,
              dynamic_ncols=True) as progress, \
            closing(_workers(options, fliqe, total, progress.update)) as workers:
        run = Run(fliqe, workers, settings, Reading(options.rate, options.jpeg), folder,
                  progress.update, with_pictures=options.out is not None)
        run.failures += found.failures
        cameras = []
        told = 0
        for camera in run.score(found.recordings):
            cameras.append(camera)
            _print(camera, options, progress)
            told = _tell_failures(run.failures, told)
    _tell_failures(run.failures, told)
    if options.out is not None:
        write_tables(cameras, options.out)
        write_report(Report(cameras, settings, model_facts(fliqe), run.failures,
                            aside_sentence(found), run.pictures), options.out)
        if options.bag:
            write_bags(cameras, settings, fliqe.model_id, options.out / 'bags')
        run.remove_unused()
    return int(bool(run.failures)) or _gate(cameras, options.fail_below)


def _workers(options: argparse.Namespace, fliqe: FLIQE, frames: int,
             tell: Callable[[int], None]) -> Workers:
    """Return who works: a cluster, processes, or this process alone where that is enough."""
    on_gpu = fliqe.device != 'cpu'
    jobs = options.jobs or (1 if on_gpu else min(_cores(), frames // _WORTH_A_PROCESS))
    if options.cluster is None and jobs <= 1:
        return ThisProcess(fliqe, tell)
    spec = ModelSpec(options.model, fliqe.device, fliqe.precision, fliqe.backend,
                     options.threads or 1, fliqe.model_hash)
    if options.cluster is None:
        return Processes(jobs, spec)
    from fliqe_ros.recordings.cluster import Cluster  # needs the extra of this name
    return Cluster(options.cluster, spec)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _gate(cameras: Sequence[ScoredCamera], limit: float | None) -> int:
    """Name the cameras that are too bad; return the exit status."""
    bad = [camera for camera in cameras if limit is not None and camera.summary.mean < limit]
    for camera in bad:
        print(f'score: {camera.name}: mean score {camera.summary.mean:.3f} is below {limit:g}',
              file=sys.stderr)
    return 3 if bad else 0


def write_tables(cameras: Sequence[ScoredCamera], folder: Path) -> None:
    """Write what is known of cameras into a folder; frames.csv or frames.parquet, not both."""
    written = write_frames(cameras, folder)
    for name in {'frames.csv', 'frames.parquet'} - {written.name}:
        (folder / name).unlink(missing_ok=True)
    write_cameras(cameras, folder)
    write_events(cameras, folder)


def write_bags(cameras: Sequence[ScoredCamera], settings: ScoringSettings, model: str,
               folder: Path) -> None:
    """Write a bag for each recording into a folder."""
    folder.mkdir(exist_ok=True)
    recordings: dict[str, list[ScoredCamera]] = {}
    for camera in cameras:
        recordings.setdefault(camera.recording, []).append(camera)
    for number, (name, found) in enumerate(recordings.items()):
        path = folder / f'{number:04}_{Path(name).stem.replace("*", "x")}'
        write_bag(found, settings, model, path, message_definition())


def message_definition() -> str:
    """
    Return the text of QualityScore.msg, from where the package is installed.

    :raises SourceError: if it is not there.
    """
    for prefix in Path(__file__).resolve().parents:
        file = prefix / 'share' / 'fliqe_ros' / 'msg' / 'QualityScore.msg'
        if file.is_file():
            return file.read_text(encoding='utf-8')
    raise SourceError('QualityScore.msg is not installed beside this package')


def _print(camera: ScoredCamera, options: argparse.Namespace, progress: tqdm) -> None:
    if options.json:
        print(json.dumps(as_json(camera)), flush=True)
    elif not options.quiet and camera.summary.failed < camera.summary.frames:
        progress.clear()
        label = most_frequent_type(camera).label
        print(f'{camera.summary.mean:.3f}  {label:<14}  {camera.name}', flush=True)
    failed = camera.summary.failed
    if options.verbose and 0 < failed < camera.summary.frames and not camera.broken:
        print(f'score: {camera.name}: {camera.faults}', file=sys.stderr)


def most_frequent_type(camera: ScoredCamera) -> Distortion:
    """Return the type that most frames have; UNKNOWN if there is no frame."""
    types = camera.rows['distortion'][camera.rows['error'] == b'']
    return Distortion(int(np.bincount(types).argmax())) if len(types) else Distortion.UNKNOWN


def as_json(camera: ScoredCamera) -> dict[str, object]:
    """Return what is known of a camera as JSON takes it."""
    summary = camera.summary
    return {
        'recording': camera.recording, 'camera': camera.camera, 'frames': summary.frames,
        'failed': summary.failed, 'duration_s': summary.duration_s,
        'mean_score': _number(summary.mean), 'lowest_score': _number(summary.lowest),
        'type': most_frequent_type(camera).label, 'trouble': summary.trouble,
        'events': [{'from_s': since_start_s(camera, event.start_ns),
                    'to_s': since_start_s(camera, event.end_ns), 'status': event.status.label,
                    'type': event.label, 'lowest_score': _number(event.lowest),
                    'what_to_do': event.advice} for event in camera.events],
        'faults': camera.faults}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _tell_plan(fliqe: FLIQE, settings: ScoringSettings, found: Plan) -> None:
    values = ', '.join(f'{name}: {value}' for name, value in settings.values.items())
    print(f'score: model {fliqe.model_id} on {fliqe.device}, {fliqe.backend}, {fliqe.precision}\n'
          f'score: {values}', file=sys.stderr)
    if found.aside:
        print(f'score: left aside: {aside_sentence(found)}', file=sys.stderr)


def aside_sentence(found: Plan) -> str:
    """Return how many files of which kinds were left aside; '' if none was."""
    return ', '.join(f'{count} {kind}' for kind, count in sorted(found.aside.items()))


def model_facts(fliqe: FLIQE) -> dict[str, str]:
    """Return what the report tells of the model."""
    return {'model': fliqe.model_id, 'SHA-256 of the model': fliqe.model_hash,
            'device': fliqe.device, 'backend': fliqe.backend, 'precision': fliqe.precision}


def _tell_failures(failures: list[str], told: int) -> int:
    for failure in failures[told:]:
        _tell(failure)
    return len(failures)


def _tell(error: object) -> int:
    print(f'score: {error}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
