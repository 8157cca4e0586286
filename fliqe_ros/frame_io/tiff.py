"""TIFF data → arrays, as compressed_image_transport writes it: strips of gray or RGB pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import accumulate
import struct
from typing import Any, NamedTuple
import zlib

from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.limits import require_size
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

STARTS = (b'II*\0', b'MM\0*')
# Tags and what they are if they are absent (TIFF 6.0, sections 3, 4, 14 and 19)
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _SIZES, _PLANES = 273, 277, 278, 279, 284
_FILL_ORDER, _PREDICTOR, _SAMPLE_FORMAT = 266, 317, 339
_DEFAULTS = {_BITS: 1, _COMPRESSION: 1, _SAMPLES: 1, _ROWS_PER_STRIP: 2**32 - 1, _PLANES: 1,
             _FILL_ORDER: 1, _PREDICTOR: 1, _SAMPLE_FORMAT: 1}
_NEEDED = frozenset((*_DEFAULTS, _WIDTH, _HEIGHT, _COLOURS, _OFFSETS, _SIZES))
_LISTS = (_BITS, _SAMPLE_FORMAT, _OFFSETS, _SIZES)
_INTEGERS = {3: 'H', 4: 'I'}  # field types SHORT and LONG
_KINDS = {1: 'u', 2: 'i', 3: 'f'}  # sample formats
_DTYPES = ('u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'f4', 'f8')
_NONE, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3  # predictors
#: No compression makes data smaller than this.
_GREATEST_RATIO = 4096


class _Layout(NamedTuple):
    """How pixels lie in a file."""

    width: int
    height: int
    samples: int
    dtype: np.dtype
    rows_per_strip: int
    compression: int
    predictor: int

    @property
    def row_bytes(self) -> int:
        return self.width * self.samples * self.dtype.itemsize

    @property
    def size(self) -> int:
        return self.height * self.row_bytes


def decode_tiff(data: bytes) -> np.ndarray:
    """
    Decode the first picture of a TIFF file, of the first bytes in ``STARTS``.

    Of all that is decoded here, damaged LZW data alone may make libtiff write to standard error.

    :return: (H, W), or (H, W, 3) BGR: uint8 and uint16, all other types as float32. Alpha is
        ignored.
    :raises FrameError: ``undecodable``, ``zero_size`` or ``too_large``.
    """
    order = '<' if data.startswith(STARTS[0]) else '>'
    try:
        tags = _DEFAULTS | dict(_tags(data, order))
        layout, strips = _layout(tags, order), _strips(data, tags)
    except (struct.error, KeyError, TypeError) as error:
        raise FrameError(
            'undecodable', f'the TIFF of {len(data)} bytes is cut short or damaged') from error
    if len(strips) != -(-layout.height // layout.rows_per_strip):
        raise FrameError('undecodable', 'the TIFF data is damaged: strips are missing')
    if layout.size > _GREATEST_RATIO * sum(map(len, strips)):  # so that nothing is allocated
        raise FrameError('undecodable', 'the TIFF data is damaged: a strip is too short')
    rows = np.frombuffer(_decompressed(strips, layout), np.uint8, layout.size)
    return _frame(_samples(rows, layout))


def _tags(data: bytes, order: str) -> Iterator[tuple[int, int | tuple[int, ...]]]:
    """Yield tag and value of what is needed of the first directory; a tuple of several."""
    at, = struct.unpack_from(f'{order}I', data, 4)
    count, = struct.unpack_from(f'{order}H', data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f'{order}HHI', data, entry)
        if tag not in _NEEDED:
            continue
        letter, place = _INTEGERS[kind], entry + 8
        if length * struct.calcsize(letter) > 4:
            place, = struct.unpack_from(f'{order}I', data, place)
        # what is not there must not be allocated
        if length > len(data) or length != 1 and tag not in _LISTS:
            raise KeyError(tag)
        values = struct.unpack_from(f'{order}{length}{letter}', data, place)
        yield tag, values[0] if length == 1 else values


def _layout(tags: dict, order: str) -> _Layout:
    width, height, samples = tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES]
    require_size(width, height)
    kind, bits = (set(value) if isinstance(value := tags[tag], tuple) else {value}
                  for tag in (_SAMPLE_FORMAT, _BITS))
    name = f'{_KINDS.get(min(kind, default=0))}{min(bits, default=0) // 8}'
    if (len(kind) > 1 or len(bits) > 1 or name not in _DTYPES or min(bits) % 8
            or samples not in (1, 3, 4) or tags[_COLOURS] != (1 if samples == 1 else 2)
            or tags[_PLANES] != 1 or tags[_FILL_ORDER] != 1 or tags[_ROWS_PER_STRIP] < 1
            or tags[_PREDICTOR] not in (1, _DIFFERENCES, _FLOAT_DIFFERENCES)
            or (tags[_PREDICTOR] == _FLOAT_DIFFERENCES) and name[0] != 'f'):
        raise FrameError('undecodable', 'the TIFF is of a kind that is not read: only whole gray '
                         'or RGB pixels of 8, 16, 32 or 64 bits')
    return _Layout(width, height, samples, np.dtype(order + name),
                   min(tags[_ROWS_PER_STRIP], height), tags[_COMPRESSION], tags[_PREDICTOR])


def _strips(data: bytes, tags: dict) -> list[bytes]:
    offsets, sizes = (value if isinstance(value := tags[tag], tuple) else (value,)
                      for tag in (_OFFSETS, _SIZES))
    if len(offsets) != len(sizes) or any(
            offset + size > len(data) for offset, size in zip(offsets, sizes)):
        raise KeyError(_OFFSETS)
    return [data[offset:offset + size] for offset, size in zip(offsets, sizes)]


def _decompressed(strips: list[bytes], layout: _Layout) -> bytes:
    """Return the bytes of all rows, one after the other."""
    if layout.compression == _LZW:  # all at once: to open each strip takes longer than to read it
        data = BytesIO(_as_bytes(strips, layout))
        return _read(lambda: TiffImageFile(data).tobytes())
    parts = []
    for start, strip in zip(range(0, layout.height, layout.rows_per_strip), strips):
        height = min(layout.rows_per_strip, layout.height - start)
        size = height * layout.row_bytes
        if layout.compression in (_DEFLATE, _OLD_DEFLATE):
            strip = _read(zlib.decompressobj().decompress, strip, size)
        elif layout.compression == _PACKBITS:
            strip = _read(Image.frombytes, 'L', (layout.row_bytes, height), strip,
                          'packbits', 'L').tobytes()
        elif layout.compression != _NONE:
            raise FrameError('undecodable', f'the TIFF has compression {layout.compression}, '
                             'which is not read: only none, LZW, Deflate and PackBits')
        if len(strip) < size:
            raise FrameError('undecodable', 'the TIFF data is damaged: a strip is too short')
        parts.append(strip[:size])
    return b''.join(parts)


def _read(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that reads strips."""
    try:
        return function(*arguments)
    except (zlib.error, OSError, ValueError, SyntaxError, EOFError) as error:
        raise FrameError('undecodable', 'the TIFF data is damaged') from error


def _as_bytes(strips: list[bytes], layout: _Layout) -> bytes:
    """Return a TIFF of the same strips, whose gray pixels are the bytes of their pixels."""
    sizes = list(map(len, strips))
    offsets = list(accumulate(sizes, initial=8))
    lists_at = offsets.pop()
    entries = [(_WIDTH, 1, layout.row_bytes), (_HEIGHT, 1, layout.height), (_BITS, 1, 8),
               (_COMPRESSION, 1, layout.compression), (_COLOURS, 1, 1),
               (_OFFSETS, len(strips), lists_at), (_SAMPLES, 1, 1),
               (_ROWS_PER_STRIP, 1, layout.rows_per_strip),
               (_SIZES, len(strips), lists_at + 4 * len(strips))]
    if len(strips) == 1:  # then the values take the places of their lists
        entries[5], entries[8] = (_OFFSETS, 1, offsets[0]), (_SIZES, 1, sizes[0])
    directory = b''.join(struct.pack('<HHII', tag, 4, *entry) for tag, *entry in entries)
    lists = struct.pack(f'<{2 * len(strips)}I', *offsets, *sizes)
    return b''.join((STARTS[0], struct.pack('<I', lists_at + len(lists)), *strips, lists,
                     struct.pack('<H', len(entries)), directory, bytes(4)))


def _samples(rows: np.ndarray, layout: _Layout) -> np.ndarray:
    """Return (H, W, samples) in native byte order, put together where differences are stored."""
    shape = layout.height, layout.width, layout.samples
    native, size = layout.dtype.newbyteorder('='), layout.dtype.itemsize
    if layout.predictor == _FLOAT_DIFFERENCES:
        # Differences of bytes: of a row first all the highest, then all the next …
        spread = rows.reshape(layout.height, -1, layout.samples)
        highest_first = np.cumsum(spread, axis=1, dtype=np.uint8).reshape(
            layout.height, size, -1).transpose(0, 2, 1)
        return np.ascontiguousarray(highest_first).view(f'>f{size}').astype(native).reshape(shape)
    if layout.predictor == _DIFFERENCES:
        integers = rows.view(f'{layout.dtype.byteorder}u{size}' if size > 1 else 'u1')
        return np.cumsum(integers.reshape(shape), axis=1, dtype=f'=u{size}').view(native)
    return rows.view(layout.dtype).astype(native, copy=False).reshape(shape)


def _frame(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels[:, :, 2::-1]
    dtype = pixels.dtype if pixels.dtype in (np.uint8, np.uint16) else np.float32
    with np.errstate(over='ignore', invalid='ignore'):
        return np.ascontiguousarray(pixels, dtype)
