"""Pictures as compressed_depth_image_transport sends them: a short head, then PNG or RVL."""

from __future__ import annotations

import struct

from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.rvl import decode_rvl
import numpy as np

_HEAD = struct.Struct('<iff')  # the format, and A and B of the inverse that floats are sent as


def decode_depth(data: bytes, source: str, written: str) -> np.ndarray:
    """
    Decode the data of a compressedDepth message.

    :param source: the encoding before compression: ``16UC1``, or ``32FC1`` for values v that
        were written as A / v + B, with 0 for NaN.
    :param written: the rest of the message's format.
    :return: (H, W) uint16, or float32.
    :raises FrameError: ``undecodable``, ``zero_size`` or ``too_large``.
    """
    decoded = decode_rvl if 'rvl' in written else decode
    counts = decoded(data[_HEAD.size:])
    if counts.dtype != np.uint16 or counts.ndim != 2:
        raise FrameError('undecodable', 'compressedDepth holds a picture that is not 16-bit gray')
    if not source.strip().startswith('32FC1'):
        return counts
    _, scale, offset = map(np.float32, _HEAD.unpack_from(data))
    with np.errstate(all='ignore'):
        values = scale / (counts.astype(np.float32) - offset)
    values[counts == 0] = np.nan
    return values
