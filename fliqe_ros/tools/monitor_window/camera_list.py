"""The list of cameras: a row for each, the worst first, drawn only where it is in sight."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import cv2
from fliqe_ros.tools.monitor_window.fleet import CameraRow, Fleet
from fliqe_ros.tools.monitor_window.qt import Qt, QtCore, QtGui, QtWidgets
from fliqe_ros.tools.monitor_window.strip import colour_of, paint_strip
import numpy as np

ROW = Qt.ItemDataRole.UserRole
_LINES = 5.0
_MUTED_OPACITY = 0.45
_STRIP_EVERY_S = 2


def image_of(picture: np.ndarray) -> Any:
    """Return the ``QImage`` of a picture (H, W, 3) BGR, uint8."""
    height, width, _ = picture.shape
    # Four bytes a pixel are drawn fastest. A copy, since Qt would go on reading the memory.
    pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA).tobytes()
    return QtGui.QImage(
        pixels, width, height, 4 * width, QtGui.QImage.Format.Format_RGB32).copy()


class CameraListModel(QtCore.QAbstractListModel):
    """The rows of a ``Fleet`` in the order of their severity; ``ROW`` is the ``CameraRow``."""

    def __init__(self, fleet: Fleet, parent: Any = None) -> None:
        super().__init__(parent)
        self._fleet = fleet
        self._rows: list[CameraRow] = []

    def rowCount(self, parent: Any = None) -> int:  # noqa: N802 (Qt calls it)
        """Return the number of cameras."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the ``CameraRow``, or what a screen reader says."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f'{row.name}: {row.state.label}' + (f', {row.advice}' if row.advice else '')
        return None

    def place_of(self, name: str) -> int:
        """Return in which row a camera is; -1 if in none."""
        return next((at for at, row in enumerate(self._rows) if row.name == name), -1)

    def refresh(self) -> bool:
        """Sort anew; return whether the order, or the cameras, changed."""
        rows = self._fleet.ordered()
        if [row.name for row in rows] == [row.name for row in self._rows]:
            self._rows = rows
            return False
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()
        return True


class Places(NamedTuple):
    """Where the parts of a row are, each a ``QRectF``."""

    picture: Any
    texts: Any
    strip: Any

    @classmethod
    def within(cls, row: Any, line: int) -> Places:
        """
        Return the places in a row.

        :param row: its ``QRect``.
        :param line: the height of a line of text in pixels.
        """
        rect = QtCore.QRectF(row).adjusted(line / 3, line / 3, -line / 3, -line / 3)
        left, top, height = rect.left(), rect.top(), rect.height()
        picture = QtCore.QRectF(left, top, 1.3 * height, height)
        left = picture.right() + line / 2
        room = rect.right() - left
        texts = QtCore.QRectF(left, top, min(max(0.45 * room, 17.0 * line), room), height)
        left = texts.right() + line / 2
        return cls(picture, texts, QtCore.QRectF(left, top, rect.right() - left, height))


class CameraDelegate(QtWidgets.QStyledItemDelegate):
    """
    Draws a row: picture, name and state, what to do, figures, and the strip of scores.

    ``region`` is the part of the list that is drawn now. Pictures change more often than the
    rest of their rows.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.region = QtGui.QRegion()
        self._images: dict[str, tuple[np.ndarray, Any]] = {}
        self._strips: dict[str, tuple[object, Any]] = {}

    def sizeHint(self, option: Any, index: Any) -> Any:  # noqa: N802 (Qt calls it)
        """Return how much room a row takes."""
        height = option.fontMetrics.height()
        return QtCore.QSize(12 * height, round(_LINES * height))

    def paint(self, painter: Any, option: Any, index: Any) -> None:
        """Draw a row."""
        row = index.data(ROW)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        line = option.fontMetrics.height()
        places = Places.within(option.rect, line)
        is_whole = self.region.intersects(places.texts.toAlignedRect())
        if is_whole:
            self._paint_ground(painter, option)
        painter.setOpacity(_MUTED_OPACITY if row.muted else 1.0)
        self._paint_picture(painter, row, places.picture, option.palette)
        if is_whole:
            self._paint_texts(painter, row, places.texts, option)
            if places.strip.width() > 4 * line:
                self._paint_strip(painter, row, places.strip, option.palette)
        painter.restore()

    @staticmethod
    def _paint_ground(painter: Any, option: Any) -> None:
        states = QtWidgets.QStyle.StateFlag
        if option.state & states.State_Selected:
            ground = QtGui.QColor(option.palette.color(QtGui.QPalette.ColorRole.Highlight))
            ground.setAlphaF(0.25)
            painter.fillRect(option.rect, ground)
        painter.setPen(option.palette.color(QtGui.QPalette.ColorRole.Mid))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())

    def _paint_picture(self, painter: Any, row: CameraRow, rect: Any, palette: Any) -> None:
        painter.fillRect(rect, palette.color(QtGui.QPalette.ColorRole.AlternateBase))
        if row.picture is not None:
            if self._images.get(row.name, (None,))[0] is not row.picture:
                self._images[row.name] = row.picture, image_of(row.picture)
            image = self._images[row.name][1]
            size = QtCore.QSizeF(image.size()).scaled(
                rect.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QtCore.QRectF(QtCore.QPointF(), size)
            target.moveCenter(rect.center())
            painter.drawImage(target, image)
        painter.fillRect(QtCore.QRectF(rect.left(), rect.top(), rect.height() / 14,
                                       rect.height()), colour_of(row.state))

    def _paint_strip(self, painter: Any, row: CameraRow, rect: Any, palette: Any) -> None:
        """Draw the strip, anew once it has moved by about a pixel."""
        now_s = int(time.time()) // _STRIP_EVERY_S * _STRIP_EVERY_S
        ratio = painter.device().devicePixelRatioF()
        size = rect.size().toSize() * ratio
        roles = QtGui.QPalette.ColorRole
        drawn_for = (now_s, size, palette.color(roles.Text).rgba(),
                     palette.color(roles.AlternateBase).rgba())
        if self._strips.get(row.name, (None,))[0] != drawn_for:
            strip = QtGui.QPixmap(size)
            strip.setDevicePixelRatio(ratio)
            with_strip = QtGui.QPainter(strip)
            with_strip.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
            paint_strip(with_strip, QtCore.QRectF(QtCore.QPointF(), rect.size()), row.history,
                        now_s + _STRIP_EVERY_S, palette)
            with_strip.end()
            self._strips[row.name] = drawn_for, strip
        painter.drawPixmap(rect.topLeft(), self._strips[row.name][1])

    @staticmethod
    def _paint_texts(painter: Any, row: CameraRow, rect: Any, option: Any) -> None:
        line = option.fontMetrics.height()
        bold = QtGui.QFont(option.font)
        bold.setBold(True)
        words = QtGui.QFontMetrics(bold)
        head = f'{row.name}{" (muted)" if row.muted else ""}'
        what = row.label if row.label == row.state.label or not row.label \
            or not row.state.is_trouble else f'{row.state.label}: {row.label.replace("_", " ")}'
        scores = f'score {row.score:.2f}, smoothed {row.smoothed:.2f}' if row.has_score else ''
        chip = QtCore.QRectF(rect.left(), rect.top() + 1, line, line)
        painter.fillRect(chip, colour_of(row.state))
        painter.setPen(_readable_on(colour_of(row.state)))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, row.state.look.symbol)
        text = option.palette.color(QtGui.QPalette.ColorRole.Text)
        painter.setPen(text)
        elide = Qt.TextElideMode.ElideRight
        painter.setFont(bold)
        first = QtCore.QRectF(rect.left() + 1.4 * line, rect.top(),
                              rect.width() - 1.4 * line, line + 2)
        painter.drawText(first, Qt.AlignmentFlag.AlignVCenter, words.elidedText(
            f'{head}   {what or row.state.label}', elide, int(first.width())))
        painter.setFont(option.font)
        below = (scores, row.figures(time.time()), row.advice)
        for number, words_below in enumerate(below, start=1):
            top = rect.top() + number * 1.1 * line
            at = QtCore.QRectF(rect.left(), top, rect.width(), line + 2)
            painter.drawText(at, Qt.AlignmentFlag.AlignVCenter, option.fontMetrics.elidedText(
                words_below, elide, int(at.width())))


def _readable_on(colour: Any) -> Any:
    return QtGui.QColor('black' if colour.lightnessF() > 0.45 else 'white')


class CameraList(QtWidgets.QListView):
    """The list; ``visible`` are the names of the rows in sight, from above."""

    def __init__(self, fleet: Fleet, parent: Any = None) -> None:
        super().__init__(parent)
        self.cameras = CameraListModel(fleet, self)
        self.setModel(self.cameras)
        self.setItemDelegate(CameraDelegate(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QtWidgets.QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName('Cameras, the worst first')

    @property
    def selected(self) -> str:
        """Return the name of the selected camera; empty if none is."""
        return str(self.currentIndex().data() or '')

    def select(self, name: str) -> None:
        """Select a camera, or the first one if it is not there."""
        place = max(self.cameras.place_of(name), 0)
        self.setCurrentIndex(self.cameras.index(place, 0))

    def visible(self) -> list[str]:
        """Return the names of the rows in sight, from above."""
        if not self.isVisible():
            return []
        area = self.viewport().rect()
        names = []
        for place in range(self.cameras.rowCount()):
            index = self.cameras.index(place, 0)
            if self.visualRect(index).intersects(area):
                names.append(str(index.data()))
        return names

    def redraw_picture(self, name: str) -> None:
        """Draw the picture of a camera anew."""
        row = self.visualRect(self.cameras.index(self.cameras.place_of(name), 0))
        if row.isValid():
            picture = Places.within(row, self.fontMetrics().height()).picture
            self.viewport().update(picture.toAlignedRect())

    def paintEvent(self, event: Any) -> None:  # noqa: N802 (Qt calls it)
        """Draw what has changed."""
        self.itemDelegate().region = event.region()
        super().paintEvent(event)

    def refresh(self) -> None:
        """Show what is known now; the selection stays with its camera."""
        selected, scrolled = self.selected, self.verticalScrollBar().value()
        if self.cameras.refresh():
            self.select(selected)
            self.verticalScrollBar().setValue(scrolled)
        self.viewport().update()
