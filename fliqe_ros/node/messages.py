"""The messages that the node publishes for a frame."""

from __future__ import annotations

import array

from builtin_interfaces.msg import Duration
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.msg import QualityScore
from fliqe_ros.node.camera_session import Verdict
from fliqe_ros.node.timing import NS_PER_S
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header


def quality_message(
    header: Header, camera: str, assessment: Assessment, verdict: Verdict, latency_ns: int,
) -> QualityScore:
    """Return the message on one frame; ``header`` is that of its image."""
    return QualityScore(
        header=header,
        camera=camera,
        score=float(assessment.score),
        smoothed_score=verdict.smoothed,
        frames_in_window=verdict.frames,
        status=verdict.status,
        distortion=int(assessment.distortion),
        distortion_probabilities=_probabilities(assessment),
        latency=Duration(sec=latency_ns // NS_PER_S, nanosec=latency_ns % NS_PER_S))


def _probabilities(assessment: Assessment) -> np.ndarray:
    if assessment.distortion is Distortion.UNKNOWN:
        return np.zeros(9, np.float32)
    return np.asarray(assessment.probabilities, np.float32)


def bgr_message(header: Header, picture: np.ndarray) -> Image:
    """Return a ``bgr8`` image message of a picture (H, W, 3) uint8."""
    height, width, _ = picture.shape
    message = Image(header=header, height=height, width=width, encoding='bgr8', step=3 * width)
    # rclpy takes an array('B') as it is. It would check anything else byte by byte.
    message.data = array.array('B', picture.tobytes())
    return message
