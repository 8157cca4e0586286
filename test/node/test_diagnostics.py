"""What the diagnostics say, from reports made by hand."""

from dataclasses import replace
from pathlib import Path
import re

from diagnostic_msgs.msg import DiagnosticStatus
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Status
from fliqe_ros.node import inference_statistics
from fliqe_ros.node.camera_session import CameraSession
from fliqe_ros.node.diagnostics import (
    camera_status, inference_status, ModelReport, NodeReport, status_name)
from fliqe_ros.node.inference_statistics import InferenceReport, InferenceTimes
from fliqe_ros.node.parameters import DEFAULTS, settings_from
import pytest
import yaml

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
STALE = DiagnosticStatus.STALE
CONFIG = Path(__file__).resolve().parents[2] / 'config'
SETTINGS = settings_from(DEFAULTS)
ACTIVE = NodeReport(state='active', converter='native')
HEALTHY = replace(
    CameraSession('/flir', 300).report(0),
    received=100, scored=100, rate_in_hz=15.0, rate_out_hz=15.0,
    score=0.93, verdict=Verdict(0.91, 100, Status.OK, Distortion.CLEAN),
    distortion=Distortion.CLEAN, affected_share=0.25,
    latency_p50_s=0.012, latency_p95_s=0.034, age_s=0.05)


def values(status):
    return {value.key: value.value for value in status.values}


def camera(settings=SETTINGS, node=ACTIVE, **changes):
    return camera_status('/fliqe', replace(HEALTHY, **changes), settings, node)


def test_healthy_camera():
    status = camera()
    assert (status.name, status.hardware_id) == ('fliqe: flir', '/flir')
    assert (status.level, status.message) == (OK, 'ok, smoothed 0.91')
    expected = {
        'score': '0.930', 'smoothed score': '0.910', 'frames in window': '100', 'status': 'ok',
        'distortion': 'clean', 'affected share': '0.25',
        'rate in (Hz)': '15.00', 'rate out (Hz)': '15.00',
        'received': '100', 'scored': '100', 'dropped': '0', 'skipped by max_rate': '0',
        'lost in transport': '0', 'latency p50 (ms)': '12.0', 'latency p95 (ms)': '34.0',
        'age of last frame (s)': '0.05', 'errors': '0', 'converter': 'native'}
    assert expected.items() <= values(status).items()


BAD = Verdict(0.9, 100, Status.BAD, Distortion.LENS_BLUR, status_score=0.2)
DEGRADED = Verdict(0.9, 100, Status.DEGRADED, Distortion.BLANK, status_score=0.5)


@pytest.mark.parametrize('changes, level, message', [
    ({'verdict': BAD}, ERROR,
     f'bad quality: score 0.20, lens_blur: {Distortion.LENS_BLUR.advice}'),
    ({'verdict': DEGRADED}, WARN,
     f'degraded quality: score 0.50, blank: {Distortion.BLANK.advice}'),
    ({'verdict': replace(BAD, distortion=Distortion.UNKNOWN)}, ERROR,
     f'bad quality: score 0.20, unknown: {Distortion.UNKNOWN.advice}'),
    ({'silent_s': 2.5}, ERROR, 'no frames for 2.5 s'),
    ({'age_s': None, 'silent_s': 3.0}, ERROR, 'no frames for 3.0 s'),
    ({'silent_s': 3.0, 'last_frame_failed': True, 'last_error': 'why'}, ERROR,
     'no frames that can be read for 3.0 s: why'),
    ({'frozen_s': 6.0}, ERROR, 'frozen: the same picture for 6.0 s'),
    ({'last_frame_failed': True, 'last_error': 'why', 'error_rate_hz': 1.0}, ERROR,
     'unusable frames: why'),
    ({'last_error': 'why', 'error_rate_hz': 0.2}, WARN, 'some unusable frames: why'),
    ({'drop_rate_hz': 6.0}, WARN, 'dropping 6.0 of 15.0 frames per second'),
    ({'lost_rate_hz': 5.0}, WARN, 'losing 5.0 of 20.0 frames per second in transport'),
    ({'brightness_swing': 0.4}, WARN, 'gain control hunts: the brightness swings by 40% of the '
     'contrast from frame to frame'),
    ({'usual_rate_hz': 30.0}, WARN, 'the rate sags: 15.0 Hz, usually 30.0 Hz'),
    ({'usual_rate_hz': 20.0, 'brightness_swing': 0.1}, OK, 'ok, smoothed 0.91'),
    ({'latency_p95_s': 1.5}, WARN, 'slow: 95% of the scores take up to 1.5 s'),
    # Not worth a word: a short stop, a shutter correction, few drops, past errors.
    ({'silent_s': 1.9}, OK, 'ok, smoothed 0.91'),
    ({'frozen_s': 3.0}, OK, 'ok, smoothed 0.91'),
    ({'drop_rate_hz': 1.0}, OK, 'ok, smoothed 0.91'),
    ({'lost_rate_hz': 1.0}, OK, 'ok, smoothed 0.91'),
    ({'last_error': 'why', 'errors': {'all_nan': 2}}, OK, 'ok, smoothed 0.91'),
    ({'age_s': None, 'silent_s': 1.0, 'verdict': None}, OK, 'no frame scored yet'),
    ({'verdict': Verdict(0.1, 3, Status.UNKNOWN)}, OK, 'unknown, smoothed 0.10'),
])
def test_verdict_on_a_camera(changes, level, message):
    status = camera(**changes)
    assert (status.level, status.message) == (level, message)


@pytest.mark.parametrize('node, subject, name', [
    ('/fliqe', '/flir_front', 'fliqe: flir_front'),
    ('/robot1/fliqe', '/flir_front', 'robot1.fliqe: flir_front'),
    ('/site/robot1/fliqe', '/robot1/flir/rear', 'site.robot1.fliqe: robot1.flir.rear'),
    ('/fliqe', '/', 'fliqe: root'),
    ('/robot1/fliqe', 'inference', 'robot1.fliqe: inference'),
])
def test_names_are_whole_in_every_viewer(node, subject, name):
    assert status_name(node, subject) == name
    # As rqt_robot_monitor finds the place of a status in its tree: a row of its own at the top,
    # which is updated with the text that it was made with.
    path = name.split('/')
    assert path[0] != '' and path == [name.split('/')[-1]]
    # As diagnostic_aggregator's analyzers write a name into a path: it changes no slash.
    assert name.replace('/', ' ') == name


ANALYZERS = yaml.safe_load((CONFIG / 'analyzers.yaml').read_text())['analyzers'][
    'ros__parameters']


@pytest.mark.parametrize('node', ['/fliqe', '/robot1/fliqe', '/site/robot1/fliqe'])
@pytest.mark.parametrize('subject, group', [
    ('/flir_front', 'thermal_cameras'), ('/inference/cam', 'thermal_cameras'),
    ('/', 'thermal_cameras'), ('inference', 'thermal_quality_nodes')])
def test_the_aggregator_puts_each_status_into_one_group(node, subject, group):
    name = status_name(node, subject)
    # GenericAnalyzer matches whole names by std::regex, whose syntax here is that of Python.
    assert [key for key, analyzer in ANALYZERS.items() if isinstance(analyzer, dict)
            and any(re.fullmatch(regex, name) for regex in analyzer['regex'])] == [group]


@pytest.mark.parametrize('name', ['flir_front: driver', 'myfliqe: flir_front', 'cpu: fliqe'])
def test_the_aggregator_leaves_the_status_of_others_alone(name):
    assert not any(re.fullmatch(regex, name) for analyzer in ANALYZERS.values()
                   if isinstance(analyzer, dict) for regex in analyzer['regex'])


# As GenericAnalyzer::init of diagnostic_aggregator reads them; another type is an exception there.
GENERIC_ANALYZER = {
    'type': str, 'path': str, 'find_and_remove_prefix': list, 'remove_prefix': list,
    'startswith': list, 'contains': list, 'expected': list, 'regex': list, 'timeout': float,
    'num_items': int, 'discard_stale': bool}


def test_the_aggregator_reads_every_parameter():
    assert isinstance(ANALYZERS['path'], str)
    for analyzer in ANALYZERS.values():
        if isinstance(analyzer, dict):
            assert analyzer['type'] == 'diagnostic_aggregator/GenericAnalyzer'
            for name, value in analyzer.items():
                assert type(value) is GENERIC_ANALYZER[name], name
            assert '/' not in analyzer['path'] and analyzer['timeout'] > 0


def test_a_camera_may_leave_the_aggregator_s_list_and_a_node_may_not():
    # It drops what is older than the timeout, or shows it as STALE.
    assert {name: analyzer['discard_stale'] for name, analyzer in ANALYZERS.items()
            if isinstance(analyzer, dict)} == {
        'thermal_cameras': True, 'thermal_quality_nodes': False}


@pytest.mark.parametrize('gone, level, message', [
    (frozenset({'/flir'}), STALE, 'gone: no frames for 9.0 s'),
    (frozenset({'/flir_rear'}), ERROR, 'no frames for 9.0 s'),
])
def test_a_camera_that_was_found_and_has_gone_is_stale(gone, level, message):
    status = camera(node=NodeReport(state='active', gone=gone), silent_s=9.0)
    assert (status.level, status.message) == (level, message)


def test_worst_problem_comes_first():
    status = camera(verdict=DEGRADED, drop_rate_hz=6.0, frozen_s=6.0)
    assert status.level == ERROR
    assert status.message.split('; ') == [
        'frozen: the same picture for 6.0 s',
        f'degraded quality: score 0.50, blank: {Distortion.BLANK.advice}',
        'dropping 6.0 of 15.0 frames per second']


@pytest.mark.parametrize('distortion', Distortion)
@pytest.mark.parametrize('verdict', [BAD, DEGRADED])
def test_what_helps_is_told_for_every_type(verdict, distortion):
    message = camera(verdict=replace(verdict, distortion=distortion)).message
    assert message.endswith(f'{distortion.label}: {distortion.advice}')


def test_checks_can_be_turned_off():
    settings = settings_from({**DEFAULTS, 'stale_after': 0.0, 'freeze_after': 0.0})
    assert camera(settings, silent_s=1e6, frozen_s=1e6).level == OK


def test_inactive_node_finds_no_fault():
    status = camera(node=NodeReport(state='inactive'), silent_s=1e6, verdict=BAD)
    assert (status.level, status.message) == (OK, 'node inactive, bad, smoothed 0.90')


@pytest.mark.parametrize('changes, status', [
    ({}, 'ok'), ({'frozen_s': 6.0}, 'frozen'), ({'frozen_s': 6.0, 'silent_s': 3.0}, 'silent'),
    ({'verdict': None, 'silent_s': 3.0}, 'silent'), ({'verdict': None}, 'unknown')])
def test_the_status_is_that_of_the_topic(changes, status):
    assert values(camera(**changes))['status'] == status


def test_shutter_corrections_are_told():
    told = values(camera())
    assert told['shutter corrections'] == '0'
    assert told['last shutter correction (s ago)'] == 'none'
    told = values(camera(closed_s=0.5, corrections=4, correction_age_s=61.2,
                         correction_interval_s=180.4))
    expected = {'shutter closed for (s)': '0.50', 'shutter corrections': '4',
                'last shutter correction (s ago)': '61',
                'time between shutter corrections (s)': '180'}
    assert expected.items() <= told.items()


def test_errors_are_listed_by_cause():
    status = camera(errors={'all_nan': 2, 'undecodable': 1})
    assert {'errors': '3', 'errors: all_nan': '2', 'errors: undecodable': '1'}.items() \
        <= values(status).items()


def test_numbers_that_are_not_known_are_not_nan():
    for report in (CameraSession('/flir', 5).report(0), HEALTHY):
        for value in values(camera_status('/fliqe', report, SETTINGS, ACTIVE)).values():
            assert value and value.lower() != 'nan'


MODEL = ModelReport('thermal_s', '/m.pt', 'abc123', 'cuda:0', 'float16', 'torch', 3, 12_345_678)


def test_inference():
    times = InferenceReport(7, 14, 2, 2.0, 0.011, 0.022, load=0.25)
    status = inference_status('/fliqe', NodeReport(state='active', model=MODEL, times=times))
    assert (status.name, status.level, status.message) == ('fliqe: inference', OK, 'active')
    expected = {
        'state': 'active', 'device': 'cuda:0', 'precision': 'float16', 'backend': 'torch',
        'CPU threads': '3', 'model': '/m.pt',
        'model hash': 'abc123', 'architecture': 'thermal_s', 'GPU memory (MB)': '12.3',
        'batches': '7', 'frames': '14', 'batch size': '2', 'mean batch size': '2.00',
        'time per batch p50 (ms)': '11.0', 'time per batch p95 (ms)': '22.0', 'load (%)': '25'}
    assert expected.items() <= values(status).items()


@pytest.mark.parametrize('report, level, message', [
    (NodeReport('unconfigured', problems=('configure failed: no file',)), ERROR,
     'configure failed: no file'),
    (NodeReport('active', times=InferenceReport(busy_s=11.0)), ERROR,
     'a forward pass runs for 11 s'),
    (NodeReport('active', waits_for_clock=True), WARN,
     'use_sim_time is set, but nothing was heard on /clock'),
    (NodeReport('active', refused_parameters={'a': 'a is 9', 'b': 'a is 9'}), WARN,
     'parameter refused, default used: a is 9'),
])
def test_problems_of_the_node(report, level, message):
    status = inference_status('/fliqe', report)
    assert (status.level, status.message) == (level, message)


def test_times_of_forward_passes():
    times = InferenceTimes()
    for frames in (1, 3, 0):
        times.start()
        assert times.report().busy_s > 0
        times.finish(frames)
    report = times.report()
    assert (report.batches, report.frames, report.last_batch_size) == (2, 4, 3)
    assert report.mean_batch_size == 2
    assert 0 < report.batch_p50_s <= report.batch_p95_s
    assert report.busy_s == 0


def test_load(monkeypatch):
    now_s = 0.0
    monkeypatch.setattr(inference_statistics, 'perf_counter', lambda: now_s)
    times = InferenceTimes()
    times.start()
    now_s = 1.0
    times.finish(1)
    now_s = 4.0
    times.sample()
    assert times.report().load == times.report().load == 0.25
    now_s = 5.0
    assert times.report().load == 0.25
    times.sample()
    assert times.report().load == 0
    times.start()
    # A pass that still runs counts up to each sample, and never twice.
    for now_s in (6.0, 7.0):
        times.sample()
        assert times.report().load == 1
    now_s = 8.0
    times.finish(1)
    now_s = 9.0
    times.sample()
    assert times.report().load == 0.5
