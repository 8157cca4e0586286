"""The overlay image: the frame with a caption, its bad regions tinted red."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Status
import numpy as np

_COLOURS_BGR = {
    Status.UNKNOWN: (200, 200, 200),
    Status.OK: (80, 220, 80),
    Status.DEGRADED: (0, 190, 255),
    Status.BAD: (60, 60, 255),
    Status.FROZEN: (255, 120, 80),
    Status.SILENT: (255, 80, 220),
}
_BAD_REGION_BGR = (0, 0, 255)
_OPACITY = 0.6
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPTION_FOR_WIDTH = 'score 0.00  mean 0.00  degraded  gaussian_noise'
_PREVIEW_WIDTH_PX = 320


def draw(
    frame: np.ndarray,
    score: float,
    verdict: Verdict,
    distortion: Distortion,
    quality_map: np.ndarray | None = None,
) -> np.ndarray:
    """
    Return the frame in colour, with a caption and a border in the colour of the status.

    :param frame: (H, W) gray or (H, W, 3) BGR, uint8; not changed.
    :param score: of this frame, 0 to 1.
    :param quality_map: (h, w) grid over the frame, from 0 (bad, tinted red) to 1 (good).
    :return: (H, W, 3) BGR, uint8.
    """
    picture = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if frame.ndim == 2 else frame.copy()
    if quality_map is not None:
        picture = _tint(picture, quality_map)
    colour = _COLOURS_BGR[verdict.status]
    caption = (f'score {score:.2f}  mean {verdict.smoothed:.2f}  '
               f'{verdict.status.label}  {distortion.label}')
    height, width = picture.shape[:2]
    cv2.rectangle(picture, (0, 0), (width - 1, height - 1), colour, thickness=2)
    _write(picture, caption, colour)
    return picture


def reduced(frame: np.ndarray) -> np.ndarray:
    """Return the frame (H, W) or (H, W, 3), uint8, in the size of a preview."""
    height, width = frame.shape[:2]
    if width <= _PREVIEW_WIDTH_PX:
        return frame
    size = _PREVIEW_WIDTH_PX, max(round(height * _PREVIEW_WIDTH_PX / width), 1)
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _tint(picture: np.ndarray, quality_map: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    quality = cv2.resize(quality_map.astype(np.float32), (width, height))
    alpha = _OPACITY * (1.0 - np.clip(quality, 0.0, 1.0))
    return cv2.blendLinear(picture, np.full_like(picture, _BAD_REGION_BGR), 1.0 - alpha, alpha)


def _write(picture: np.ndarray, caption: str, colour: Sequence[int]) -> None:
    """Write the caption on a black band at the top, as large as the width allows."""
    width = picture.shape[1]
    (unit_width, unit_height), _ = cv2.getTextSize(_CAPTION_FOR_WIDTH, _FONT, 1.0, 1)
    scale = min(0.96 * width / unit_width, 1.0)
    text_height = max(round(unit_height * scale), 1)
    band = round(text_height * 1.8) + 2
    cv2.rectangle(picture, (0, 0), (width - 1, band), (0, 0, 0), thickness=-1)
    origin = (round(0.02 * width), round(text_height * 1.3) + 2)
    cv2.putText(picture, caption, origin, _FONT, scale, colour, 1, cv2.LINE_AA)
