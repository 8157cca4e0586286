"""Drawing of the strip: the scores of the last minutes over the colours of the states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fliqe_ros.tools.monitor_window.history import History, Second, SPAN_S
from fliqe_ros.tools.monitor_window.qt import QtCore, QtGui
from fliqe_ros.tools.monitor_window.states import State

_TINT = 0.55
#: A gap longer than this is left open, in s.
_GAP_S = 15


def colour_of(state: State, alpha: float = 1.0) -> Any:
    """Return the ``QColor`` of a state."""
    colour = QtGui.QColor(*state.look.colour)
    colour.setAlphaF(alpha)
    return colour


def paint_strip(painter: Any, rect: Any, history: History, now_s: float, palette: Any) -> None:
    """
    Draw the scores from ``SPAN_S`` ago, left, until now, right; 0 is below and 1 above.

    The thick line is the smoothed score, the thin one the lowest score of each second.

    :param rect: a ``QRectF``.
    :param palette: the ``QPalette`` of the style, dark or light.
    """
    painter.save()
    painter.setClipRect(rect)
    painter.fillRect(rect, palette.color(QtGui.QPalette.ColorRole.AlternateBase))
    seconds = history.since(now_s - SPAN_S)
    px_per_s = rect.width() / SPAN_S
    right, bottom, px_per_score = rect.right(), rect.bottom() - 2, rect.height() - 4
    for first, last in _runs(seconds):
        left = right - (now_s - first.start_s) * px_per_s
        width = (last.start_s + 1 - first.start_s) * px_per_s
        painter.fillRect(QtCore.QRectF(left, rect.top(), width + 0.5, rect.height()),
                         colour_of(first.state, _TINT))
    pen = QtGui.QPen(palette.color(QtGui.QPalette.ColorRole.Text))
    for width, name in ((0.7, 'lowest'), (2.0, 'smoothed')):
        pen.setWidthF(width)
        painter.setPen(pen)
        for line in _lines(seconds, name):
            painter.drawPolyline(QtGui.QPolygonF([
                QtCore.QPointF(right - (now_s - at_s - 0.5) * px_per_s,
                               bottom - value * px_per_score)
                for at_s, value in line]))
    painter.restore()


def _runs(seconds: Sequence[Second]) -> list[tuple[Second, Second]]:
    """Return the first and the last second of each stretch of one state."""
    runs: list[tuple[Second, Second]] = []
    for second in seconds:
        if runs and runs[-1][1].state == second.state \
                and second.start_s - runs[-1][1].start_s <= _GAP_S:
            runs[-1] = runs[-1][0], second
        else:
            runs.append((second, second))
    return runs


def _lines(seconds: Sequence[Second], name: str) -> list[list[tuple[int, float]]]:
    """Return the points, in s and score, of each line without a gap."""
    lines: list[list[tuple[int, float]]] = []
    for second in seconds:
        value = getattr(second, name)
        if value is None:
            continue
        if not lines or second.start_s - lines[-1][-1][0] > _GAP_S:
            lines.append([])
        lines[-1].append((second.start_s, value))
    return lines
