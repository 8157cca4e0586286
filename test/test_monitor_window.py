"""The monitor's window: what it shows and does, with real topics and services, drawn offscreen."""

import ast
from itertools import product
from pathlib import Path
import subprocess
import sys
import threading
from xml.etree import ElementTree

from fliqe_ros.msg import QualityScore
from fliqe_ros.tools.monitor_window.camera_list import CameraDelegate, CameraList
from fliqe_ros.tools.monitor_window.client import MonitorClient
from fliqe_ros.tools.monitor_window.details import Thresholds
from fliqe_ros.tools.monitor_window.fleet import Fleet
from fliqe_ros.tools.monitor_window.qt import Qt, QtGui, QtWidgets
from fliqe_ros.tools.monitor_window.states import State
from fliqe_ros.tools.monitor_window.thresholds import CameraThresholds, own_name
from fliqe_ros.tools.monitor_window.window import MonitorWidget
import numpy as np
import pytest
import pytestqt  # noqa: F401 (its fixtures are used)
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_MS = 60_000
SHOWN = CameraThresholds({'warn_below': 0.6, 'error_below': 0.3},
                         {'warn_below': 0.6, 'error_below': 0.3})
ADVICE = 'lens_blur: focus the lens, and clean it if that does not help'


class Scores(Node):
    """Publishes scores and pictures as a ``quality_node`` does; spins in a thread of its own."""

    def __init__(self, *cameras):
        self._ros = Context()
        self._ros.init()
        super().__init__('fliqe', context=self._ros, use_global_arguments=False)
        self.status = dict.fromkeys(cameras, QualityScore.STATUS_OK)
        self.asked, self._topics, self._images = [], {}, {}
        self.declare_parameter('warn_below', 0.6)
        self.declare_parameter('error_below', 0.3)
        for camera, (name, value) in product(cameras, SHOWN.node.items()):
            self.declare_parameter(own_name(camera, '/fliqe', name), value,
                                   ParameterDescriptor(dynamic_typing=True))
        self.add_on_set_parameters_callback(self._check)
        for camera in cameras:
            self._topics[camera] = self.create_publisher(QualityScore, f'{camera}/quality', 10)
            self._images[camera] = self.create_publisher(Image, f'{camera}/quality/preview', 1)
            self.offer(camera, 'reset')
        self.create_timer(0.1, self._publish)
        self._executor_of_it = SingleThreadedExecutor(context=self._ros)
        self._executor_of_it.add_node(self)
        self._thread = threading.Thread(target=self._executor_of_it.spin)
        self._thread.start()

    def offer(self, camera, action):
        def answer(_, response):
            self.asked.append((camera, action))
            response.success, response.message = True, f'{action} done'
            return response
        self.create_service(Trigger, f'{camera}/quality/{action}', answer)

    def own(self, camera):
        """Return the thresholds of a camera; None where its own was given up."""
        names = [own_name(camera, '/fliqe', name) for name in SHOWN.node]
        return [self.get_parameter_or(name).value for name in names]

    def watched(self):
        """Return the cameras whose pictures somebody asks for."""
        return {camera for camera, publisher in self._images.items()
                if publisher.get_subscription_count()}

    @staticmethod
    def _check(parameters):
        low = any((each.value or 0) > 0.9 for each in parameters)
        return SetParametersResult(successful=not low, reason='too high' if low else '')

    def _publish(self):
        for camera, status in self.status.items():
            trouble = status != QualityScore.STATUS_OK
            message = QualityScore(
                camera=camera, status=status, score=0.1 if trouble else 0.9,
                status_score=0.1 if trouble else 0.9, smoothed_score=0.8,
                status_distortion=int(trouble), reason=ADVICE if trouble else '')
            message.latency.nanosec = 20_000_000
            self._topics[camera].publish(message)
        for camera in self.watched():
            picture = np.full((60, 80, 3), (0, 0, 200), np.uint8)
            self._images[camera].publish(Image(
                height=60, width=80, step=240, encoding='bgr8', data=picture.tobytes()))

    def close(self):
        self._executor_of_it.shutdown()
        self._thread.join()
        self.destroy_node()
        self._ros.try_shutdown()


@pytest.fixture
def publish():
    running = []

    def start(*cameras):
        running.append(Scores(*cameras))
        return running[-1]
    yield start
    for node in running:
        node.close()


@pytest.fixture
def window(qtbot):
    context = Context()
    context.init()
    window = MonitorWidget(MonitorClient(Fleet(), context))
    qtbot.addWidget(window)
    window.resize(1000, 700)
    window.show()
    yield window
    window.stop()
    context.try_shutdown()


def shown(window):
    """Return the names in the list, from above."""
    model = window.cameras.cameras
    return [model.index(place, 0).data() for place in range(model.rowCount())]


def wait(qtbot, predicate):
    qtbot.waitUntil(predicate, timeout=TIMEOUT_MS)


def colours(widget):
    """Return every colour that a widget draws."""
    image = widget.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    return {tuple(each[2::-1].tolist()) for each in np.unique(pixels.reshape(-1, 4), axis=0)}


def test_without_cameras_the_window_says_so(window):
    window.refresh()
    assert window.summary.text() == 'No camera is scored yet'
    assert not any(window.details.buttons[name].isEnabled() for name in ('reset', 'mute'))


def test_rows_appear_as_cameras_do_and_the_worst_comes_first(qtbot, window, publish):
    node = publish('/a', '/b')
    wait(qtbot, lambda: shown(window) == ['/a', '/b'])
    assert State.BAD.look.colour not in colours(window.cameras.viewport())
    node.status['/b'] = QualityScore.STATUS_BAD
    wait(qtbot, lambda: shown(window) == ['/b', '/a'])
    assert window.summary.text() == '1 of 2 cameras in trouble'
    assert {State.BAD.look.colour, State.OK.look.colour} <= colours(window.cameras.viewport())
    window.cameras.select('/b')
    wait(qtbot, lambda: window.details.advice.text() == ADVICE.capitalize())
    other = publish('/c')
    wait(qtbot, lambda: shown(window) == ['/b', '/a', '/c'])
    assert other.status


def test_pictures_are_shown_and_asked_for_in_sight_only(qtbot, window, publish):
    cameras = [f'/cam{number:02}' for number in range(16)]
    window.resize(1000, 420)
    node = publish(*cameras)
    wait(qtbot, lambda: shown(window) == cameras)
    visible = window.cameras.visible()
    assert 1 < len(visible) < 8 and visible == cameras[:len(visible)]
    pictured = {}
    wait(qtbot, lambda: pictured.update({
        name: row.picture for name, row in window._fleet.rows.items() if row.picture is not None})
        or set(pictured) == set(visible))
    assert node.watched() == window._client.requested == set(visible)
    assert (200, 0, 0) in colours(window.cameras.viewport())
    window.cameras.scrollToBottom()
    below = window.cameras.visible()
    assert below[-1] == cameras[-1] and not set(below) & set(visible)
    wait(qtbot, lambda: node.watched() and node.watched() <= set(below))
    window.hide()
    wait(qtbot, lambda: not node.watched())


def test_a_new_picture_draws_no_more_than_the_picture(qtbot, monkeypatch):
    fleet, drawn = Fleet(), []
    fleet.add('/a', '/a/quality', 0.0)
    cameras = CameraList(fleet)
    qtbot.addWidget(cameras)
    cameras.resize(1000, 300)
    cameras.refresh()
    with qtbot.waitExposed(cameras):
        cameras.show()
    for part in ('_paint_picture', '_paint_texts', '_paint_strip'):
        monkeypatch.setattr(CameraDelegate, part, lambda *_, part=part: drawn.append(part))
    cameras.redraw_picture('/a')
    cameras.redraw_picture('/unknown')
    wait(qtbot, lambda: bool(drawn))
    assert drawn == ['_paint_picture']
    drawn.clear()
    cameras.refresh()
    wait(qtbot, lambda: bool(drawn))
    assert drawn == ['_paint_picture', '_paint_texts', '_paint_strip']


def test_the_selection_stays_with_its_camera(qtbot, window, publish):
    node = publish('/a', '/b', '/c')
    wait(qtbot, lambda: shown(window) == ['/a', '/b', '/c'])
    window.cameras.setFocus()
    window.cameras.select('/a')
    qtbot.keyClick(window.cameras, Qt.Key.Key_Down)
    assert window.cameras.selected == '/b'
    node.status['/c'] = QualityScore.STATUS_BAD
    wait(qtbot, lambda: shown(window) == ['/c', '/a', '/b'])
    assert window.cameras.selected == '/b'
    wait(qtbot, lambda: window.details.title.text() == '/b: ok')


def test_keys_mute_and_remove(qtbot, window, publish):
    node = publish('/a', '/b')
    node.status['/a'] = QualityScore.STATUS_BAD
    wait(qtbot, lambda: window.summary.text() == '1 of 2 cameras in trouble')
    window.cameras.select('/a')
    qtbot.keyClick(window.cameras, Qt.Key.Key_M)
    assert shown(window) == ['/b', '/a']
    assert window.summary.text() == '2 cameras, none in trouble, 1 muted'
    assert window.details.buttons['mute'].isChecked()
    qtbot.mouseClick(window.details.buttons['mute'], Qt.MouseButton.LeftButton)
    assert shown(window) == ['/a', '/b']
    del node.status['/a']
    wait(qtbot, lambda: window._fleet.rows['/a'].state == State.ABSENT)
    qtbot.keyClick(window.cameras, Qt.Key.Key_Delete)
    assert shown(window) == ['/b']


def test_buttons_ask_the_node(qtbot, window, publish):
    node = publish('/a')
    buttons = window.details.buttons
    wait(qtbot, lambda: shown(window) == ['/a'] and buttons['reset'].isEnabled())
    assert not buttons['learn'].isVisible()
    qtbot.mouseClick(buttons['reset'], Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: window.note.text() == 'reset done')
    node.offer('/a', 'learn')
    wait(qtbot, buttons['learn'].isVisible)
    qtbot.keyClick(window.cameras, Qt.Key.Key_L)
    wait(qtbot, lambda: node.asked == [('/a', 'reset'), ('/a', 'learn')])


def test_sliders_set_the_thresholds_of_the_selected_camera(qtbot, window, publish):
    node = publish('/a', '/b')
    thresholds = window.details.thresholds
    wait(qtbot, lambda: window.cameras.selected == '/a' and thresholds.isEnabled())
    assert [thresholds.value(name) for name in ('warn_below', 'error_below')] == [0.6, 0.3]
    assert thresholds.numbers['warn_below'].text() == '0.60, as its node'
    assert not thresholds.follow.isEnabled()
    assert thresholds.sliders['warn_below'].width() > 100
    thresholds.sliders['warn_below'].setValue(70)
    wait(qtbot, lambda: node.own('/a') == [0.7, 0.3])
    assert node.own('/b') == [0.6, 0.3] and node.get_parameter('warn_below').value == 0.6
    wait(qtbot, lambda: window.note.text() == 'thresholds of /a are set')
    wait(qtbot, lambda: thresholds.numbers['warn_below'].text() == '0.70, its node 0.60')
    assert thresholds.numbers['error_below'].text() == '0.30, as its node'
    thresholds.sliders['warn_below'].setValue(95)
    wait(qtbot, lambda: window.note.text() == '✖ too high')
    wait(qtbot, lambda: thresholds.value('warn_below') == 0.7)  # as the node still has it
    window.cameras.select('/b')
    wait(qtbot, lambda: thresholds.numbers['warn_below'].text() == '0.60, as its node')
    window.cameras.select('/a')
    wait(qtbot, thresholds.follow.isEnabled)
    qtbot.mouseClick(thresholds.follow, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: node.own('/a') == [None, None])
    wait(qtbot, lambda: window.note.text() == '/a follows its node')


def test_thresholds_that_somebody_else_sets_are_shown(qtbot, window, publish):
    node = publish('/a')
    thresholds = window.details.thresholds
    wait(qtbot, thresholds.isEnabled)
    node.set_parameters([Parameter('error_below', value=0.2)])
    wait(qtbot, lambda: thresholds.numbers['error_below'].text() == '0.30, its node 0.20')


@pytest.fixture
def thresholds(qtbot):
    """Return sliders, and the values that they chose."""
    thresholds, chosen = Thresholds(), []
    qtbot.addWidget(thresholds)
    thresholds.show_thresholds(SHOWN)
    thresholds.chosen.connect(chosen.append)
    return thresholds, chosen


def test_sliders_say_nothing_while_they_move_and_only_what_changed(qtbot, thresholds):
    widget, chosen = thresholds
    with qtbot.waitSignal(widget.chosen, timeout=TIMEOUT_MS):
        for value in range(40, 51):
            widget.sliders['error_below'].setValue(value)
            widget.show_thresholds(SHOWN)  # an answer comes meanwhile
    assert chosen == [{'error_below': 0.5}]
    widget.show_thresholds(SHOWN)
    assert widget.value('error_below') == 0.3


def test_a_slider_that_moved_last_says_nothing_of_another_camera(qtbot, thresholds):
    widget, chosen = thresholds
    widget.sliders['error_below'].setValue(50)
    widget.show_thresholds(None)
    assert not widget.isEnabled()
    widget.show_thresholds(SHOWN)
    with qtbot.waitSignal(widget.chosen, timeout=TIMEOUT_MS):
        widget.sliders['warn_below'].setValue(70)
    assert chosen == [{'warn_below': 0.7}]


def test_events_are_listed_with_pictures_and_saved(qtbot, window, publish, tmp_path):
    node = publish('/a')
    node.status['/a'] = QualityScore.STATUS_BAD
    log = window._fleet.events
    wait(qtbot, lambda: any(event.picture is not None for event in log))
    wait(qtbot, lambda: window.events.topLevelItemCount() == 1)
    item = window.events.topLevelItem(0)
    assert item.text(1) == '/a' and item.text(2).endswith('lens blur')
    assert 'still lasting' in item.text(3) and item.text(5) == ADVICE
    node.status['/a'] = QualityScore.STATUS_OK
    wait(qtbot, lambda: 'still' not in window.events.topLevelItem(0).text(3))
    window.save_report(tmp_path / 'events.html')
    assert 'data:image/jpeg' in (tmp_path / 'events.html').read_text()
    assert window.note.text() == f'wrote {tmp_path / "events.html"}'
    window.save_report(tmp_path / 'nowhere' / 'events.html')
    assert window.note.text().startswith('✖')


@pytest.mark.parametrize('text, base', [('#000000', '#ffffff'), ('#ffffff', '#101010')])
def test_rows_take_the_colours_of_the_theme(qtbot, window, publish, text, base):
    palette = QtGui.QPalette()
    palette.setColor(QtGui.QPalette.ColorRole.Text, QtGui.QColor(text))
    palette.setColor(QtGui.QPalette.ColorRole.Base, QtGui.QColor(base))
    window.cameras.setPalette(palette)
    publish('/a')
    wait(qtbot, lambda: shown(window) == ['/a'])
    seen = colours(window.cameras.viewport())
    for colour in (text, base):
        assert QtGui.QColor(colour).getRgb()[:3] in seen


def test_a_screen_reader_is_told_the_row(qtbot, window, publish):
    publish('/a').status['/a'] = QualityScore.STATUS_BAD
    wait(qtbot, lambda: shown(window) == ['/a'] and window._fleet.rows['/a'].state == State.BAD)
    told = window.cameras.cameras.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert told == f'/a: bad, {ADVICE}'
    for widget in (window.cameras, window.events, *window.details.thresholds.sliders.values()):
        assert widget.accessibleName()


def test_every_control_is_reached_by_keyboard(window):
    controls = [*window.findChildren(QtWidgets.QPushButton),
                *window.findChildren(QtWidgets.QSlider), window.cameras, window.events]
    assert len(controls) == 10
    assert all(each.focusPolicy() & Qt.FocusPolicy.TabFocus for each in controls)


# The plugin and the executable

def test_rqt_finds_the_plugin():
    package = ElementTree.parse(ROOT / 'package.xml')
    assert package.find('export/rqt_gui').attrib == {'plugin': '${prefix}/plugin.xml'}
    plugin, = ElementTree.parse(ROOT / 'plugin.xml').iter('class')
    assert plugin.get('base_class_type') == 'rqt_gui_py::Plugin'
    assert plugin.findtext('qtgui/group/label') == 'Robot Tools'
    assert plugin.findtext('qtgui/label') == 'Thermal image quality'
    module, _, name = plugin.get('type').rpartition('.')
    source = (ROOT / (module.replace('.', '/') + '.py')).read_text()
    assert name in {node.name for node in ast.parse(source).body
                    if isinstance(node, ast.ClassDef)}


def test_the_window_needs_no_torch(tmp_path):
    code = 'import sys, fliqe_ros.tools.monitor_window.window; print("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True,
                          text=True, check=True)
    assert done.stdout.strip() == 'False'


def test_the_executable_ends_on_a_signal(qtbot, publish, tmp_path):
    node = publish('/a')
    process = subprocess.Popen([sys.executable, '-m', 'fliqe_ros.tools.monitor_window.main'],
                               cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        wait(qtbot, lambda: node.watched() == {'/a'})
        process.terminate()
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and 'Traceback' not in errors


def test_the_executable_refuses_what_it_does_not_know(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'fliqe_ros.tools.monitor_window.main', '--ros-args', '-r', 'a:=b',
         '--', '--nonsense'], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith('monitor: there is no argument --nonsense')


def test_a_long_sentence_does_not_widen_the_window(qtbot, window):
    before = window.minimumSizeHint().width()
    window.note.setText('learning what is normal for /flir_front, from a minute of frames ' * 3)
    assert window.minimumSizeHint().width() <= before + 100


def test_the_executable_tells_what_is_missing(tmp_path):
    code = ("import sys; sys.modules.update(dict.fromkeys(['python_qt_binding', 'PyQt5', 'PyQt6', "
            "'PySide2', 'PySide6']));"
            'from fliqe_ros.tools.monitor_window.main import main; sys.exit(main([]))')
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True,
                          text=True)
    assert done.returncode == 1
    assert done.stderr.startswith('monitor: no binding of Qt can be imported: install ')
