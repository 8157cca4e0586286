"""Lossy codecs beside JPEG."""  # noqa: A005, the package keeps it apart

from __future__ import annotations

from io import BytesIO
from typing import Any

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.h264 import h264, hevc
from fliqe_ros.simulation.severity import Range
import numpy as np
from PIL import Image

#: What the boxes of a JP2 file and the headers of its code take.
JPEG2000_HEADER_BYTES = 230


def _h264(frame: np.ndarray, rate_factor: float, rng: np.random.Generator) -> np.ndarray:
    return h264(to_uint8(frame), round(rate_factor))


def _hevc(frame: np.ndarray, rate_factor: float, rng: np.random.Generator) -> np.ndarray:
    return hevc(to_uint8(frame), round(rate_factor))


def _jpeg2000(frame: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """
    Leave out small wavelets: the picture is soft, with ripples at edges, without blocks.

    ISO/IEC 15444-1, by OpenJPEG with the irreversible 9/7 transform.

    :param ratio: of the picture's bytes to those of its code, without the file's headers.
    """
    whole_ratio = frame.size / (frame.size / ratio + JPEG2000_HEADER_BYTES)
    return _through_pillow(frame, 'JPEG2000', irreversible=True, quality_mode='rates',
                           quality_layers=[whole_ratio])


def _webp(frame: np.ndarray, quantiser: float, rng: np.random.Generator) -> np.ndarray:
    """
    Encode as a key frame of VP8 (RFC 6386), whose blocks are predicted and then filtered.

    :param quantiser: index into VP8's table of steps, 127 is the coarsest. libwebp chooses it
        by its quality: linear below 75%, then a cube root.
    """
    quality = 150 * (1 - quantiser / 127)**3
    return _through_pillow(frame, 'WEBP', quality=max(0.0, quality), method=0)


def _through_pillow(frame: np.ndarray, codec: str, **options: Any) -> np.ndarray:
    """Return (H, W) uint8: a frame in 8-bit levels, encoded and decoded."""
    stream = BytesIO()
    Image.fromarray(to_uint8(frame)).save(stream, codec, **options)
    with Image.open(stream) as image:
        return np.asarray(image.convert('L'))


ARTIFACTS = {
    'h264': Artifact(
        Distortion.COMPRESSION, _h264, Range(38, 44, 50, 'rate factor', 36), Stage.PICTURE),
    'hevc': Artifact(
        Distortion.COMPRESSION, _hevc, Range(38, 46, 51, 'rate factor', 36), Stage.PICTURE),
    'jpeg2000': Artifact(
        Distortion.COMPRESSION, _jpeg2000, Range(40, 150, 600, 'compression ratio'),
        Stage.PICTURE),
    'webp': Artifact(
        Distortion.COMPRESSION, _webp, Range(72, 108, 127, 'quantiser index'), Stage.PICTURE),
}
