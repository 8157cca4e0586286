"""The metrics of a report as rows, as text, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import csv
from pathlib import Path

from fliqe_ros.evaluation.metrics import metrics, metrics_by_kind, metrics_by_source, worst_first
from fliqe_ros.evaluation.report.results import Results

#: Column's title → field of ``Metrics``.
METRICS = {
    'accuracy': 'accuracy', 'precision': 'precision', 'recall': 'distorted_recall', 'F1': 'f1',
    'AUROC': 'auroc', 'balanced': 'balanced_accuracy', 'types': 'type_accuracy',
    'ECE': 'calibration_error'}
HEADINGS = ('method', *METRICS, 'worst false alarms', 'ms/frame')
#: Fields of ``Metrics`` in the CSV file.
CSV_METRICS = (
    'frames', 'accuracy', 'balanced_accuracy', 'precision', 'distorted_recall', 'f1', 'auroc',
    'type_accuracy', 'calibration_error', 'clean_recall', 'false_alarms')


def methods_rows(results: Results, protocol: str) -> list[list[str]]:
    """Return rows of text, one for each method, in the order of ``HEADINGS``; best AUROC first."""
    rows: list[tuple[float, list[str]]] = []
    for method, records in results.records[protocol].items():
        found = metrics(records)
        worst, by_source = next(iter(worst_first(metrics_by_source(records)).items()))
        rows.append((found.auroc, [
            method, *(number(getattr(found, name)) for name in METRICS.values()),
            f'{by_source.false_alarms:.1%} {worst}', f'{results.milliseconds[method]:.1f}']))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def methods_table(results: Results, protocol: str) -> str:
    """Return ``HEADINGS`` and ``methods_rows`` as aligned text."""
    rows = [list(HEADINGS), *methods_rows(results, protocol)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return '\n'.join(
        '  '.join(cell.rjust(width) if column else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def markdown(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; the first column is aligned left, the others right."""
    lines = [headings, ['---', *['---:'] * (len(headings) - 1)], *rows]
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines)


def number(value: float) -> str:
    """Return a share with three decimals, or a dash for NaN."""
    return '–' if value != value else f'{value:.3f}'


def write_methods(path: Path, results: Results) -> None:
    """
    Write a CSV file with one row for each method, protocol and group of records.

    A group is one source, one kind of version, or all records.
    """
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('method', 'protocol', 'source', 'kind', *CSV_METRICS,
                         'milliseconds_per_frame'))
        for protocol, by_method in results.records.items():
            for method, records in by_method.items():
                if not records:
                    continue
                groups = [('all', 'all', metrics(records))]
                groups += [(source, 'all', found) for source, found
                           in metrics_by_source(records).items()]
                groups += [('all', kind, found) for kind, found
                           in metrics_by_kind(records).items()]
                writer.writerows(
                    (method, protocol, source, kind,
                     *(getattr(found, name) for name in CSV_METRICS), results.milliseconds[method])
                    for source, kind, found in groups)
