"""The pictures that rows, events and reports show: the node's previews."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np


def picture_of(message: Any) -> np.ndarray | None:
    """
    Return the picture of a preview.

    :param message: a ``sensor_msgs/Image``, ``bgr8`` as the node makes them.
    :return: (H, W, 3) BGR, uint8; None if the message holds no such picture.
    """
    height, width, step = message.height, message.width, message.step
    if message.encoding != 'bgr8' or not height or step < 3 * width or not width \
            or len(message.data) < step * height:
        return None
    rows = np.frombuffer(message.data, np.uint8, step * height).reshape(height, step)
    return rows[:, :3 * width].reshape(height, width, 3)


def jpeg(picture: np.ndarray) -> bytes:
    """Return a picture (H, W, 3) BGR, uint8, as the bytes of a JPEG file."""
    return cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
