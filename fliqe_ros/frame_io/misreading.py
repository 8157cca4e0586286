"""Notices images whose pixels make sense only if they are read in another way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fliqe_ros.frame_io.pixel_formats import Encoding, ENCODINGS
import numpy as np

if TYPE_CHECKING:  # the library needs no ROS
    from sensor_msgs.msg import Image

#: Neighbours in a scene are alike: of the range of 16-bit counts they differ by a few hundredths,
#: and by a third where bytes are in the wrong order. The other reading has to be so much smoother.
_SMOOTHER = 3.0
#: What is smoother than this is read rightly; what is rougher than that is noise all over.
_ROUGH, _NOISE = 0.05, 0.3
#: Where levels wrap around, this share of neighbours is farther apart than this share of all
#: levels that there are.
_LEAST_JUMPS, _JUMP = 0.001, 0.9
#: Rows that are compared, at most.
_ROWS = 32
#: Formats of cameras that pack counts without gaps: bits of a count, the lowest first.
_PACKED = {'Mono10p': 10, 'Mono12p': 12, 'Mono14p': 14}
#: Bytes after which the bits of all packed formats start anew.
_PERIOD = 105


def misreading(msg: Image) -> str:
    """
    Return what to set in the driver if another reading of an image is much smoother, else ''.

    Meant for images of low quality: it reads some of their rows a few times more.

    :param msg: a ``sensor_msgs/Image`` that could be read as its encoding says.
    """
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None or encoding.shared_colour:
        return ''
    if encoding == ENCODINGS['mono16']:
        told, readings = _rows(msg, _uint16(msg.is_bigendian)), _readings_of_counts(msg)
    elif encoding == ENCODINGS['mono8']:
        told, readings = _rows(msg, np.dtype(np.uint8)), _readings_of_bytes(msg)
    elif encoding.pixel_bytes == 2 and encoding.to_bgr is not None and encoding.channels == 2:
        told, readings = _luma(msg, encoding), _as_counts(msg)
    else:
        return ''
    roughness = _roughness(told)
    if roughness > _ROUGH:
        smoothest, sentence = min((each, sentence) for sentence, each in readings)
        if roughness > _SMOOTHER * smoothest:
            return sentence
    return _wrapped(msg, told) if roughness < _NOISE and encoding.to_bgr is None else ''


def _readings_of_counts(msg: Image) -> Iterator[tuple[str, float]]:
    """Yield what may be the matter with 16-bit counts, and how rough they would then be."""
    order = int(msg.is_bigendian)
    counts = _rows(msg, _uint16(order))
    yield (f'the picture is smooth in the other byte order: is_bigendian is {order}, but the '
           'data is not', _roughness(_rows(msg, _uint16(1 - order))))
    yield (f'the picture is smooth as levels of 8 bits: the encoding is {msg.encoding}, but the '
           'data is mono8', _roughness(_rows(msg, np.dtype(np.uint8))))
    yield from _unpacked(msg)
    for bits in (14, 12):
        yield (f'the picture is smooth in its lower {bits} bits: the upper ones hold no counts, '
               f'so let the driver clear them or send a pixel format of {bits} bits',
               _roughness(counts << (16 - bits)))


def _readings_of_bytes(msg: Image) -> Iterator[tuple[str, float]]:
    """Yield what may be the matter with levels of 8 bits, and how rough they would then be."""
    yield from _as_counts(msg)
    yield from _unpacked(msg)


def _as_counts(msg: Image) -> Iterator[tuple[str, float]]:
    for order in (0, 1):
        yield (f'the picture is smooth as 16-bit counts: the encoding is {msg.encoding}, but the '
               f'data is mono16 with is_bigendian {order}', _roughness(_rows(msg, _uint16(order))))


def _unpacked(msg: Image) -> Iterator[tuple[str, float]]:
    """Yield the formats that pack counts, if the rows have no padding."""
    data = np.frombuffer(msg.data, np.uint8)
    length = max(msg.step // _PERIOD, 1) * _PERIOD
    starts = np.arange(0, max(len(data) // 2 - length, 0), length)[::_every(len(data) // length)]
    if not len(starts):
        return
    rows = np.stack([data[start:start + length] for start in starts])
    high, shared, low = rows[:, 0::3], rows[:, 1::3], rows[:, 2::3]
    pairs = np.stack([high.astype(np.uint16) << 4 | shared & 15,
                      low.astype(np.uint16) << 4 | shared >> 4], axis=-1)
    formats = {'Mono12Packed': pairs.reshape(len(rows), -1)}
    bits = np.unpackbits(rows, axis=1, bitorder='little')
    for name, each in _PACKED.items():
        weights = 1 << np.arange(each, dtype=np.uint16)
        formats[name] = bits.reshape(len(rows), -1, each) @ weights
    for name, counts in formats.items():
        yield (f'the picture is smooth as {name}, which packs its counts: the encoding is '
               f'{msg.encoding}; set the pixel format of the driver to Mono16', _roughness(counts))


def _uint16(is_bigendian: int) -> np.dtype:
    return np.dtype('>u2' if is_bigendian else '<u2')


def _every(rows: int) -> int:
    """Return one in how many rows is compared."""
    return max(4, rows // _ROWS)


def _rows(msg: Image, dtype: np.dtype) -> np.ndarray:
    """Return some rows of bytes, without their padding, as values of a type."""
    every = _every(msg.height)
    length = msg.width * ENCODINGS[msg.encoding].pixel_bytes // dtype.itemsize
    rows = np.ndarray((-(-msg.height // every), length), dtype, buffer=msg.data,
                      strides=(every * msg.step, dtype.itemsize))
    return rows.astype(dtype.newbyteorder('='))


def _luma(msg: Image, encoding: Encoding) -> np.ndarray:
    return _rows(msg, np.dtype(np.uint8))[:, int(encoding == ENCODINGS['uyvy'])::2]


def _trailing_zeros(counts: np.ndarray) -> int:
    """Return how many of the lowest bits are 0 in all counts."""
    used = int(np.bitwise_or.reduce(counts, axis=None))
    return (used & -used).bit_length() - 1 if used else 0


def _roughness(rows: np.ndarray) -> float:
    """Return the mean difference of neighbours, as a share of the range of most values."""
    if rows.shape[1] < 2:
        return 0.0
    low, high = np.percentile(rows, (1, 99))
    if high <= low:
        return 0.0
    clipped = np.clip(rows.astype(np.float32), low, high)
    return float(np.abs(np.diff(clipped, axis=1)).mean() / (high - low))


def _wrapped(msg: Image, rows: np.ndarray) -> str:
    """Return what to set if levels go on at the other end of their range, else ''."""
    whole = 256 ** rows.itemsize
    jumps = np.abs(np.diff(rows.astype(np.int32), axis=1)) > _JUMP * whole
    if not jumps.size or jumps.mean() < _LEAST_JUMPS:
        return ''
    if rows.itemsize == 1:
        return (f'the levels wrap around: the encoding is {msg.encoding}, but the data seems to '
                'be the lower 8 bits of counts; let the driver send them whole, as mono16')
    shift = _trailing_zeros(rows)
    return (f'the counts wrap around: the driver shifts them by {shift} bits, which cuts off the '
            'highest; let it shift them less, and set input_shift to that') if shift else ''
