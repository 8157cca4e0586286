"""Evaluate a FLIQE model on frames it was not trained on, clean and in every distortion."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import csv
from dataclasses import asdict
from pathlib import Path
import sys
from typing import Any

from fliqe_ros.data.frame_tables import frame_table
from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.errors import CheckpointError
from fliqe_ros.evaluation.evaluate import ALL_FRAMES, evaluate_methods
from fliqe_ros.evaluation.labelled import agreement, labelled_frames, labelled_records
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.evaluation.metrics import (
    EvaluationRecord, Metrics, metrics, metrics_by_kind, metrics_by_source, severity_correlations,
    worst_first)
from fliqe_ros.evaluation.protocols import PROTOCOLS
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.tools.data_options import at_least_one
from fliqe_ros.tools.evaluation_options import evaluation_options, evaluation_sources, read_models
from fliqe_ros.tools.printing import add_printing, tell

#: Title, field of ``Metrics``, format.
COLUMNS = (
    ('frames', 'frames', 'd'), ('balanced', 'balanced_accuracy', '.3f'),
    ('clean rec.', 'clean_recall', '.3f'), ('dist. rec.', 'distorted_recall', '.3f'),
    ('AUROC', 'auroc', '.3f'), ('types', 'type_accuracy', '.3f'),
    ('ECE', 'calibration_error', '.3f'))
#: Former names of protocols, still accepted by ``--severities``.
OLD_NAMES = {'troubles': 'artifacts'}
#: Protocols whose results are also shown by kind of version.
BY_KIND = tuple(name for name in PROTOCOLS if name not in ('reference', 'random', 'graded'))
EXPLANATION = """
severities:
  reference  each type at its reference severity: of the eight distortions, the published one
  random     at a severity drawn evenly from mild to strong
  graded     at five severities each, with the rank correlation of score and severity (best -1)
  artifacts  every kind of artifact: dead lines, shading, drops, torn frames, wrong bytes, ...;
             with _mild or _strong behind it at those severities
  judged     the same by other implementations, which nothing was trained on; also _mild, _strong
  raw        16-bit frames distorted before gain control, and the same ones distorted after it
  palettes   the frame in gray and in the colour palettes of thermal cameras

Instead of spoilt frames, --labels evaluates frames that people have judged, one by one. The
package has two such lists, and fliqe_ros.tools.download gets the frames:
  fliqe download native --table native
  fliqe evaluate --data native --labels native

columns, each from 0 to 1; a frame is called distorted where its score is below 0.5:
  balanced    mean of the next two: balanced accuracy
  clean rec.  share of clean frames that are called clean; the rest are false alarms, and the
              camera with the largest share of them comes first
  dist. rec.  share of distorted frames that are called distorted
  AUROC       chance that a clean frame scores above a distorted one
  types       share of frames whose type is predicted correctly; "clean" is one of thirteen types
  ECE         expected calibration error: how far the scores are from probabilities (best 0)
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe evaluate', description=__doc__, epilog=EXPLANATION,
        parents=[evaluation_options()], formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--model', default=str(DEFAULT_MODEL), help='default: the packaged one')
    arguments.add_argument('--severities', choices=tuple(PROTOCOLS), default='reference',
                           type=lambda name: OLD_NAMES.get(name, name),
                           help='what is done to the frames, see below; default: %(default)s')
    arguments.add_argument('--labels', type=frame_table, metavar='CSV',
                           help='evaluate the frames of this list: native, rated, or a file')
    arguments.add_argument('--limit', type=at_least_one, default=ALL_FRAMES, metavar='N',
                           help='most frames of each camera, default: all')
    arguments.add_argument('--csv', type=Path,
                           help='write the score of every version of every frame to this file')
    add_printing(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args(argv)
    try:
        method, = read_models([options.model], options.device)
        if options.labels:
            return evaluate_labels(options, method)
        sources = evaluation_sources(options)
        records = evaluate_methods(
            [method], sources, options.severities, options.limit)[method.name]
        if not records:
            raise ValueError(f'There are no frames in {options.data} for {options.severities}.')
        if options.csv:
            write_records(options.csv, {options.severities: {method.name: records}})
    except (CheckpointError, ValueError, OSError) as error:
        print(f'evaluate: {error}', file=sys.stderr)
        return 1
    by_source = {**worst_first(metrics_by_source(records)), 'all': metrics(records)}
    by_kind = metrics_by_kind(records) if options.severities in BY_KIND else {}
    correlations = {distortion.label: correlation for distortion, correlation
                    in severity_correlations(records).items()} \
        if options.severities == 'graded' else {}
    lines = [f'{options.model} ({method.network.architecture}), {options.severities}\n',
             table(by_source)]
    if by_kind:
        lines += ['', metrics_table(by_kind)]
    if correlations:
        lines += ['', 'rank correlation of score and severity', *(
            f'{name:<16}{correlation:>11.3f}' for name, correlation in correlations.items())]
    tell(options, '\n'.join(lines), {
        **facts_of(options.model, method, options.severities, by_source, by_kind),
        'severity_correlations': correlations})
    return 0


def evaluate_labels(options: argparse.Namespace, method: NetworkMethod) -> int:
    """Print how well the model does on frames that people have judged; see ``--labels``."""
    frames = list(labelled_frames(options.labels, options.data))
    if not frames:
        raise ValueError(f'No frame of {options.labels} is in {options.data}.')
    records = labelled_records(method, frames)
    if options.csv:
        write_records(options.csv, {'labels': {method.name: records}})
    by_source = {**worst_first(metrics_by_source(records)), 'all': metrics(records)}
    by_kind = metrics_by_kind(records)
    found = agreement([record.score for record in records], frames)
    lines = [f'{options.model} ({method.network.architecture}), {options.labels.name}\n',
             metrics_table(by_source), '', metrics_table(by_kind)]
    if found.pairs:
        lines += ['', f'opinions: rank correlation {found.correlation:.3f}; order right in '
                      f'{found.right} of {found.pairs} pairs of one scene']
    tell(options, '\n'.join(lines), {
        **facts_of(options.model, method, options.labels.name, by_source, by_kind),
        'opinions': found._asdict()})
    return 0


def facts_of(model: str, method: NetworkMethod, frames: str, by_source: dict[str, Metrics],
             by_kind: dict[str, Metrics]) -> dict[str, Any]:
    """
    Return the results for programs.

    :param frames: the protocol or the list by which frames were taken.
    """
    return {'model': model, 'architecture': method.network.architecture, 'evaluated': frames,
            'cameras': {name: _plain(found) for name, found in by_source.items()},
            'kinds': {name: _plain(found) for name, found in by_kind.items()}}


def _plain(found: Metrics) -> dict[str, Any]:
    return {**asdict(found), 'mean_scores': {
        distortion.label: score for distortion, score in found.mean_scores.items()}}


def table(rows: dict[str, Metrics]) -> str:
    """Return two aligned text tables: the metrics of each row, and its mean score by type."""
    lines = [metrics_table(rows), '',
             f'{"mean score":<16}' + ''.join(f'{name[:10]:>11}' for name in rows)]
    for distortion in CLASSES:
        scores = (found.mean_scores.get(distortion, float('nan')) for found in rows.values())
        lines.append(f'{distortion.label:<16}' + ''.join(f'{score:>11.3f}' for score in scores))
    return '\n'.join(lines)


def metrics_table(rows: dict[str, Metrics]) -> str:
    """Return an aligned text table of ``COLUMNS``, a line for each row."""
    lines = [f'{"":<16}' + ''.join(f'{title:>11}' for title, _, _ in COLUMNS)]
    return '\n'.join(lines + [f'{name:<16}' + _cells(found) for name, found in rows.items()])


def _cells(found: Metrics) -> str:
    return ''.join(f'{getattr(found, name):>11{form}}' for _, name, form in COLUMNS)


def write_records(path: Path, results: dict[str, dict[str, list[EvaluationRecord]]]) -> None:
    """
    Write a CSV file with one row per record.

    :param results: protocol → {method → records}.
    """
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('method', 'protocol', 'source', 'frame', 'kind', 'truth', 'severity',
                         'score', 'predicted'))
        for protocol, by_method in results.items():
            for method, records in by_method.items():
                writer.writerows(
                    (method, protocol, v.source, v.frame, v.kind, v.truth.label, v.severity,
                     v.score, v.predicted.label) for v in records)


if __name__ == '__main__':
    sys.exit(main())
