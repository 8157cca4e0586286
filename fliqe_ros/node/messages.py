"""The messages that the node publishes for a frame."""

from __future__ import annotations

import array

from builtin_interfaces.msg import Duration
from fliqe_ros.estimator import Assessment
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.camera_session import Verdict
from fliqe_ros.node.status import reason_for
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
        status=verdict.status,
        reason=reason_for(verdict.status, verdict.distortion, verdict.misreading),
        status_distortion=int(verdict.distortion),
        status_score=verdict.smoothed,
        score=float(assessment.score),
        is_counted=True,
        smoothed_score=verdict.smoothed,
        frames_in_window=verdict.frames,
        distortion=int(assessment.distortion),
        distortion_probabilities=np.asarray(assessment.probabilities, np.float32),
        affected_share=assessment.affected_share,
        model=model,
        latency=Duration(sec=latency_ns // NS_PER_S, nanosec=latency_ns % NS_PER_S))


def bgr_message(header: Header, picture: np.ndarray) -> Image:
    """Return a ``bgr8`` image message of a picture (H, W, 3) uint8."""
    height, width, _ = picture.shape
    message = Image(header=header, height=height, width=width, encoding='bgr8', step=3 * width)
    # rclpy takes an array('B') as it is. It would check anything else byte by byte.
    message.data = array.array('B', picture.tobytes())
    return message
