"""
JPEG, PNG and TIFF data → arrays.

Sizes and completeness are checked before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
import struct
import zlib

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.limits import require_size
from fliqe_ros.frame_io.tiff import decode_tiff, STARTS as _TIFF_STARTS
import numpy as np
from PIL import Image

_JPEG_START, _JPEG_END = b'\xff\xd8\xff', b'\xff\xd9'
_PNG_START = b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR'
_PNG_CHUNKS_AT = 8  # after the signature
_PNG_ESSENTIAL = (b'IHDR', b'PLTE', b'IDAT', b'IEND')
_JPEG_MODES = {1: 'L', 3: 'RGB'}  # components → Pillow's mode
# Start-of-frame markers C0 to CF, but for those of tables (C4, CC) and extensions (C8).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode(data: bytes) -> np.ndarray:
    """
    Decode a whole JPEG, PNG or TIFF file; which of them is seen from its first bytes.

    Pillow decodes them, with the pixels that OpenCV gives: OpenCV lets the codecs write a line
    to standard error for every damaged frame, which would flood a robot's log.

    :return: (H, W) uint8 or uint16, or (H, W, 3) uint8 BGR; of a TIFF (H, W) or (H, W, 3) BGR,
        uint8, uint16 or float32. Orientation tags and transparency are ignored.
    :raises FrameError: ``undecodable``, ``zero_size`` or ``too_large``.
    """
    if data.startswith(_JPEG_START):
        return _decode_jpeg(data)
    if data.startswith(_PNG_START):
        return _decode_png(data)
    if data.startswith(_TIFF_STARTS):
        return decode_tiff(data)
    raise FrameError(
        'undecodable',
        f'the {len(data)} bytes of compressed data are neither JPEG nor PNG nor TIFF')


def _decode_jpeg(data: bytes) -> np.ndarray:
    width, height, components = _jpeg_header(data)
    require_size(width, height)
    if components not in _JPEG_MODES:  # such as CMYK, which no camera sends
        raise FrameError('undecodable', f'the JPEG has {components} components, not 1 or 3')
    mode = _JPEG_MODES[components]
    try:  # the codec alone, without Pillow's reading of Exif and other tags
        image = np.asarray(Image.frombytes(mode, (width, height), data, 'jpeg', mode, ''))
    except (ValueError, OSError) as error:
        raise FrameError('undecodable', 'the JPEG data is damaged') from error
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def _decode_png(data: bytes) -> np.ndarray:
    width, height = _png_size(data)
    require_size(width, height)
    try:
        picture = Image.open(BytesIO(_essential_png(data)), formats=['PNG'])
        if picture.mode.startswith('I'):  # 16 bits
            return np.asarray(picture, np.uint16)
        if picture.mode in ('L', '1'):
            return np.asarray(picture.convert('L'))
        return cv2.cvtColor(np.asarray(picture.convert('RGB')), cv2.COLOR_RGB2BGR)
    except (ValueError, OSError, SyntaxError, EOFError) as error:
        raise FrameError('undecodable', 'the PNG data is damaged') from error


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """
    Yield kind, start and end of each chunk, the last one included.

    A chunk is length, type, content, checksum (PNG specification, 5.3).
    """
    at = _PNG_CHUNKS_AT
    while at + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, at)
        end = at + 12 + length
        yield kind, at, end
        if kind == b'IEND' and end <= len(data):
            return
        at = end
    raise FrameError('undecodable', f'the PNG of {len(data)} bytes is cut short or damaged')


def _essential_png(data: bytes) -> bytes:
    """Return a PNG without the chunks that pixels do not need; their checksums must be right."""
    kept = [data[:_PNG_CHUNKS_AT]]
    for kind, start, end in _png_chunks(data):
        if kind in _PNG_ESSENTIAL:
            if zlib.crc32(data[start + 4:end - 4]) != int.from_bytes(data[end - 4:end], 'big'):
                raise FrameError('undecodable', 'the PNG data is damaged: a checksum is wrong')
            kept.append(data[start:end])
    return b''.join(kept)


def _png_size(data: bytes) -> tuple[int, int]:
    for _ in _png_chunks(data):  # all of them, since a false length means damage
        pass
    return struct.unpack_from('>II', data, 16)  # the first, IHDR, begins with it


def _jpeg_header(data: bytes) -> tuple[int, int, int]:
    # Walks from marker to marker up to the start of frame (ITU-T T.81, B.1 and B.2.2). The end
    # of image must be there too: OpenCV 4 fills up what is cut off with gray, without a word.
    at = len(_JPEG_START) - 1
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from('>xBH', data, at)
        if marker in _JPEG_FRAMES and at + 10 <= len(data):
            if data.rfind(_JPEG_END) < at:
                break
            height, width, components = struct.unpack_from('>HHB', data, at + 5)
            return width, height, components
        at += 1 if marker == 0xFF else 2 + length  # a marker may follow any number of FF bytes
    raise FrameError('undecodable', f'the JPEG of {len(data)} bytes is cut short or damaged')
