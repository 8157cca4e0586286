"""Evaluate a FLIQE model on frames it was not trained on, clean and in every distortion."""

import argparse
import csv
from pathlib import Path
import sys

from fliqe_ros.distortion import CLASSES
from fliqe_ros.model import CheckpointError, DEFAULT_MODEL, load_model
from fliqe_ros.tools.data_options import data_options
from fliqe_ros.training.data import load_sources, synthetic_source
from fliqe_ros.training.evaluation import judge, Metrics, metrics, metrics_by_source

COLUMNS = (
    ('frames', 'frames', 'd'), ('balanced', 'balanced_accuracy', '.3f'),
    ('clean rec.', 'clean_recall', '.3f'), ('dist. rec.', 'distorted_recall', '.3f'),
    ('AUROC', 'auroc', '.3f'), ('types', 'type_accuracy', '.3f'),
    ('ECE', 'calibration_error', '.3f'))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(prog='python -m fliqe_ros.tools.evaluate',
                                        description=__doc__, parents=[data_options()])
    arguments.add_argument('--model', default=str(DEFAULT_MODEL), help='default: the packaged one')
    arguments.add_argument('--severities', choices=('reference', 'random'), default='reference')
    arguments.add_argument('--all-frames', action='store_true',
                           help='also the training groups: for cameras no model was trained on')
    arguments.add_argument('--limit', type=int, default=10**9, help='most frames of each camera')
    arguments.add_argument('--synthetic', type=int, default=0, metavar='N',
                           help='also N generated pictures')
    arguments.add_argument('--csv', type=Path, help='write every single verdict to this file')
    return arguments


def main(argv=None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(argv)
    try:
        network = load_model(options.model).to(options.device)
        sources = load_sources(options.data, tuple(options.exclude))
    except (CheckpointError, ValueError, OSError) as error:
        print(f'evaluate: {error}', file=sys.stderr)
        return 1
    if options.synthetic:
        sources.append(synthetic_source(options.synthetic, seed=1))
    if options.all_frames:
        for source in sources:
            source.validation = source.training + source.validation
    verdicts = judge(network, sources, options.device, options.limit,
                     random_severities=options.severities == 'random')
    print(f'{options.model} ({network.architecture}), {options.severities} severities\n')
    print(table({**metrics_by_source(verdicts), 'all': metrics(verdicts)}))
    if options.csv:
        write_csv(options.csv, verdicts)
    return 0


def table(rows: dict) -> str:
    """Return name → Metrics as two aligned text tables: figures, and mean score by type."""
    lines = [f'{"":<16}' + ''.join(f'{title:>11}' for title, _, _ in COLUMNS)]
    lines += [f'{name:<16}' + _figures(found) for name, found in rows.items()]
    lines += ['', f'{"mean score":<16}' + ''.join(f'{name[:10]:>11}' for name in rows)]
    for distortion in CLASSES:
        scores = (found.mean_scores.get(distortion, float('nan')) for found in rows.values())
        lines.append(f'{distortion.label:<16}' + ''.join(f'{score:>11.3f}' for score in scores))
    return '\n'.join(lines)


def _figures(found: Metrics) -> str:
    return ''.join(f'{getattr(found, name):>11{form}}' for _, name, form in COLUMNS)


def write_csv(path: Path, verdicts: list) -> None:
    """Write one row per verdict."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('source', 'truth', 'severity', 'score', 'predicted'))
        for verdict in verdicts:
            writer.writerow((verdict.source, verdict.truth.label, verdict.severity, verdict.score,
                             verdict.predicted.label))


if __name__ == '__main__':
    sys.exit(main())
