"""What the diagnostics say: plain functions that fill a status, without ROS calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from fliqe_ros.monitoring.camera_judge import frozen_sentence, is_frozen
from fliqe_ros.monitoring.status import Status
from fliqe_ros.monitoring.steadiness import HUNTING_SWING, sags
from fliqe_ros.node.camera_session import CameraReport, silence_sentence
from fliqe_ros.node.inference_statistics import InferenceReport
from fliqe_ros.parameters.camera_table import CameraSettings

#: A level and a sentence on what is wrong.
Problem = tuple[bytes, str]

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

# If frames arrive in bunches, a few of them are dropped. That is not worth a warning.
_DROPPED_SHARE = 0.1
_SLOW_LATENCY_S = 1.0
_STUCK_S = 10.0


@dataclass(frozen=True)
class ModelReport:
    """The loaded model."""

    architecture: str
    path: str
    sha256: str
    device: str
    precision: str
    backend: str
    threads: int
    gpu_memory_bytes: int


@dataclass(frozen=True)
class NodeReport:
    """The node at one moment; ``problems`` are sentences on what failed."""

    state: str
    problems: tuple[str, ...] = ()
    refused_parameters: dict[str, str] = field(default_factory=dict)
    unknown_parameters: tuple[str, ...] = ()
    left_aside: dict[str, str] = field(default_factory=dict)
    #: By camera, sentences on what is wrong with how it is connected; by '' those on the node.
    wiring: dict[str, tuple[str, ...]] = field(default_factory=dict)
    waits_for_clock: bool = False
    converter: str = ''
    model: ModelReport | None = None
    times: InferenceReport = field(default_factory=InferenceReport)


def camera_status(
    node: str, report: CameraReport, settings: CameraSettings, state: NodeReport,
) -> DiagnosticStatus:
    """
    Return the status of a camera; problems are only those of an active node.

    :param node: full name of the node.
    """
    problems = _camera_problems(report, settings) if state.state == 'active' else []
    told = (*state.wiring.get(report.camera, ()), *report.profile_problems)
    problems += [(WARN, sentence) for sentence in told]
    if report.verdict is None:
        fine = 'no frame scored yet'
    else:
        fine = f'{report.verdict.status.label}, smoothed {report.verdict.smoothed:.2f}'
    if state.state != 'active':
        fine = f'node {state.state}, {fine}'
    converter = 'opencv' if settings.transport == 'compressed' else state.converter
    return _status(
        status_name(node, report.camera), report.camera, problems, fine,
        {'camera': report.camera, 'node': node,
         **_camera_values(report, _status_of(report, settings), converter)})


def inference_status(node: str, report: NodeReport) -> DiagnosticStatus:
    """
    Return the status of the node itself.

    :param node: its full name.
    """
    return _status(
        status_name(node, 'inference'), node, _inference_problems(report),
        report.state, {'node': node, **_inference_values(report)})


def status_name(node: str, subject: str) -> str:
    """
    Return the name of a status, ``robot1.fliqe: flir_front`` for /robot1/fliqe and /flir_front.

    Viewers take a slash for the border between a group and its members.
    """
    return f'{_dotted(node)}: {_dotted(subject) or "root"}'


def _dotted(name: str) -> str:
    return name.strip('/').replace('/', '.')


def _camera_problems(report: CameraReport, settings: CameraSettings) -> list[Problem]:
    """Return everything that is wrong with a camera."""
    return [problem for problem in (
        _silence(report, settings),
        None if report.last_frame_failed and _silence(report, settings) else _failures(report),
        _freeze(report, settings),
        _quality(report),
        _hunting(report),
        _sagging(report),
        _load(report),
        _transport(report),
    ) if problem]


def _status_of(report: CameraReport, settings: CameraSettings) -> Status:
    """Return what the topic says."""
    if _silence(report, settings):
        return Status.SILENT
    if is_frozen(report.frozen_s, settings.criteria):
        return Status.FROZEN
    return report.verdict.status if report.verdict else Status.UNKNOWN


def _silence(report: CameraReport, settings: CameraSettings) -> Problem | None:
    error = report.last_error if report.last_frame_failed else ''
    sentence = silence_sentence(report.silent_s, error, settings.criteria)
    return (ERROR, sentence) if sentence else None


def _failures(report: CameraReport) -> Problem | None:
    if report.last_frame_failed:
        return ERROR, f'unusable frames: {report.last_error}'
    if report.error_rate_hz > 0:
        return WARN, f'some unusable frames: {report.last_error}'
    return None


def _freeze(report: CameraReport, settings: CameraSettings) -> Problem | None:
    if not is_frozen(report.frozen_s, settings.criteria):
        return None
    return ERROR, frozen_sentence(report.frozen_s)


def _quality(report: CameraReport) -> Problem | None:
    if report.verdict is None:
        return None
    verdict = report.verdict
    why = f'score {verdict.status_score:.2f}, {verdict.reason}'
    if verdict.status == Status.BAD:
        return ERROR, f'bad quality: {why}'
    if verdict.status == Status.DEGRADED:
        return WARN, f'degraded quality: {why}'
    return None


def _hunting(report: CameraReport) -> Problem | None:
    if report.brightness_swing < HUNTING_SWING:
        return None
    return WARN, (f'gain control hunts: the brightness swings by {report.brightness_swing:.0%} of '
                  'the contrast from frame to frame')


def _sagging(report: CameraReport) -> Problem | None:
    if report.usual_rate_hz is None or not sags(report.rate_in_hz, report.usual_rate_hz):
        return None
    return WARN, (f'the rate sags: {report.rate_in_hz:.1f} Hz, usually '
                  f'{report.usual_rate_hz:.1f} Hz')


def _load(report: CameraReport) -> Problem | None:
    if report.latency_p95_s is not None and report.latency_p95_s > _SLOW_LATENCY_S:
        return WARN, f'slow: 95% of the scores take up to {report.latency_p95_s:.1f} s'
    if report.drop_rate_hz > _DROPPED_SHARE * report.rate_in_hz:
        return WARN, (f'dropping {report.drop_rate_hz:.1f} of {report.rate_in_hz:.1f} frames '
                      'per second')
    return None


def _transport(report: CameraReport) -> Problem | None:
    sent_hz = report.rate_in_hz + report.lost_rate_hz
    if report.lost_rate_hz > _DROPPED_SHARE * sent_hz:
        return WARN, (f'losing {report.lost_rate_hz:.1f} of {sent_hz:.1f} frames per second in '
                      'transport')
    return None


def _inference_problems(report: NodeReport) -> list[Problem]:
    problems = [(ERROR, problem) for problem in report.problems]
    if report.times.busy_s > _STUCK_S:
        problems.append((ERROR, f'a forward pass runs for {report.times.busy_s:.0f} s'))
    if report.waits_for_clock:
        problems.append((WARN, 'use_sim_time is set, but nothing was heard on /clock'))
    problems += [(WARN, sentence) for sentence in report.wiring.get('', ())]
    for why, name in {why: name for name, why in report.refused_parameters.items()}.items():
        if name == 'cameras':
            problems.append((ERROR, f'parameter refused, these cameras are not scored: {why}'))
        else:
            problems.append((WARN, f'parameter refused, default used: {why}'))
    return problems


def _camera_values(
    report: CameraReport, status: Status, converter: str,
) -> dict[str, object]:
    verdict = report.verdict
    return {
        'score': _number(report.score, '.3f'),
        'smoothed score': _number(verdict.smoothed if verdict else None, '.3f'),
        'frames in window': verdict.frames if verdict else 0,
        'status': status.label,
        'status score': _number(verdict.status_score if verdict else None, '.3f'),
        'distortion': report.distortion.label,
        'affected share': _number(report.affected_share, '.2f'),
        'rate in (Hz)': _number(report.rate_in_hz, '.2f'),
        'usual rate in (Hz)': _number(report.usual_rate_hz, '.2f'),
        'brightness swing (%)': _number(100 * report.brightness_swing, '.0f'),
        'rate out (Hz)': _number(report.rate_out_hz, '.2f'),
        'received': report.received,
        'scored': report.scored,
        'skipped by max_rate': report.skipped,
        'dropped': report.dropped,
        'lost in transport': report.lost,
        'latency p50 (ms)': _number(_milliseconds(report.latency_p50_s), '.1f'),
        'latency p95 (ms)': _number(_milliseconds(report.latency_p95_s), '.1f'),
        'age of last frame (s)': _number(report.age_s, '.2f'),
        'same picture for (s)': _number(report.frozen_s, '.2f'),
        'shutter closed for (s)': _number(report.closed_s, '.2f'),
        'shutter corrections': report.corrections,
        'last shutter correction (s ago)': _number(report.correction_age_s, '.0f'),
        'time between shutter corrections (s)': _number(report.correction_interval_s, '.0f'),
        'profile': report.profile,
        'overlay images': report.drawn,
        'converter': converter,
        'errors': sum(report.errors.values()),
        **{f'errors: {cause}': count for cause, count in sorted(report.errors.items())},
    }


def _inference_values(report: NodeReport) -> dict[str, object]:
    model, times = report.model, report.times
    values: dict[str, object] = {'state': report.state}
    if model:
        values |= {
            'device': model.device,
            'precision': model.precision,
            'backend': model.backend,
            'CPU threads': model.threads,
            'model': model.path,
            'model hash': model.sha256,
            'architecture': model.architecture,
            'GPU memory (MB)': _number(model.gpu_memory_bytes / 1e6, '.1f'),
        }
    return values | {
        'batches': times.batches,
        'frames': times.frames,
        'batch size': times.last_batch_size,
        'mean batch size': _number(times.mean_batch_size, '.2f'),
        'time per batch p50 (ms)': _number(_milliseconds(times.batch_p50_s), '.1f'),
        'time per batch p95 (ms)': _number(_milliseconds(times.batch_p95_s), '.1f'),
        'load (%)': _number(100 * times.load, '.0f'),
        'batch in progress for (s)': _number(times.busy_s, '.2f'),
        **({'unknown parameters': ', '.join(report.unknown_parameters)}
           if report.unknown_parameters else {}),
        **{f'left aside: {camera}': kind for camera, kind in sorted(report.left_aside.items())},
        **{f'refused: {name}': why for name, why in sorted(report.refused_parameters.items())},
    }


def _status(
    name: str, hardware_id: str, problems: list[Problem], fine: str, values: dict[str, object],
) -> DiagnosticStatus:
    """Return a status with the level of the worst problem, which its message names first."""
    problems = sorted(problems, key=lambda problem: problem[0], reverse=True)
    return DiagnosticStatus(
        level=problems[0][0] if problems else OK,
        name=name,
        hardware_id=hardware_id,
        message='; '.join(sentence for _, sentence in problems) or fine,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()])


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3


def _number(value: float | None, form: str) -> str:
    return 'none' if value is None else format(value, form)
