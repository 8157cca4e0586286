"""The figures of a report as rows, as text, as Markdown and as CSV."""

import csv
from pathlib import Path

from fliqe_ros.evaluation.metrics import metrics, metrics_by_kind, metrics_by_source, worst_first
from fliqe_ros.evaluation.report.results import Results

#: Title → field of Metrics.
FIGURES = {
    'accuracy': 'accuracy', 'precision': 'precision', 'recall': 'distorted_recall', 'F1': 'f1',
    'AUROC': 'auroc', 'balanced': 'balanced_accuracy', 'types': 'type_accuracy',
    'ECE': 'calibration_error'}
HEADINGS = ('method', *FIGURES, 'worst false alarms', 'ms/frame')
CSV_FIGURES = (
    'frames', 'accuracy', 'balanced_accuracy', 'precision', 'distorted_recall', 'f1', 'auroc',
    'type_accuracy', 'calibration_error', 'clean_recall', 'false_alarms')


def methods_rows(results: Results, protocol: str) -> list:
    """Return rows of text, one for each method, in the order of ``HEADINGS``; best AUROC first."""
    rows = []
    for method, records in results.records[protocol].items():
        found = metrics(records)
        worst, by_source = next(iter(worst_first(metrics_by_source(records)).items()))
        rows.append((found.auroc, [
            method, *(number(getattr(found, name)) for name in FIGURES.values()),
            f'{by_source.false_alarms:.1%} {worst}', f'{results.milliseconds[method]:.1f}']))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def methods_table(results: Results, protocol: str) -> str:
    """Return the rows as aligned text."""
    rows = [list(HEADINGS), *methods_rows(results, protocol)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return '\n'.join(
        '  '.join(cell.rjust(width) if column else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def markdown(headings, rows) -> str:
    """Return a Markdown table; the first column is aligned left, the others right."""
    lines = [headings, ['---', *['---:'] * (len(headings) - 1)], *rows]
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines)


def number(value: float) -> str:
    """Write a share with three decimals, and a dash where there is none."""
    return '–' if value != value else f'{value:.3f}'


def write_methods(path: Path, results: Results) -> None:
    """
    Write one row for each method, protocol and group.

    A group is a source with all kinds of versions, or a kind with all sources; ``all`` is both.
    """
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('method', 'protocol', 'source', 'kind', *CSV_FIGURES,
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
                     *(getattr(found, name) for name in CSV_FIGURES), results.milliseconds[method])
                    for source, kind, found in groups)
