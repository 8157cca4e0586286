"""The status that follows from a smoothed score, with hysteresis, and the reason for it."""

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.parameters import Thresholds

LABELS = {
    QualityScore.STATUS_UNKNOWN: 'unknown',
    QualityScore.STATUS_OK: 'ok',
    QualityScore.STATUS_DEGRADED: 'degraded',
    QualityScore.STATUS_BAD: 'bad',
    QualityScore.STATUS_FROZEN: 'frozen',
    QualityScore.STATUS_SILENT: 'silent',
}
#: The status values that a low score leads to.
LOW = (QualityScore.STATUS_DEGRADED, QualityScore.STATUS_BAD)


def next_status(status: int, smoothed: float, frames: int, thresholds: Thresholds) -> int:
    """
    Return the ``QualityScore.STATUS_*`` that follows ``status``.

    The status gets worse as soon as the smoothed score is below a threshold. It gets better only
    once the score is ``hysteresis`` above the threshold.

    :param status: the status so far.
    :param smoothed: the smoothed score, 0 to 1.
    :param frames: how many scores it is the mean of.
    :param thresholds: when a score is degraded or bad.
    """
    if frames < thresholds.min_frames:
        return QualityScore.STATUS_UNKNOWN
    at_best = _grade(smoothed, thresholds, 0.0)
    if status == QualityScore.STATUS_UNKNOWN:
        return at_best
    at_worst = _grade(smoothed, thresholds, thresholds.hysteresis)
    return max(at_best, min(status, at_worst))


def reason_for(status: int, distortion: Distortion, misreading: str = '') -> str:
    """
    Return why a camera has this status and what to do about it, for people; '' if it is OK.

    :param distortion: the type that made the status DEGRADED or BAD.
    :param misreading: what to check in the driver, if that is known.
    """
    if status in LOW:
        told = f'{distortion.label}: {distortion.advice}'
        return f'{told}: {misreading}' if misreading else told
    return 'too few frames for a verdict' if status == QualityScore.STATUS_UNKNOWN else ''


def _grade(smoothed: float, thresholds: Thresholds, margin: float) -> int:
    # A score never exceeds 1, so a threshold must not either.
    if smoothed < min(thresholds.error_below + margin, 1.0):
        return QualityScore.STATUS_BAD
    if smoothed < min(thresholds.warn_below + margin, 1.0):
        return QualityScore.STATUS_DEGRADED
    return QualityScore.STATUS_OK
