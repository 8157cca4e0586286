"""Lossy codecs beside JPEG."""

from __future__ import annotations

from io import BytesIO

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.h264 import h264, hevc
from fliqe_ros.simulation.severity import Range
import numpy as np
from PIL import Image


def _h264(frame: np.ndarray, rate_factor: float, rng: np.random.Generator) -> np.ndarray:
    return h264(to_uint8(frame), round(rate_factor))


def _hevc(frame: np.ndarray, rate_factor: float, rng: np.random.Generator) -> np.ndarray:
    return hevc(to_uint8(frame), round(rate_factor))


def _jpeg2000(frame: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """
    Wavelets without their small coefficients: soft, with ripples at edges, without blocks.

    ISO/IEC 15444-1, by OpenJPEG with the irreversible 9/7 transform.

    :param ratio: of the picture's bytes to those of its code.
    """
    stream = BytesIO()
    Image.fromarray(to_uint8(frame)).save(
        stream, 'JPEG2000', irreversible=True, quality_mode='rates', quality_layers=[ratio])
    with Image.open(stream) as image:
        return np.asarray(image)


def _webp(frame: np.ndarray, loss: float, rng: np.random.Generator) -> np.ndarray:
    """
    Encode as a key frame of VP8 (RFC 6386), whose blocks are predicted and then filtered.

    :param loss: 101 less the quality.
    """
    done, data = cv2.imencode('.webp', to_uint8(frame), [
        cv2.IMWRITE_WEBP_QUALITY, round(101 - loss)])
    if not done:
        raise ValueError(f'Cannot compress a frame of shape {frame.shape} as WebP.')
    decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert decoded is not None  # OpenCV wrote it
    return np.asarray(decoded)


ARTIFACTS = {
    'h264': Artifact(
        Distortion.COMPRESSION, _h264, Range(38, 44, 50, 'rate factor'), Stage.PICTURE),
    'hevc': Artifact(
        Distortion.COMPRESSION, _hevc, Range(38, 44, 50, 'rate factor'), Stage.PICTURE),
    'jpeg2000': Artifact(
        Distortion.COMPRESSION, _jpeg2000, Range(30, 110, 400, 'compression ratio'),
        Stage.PICTURE),
    'webp': Artifact(
        Distortion.COMPRESSION, _webp, Range(60, 92, 100, '101 less the quality'), Stage.PICTURE),
}
