"""Scores as a bag: what the node would have published, on the recording's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
import shutil
from typing import Any

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.errors import SourceError
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Status
from fliqe_ros.parameters.own_values import dotted
from fliqe_ros.recordings.journal import NO_STAMP
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.tables import ScoredCamera
from fliqe_ros.recordings.verdicts import verdicts_in_turn
import numpy as np

_QUALITY = 'fliqe_ros/msg/QualityScore'
_DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
_DIAGNOSTICS_NS = 1_000_000_000
#: Levels of diagnostics; all that is not here is an error.
_LEVELS = {Status.UNKNOWN: 0, Status.OK: 0, Status.DEGRADED: 1}


def camera_namespace(camera: ScoredCamera) -> str:
    """Return the namespace of a camera by its image topic, of other recordings by its file."""
    if camera.camera:
        return camera.camera.removesuffix('/compressed').rpartition('/')[0] or camera.camera
    stem = Path(camera.recording).stem
    name = ''.join(letter if letter.isascii() and letter.isalnum() else '_' for letter in stem)
    return f'/camera_{name}'


def write_bag(cameras: Sequence[ScoredCamera], settings: ScoringSettings, model: str,
              path: Path, definition: str) -> None:
    """
    Write the scores of the cameras of a recording into a rosbag2 (MCAP).

    :param model: ``FLIQE.model_id``.
    :param path: folder of the bag; one that is there is replaced.
    :param definition: text of QualityScore.msg.
    :raises SourceError: if rosbags is not installed.
    """
    try:
        from rosbags import rosbag2  # optional
        from rosbags.typesys import get_types_from_msg, get_typestore, Stores
    except ImportError as error:
        raise SourceError(f'{path}: writing bags needs the Python package rosbags') from error
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(definition, _QUALITY))
    part = path.with_name(f'{path.name}.part')
    for folder in (part, path):
        shutil.rmtree(folder, ignore_errors=True)
    messages = sorted((message for camera in cameras
                       for message in _messages(camera, settings, model, store)),
                      key=lambda message: message[0])
    with rosbag2.Writer(part, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for time_ns, topic, kind, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], time_ns, store.serialize_cdr(message, kind))
    for file in part.iterdir():  # the bag is named after its folder
        text = file.name.replace(part.name, path.name)
        if file.suffix == '.yaml':
            file.write_text(file.read_text().replace(part.name, path.name))
        file.rename(part / text)
    part.rename(path)


def _messages(camera: ScoredCamera, settings: ScoringSettings, model: str,
              store: Any) -> Iterator[tuple[int, str, str, Any]]:
    namespace = camera_namespace(camera)
    told_ns = None
    for index, verdict in verdicts_in_turn(
            camera.rows, settings.of_camera(camera.camera), camera.reasons):
        row = camera.rows[index]
        time_ns = int(row['time_ns'])
        stamp_ns = time_ns if row['stamp_ns'] == NO_STAMP else int(row['stamp_ns'])
        yield (time_ns, f'{namespace}/quality', _QUALITY,
               _quality(row, verdict, namespace, model, stamp_ns, store))
        if told_ns is None or time_ns - told_ns >= _DIAGNOSTICS_NS:
            told_ns = time_ns
            yield (time_ns, '/diagnostics', _DIAGNOSTICS,
                   _diagnostics(verdict, namespace, time_ns, store))


def _header(stamp_ns: int, store: Any) -> Any:
    stamp = store.types['builtin_interfaces/msg/Time'](
        sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='')


def _quality(row: np.ndarray, verdict: Verdict, namespace: str, model: str, stamp_ns: int,
             store: Any) -> Any:
    return store.types[_QUALITY](
        header=_header(stamp_ns, store), camera=namespace, status=int(verdict.status),
        reason=verdict.reason, status_distortion=int(verdict.distortion),
        status_score=verdict.status_score, score=float(row['score']),
        is_counted=verdict.is_counted, smoothed_score=verdict.smoothed,
        frames_in_window=verdict.frames, distortion=int(row['distortion']),
        distortion_probabilities=np.asarray(row['probabilities'], np.float32),
        affected_share=float(row['affected_share']), model=model,
        latency=store.types['builtin_interfaces/msg/Duration'](sec=0, nanosec=0))


def _diagnostics(verdict: Verdict, namespace: str, time_ns: int, store: Any) -> Any:
    pair = store.types['diagnostic_msgs/msg/KeyValue']
    values = {'camera': namespace, 'status': verdict.status.label,
              'smoothed score': f'{verdict.smoothed:.3f}', 'frames in window': verdict.frames,
              'distortion': Distortion(verdict.distortion).label}
    status = store.types['diagnostic_msgs/msg/DiagnosticStatus'](
        level=_LEVELS.get(verdict.status, 2), name=f'fliqe: {dotted(namespace)}',
        message=verdict.reason or f'{verdict.status.label}, smoothed {verdict.smoothed:.2f}',
        hardware_id=namespace,
        values=[pair(key=key, value=str(value)) for key, value in values.items()])
    return store.types[_DIAGNOSTICS](header=_header(time_ns, store), status=[status])
