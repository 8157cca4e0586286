"""The monitor as one widget: cameras above, the selected one beside, events below."""

from __future__ import annotations

from pathlib import Path
import time
from typing import Any

from fliqe_ros.tools.monitor_window.calls import Done
from fliqe_ros.tools.monitor_window.camera_list import CameraList
from fliqe_ros.tools.monitor_window.client import MonitorClient
from fliqe_ros.tools.monitor_window.details import Details
from fliqe_ros.tools.monitor_window.event_list import EventList
from fliqe_ros.tools.monitor_window.qt import Qt, QtCore, QtWidgets
from fliqe_ros.tools.monitor_window.report import write_report
from fliqe_ros.tools.monitor_window.thresholds import CameraThresholds

_POLL_MS = 200
_REDRAW_MS = 500
_NOTE_MS = 8000
_READ_EVERY_S = 2.0


class MonitorWidget(QtWidgets.QWidget):
    """
    Shows what a ``MonitorClient`` hears; it polls the client itself.

    Keys in the list of cameras: R resets, L learns, M mutes, Delete removes, Ctrl+S saves.
    """

    def __init__(self, client: MonitorClient, parent: Any = None) -> None:
        super().__init__(parent)
        self.setObjectName('ThermalImageQuality')
        self.setWindowTitle('Thermal image quality')
        self._client, self._fleet = client, client.fleet
        #: The selected camera, and the node that scores it.
        self._camera = '', ''
        self._changes = 0
        self._read_s = 0.0
        self.cameras = CameraList(self._fleet)
        self.details = Details()
        self.events = EventList(self._fleet.events)
        self.summary = QtWidgets.QLabel()
        self.note = QtWidgets.QLabel()
        self.save = QtWidgets.QPushButton('&Save report…')
        self._lay_out()
        self.cameras.installEventFilter(self)
        self.cameras.selectionModel().currentChanged.connect(self._on_selected)
        self.details.asked.connect(self.ask)
        self.details.thresholds.chosen.connect(self._set_thresholds)
        self.save.clicked.connect(self._choose_report)
        self._timers = [self._timer(_POLL_MS, self.poll), self._timer(_REDRAW_MS, self.refresh)]
        self._silence = QtCore.QTimer(self)
        self._silence.setSingleShot(True)
        self._silence.timeout.connect(self.note.clear)
        self.refresh()

    def _lay_out(self) -> None:
        above = QtWidgets.QSplitter(Qt.Orientation.Horizontal)
        above.addWidget(self.cameras)
        above.addWidget(self.details)
        above.setStretchFactor(0, 3)
        above.setStretchFactor(1, 1)
        self.split = QtWidgets.QSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(above)
        self.split.addWidget(self.events)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 1)
        head = QtWidgets.QHBoxLayout()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)  # or a long sentence would widen the window
        head.setSpacing(16)
        head.addWidget(self.summary)
        head.addWidget(self.note, 1)
        head.addWidget(self.save)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.split, 1)

    def _timer(self, interval_ms: int, act: Any) -> Any:
        timer = QtCore.QTimer(self)
        timer.timeout.connect(act)
        timer.start(interval_ms)
        return timer

    def stop(self) -> None:
        """Poll no more, and leave the ROS graph."""
        for timer in self._timers:
            timer.stop()
        self._client.close()

    def poll(self) -> None:
        """Take in what has come, and ask for the pictures that are in sight."""
        for name in self._client.poll():
            if name == self.cameras.selected:
                self.details.picture.show_picture(self._fleet.rows[name].picture)
            self.cameras.redraw_picture(name)
        self._client.request_pictures(self.cameras.visible())

    def refresh(self) -> None:
        """Draw what is known now; nothing while the window is hidden."""
        if not self.isVisible():
            return
        self.cameras.refresh()
        self.events.refresh()
        self.summary.setText(self._fleet.summary())
        self._refresh_details()

    def ask(self, action: str) -> None:
        """Do what a button says, for the selected camera."""
        name, now_s = self.cameras.selected, time.time()
        row = self._fleet.rows.get(name)
        if row is None:
            return
        if action == 'mute':
            self._fleet.mute(name, not row.muted, now_s)
        elif action == 'remove':
            self._fleet.remove(name, now_s)
        elif self._client.can(name, action):
            self._client.trigger(name, action, self._tell)
        self.refresh()

    def save_report(self, path: Path) -> None:
        """Write the events as a page of HTML; tell how that went."""
        try:
            write_report(self._fleet, path, time.time())
            self._tell(True, f'wrote {path}')
        except OSError as error:
            self._tell(False, str(error))

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 (Qt calls it)
        """Act on the keys of the list of cameras."""
        if watched is self.cameras and event.type() == QtCore.QEvent.Type.KeyPress:
            control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if control and event.key() == Qt.Key.Key_S:
                self._choose_report()
                return True
            action = _KEYS.get(event.key())
            if action and not control:
                self.ask(action)
                return True
        return False

    def _choose_report(self) -> None:
        path, _ = QtWidgets.QFileDialog.getSaveFileName(
            self, 'Save report', 'thermal_quality.html', 'Page (*.html)')
        if path:
            self.save_report(Path(path))

    def _on_selected(self) -> None:
        row = self._fleet.rows.get(self.cameras.selected)
        self.details.picture.show_picture(row.picture if row else None)
        self._refresh_details()

    def _refresh_details(self) -> None:
        name = self.cameras.selected
        can = {action: self._client.can(name, action) for action in ('reset', 'learn')}
        self.details.show_row(self._fleet.rows.get(name), can, time.time())
        camera = name, self._client.scoring_node(name)
        if camera != self._camera:
            self._camera = camera
            self._changes += 1
            self.details.thresholds.show_thresholds(None)
            self._read_thresholds(self._tell)
        elif time.monotonic() - self._read_s > _READ_EVERY_S:  # somebody else may have set them
            self._read_thresholds(lambda *_: None)

    def _read_thresholds(self, done: Done) -> None:
        changes, self._read_s = self._changes, time.monotonic()

        def show(thresholds: CameraThresholds | None) -> None:
            if changes == self._changes:  # else another camera was selected, or they were set
                self.details.thresholds.show_thresholds(thresholds)
        if all(self._camera):
            self._client.get_thresholds(*self._camera, show, done)

    def _set_thresholds(self, values: dict[str, float | None]) -> None:
        def end(succeeded: bool, sentence: str) -> None:
            self._tell(succeeded, sentence)
            self._read_thresholds(self._tell)
        self._changes += 1
        if all(self._camera):
            self._client.set_thresholds(*self._camera, values, end)

    def _tell(self, succeeded: bool, sentence: str) -> None:
        self.note.setText(sentence if succeeded else f'✖ {sentence}')
        self._silence.start(_NOTE_MS)


_KEYS = {Qt.Key.Key_R: 'reset', Qt.Key.Key_L: 'learn', Qt.Key.Key_M: 'mute',
         Qt.Key.Key_Delete: 'remove'}
