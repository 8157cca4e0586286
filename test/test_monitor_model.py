"""What the monitor makes of messages: rows, their order, the strip, events; without a display."""

from types import SimpleNamespace

import cv2
from fliqe_ros.msg import QualityScore
from fliqe_ros.tools.monitor_window.events import EventLog
from fliqe_ros.tools.monitor_window.fleet import ABSENT_AFTER_S, Fleet
from fliqe_ros.tools.monitor_window.history import History, SPAN_S
from fliqe_ros.tools.monitor_window.pixels import picture_of
from fliqe_ros.tools.monitor_window.report import write_report
from fliqe_ros.tools.monitor_window.states import State
from fliqe_ros.tools.monitor_window.thresholds import CameraThresholds, own_name, questions
import numpy as np
import pytest

START_S = 1_700_000_000.0
BLUR = QualityScore.LENS_BLUR
PICTURE = np.full((90, 120, 3), (10, 20, 200), np.uint8)


def quality(status=QualityScore.STATUS_OK, score=0.9, reason='', distortion=0, latency_ms=20):
    message = QualityScore(
        status=status, score=score, smoothed_score=0.8, status_score=score, reason=reason,
        status_distortion=distortion, model='thermal_s 8 0123456789ab')
    message.latency.nanosec = latency_ms * 10**6
    return message


@pytest.fixture
def fleet():
    """Return a fleet of the cameras /a, /b and /c, all well."""
    fleet = Fleet()
    for name in ('/a', '/b', '/c'):
        fleet.add(name, f'{name}/quality', START_S)
        fleet.hear(name, quality(), START_S)
    return fleet


def names(fleet):
    return [row.name for row in fleet.ordered()]


# States

def test_every_status_of_the_message_is_a_state():
    statuses = {name.removeprefix('STATUS_').lower(): getattr(QualityScore, name)
                for name in dir(QualityScore) if name.startswith('STATUS_')}
    assert {state.label: state.value for state in State if state != State.ABSENT} == statuses


@pytest.mark.parametrize('status', [6, 77, 254, 255])
def test_a_status_that_is_not_known_cannot_be_trusted(status):
    assert State.of(status) == State.BAD


def lab(colour, vision):
    """Return the CIELAB values of a colour as people with a kind of vision see it."""
    linear = (np.array(colour, np.float32) / 255) ** 2.2
    seen = np.clip(vision @ linear, 0, 1) ** (1 / 2.2)
    return cv2.cvtColor(seen.reshape(1, 1, 3).astype(np.float32), cv2.COLOR_RGB2LAB).ravel()


@pytest.mark.parametrize('vision', [
    np.eye(3),
    # Machado, Oliveira and Fernandes 2009, severity 1.0: protanopia, deuteranopia, tritanopia
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
     [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
     [-0.011820, 0.042940, 0.968881]],
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
     [0.004733, 0.691367, 0.303900]],
], ids=['normal', 'protanopia', 'deuteranopia', 'tritanopia'])
def test_the_colour_blind_tell_the_states_apart(vision):
    colours = [lab(state.look.colour, np.array(vision)) for state in State]
    apart = [np.linalg.norm(one - other) for place, one in enumerate(colours)
             for other in colours[:place]]
    assert min(apart) > 12  # 2 is just noticeable
    assert len({state.look.symbol for state in State}) == len(State)


# Rows

def test_the_worst_camera_comes_first(fleet):
    assert names(fleet) == ['/a', '/b', '/c']
    fleet.hear('/c', quality(QualityScore.STATUS_DEGRADED, 0.5), START_S)
    assert names(fleet) == ['/c', '/a', '/b']
    fleet.hear('/b', quality(QualityScore.STATUS_BAD, 0.1), START_S)
    assert names(fleet) == ['/b', '/c', '/a']
    fleet.hear('/a', quality(QualityScore.STATUS_SILENT), START_S)
    assert names(fleet) == ['/a', '/b', '/c']


def test_cameras_in_the_same_trouble_keep_their_places(fleet):
    for name, score in (('/b', 0.221), ('/a', 0.229), ('/b', 0.224), ('/a', 0.222)):
        fleet.hear(name, quality(QualityScore.STATUS_BAD, score), START_S)
    assert names(fleet)[:2] == ['/a', '/b']
    fleet.hear('/b', quality(QualityScore.STATUS_BAD, 0.05), START_S)
    assert names(fleet)[:2] == ['/b', '/a']


def test_a_muted_camera_comes_last_and_is_not_counted(fleet):
    fleet.hear('/a', quality(QualityScore.STATUS_BAD, 0.1), START_S)
    assert fleet.summary() == '1 of 3 cameras in trouble'
    fleet.mute('/a', True, START_S + 1)
    assert names(fleet) == ['/b', '/c', '/a']
    assert fleet.summary() == '3 cameras, none in trouble, 1 muted'
    fleet.hear('/a', quality(QualityScore.STATUS_SILENT), START_S + 2)
    assert [event.state for event in fleet.events] == [State.BAD]
    fleet.mute('/a', False, START_S + 3)
    assert [event.state for event in fleet.events] == [State.SILENT, State.BAD]


def test_a_row_tells_what_to_do_and_how_fast_it_is(fleet):
    for tenth in range(100):
        fleet.hear('/a', quality(QualityScore.STATUS_BAD, 0.1, 'lens_blur: focus it', BLUR),
                   START_S + tenth / 10)
    fleet.diagnose({'camera': '/a', 'dropped': '7', 'lost in transport': '0', 'errors': '2'},
                   START_S + 10)
    row = fleet.rows['/a']
    assert (row.state, row.label, row.advice) == (State.BAD, 'lens_blur', 'lens_blur: focus it')
    assert row.figures(START_S + 10) == '10.0 Hz  ·  20 ms  ·  7 dropped, 2 unreadable'


def test_a_type_of_a_newer_message_has_a_number(fleet):
    fleet.hear('/a', quality(QualityScore.STATUS_BAD, 0.1, 'new', 13), START_S)
    assert fleet.rows['/a'].label == 'type 13'


def test_scores_between_two_looks_count_for_the_rate(fleet):
    for tenth in range(100):
        fleet.hear('/a', quality(), START_S + tenth / 10, messages=3)
    assert fleet.rows['/a'].history.rate_hz(START_S + 10) == 30


def test_a_repeated_status_is_no_new_score(fleet):
    fleet.hear('/a', quality(QualityScore.STATUS_SILENT, 0.1, latency_ms=0), START_S + 1)
    row = fleet.rows['/a']
    assert row.state == State.SILENT and row.score == pytest.approx(0.9)
    assert [second.scores for second in row.history] == [1, 0]


def test_a_camera_that_nothing_is_heard_of_is_absent_until_it_comes_back(fleet):
    late_s = START_S + ABSENT_AFTER_S + 1
    fleet.hear('/b', quality(), late_s)
    fleet.diagnose({'camera': '/c'}, late_s)
    fleet.tick(late_s)
    assert [row.state for row in fleet.ordered()] == [State.ABSENT, State.OK, State.OK]
    row = fleet.rows['/a']
    assert names(fleet)[0] == '/a' and 'nothing is heard' in row.advice
    fleet.diagnose({'camera': '/a'}, late_s + 1)  # its node lives, but scores it no more
    fleet.tick(late_s + 1)
    assert row.state == State.ABSENT
    fleet.hear('/a', quality(), late_s + 2)
    assert row.state == State.OK and not row.advice


def test_a_camera_that_is_scored_rarely_has_no_gaps_in_its_states(fleet):
    for second in range(1, 8):
        fleet.diagnose({'camera': '/a'}, START_S + second)
        fleet.tick(START_S + second)
    seconds = list(fleet.rows['/a'].history)
    assert [second.state for second in seconds] == 8 * [State.OK]
    assert [second.scores for second in seconds] == [1, 0, 0, 0, 0, 0, 0, 0]


def test_a_row_can_be_removed(fleet):
    fleet.hear('/a', quality(QualityScore.STATUS_BAD, 0.1), START_S)
    fleet.remove('/a', START_S + 2)
    assert names(fleet) == ['/b', '/c']
    event, = fleet.events
    assert event.ended_s == START_S + 2


def test_there_is_a_sentence_without_cameras():
    assert Fleet().summary() == 'No camera is scored yet'


# The strip

def test_history_keeps_the_worst_of_each_second_and_the_last_minutes():
    history = History()
    history.add_score(START_S, State.OK, 0.9, 0.8)
    history.add_score(START_S + 0.5, State.BAD, 0.1, 0.7)
    history.add_score(START_S + 0.9, State.OK, 0.6, 0.75)
    second, = history
    assert (second.state, second.scores, second.lowest, second.smoothed) == (
        State.BAD, 3, 0.1, 0.75)
    for later_s in range(1, 2 * SPAN_S):
        history.add_state(START_S + later_s, State.OK)
    assert len(list(history)) == SPAN_S
    assert [each.start_s for each in history.since(START_S + 2 * SPAN_S - 3)] == [
        START_S + 2 * SPAN_S - 3, START_S + 2 * SPAN_S - 2, START_S + 2 * SPAN_S - 1]


def test_a_clock_that_is_set_back_does_not_break_history():
    history = History()
    history.add_score(START_S, State.OK, 0.9, 0.8)
    history.add_score(START_S - 100, State.BAD, 0.2, 0.7)
    second, = history
    assert second.lowest == 0.2


def test_the_rate_is_that_of_whole_seconds():
    history = History()
    assert history.rate_hz(START_S) == 0
    for frame in range(300):
        history.add_score(START_S + frame / 30, State.OK, 0.9, 0.8)
    assert history.rate_hz(START_S + 10.4) == 30
    assert history.rate_hz(START_S + 12.4) == 18  # three of five seconds
    assert history.rate_hz(START_S + 60) == 0


# Events

def test_an_event_lasts_until_the_camera_is_well_and_tells_its_worst():
    log = EventLog()
    for at_s, state, label, score in (
            (0, State.OK, 'ok', 0.9), (1, State.DEGRADED, 'ghosting', 0.5),
            (2, State.BAD, 'lens_blur', 0.2), (3, State.BAD, 'lens_blur', 0.1),
            (4, State.DEGRADED, 'ghosting', 0.4), (5, State.OK, 'ok', 0.8)):
        log.note('/a', state, label, f'{label}: so', score, at_s)
    event, = log
    assert (event.began_s, event.ended_s, event.state) == (1, 5, State.BAD)
    assert (event.label, event.reason, event.lowest) == ('lens_blur', 'lens_blur: so', 0.1)


def test_another_trouble_is_another_event_and_the_newest_comes_first():
    log = EventLog()
    log.note('/a', State.BAD, 'lens_blur', '', 0.1, 1)
    log.note('/b', State.BAD, 'lens_blur', '', 0.1, 2)
    log.note('/a', State.SILENT, 'silent', '', 0.1, 3)
    assert [(event.camera, event.state, event.ended_s) for event in log] == [
        ('/a', State.SILENT, None), ('/b', State.BAD, None), ('/a', State.BAD, 3)]


def test_an_event_keeps_its_first_picture():
    log = EventLog()
    log.show('/a', PICTURE)
    log.note('/a', State.BAD, 'lens_blur', '', 0.1, 1)
    log.show('/a', PICTURE)
    log.show('/a', PICTURE + 1)
    event, = log
    assert event.picture is PICTURE


def test_the_log_is_bounded():
    log = EventLog()
    for number in range(700):
        log.note('/a', State.BAD, 'lens_blur', '', 0.1, number)
        log.show('/a', PICTURE)
        log.end('/a', number + 0.5)
    assert len(log) == 500
    assert sum(event.picture is not None for event in log) == 100
    assert next(iter(log)).picture is PICTURE


def test_the_report_holds_events_with_pictures_and_no_markup_of_others(fleet, tmp_path):
    fleet.hear('/a', quality(QualityScore.STATUS_BAD, 0.12, '<b>focus</b> it', BLUR), START_S)
    fleet.show('/a', PICTURE)
    path = tmp_path / 'report.html'
    write_report(fleet, path, START_S + 3)
    page = path.read_text()
    assert '&lt;b&gt;focus&lt;/b&gt; it' in page and '<b>' not in page
    assert 'lens blur (bad, 3 s, still lasting)' in page and '0.12' in page
    assert page.count('src="data:image/jpeg;base64,') == 1 and '://' not in page
    assert '1 of 3 cameras in trouble' in page and 'thermal_s 8 0123456789ab' in page
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_written_is_an_os_error(fleet, tmp_path):
    with pytest.raises(OSError):
        write_report(fleet, tmp_path / 'nowhere' / 'report.html', START_S)


# Pictures

def image(height=256, width=320, step=None, encoding='bgr8', missing=0):
    step = step or 3 * width
    data = np.zeros((height, step), np.uint8)
    data[:, 2:3 * width:3] = 200
    return SimpleNamespace(height=height, width=width, step=step, encoding=encoding,
                           data=data.tobytes()[:height * step - missing])


@pytest.mark.parametrize('message', [image(), image(step=1000), image(1, 2000)])
def test_pictures_are_read(message):
    picture = picture_of(message)
    assert picture.shape == (message.height, message.width, 3)
    assert np.array_equal(np.unique(picture.reshape(-1, 3), axis=0), [[0, 0, 200]])


@pytest.mark.parametrize('message', [
    image(encoding='mono8'), image(missing=1), image(step=100), image(height=0),
    SimpleNamespace(height=1, width=0, step=0, encoding='bgr8', data=b'')])
def test_what_is_no_picture_is_left_aside(message):
    assert picture_of(message) is None


# Thresholds

@pytest.mark.parametrize('camera, node, name', [
    ('/flir', '/fliqe', 'camera_settings.flir.warn_below'),
    ('/', '/fliqe', 'camera_settings.root.warn_below'),
    ('/robot1/flir', '/robot1/fliqe', 'camera_settings.flir.warn_below'),
    ('/robot1/flir/rear', '/fliqe', 'camera_settings.robot1.flir.rear.warn_below'),
])
def test_own_thresholds_are_called_as_on_the_node(camera, node, name):
    assert own_name(camera, node, 'warn_below') == name
    assert questions(camera, node) == [
        name, name.replace('warn', 'error'), 'warn_below', 'error_below']


def test_it_is_told_where_a_camera_follows_its_node():
    thresholds = CameraThresholds.of_answer([0.7, 0.3, 0.6, 0.3])
    assert thresholds.told('warn_below') == '0.70, its node 0.60'
    assert thresholds.told('error_below') == '0.30, as its node'
    assert not thresholds.follows_all
    assert CameraThresholds.of_answer([0.6, 0.3, 0.6, 0.3]).follows_all


@pytest.mark.parametrize('answer', [[], [0.6, 0.3], [None, None, 0.6, 0.3], [0.6, 0.3, 'a', 0.3]])
def test_a_node_without_thresholds_of_cameras_has_none(answer):
    assert CameraThresholds.of_answer(answer) is None
