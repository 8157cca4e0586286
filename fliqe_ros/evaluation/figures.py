"""Pictures of an evaluation, in colours that the colour-blind can tell; no display is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.evaluation.methods import Estimates
from fliqe_ros.evaluation.metrics import (
    auroc, calibration_error, confusion, EvaluationRecord, reliability, roc, scores_and_truth,
    severity_correlations, THRESHOLD)
from fliqe_ros.evaluation.protocols import Version
from fliqe_ros.imaging.crops import richest_corner
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
import numpy as np
from sklearn.manifold import TSNE

DPI = 120
CROP_PX = 224
#: Okabe & Ito, Color Universal Design (2008); olive replaces their yellow, too pale on white.
BLACK, ORANGE, SKY, GREEN, OLIVE, BLUE, RED, PINK = (
    '#000000', '#E69F00', '#56B4E9', '#009E73', '#8F8B1A', '#0072B2', '#D55E00', '#CC79A7')
GRAY = '#8C8C8C'
#: As far from those, and from each other, as can be, to all kinds of eyes.
NAVY, INDIGO, MAROON, MINT = '#0000D0', '#300060', '#600000', '#00D060'
#: Colours and markers of the thirteen types, which differ in shape as well as in colour.
COLOURS = (BLACK, BLUE, SKY, RED, ORANGE, GREEN, PINK, OLIVE, GRAY, NAVY, MAROON, MINT, INDIGO)
MARKERS = ('o', 's', 'D', '^', 'v', 'P', 'X', '*', 'h', '<', '>', 'p', 'd')
LABELS = tuple(distortion.label.replace('_', ' ') for distortion in CLASSES)


def draw_grid(path: Path, title: str, versions: Sequence[Version], estimates: Estimates) -> None:
    """
    Draw a frame clean and in its distortions, with the score and type that each got.

    :param versions: of one gray frame, one of each class, in the order of ``CLASSES``.
    :param estimates: what a method says of them.
    """
    columns = -(-len(versions) // 3)
    figure = _figure(3.1 * columns, 10.9, title)
    corner = richest_corner(versions[0].image, CROP_PX)
    panels = figure.subplots(3, columns, gridspec_kw={'hspace': 0.06}).flat
    for axes in panels[len(versions):]:
        axes.axis('off')
    for axes, version, score, seen in zip(panels, versions, estimates.scores, estimates.types):
        crop = version.image[corner[0]:corner[0] + CROP_PX, corner[1]:corner[1] + CROP_PX]
        axes.imshow(crop, cmap='gray', vmin=0, vmax=255, interpolation='nearest')
        right = (score >= THRESHOLD) == (version.truth == Distortion.CLEAN)
        colour = BLUE if right else RED
        axes.set_title(LABELS[version.truth], fontsize=13, fontweight='bold')
        kind = '' if seen == Distortion.UNKNOWN else f', seen as {seen.label.replace("_", " ")}'
        axes.set_xlabel(f'score {score:.2f}{kind}', color=colour, fontsize=12)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=3, linestyle='-' if right else '--')
    _save(figure, path)


def draw_embeddings(path: Path, title: str, records: Sequence[EvaluationRecord],
                    seed: int = 0) -> None:
    """
    Draw the t-SNE of embeddings (van der Maaten & Hinton, JMLR 2008), coloured by type.

    :param records: more than three, each with an embedding.
    """
    embeddings = np.stack([np.asarray(record.embedding) for record in records])
    perplexity = min(30, (len(embeddings) - 1) // 3)
    points = TSNE(perplexity=perplexity, init='pca', random_state=seed).fit_transform(embeddings)
    figure = _figure(9.6, 7.2, title)
    axes = figure.subplots()
    for distortion, colour, marker in zip(CLASSES, COLOURS, MARKERS):
        chosen = np.array([record.truth == distortion for record in records])
        axes.scatter(points[chosen, 0], points[chosen, 1], s=34, color=colour, marker=marker,
                     alpha=0.75, edgecolor='white', linewidth=0.4, label=LABELS[distortion])
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f't-SNE of {len(points)} embeddings, perplexity {perplexity}')
    _legend_beside(axes)
    _save(figure, path)


def draw_confusion(path: Path, title: str, records: Sequence[EvaluationRecord]) -> None:
    """Draw the confusion matrix of the types, each row in shares of its true type."""
    counts = confusion(records)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = _figure(10.8, 9.4, title)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if counts[row, column]:
            axes.text(column, row, f'{share:.2f}', ha='center', va='center', fontsize=11,
                      color='white' if share > 0.55 else 'black')
    ticks = range(len(CLASSES))
    axes.set_xticks(ticks, LABELS, rotation=40, ha='right')
    axes.set_yticks(ticks, [f'{label} ({n})' for label, n in zip(LABELS, counts.sum(1))])
    axes.set(xlabel='type seen', ylabel='true type (frames)')
    figure.colorbar(image, ax=axes, shrink=0.8, format=PercentFormatter(1.0))
    _save(figure, path)


def draw_roc(path: Path, title: str, results: dict[str, dict[str, list[EvaluationRecord]]],
             highlighted: tuple[str, ...] = ()) -> None:
    """
    Draw the ROC curves of all methods, one panel for each protocol.

    :param results: protocol → {method → records}.
    :param highlighted: methods to draw with thick lines; the others are thin and dashed.
    """
    figure = _figure(6.4 * len(results), 6.6, title)
    styles = ('-', (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
    methods = list(next(iter(results.values())))
    others = [method for method in methods if method not in highlighted]
    for axes, (protocol, by_method) in zip(figure.subplots(1, len(results), squeeze=False)[0],
                                           results.items()):
        for method in sorted(methods, key=lambda name: -_auroc(by_method[name])):
            group = highlighted if method in highlighted else others
            number = group.index(method)
            thick = method in highlighted
            axes.plot(*roc(*scores_and_truth(by_method[method])),
                      color=COLOURS[1:][number % 6] if thick else COLOURS[8::-1][number % 9],
                      linestyle=styles[number // 6 % 4] if thick else styles[1 + number % 3],
                      linewidth=2.8 if thick else 1.5,
                      label=f'{method}  {_auroc(by_method[method]):.3f}')
        axes.plot([0, 1], [0, 1], color='0.75', linewidth=1, zorder=0)
        axes.set(title=f'{protocol} severities', xlabel='false alarms: clean called distorted',
                 ylabel='distorted frames found', xlim=(-0.01, 1.01), ylim=(-0.01, 1.01),
                 aspect='equal')
        axes.legend(title='AUROC', loc='lower right', fontsize=9)
        axes.grid(alpha=0.25)
    _save(figure, path)


def draw_severity(path: Path, title: str, records: Sequence[EvaluationRecord]) -> None:
    """Draw mean and quartiles of the score against severity, a panel for each graded type."""
    clean = np.array([v.score for v in records if v.truth == Distortion.CLEAN])
    correlations = severity_correlations(records)
    rows = -(-len(correlations) // 4)
    figure = _figure(13, 0.6 + 3 * rows, title)
    panels = figure.subplots(rows, 4, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(correlations):]:
        axes.axis('off')
    for axes, distortion in zip(panels.flat, correlations):
        chosen = [v for v in records if v.truth == distortion and v.severity is not None]
        severities = sorted({v.severity for v in chosen if v.severity is not None})
        groups = [clean] + [np.array([v.score for v in chosen if v.severity == severity])
                            for severity in severities]
        places = [-0.25, *severities]
        low, high = np.array([np.percentile(group, (25, 75)) for group in groups]).T
        axes.fill_between(places, low, high, color=SKY, alpha=0.4, linewidth=0,
                          label='middle half of the frames')
        axes.plot(places, [group.mean() for group in groups], color=BLUE, marker='o',
                  linewidth=2, label='mean')
        axes.axhline(THRESHOLD, color=GRAY, linewidth=1, linestyle='--')
        axes.set_title(f'{LABELS[distortion]}   ρ = {correlations[distortion]:.2f}'.replace(
            '-', '−'), fontsize=12)
        axes.set(ylim=(-0.03, 1.03), xlim=(-0.3, 1.05))
        axes.set_xticks([-0.25, 0, 0.5, 1], ['clean', '0', '0.5', '1'])
        axes.grid(alpha=0.25)
    panels[0, 0].legend(loc='upper right', fontsize=9)
    figure.supxlabel('severity, from mild (0) to strong (1)')
    figure.supylabel('score')
    _save(figure, path)


def draw_reliability(path: Path, title: str, records: Sequence[EvaluationRecord]) -> None:
    """Draw the reliability diagram, and below it the histograms of the scores."""
    scores, clean = scores_and_truth(records)
    found = reliability(scores, clean)
    figure = _figure(6.6, 8.4, title)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={'height_ratios': (3, 1)})
    upper.plot([0, 1], [0, 1], color='0.6', linewidth=1, linestyle='--', label='as it should be')
    upper.plot([each.mean_score for each in found], [each.clean_share for each in found],
               color=BLUE, linewidth=1.5, alpha=0.4)
    upper.scatter([each.mean_score for each in found], [each.clean_share for each in found],
                  s=[30 + 700 * each.weight for each in found], color=BLUE, zorder=3,
                  label='measured; area: share of the frames')
    upper.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), ylabel='share of clean',
              title=f'expected calibration error {calibration_error(scores, clean):.3f}')
    upper.legend(loc='upper left', markerscale=0.5)
    upper.grid(alpha=0.25)
    for chosen, colour, label in ((clean, BLUE, 'clean'), (~clean, ORANGE, 'distorted')):
        share = np.histogram(scores[chosen], bins=20, range=(0, 1))[0] / max(1, chosen.sum())
        lower.stairs(share, np.linspace(0, 1, 21), color=colour, fill=True, alpha=0.6, label=label)
    lower.set(xlabel='score', ylabel='frames', ylim=(0, 1))
    lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.legend(loc='upper center')
    _save(figure, path)


def _figure(width_in: float, height_in: float, title: str) -> Figure:
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=14)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, bbox_inches='tight', pad_inches=0.15)


def _legend_beside(axes: Axes) -> None:
    axes.legend(loc='center left', bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=11,
                markerscale=1.5)


def _auroc(records: Sequence[EvaluationRecord]) -> float:
    scores, clean = scores_and_truth(records)
    return auroc(scores[clean], scores[~clean])
