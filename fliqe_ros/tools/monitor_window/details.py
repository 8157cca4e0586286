"""The panel of the selected camera: its picture, what to do, actions and thresholds."""

from __future__ import annotations

from typing import Any

from fliqe_ros.tools.monitor_window.camera_list import image_of
from fliqe_ros.tools.monitor_window.fleet import CameraRow
from fliqe_ros.tools.monitor_window.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from fliqe_ros.tools.monitor_window.thresholds import CameraThresholds

#: Parameters of a camera → what the sliders are called, with their keys.
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
    Sliders for the thresholds of a camera, and a button that gives its own ones up.

    ``chosen`` is emitted, once a slider rests, with the values that were changed by parameter
    name; None is to follow the node.
    """

    chosen = Signal(dict)

    def __init__(self, parent: Any = None) -> None:
        super().__init__('Thresholds of this camera', parent)
        form = QtWidgets.QGridLayout(self)
        self.sliders: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        self._moved: set[str] = set()
        for place, (name, words) in enumerate(_SLIDERS.items()):
            label, slider = QtWidgets.QLabel(words), QtWidgets.QSlider(Qt.Orientation.Horizontal)
            number = QtWidgets.QLabel()
            slider.setRange(0, _STEPS)
            slider.setPageStep(5)
            slider.setAccessibleName(words.replace('&', ''))
            slider.valueChanged.connect(lambda _, name=name: self._on_moved(name))
            label.setBuddy(slider)
            form.addWidget(label, 2 * place, 0)
            form.addWidget(number, 2 * place, 1, Qt.AlignmentFlag.AlignRight)
            form.addWidget(slider, 2 * place + 1, 0, 1, 2)
            self.sliders[name], self.numbers[name] = slider, number
        self.follow = QtWidgets.QPushButton('&Follow the node')
        self.follow.setToolTip('Give the own thresholds of this camera up')
        self.follow.clicked.connect(lambda: self.chosen.emit(dict.fromkeys(self.sliders)))
        form.addWidget(self.follow, 2 * len(_SLIDERS), 0, 1, 2)
        self._settle = QtCore.QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLED_MS)
        self._settle.timeout.connect(self._choose)
        self.show_thresholds(None)

    def value(self, name: str) -> float:
        """Return the value of a slider, by parameter name."""
        return self.sliders[name].value() / _STEPS

    def show_thresholds(self, thresholds: CameraThresholds | None) -> None:
        """Show thresholds, unless somebody is moving a slider, or that none are known."""
        if thresholds is None:
            self._settle.stop()
        elif self._settle.isActive() or any(each.isSliderDown() for each in self.sliders.values()):
            return
        self.setEnabled(thresholds is not None)
        self.follow.setEnabled(thresholds is not None and not thresholds.follows_all)
        for name, slider in self.sliders.items():
            slider.blockSignals(True)
            slider.setValue(round(thresholds.camera[name] * _STEPS) if thresholds else 0)
            slider.blockSignals(False)
            self.numbers[name].setText(thresholds.told(name) if thresholds else '–')
        self._moved.clear()

    def _on_moved(self, name: str) -> None:
        self._moved.add(name)
        self.numbers[name].setText(f'{self.value(name):.2f}')
        self._settle.start()

    def _choose(self) -> None:
        self.chosen.emit({name: self.value(name) for name in self.sliders if name in self._moved})
        self._moved.clear()


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
