"""Score thermal images, videos, ROS bags and folders of them; needs no ROS."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
import logging
import os
from pathlib import Path
import sys
import tempfile
from typing import Any

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.errors import SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.live import is_live
from fliqe_ros.profiles.folder import load_profiles
from fliqe_ros.recordings.annotated_bag import write_bag
from fliqe_ros.recordings.planning import count_frames, locked, Plan, plan
from fliqe_ros.recordings.processes import Processes
from fliqe_ros.recordings.report.page import Report, write_report
from fliqe_ros.recordings.run import Run
from fliqe_ros.recordings.scoring import Reading
from fliqe_ros.recordings.settings import read_parameters, ScoringSettings, settings_of
from fliqe_ros.recordings.tables import (
    ScoredCamera, since_start_s, write_cameras, write_events, write_frames, write_stamp)
from fliqe_ros.recordings.workers import ModelSpec, ThisProcess, Workers
from fliqe_ros.tools.printing import shows_progress, tell
from fliqe_ros.tools.score_live import score_live
from fliqe_ros.tools.score_options import parser
import numpy as np
from tqdm import tqdm

#: Frames for which it is worth to start one more process.
_WORTH_A_PROCESS = 500


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parser()
    options = arguments.parse_args(argv)
    if options.bag and options.out is None:
        arguments.error('--bag needs --out')
    if options.jobs and options.cluster:
        arguments.error('--jobs is for this machine; the cluster decides for itself')
    is_live_ = any(map(is_live, options.paths))
    if is_live_ and (len(options.paths) > 1 or options.out or options.jobs or options.cluster
                     or options.profiles or options.fail_below is not None):
        arguments.error('a live source is scored alone, frame by frame, without --out, --jobs, '
                        '--cluster, --profiles and --fail-below')
    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR)
    try:
        settings = settings_of(read_parameters(options.params) if options.params else {})
        profiles, broken = load_profiles(options.profiles) if options.profiles else ({}, [])
        settings = replace(settings, profiles=profiles)
        fliqe = FLIQE(options.model, options.device, options.precision, options.backend,
                      options.threads)
    except (ValueError, OSError) as error:
        return _tell(error)
    try:
        if is_live_:
            return score_live(options, fliqe, settings)
        if options.out is None:
            with tempfile.TemporaryDirectory() as scratch:
                return _score(options, fliqe, settings, Path(scratch), broken)
        with locked(options.out):
            return _score(options, fliqe, settings, options.out, broken)
    except (SourceError, OSError) as error:
        return _tell(error)
    except KeyboardInterrupt:
        hint = '' if options.out is None else f'; the same command goes on in {options.out}'
        print(f'score: interrupted{hint}', file=sys.stderr)
        return 130


def _score(options: argparse.Namespace, fliqe: FLIQE, settings: ScoringSettings,
           folder: Path, failures: Sequence[str]) -> int:
    found = plan(options.paths, sequences=options.out is not None)
    if options.verbose:
        _tell_plan(fliqe, settings, found)
    total = count_frames(found.recordings)
    with tqdm(total=total or None, unit='frame', delay=0.5, dynamic_ncols=True,
              disable=None if shows_progress(options) else True) as progress, \
            closing(_workers(options, fliqe, total, progress.update)) as workers:
        run = Run(fliqe, workers, settings, Reading(options.rate, options.jpeg), folder,
                  progress.update, with_pictures=options.out is not None)
        run.failures += [*failures, *found.failures]
        cameras = []
        told = 0
        for camera in run.score(found.recordings):
            cameras.append(camera)
            _print(camera, options, progress)
            told = _tell_failures(run.failures, told)
    _tell_failures(run.failures, told)
    if options.profiles and not any(camera.profile for camera in cameras):
        print(f'score: {options.profiles}: no profile is of a camera that was scored',
              file=sys.stderr)
    if options.out is not None:
        facts = {**model_facts(fliqe), **profile_facts(cameras)}
        write_tables(cameras, options.out, {**facts, **settings.shown})
        write_report(Report(cameras, settings, facts, run.failures,
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


def write_tables(cameras: Sequence[ScoredCamera], folder: Path,
                 stamp: Mapping[str, Any]) -> None:
    """Write what is known of cameras into a folder; frames.csv or frames.parquet, not both."""
    written = write_frames(cameras, folder, stamp)
    for name in {'frames.csv', 'frames.parquet'} - {written.name}:
        (folder / name).unlink(missing_ok=True)
    write_cameras(cameras, folder)
    write_events(cameras, folder)
    write_stamp(stamp, folder)


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
    failed = camera.summary.failed
    if options.json or failed < camera.summary.frames:
        progress.clear()
        tell(options, f'{camera.summary.mean:.3f}  {most_frequent_type(camera).label:<14}  '
                      f'{camera.name}', facts_of(camera))
    if options.verbose and 0 < failed < camera.summary.frames and not camera.broken:
        print(f'score: {camera.name}: {camera.faults}', file=sys.stderr)


def most_frequent_type(camera: ScoredCamera) -> Distortion:
    """Return the type that most frames have; UNKNOWN if there is no frame."""
    types = camera.rows['distortion'][camera.rows['error'] == b'']
    return Distortion(int(np.bincount(types).argmax())) if len(types) else Distortion.UNKNOWN


def facts_of(camera: ScoredCamera) -> dict[str, object]:
    """Return what is known of a camera, for programs."""
    summary = camera.summary
    return {
        'recording': camera.recording, 'camera': camera.camera, 'frames': summary.frames,
        'failed': summary.failed, 'duration_s': summary.duration_s,
        'mean_score': summary.mean, 'lowest_score': summary.lowest,
        'type': most_frequent_type(camera).label, 'trouble': summary.trouble,
        'events': [{'from_s': since_start_s(camera, event.start_ns),
                    'to_s': since_start_s(camera, event.end_ns), 'status': event.status.label,
                    'type': event.label, 'lowest_score': event.lowest,
                    'what_to_do': event.advice} for event in camera.events],
        'faults': camera.faults}


def _tell_plan(fliqe: FLIQE, settings: ScoringSettings, found: Plan) -> None:
    values = ', '.join(f'{name}: {value}' for name, value in settings.shown.items())
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


def profile_facts(cameras: Sequence[ScoredCamera]) -> dict[str, str]:
    """Return what the report tells of the profiles by which cameras were judged."""
    found = {each.profile.camera: each.profile.sha256 for each in cameras if each.profile}
    return {f'SHA-256 of the profile {name}': found[name] for name in sorted(found)}


def _tell_failures(failures: list[str], told: int) -> int:
    for failure in failures[told:]:
        _tell(failure)
    return len(failures)


def _tell(error: object) -> int:
    print(f'score: {error}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
