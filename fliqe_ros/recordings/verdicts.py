"""Rows of scores → the verdict after each frame, as the node would have given it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
import math
from typing import Any

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.camera_judge import CameraJudge, Verdict
from fliqe_ros.monitoring.picture_changes import PictureLevels, PictureWatch
from fliqe_ros.monitoring.status import Status, Thresholds
from fliqe_ros.profiles.camera_profile import CameraProfile
from fliqe_ros.recordings.settings import ScoringSettings
import numpy as np


@dataclass(frozen=True)
class Verdicts:
    """
    Columns of one camera, an element for each frame.

    ``smoothed`` is NaN before the first score. ``distortion`` is the type behind a low status.
    ``silent_s`` is for how long the camera was silent before the frame, 0 if it was not.
    """

    smoothed: np.ndarray
    status: np.ndarray
    distortion: np.ndarray
    silent_s: np.ndarray


def by_profile(rows: np.ndarray, profile: CameraProfile, model: str,
               thresholds: Thresholds) -> tuple[np.ndarray, list[str]]:
    """
    Judge frames by what is normal for their camera.

    :param rows: of ``journal.ROW``, measured.
    :param model: ``FLIQE.model_id`` of the model that scored them.
    :return: the rows with other scores and types, and for each frame the reason, or ''.
    """
    rows, reasons = rows.copy(), [''] * len(rows)
    for index in np.flatnonzero(rows['error'] == b''):
        row = rows[index]
        measures = row['measures'] if tuple(row['size']) == profile.shape else None
        judgement = profile.judge_measures(measures, _assessment(row), model, thresholds)
        row['score'], row['distortion'] = (
            judgement.assessment.score, judgement.assessment.distortion)
        row['probabilities'] = judgement.assessment.probabilities
        reasons[index] = judgement.reason
    return rows, reasons


def remarks(rows: np.ndarray, profile: CameraProfile, model: str) -> list[str]:
    """Return sentences on what of a profile cannot be used for frames; see ``by_profile``."""
    sizes = np.unique(rows['size'][rows['error'] == b''], axis=0)
    return [remark for size in sizes.tolist() for remark in profile.remarks(tuple(size), model)]


def judge(rows: np.ndarray, settings: ScoringSettings, reasons: Sequence[str] = ()) -> Verdicts:
    """
    Judge a camera by the rows of its frames, one after the other, by the recording's clock.

    :param rows: of ``journal.ROW``.
    :param reasons: of ``by_profile``, if there is a profile.
    """
    count = len(rows)
    smoothed, silent_s = np.full(count, np.nan), np.zeros(count)
    status = np.full(count, Status.UNKNOWN, np.uint8)
    distortion = np.full(count, Distortion.UNKNOWN, np.uint8)
    for index, verdict in verdicts_in_turn(rows, settings, reasons):
        smoothed[index], status[index] = verdict.smoothed, verdict.status
        distortion[index] = verdict.distortion
    stale_s = settings.criteria.stale_after_s
    readable_s: float | None = None
    for index, (time_s, error) in enumerate(zip(rows['time_ns'] / 1e9, rows['error'])):
        gap_s = 0.0 if readable_s is None else time_s - readable_s
        is_stale = 0 < stale_s < gap_s
        if not error:
            silent_s[index] = gap_s if is_stale else 0.0
            readable_s = time_s
        elif index:  # nothing new is known of the camera
            smoothed[index] = smoothed[index - 1]
            status[index] = Status.SILENT if is_stale else status[index - 1]
    return Verdicts(smoothed, status, distortion, silent_s)


def verdicts_in_turn(
    rows: Iterable[Any], settings: ScoringSettings, reasons: Sequence[str] = (),
) -> Iterator[tuple[int, Verdict]]:
    """
    Yield the number of each frame that was scored, and the verdict on the camera after it.

    :param rows: of ``journal.ROW``, also one by one as they come.
    :param reasons: of ``by_profile``, if there is a profile.
    """
    criteria = settings.criteria
    judge_, watch = CameraJudge(settings.smoothing_window), PictureWatch()
    readable_s: float | None = None
    for index, row in enumerate(rows):
        time_s = row['time_ns'] / 1e9
        if not row['error']:
            if readable_s is not None and 0 < criteria.stale_after_s < time_s - readable_s:
                judge_.forget_verdict()
            readable_s = time_s
        if row['has_picture']:
            change = watch.judge(PictureLevels(
                float(row['unchanged']), float(row['grid']), contrast=float(row['contrast']),
                cells=row['cells']))
            # whether gain control hunts is no part of the verdict
            judge_.record_picture(replace(change, contrast=math.nan), time_s, criteria)
            if change.is_blank and judge_.shutter.closed_s > criteria.shutter_time_s:
                watch.accept()  # no shutter correction takes so long
        if row['error']:
            continue
        judge_.record_score(
            _assessment(row), time_s, criteria, reasons[index] if reasons else '')
        yield index, judge_.verdict(criteria)


def _assessment(row: Any) -> Assessment:
    return Assessment(float(row['score']), Distortion(row['distortion']),
                      tuple(row['probabilities'].tolist()))
