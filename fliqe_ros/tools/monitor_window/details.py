"""The panel of the selected camera: its picture, what to do, actions and thresholds."""

from __future__ import annotations

from typing import Any

from fliqe_ros.tools.monitor_window.camera_list import image_of
from fliqe_ros.tools.monitor_window.fleet import CameraRow
from fliqe_ros.tools.monitor_window.qt import Qt, QtCore, QtGui, QtWidgets, Signal

#: Parameters of the node → what the sliders are called, with their keys.
_SLIDERS = {'warn_below': '&Degraded below', 'error_below': '&Bad below'}
_STEPS = 100
_SETTLED_MS = 300


class Picture(QtWidgets.QWidget):
    """A picture as large as there is room for."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._image: Any = None
        self.setMinimumSize(160, 120)
        self.setAccessibleName('Picture of the camera, red where it is bad')

    def show_picture(self, picture: Any) -> None:
        """Show a picture (H, W, 3) BGR, uint8, or none."""
        self._image = None if picture is None else image_of(picture)
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 (Qt calls it)
        """Draw the picture."""
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(
            QtGui.QPalette.ColorRole.AlternateBase))
        if self._image is not None:
            painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
            size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QtCore.QRect(QtCore.QPoint(), size)
            target.moveCenter(self.rect().center())
            painter.drawImage(target, self._image)
        painter.end()


class Thresholds(QtWidgets.QGroupBox):
    """
    Sliders for the thresholds of a node.

    ``chosen`` is emitted with the values by parameter name, once a slider rests.
    """

    chosen = Signal(dict)

    def __init__(self, parent: Any = None) -> None:
        super().__init__('Thresholds', parent)
        form = QtWidgets.QGridLayout(self)
        self.sliders: dict[str, Any] = {}
        self._numbers: dict[str, Any] = {}
        for line, (name, words) in enumerate(_SLIDERS.items()):
            label, slider = QtWidgets.QLabel(words), QtWidgets.QSlider(Qt.Orientation.Horizontal)
            number = QtWidgets.QLabel('–')
            slider.setRange(0, _STEPS)
            slider.setPageStep(5)
            slider.setAccessibleName(words.replace('&', ''))
            slider.valueChanged.connect(self._on_moved)
            label.setBuddy(slider)
            for column, widget in enumerate((label, slider, number)):
                form.addWidget(widget, line, column)
            self.sliders[name], self._numbers[name] = slider, number
        self._settle = QtCore.QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLED_MS)
        self._settle.timeout.connect(lambda: self.chosen.emit(self.values()))
        self.setEnabled(False)

    def values(self) -> dict[str, float]:
        """Return the values, by parameter name."""
        return {name: slider.value() / _STEPS for name, slider in self.sliders.items()}

    def show_values(self, node: str, values: dict[str, float]) -> None:
        """Show the values of a node, by parameter name; none are shown if one is missing."""
        known = set(values) >= set(self.sliders)
        self.setEnabled(known)
        self.setTitle(f'Thresholds of {node}, for all its cameras' if known else 'Thresholds')
        for name, slider in self.sliders.items():
            slider.blockSignals(True)
            slider.setValue(round(values.get(name, 0.0) * _STEPS))
            slider.blockSignals(False)
            self._numbers[name].setText(f'{values[name]:.2f}' if known else '–')

    def _on_moved(self) -> None:
        for name, value in self.values().items():
            self._numbers[name].setText(f'{value:.2f}')
        self._settle.start()


class Details(QtWidgets.QWidget):
    """
    What concerns the selected camera.

    ``asked`` is emitted with the name of a button: ``reset``, ``learn``, ``mute``, ``remove``.
    """

    asked = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.picture = Picture()
        self.title = QtWidgets.QLabel()
        self.advice = QtWidgets.QLabel()
        self.figures = QtWidgets.QLabel()
        self.thresholds = Thresholds()
        for label in (self.title, self.advice, self.figures):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        bold = self.title.font()
        bold.setBold(True)
        self.title.setFont(bold)
        self.buttons = {
            'reset': self._button('&Reset', 'Forget the scores of this camera'),
            'learn': self._button('&Learn', 'Learn how this camera looks when it sees well'),
            'mute': self._button('&Mute', 'Show it last, and log nothing of it'),
            'remove': self._button('Remo&ve', 'Remove the row of a camera that was taken away')}
        self.buttons['mute'].setCheckable(True)
        actions = QtWidgets.QHBoxLayout()
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, name=name: self.asked.emit(name))
            actions.addWidget(button)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.picture, 1)
        for label in (self.title, self.advice, self.figures):
            layout.addWidget(label)
        layout.addLayout(actions)
        layout.addWidget(self.thresholds)

    @staticmethod
    def _button(text: str, tip: str) -> Any:
        button = QtWidgets.QPushButton(text)
        button.setToolTip(tip)
        return button

    def show_row(self, row: CameraRow | None, can: dict[str, bool], now_s: float) -> None:
        """
        Show what is known of a camera.

        :param can: by name of an action whether the node offers it.
        """
        _set_text(self.title, f'{row.name}: {row.state.label}' if row else 'No camera selected')
        _set_text(self.advice, row.advice[:1].upper() + row.advice[1:] if row else '')
        _set_text(self.figures, _figures(row, now_s) if row else '')
        self.buttons['reset'].setEnabled(can.get('reset', False))
        self.buttons['learn'].setVisible(can.get('learn', False))
        self.buttons['mute'].setEnabled(row is not None)
        self.buttons['mute'].setChecked(row is not None and row.muted)
        self.buttons['remove'].setEnabled(row is not None)
        if row is None:
            self.picture.show_picture(None)


def _figures(row: CameraRow, now_s: float) -> str:
    return row.figures(now_s) + (f'\n{row.model}' if row.model else '')


def _set_text(label: Any, text: str) -> None:
    if label.text() != text:  # a label that is set lays the window out anew
        label.setText(text)
