"""Settle which method is best: judge models and alternatives on the same frames, write it up."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
import shutil
import sys

from fliqe_ros.model import CheckpointError, DEFAULT_MODEL
from fliqe_ros.tools.data_options import at_least_one
from fliqe_ros.tools.evaluate import write_verdicts
from fliqe_ros.tools.judging_options import (
    judged_cameras, judging_options, read_cameras, read_models)
from fliqe_ros.tools.report_page import page
from fliqe_ros.tools.report_pictures import draw_all
from fliqe_ros.tools.report_tables import methods_table, write_methods
from fliqe_ros.training.alternatives import calibrate, find_alternatives
from fliqe_ros.training.conditions import CONDITIONS
from fliqe_ros.training.evaluation import chosen_frames, judge_all
from fliqe_ros.training.raters import milliseconds_per_frame

#: Conditions under which the alternatives are judged too; the others are about our models.
COMPARED = ('reference', 'random')
NEEDED_BYTES = 100 * 2**20
TIMED_FRAMES = 9
EXPLANATION = """
Every method sees the same versions of the same validation frames: clean, distorted at reference
and at random severities. The alternatives (sharpness, entropy and histogram rules, the block
rules of Autoware, BRISQUE, NIQE, PIQE) are turned into probabilities by Platt scaling on the
training frames. The models are then also graded by severity, with real trouble, on raw 16-bit
frames and in colour palettes. BRISQUE, NIQE, the scaling and the t-SNE picture need
pip install "fliqe_ros[alternatives]"; what is not installed is left out, with a line that says so.

The folder gets report.md, methods.csv (figures), verdicts.csv (every single score) and pictures.
"""


@dataclass
class Study:
    """
    Everything that was found.

    results: condition → {method → list of Verdict}. milliseconds: method → time per frame.
    frames: source → number of frames judged. fitted_to: source → number of frames that the
    alternatives were fitted to. left_out: sentences.
    """

    models: list
    results: dict = field(default_factory=dict)
    milliseconds: dict = field(default_factory=dict)
    frames: dict = field(default_factory=dict)
    fitted_to: dict = field(default_factory=dict)
    left_out: list = field(default_factory=list)

    @property
    def model_names(self) -> tuple:
        """Names of the networks, in the order they were given."""
        return tuple(model.name for model in self.models)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='python -m fliqe_ros.tools.report', description=__doc__, epilog=EXPLANATION,
        parents=[judging_options()], formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--out', type=Path, required=True, help='folder to write to')
    arguments.add_argument('--model', nargs='+', default=[str(DEFAULT_MODEL)],
                           help='checkpoints to judge, the most important first; default: the '
                                'packaged one')
    arguments.add_argument('--limit', type=at_least_one, default=60, metavar='N',
                           help='most frames of each camera to judge, default: %(default)s')
    arguments.add_argument('--fit-limit', type=at_least_one, default=20, metavar='N',
                           help='most training frames of each camera to fit the alternatives to, '
                                'default: %(default)s')
    arguments.add_argument('--fit-data', type=Path, metavar='FOLDER',
                           help='fit the alternatives to the training frames of this folder; '
                                'default: those of --data, with --only those of its other '
                                'cameras')
    arguments.add_argument('--no-alternatives', action='store_true', help='judge the models only')
    return arguments


def main(argv=None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(argv)
    try:
        _prepare_folder(options.out)
        study = Study(read_models(options.model, options.device))
        sources = judged_cameras(options)
        raters = study.models + _alternatives(options, study)
        _judge(study, raters, sources, options.limit)
        pictures, left_out = draw_all(options.out, study, sources, options.limit)
        study.left_out += left_out
        write_methods(options.out / 'methods.csv', study)
        write_verdicts(options.out / 'verdicts.csv', study.results)
        command = ' '.join(sys.argv[1:] if argv is None else argv)
        (options.out / 'report.md').write_text(page(study, pictures, command))
    except (CheckpointError, ValueError, OSError) as error:
        print(f'report: {error}', file=sys.stderr)
        return 1
    for condition in COMPARED:
        print(f'\n{condition} severities\n{methods_table(study, condition)}')
    for sentence in study.left_out:
        print(f'report: {sentence}', file=sys.stderr)
    print(f'\n{options.out / "report.md"}')
    return 0


def _prepare_folder(folder):
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise OSError(f'{folder} has {free >> 20} MB free; the report needs up to '
                      f'{NEEDED_BYTES >> 20} MB.')


def _alternatives(options, study):
    """Fit what can run here to frames that are not judged."""
    if options.no_alternatives:
        return []
    cameras = read_cameras(options.fit_data or options.data, tuple(options.exclude))
    if not options.fit_data:
        if options.only:
            cameras = [camera for camera in cameras if camera.name not in options.only]
        elif options.all_frames:
            cameras = []
    if not cameras:
        raise ValueError('No frames are left to fit the alternatives to: name a folder with '
                         '--fit-data, or leave them out with --no-alternatives.')
    study.fitted_to = {camera.name: len(chosen_frames(camera.training, options.fit_limit))
                       for camera in cameras}
    alternatives, study.left_out = find_alternatives()
    return calibrate(alternatives, cameras, options.fit_limit, progress=True)


def _judge(study, raters, sources, limit):
    chosen = {source.name: chosen_frames(source.validation, limit) for source in sources}
    study.frames = {name: len(frames) for name, frames in chosen.items()}
    if not any(study.frames.values()):
        raise ValueError('There are no validation frames; with --all-frames also those that '
                         'training would use are judged.')
    for condition in CONDITIONS:
        judges = raters if condition in COMPARED else study.models
        study.results[condition] = judge_all(judges, sources, condition, limit, progress=True)
    share = -(-TIMED_FRAMES // len(chosen))
    timed = [frame.to_8bit() for frames in chosen.values() for frame in frames[:share]]
    study.milliseconds = {rater.name: milliseconds_per_frame(rater, timed) for rater in raters}


if __name__ == '__main__':
    sys.exit(main())
