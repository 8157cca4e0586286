"""The messages that the node publishes for a frame."""

from __future__ import annotations

import array
from typing import Any

from builtin_interfaces.msg import Duration
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.timing import NS_PER_S
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header


def quality_message(
    header: Header, camera: str, assessment: Assessment, verdict: Verdict, model: str,
    latency_ns: int,
) -> QualityScore:
    """
    Return the message on one frame.

    :param header: that of the image.
    :param camera: its namespace.
    :param model: ``FLIQE.model_id`` of the model that gave the assessment.
    :param latency_ns: from the reception of the image until now, at least 0.
    """
    return QualityScore(
        header=header,
        camera=camera,
        **_verdict_fields(verdict),
        score=float(assessment.score),
        distortion=int(assessment.distortion),
        distortion_probabilities=np.asarray(assessment.probabilities, np.float32),
        affected_share=assessment.affected_share,
        model=model,
        latency=Duration(sec=latency_ns // NS_PER_S, nanosec=latency_ns % NS_PER_S))


def repeated_message(last: QualityScore | None, camera: str, verdict: Verdict) -> QualityScore:
    """
    Return the message on a camera of which there is no new frame.

    :param last: the message on its last frame; None if there was none.
    """
    unknown = QualityScore(camera=camera, distortion=QualityScore.DISTORTION_UNKNOWN)
    fields = {name: getattr(last or unknown, name)
              for name in QualityScore.get_fields_and_field_types()}
    return QualityScore(**{**fields, **_verdict_fields(verdict), 'latency': Duration()})


def _verdict_fields(verdict: Verdict) -> dict[str, Any]:
    return {
        'status': int(verdict.status),
        'reason': verdict.reason,
        'status_distortion': int(verdict.distortion),
        'status_score': verdict.status_score,
        'is_counted': verdict.is_counted,
        'smoothed_score': verdict.smoothed,
        'frames_in_window': verdict.frames,
    }


def bgr_message(header: Header, picture: np.ndarray) -> Image:
    """Return a ``bgr8`` image message of a picture (H, W, 3) uint8."""
    height, width, _ = picture.shape
    message = Image(header=header, height=height, width=width, encoding='bgr8', step=3 * width)
    # rclpy takes an array('B') as it is. It would check anything else byte by byte.
    message.data = array.array('B', picture.tobytes())
    return message
