"""Rows of scores → the verdict after each frame, as the node would have given it."""

from __future__ import annotations

from dataclasses import dataclass

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.camera_judge import CameraJudge
from fliqe_ros.monitoring.picture_changes import PictureChange
from fliqe_ros.monitoring.status import Status
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


def judge(rows: np.ndarray, settings: ScoringSettings) -> Verdicts:
    """
    Judge a camera by the rows of its frames, one after the other, by the recording's clock.

    :param rows: of ``journal.ROW``.
    """
    criteria = settings.criteria
    judge_ = CameraJudge(settings.smoothing_window)
    count = len(rows)
    smoothed, silent_s = np.full(count, np.nan), np.zeros(count)
    status = np.full(count, Status.UNKNOWN, np.uint8)
    distortion = np.full(count, Distortion.UNKNOWN, np.uint8)
    readable_s: float | None = None
    for index, row in enumerate(rows):
        time_s = row['time_ns'] / 1e9
        gap_s = 0.0 if readable_s is None else time_s - readable_s
        is_stale = 0 < criteria.stale_after_s < gap_s
        if row['error']:
            status[index] = Status.SILENT if is_stale else status[index - 1] if index else 0
            smoothed[index] = smoothed[index - 1] if index else np.nan
            continue
        if is_stale:
            silent_s[index] = gap_s
            judge_.forget_verdict()
        readable_s = time_s
        judge_.record_picture(
            PictureChange(float(row['unchanged']), bool(row['is_blank'])), time_s, criteria)
        assessment = Assessment(float(row['score']), Distortion(row['distortion']),
                                tuple(row['probabilities'].tolist()))
        judge_.record_score(assessment, time_s, criteria)
        verdict = judge_.verdict(criteria)
        smoothed[index], status[index] = verdict.smoothed, verdict.status
        distortion[index] = verdict.distortion
    return Verdicts(smoothed, status, distortion, silent_s)
