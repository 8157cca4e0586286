"""The list of events, the newest above, each with its picture."""

from __future__ import annotations

import time
from typing import Any

from fliqe_ros.tools.monitor_window.camera_list import image_of
from fliqe_ros.tools.monitor_window.events import EventLog
from fliqe_ros.tools.monitor_window.qt import Qt, QtCore, QtGui, QtWidgets
from fliqe_ros.tools.monitor_window.report import clock, lasted
from fliqe_ros.tools.monitor_window.strip import colour_of

_COLUMNS = ('From', 'Camera', 'What', 'Lasted', 'Lowest score', 'What to do')
_ICON = QtCore.QSize(64, 48)
#: Most events that are listed; the report has all.
_MOST = 100


class EventList(QtWidgets.QTreeWidget):
    """Shows an ``EventLog``."""

    def __init__(self, log: EventLog, parent: Any = None) -> None:
        super().__init__(parent)
        self._log = log
        self._shown = -1
        self.setColumnCount(len(_COLUMNS))
        self.setHeaderLabels(list(_COLUMNS))
        self.setRootIsDecorated(False)
        self.setIconSize(_ICON)
        self.setAccessibleName('Events, the newest first')
        for column, letters in enumerate((14, 18, 22, 20, 14)):
            self.setColumnWidth(column, letters * self.fontMetrics().averageCharWidth()
                                + (_ICON.width() if column == 0 else 0))

    def refresh(self) -> None:
        """Show what is logged now."""
        if self._log.changes != self._shown:
            self._shown = self._log.changes
            self._fill()
        now_s = time.time()
        for number, event in enumerate(self._log):
            if number >= self.topLevelItemCount():
                break
            if event.ended_s is None:
                self.topLevelItem(number).setText(3, lasted(event, now_s))

    def _fill(self) -> None:
        now_s = time.time()
        self.clear()
        for number, event in enumerate(self._log):
            if number == _MOST:
                break
            item = QtWidgets.QTreeWidgetItem([
                clock(event.began_s), event.camera,
                f'{event.state.look.symbol} {event.label.replace("_", " ")}',
                lasted(event, now_s), f'{event.lowest:.2f}', event.reason])
            item.setToolTip(5, event.reason)
            item.setIcon(0, self._icon(event))
            self.addTopLevelItem(item)

    @staticmethod
    def _icon(event: Any) -> Any:
        if event.picture is None:
            pixmap = QtGui.QPixmap(_ICON)
            pixmap.fill(colour_of(event.state))
            return QtGui.QIcon(pixmap)
        image = image_of(event.picture).scaled(
            _ICON, Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation)
        return QtGui.QIcon(QtGui.QPixmap.fromImage(image))
