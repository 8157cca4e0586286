"""The page of a report: tables in Markdown, and the pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import datetime

from fliqe_ros.distortion_types import CLASSES, DISTORTIONS
from fliqe_ros.evaluation.metrics import (
    confusion, EvaluationRecord, metrics, metrics_by_kind, metrics_by_source, reliability,
    scores_and_truth, severity_correlations, worst_first)
from fliqe_ros.evaluation.protocols import AFTER_GAIN_CONTROL, BEFORE_GAIN_CONTROL, GRAY
from fliqe_ros.evaluation.report.pictures import picture_name
from fliqe_ros.evaluation.report.results import Results
from fliqe_ros.evaluation.report.tables import HEADINGS, markdown, methods_rows, number

#: Accuracies that others have published: method, data, accuracy.
PUBLISHED = (
    ('FLIQE reference', 'private set, split by frame', '0.9275'),
    ('FLIQE reference', 'FLIR ADAS v2, validation', '0.859'),
    ('BRISQUE', 'FLIR ADAS v2, validation', '0.821'),
    ('ARNIQA', 'FLIR ADAS v2, validation', '0.810'))
DEFINITIONS = """\
A frame is called distorted where its score is below 0.5. The positive class of precision, recall
and F1 is "distorted"; there are several distorted versions for each clean frame, so accuracy alone
says little. `balanced` is the mean of clean and distorted recall, AUROC the chance that a clean
frame scores above a distorted one, `types` the accuracy of the type over all classes, ECE the
expected calibration error with clean and distorted frames weighing the same, `worst false alarms`
the share of clean frames called distorted on the camera where it is highest, `ms/frame` the median
time from 8-bit frame to score in one thread."""
FITTING = """\
The baselines are fitted to clean, reference and random versions of training frames ({frames}),
classes balanced: Platt scaling for those that measure one number, logistic regression for
`histogram` and `autoware fitted`. `autoware` decides by its own default thresholds. The heads of
`efficientnet_lite0` are fitted to spoilt views of the same frames. No frame is used both to fit
and to evaluate. The scores of the networks are used unchanged."""


def page(results: Results, pictures: Sequence[str], command: str) -> str:
    """
    Return the whole page in Markdown.

    :param pictures: names of the picture files beside it.
    :param command: the options that the report was made with.
    """
    parts = ['# Image quality of thermal frames: methods compared',
             f'{datetime.date.today().isoformat()}, `fliqe report {command}`',
             _setting(results)]
    for protocol in ('reference', 'random'):
        parts += [f'## {protocol.capitalize()} severities',
                  markdown(HEADINGS, methods_rows(results, protocol)),
                  '### False alarms by camera, the worst first', _false_alarms(results, protocol)]
    parts += [DEFINITIONS, '![ROC curves](roc.png)', _published()]
    for model in results.model_names:
        parts += _model(results, model, pictures)
    parts += ['## What the types mean, and what to do', _remedies()]
    return '\n\n'.join(part for part in parts if part) + '\n'


def _setting(results: Results) -> str:
    lines = [f'- Frames evaluated, each in all its versions: {_counts(results.frames)}.']
    for model in results.models:
        size = sum(parameter.numel() for parameter in model.network.parameters()) / 1e6
        lines.append(
            f'- `{model.name}`: {model.network.architecture}, {size:.2f} million parameters.')
    lines += [f'- {sentence}' for sentence in results.left_out]
    text = '\n'.join(lines)
    if results.fitted_to:
        text += '\n\n' + FITTING.format(frames=_counts(results.fitted_to))
    return text


def _counts(frames: dict[str, int]) -> str:
    return ', '.join(f'{name} {count}' for name, count in frames.items())


def _false_alarms(results: Results, protocol: str) -> str:
    by_method = {method: metrics_by_source(records)
                 for method, records in results.records[protocol].items()}
    cameras = list(worst_first(by_method[results.model_names[0]]))
    rows = [[method, *(number(found[camera].false_alarms) for camera in cameras)]
            for method, found in by_method.items()]
    return markdown(['method', *cameras], rows)


def _remedies() -> str:
    return markdown(['type', 'the frame is', 'what to do'],
                    [[each.label, each.meaning, each.advice] for each in DISTORTIONS])


def _published() -> str:
    return ('## Published figures, on other data\n\nNot to be compared line by line with the '
            'tables above: other frames, other splits.\n\n'
            + markdown(['method', 'published, on other data', 'accuracy'], PUBLISHED))


def _model(results: Results, model: str, pictures: Sequence[str]) -> list[str]:
    """Return the paragraphs about one model."""
    records = {protocol: by_method[model] for protocol, by_method in results.records.items()}

    def picture(name: str, text: str) -> str:
        file = picture_name(name, model, results.model_names)
        return f'![{text}]({file})' if file in pictures else ''

    parts = [f'## {model}', picture('grid', 'A frame and its distortions')]
    if confusion(records['reference']).any():
        parts += ['### Types, reference severities', _confusion(records['reference']),
                  picture('confusion', 'Confusion matrix')]
    parts += [
        picture('tsne', 't-SNE of the embeddings'),
        '### Score and severity', _severity(records['graded']),
        picture('severity', 'Score against severity'),
        '### Calibration, random severities', _reliability(records['random']),
        picture('reliability', 'Reliability diagram'),
        '### Artifacts, kind by kind', _graded_kinds(records, 'artifacts'),
        '### The same faults by other implementations, never trained on',
        _graded_kinds(records, 'judged')]
    if records['raw']:
        parts += ['### Raw 16-bit frames, distorted before gain control',
                  _kinds(records['raw'], AFTER_GAIN_CONTROL, (BEFORE_GAIN_CONTROL,))]
    kinds = tuple(dict.fromkeys(v.kind for v in records['palettes'] if v.kind != GRAY))
    return parts + ['### Colour palettes', _kinds(records['palettes'], GRAY, kinds)]


def _confusion(records: Sequence[EvaluationRecord]) -> str:
    rows = [[truth.label, *row] for truth, row in zip(CLASSES, confusion(records).tolist())]
    return markdown(['true type \\ seen', *(seen.label for seen in CLASSES)], rows)


def _severity(records: Sequence[EvaluationRecord]) -> str:
    correlations = severity_correlations(records)
    severities = sorted({v.severity for v in records if v.severity is not None})
    rows = []
    for distortion, correlation in correlations.items():
        means = [metrics([v for v in records if v.severity == severity]).mean_scores[distortion]
                 for severity in severities]
        rows.append([distortion.label, number(correlation), *map(number, means)])
    clean = number(metrics(records).mean_scores[CLASSES[0]])
    return (f'Mean scores; that of clean frames is {clean}. The rank correlation is '
            "Spearman's, with clean frames included; −1 is best.\n\n"
            + markdown(['type', 'rank correlation', *(f'at {s:g}' for s in severities)], rows))


def _reliability(records: Sequence[EvaluationRecord]) -> str:
    scores, clean = scores_and_truth(records)
    rows = [[f'{found.mean_score:.3f}', f'{found.clean_share:.3f}', f'{found.weight:.1%}']
            for found in reliability(scores, clean)]
    return (f'Expected calibration error {number(metrics(records).calibration_error)}.\n\n'
            + markdown(['mean score', 'share of clean', 'share of frames'], rows))


def _graded_kinds(records: Mapping[str, Sequence[EvaluationRecord]], table: str) -> str:
    """Return a table of the kinds of artifacts: how they are seen at three severities."""
    mild, found, strong = (metrics_by_kind(records[protocol])
                           for protocol in (f'{table}_mild', table, f'{table}_strong'))
    rows = [[kind, *map(number, (mild[kind].distorted_recall, each.distorted_recall,
                                 strong[kind].distorted_recall, each.auroc, each.type_accuracy))]
            for kind, each in found.items()]
    return markdown(['kind', 'recall, mild', 'reference', 'strong', 'AUROC', 'types'], rows)


def _kinds(records: Sequence[EvaluationRecord], against: str | None = None,
           kinds: Sequence[str] = ()) -> str:
    """
    Return a table with the metrics of each kind of version.

    :param against: a kind; a last column has the difference in balanced accuracy from it.
    :param kinds: those that get this difference.
    """
    found = metrics_by_kind(records)
    headings = ['kind', 'balanced', 'AUROC', 'distorted recall', 'false alarms', 'types']
    rows = [[kind, *map(number, (each.balanced_accuracy, each.auroc, each.distorted_recall,
                                 each.false_alarms, each.type_accuracy))]
            for kind, each in found.items()]
    if against:
        headings.append(f'balanced, against {against}')
        base = found[against].balanced_accuracy
        for row in rows:
            row.append(f'{found[row[0]].balanced_accuracy - base:+.3f}' if row[0] in kinds else '')
    return markdown(headings, rows)
