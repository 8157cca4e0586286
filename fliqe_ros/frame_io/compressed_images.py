"""JPEG and PNG data → arrays; sizes and completeness are checked before anything is decoded."""

import struct

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.limits import require_size
import numpy as np

_JPEG_START, _JPEG_END = b'\xff\xd8\xff', b'\xff\xd9'
_PNG_START = b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR'
_PNG_CHUNKS_AT = 8  # after the signature
# Start-of-frame markers C0 to CF, but for those of tables (C4, CC) and extensions (C8).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode(data: bytes) -> np.ndarray:
    """
    Decode a whole JPEG or PNG file; which of the two is seen from its first bytes.

    :return: (H, W) uint8 or uint16, or (H, W, 3) uint8 BGR. Orientation tags and transparency
        are ignored.
    :raises FrameError: ``undecodable``, ``zero_size`` or ``too_large``.
    """
    width, height = _size(data)
    require_size(width, height)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise FrameError('undecodable', f'OpenCV cannot decode the image: {error.err}') from error
    if image is None:
        raise FrameError('undecodable', 'the JPEG or PNG data is damaged')
    return image if image.ndim == 2 else _to_bgr8(image)


def _to_bgr8(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    return np.ascontiguousarray(image[:, :, :3])


def _size(data: bytes) -> tuple:
    """Return width and height as the header states them."""
    if data.startswith(_JPEG_START):
        return _jpeg_size(data)
    if data.startswith(_PNG_START):
        return _png_size(data)
    raise FrameError(
        'undecodable', f'the {len(data)} bytes of compressed data are neither JPEG nor PNG')


def _png_size(data: bytes) -> tuple:
    # Chunks of length, type, content, checksum (PNG specification, 5.3); the first, IHDR, begins
    # with the size. All are walked, because for a false length OpenCV allocates gigabytes.
    at = _PNG_CHUNKS_AT
    while at + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, at)
        at += 12 + length
        if kind == b'IEND' and at <= len(data):
            return struct.unpack_from('>II', data, 16)
    raise FrameError('undecodable', f'the PNG of {len(data)} bytes is cut short or damaged')


def _jpeg_size(data: bytes) -> tuple:
    # Walks from marker to marker up to the start of frame (ITU-T T.81, B.1 and B.2.2). The end
    # of image must be there too: OpenCV 4 fills up what is cut off with gray, without a word.
    at = len(_JPEG_START) - 1
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from('>xBH', data, at)
        if marker in _JPEG_FRAMES:
            if data.rfind(_JPEG_END) < at:
                break
            height, width = struct.unpack_from('>HH', data, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + length  # a marker may follow any number of FF bytes
    raise FrameError('undecodable', f'the JPEG of {len(data)} bytes is cut short or damaged')
