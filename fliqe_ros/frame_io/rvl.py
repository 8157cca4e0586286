"""
RVL streams → 16-bit pictures.

RVL (A. D. Wilson, Fast Lossless Depth Image Compression, 2017) is made of numbers in groups of 3
bits, the lowest first, each in a nibble whose top bit says that more follow. They are, turn by
turn: a run of zeros, the length of the run of other pixels after it, and for each of these how
much it differs from the last that was not zero. Nibbles are packed into 32-bit words, the first
in the highest bits.
"""

from __future__ import annotations

import struct

from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.limits import require_size
import numpy as np

_HEAD = struct.Struct('<II')  # columns, rows
# Nibbles of a number of 31 bits.
_LONGEST = 11


def decode_rvl(data: bytes) -> np.ndarray:
    """
    Decode a picture as compressed_depth_image_transport writes it: its size, then an RVL stream.

    :return: (H, W) uint16.
    :raises FrameError: ``undecodable``, ``zero_size`` or ``too_large``.
    """
    if len(data) < _HEAD.size or len(data) % 4:
        raise FrameError('undecodable', f'the RVL data of {len(data)} bytes is cut short')
    width, height = _HEAD.unpack_from(data)
    require_size(width, height)
    numbers = _numbers(np.frombuffer(data, '<u4', offset=_HEAD.size))
    lengths, heads = _runs(numbers, width * height)
    is_change = np.ones(heads[-1] + 1 + lengths[-1], bool)
    is_change[heads] = is_change[heads - 1] = False
    changes = numbers[:len(is_change)][is_change]
    pixels = np.zeros(width * height, np.uint16)
    is_other = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    # An odd number is a negative difference. What does not fit into 16 bits wraps around.
    pixels[is_other] = np.cumsum((changes >> 1) ^ -(changes & 1))
    return pixels.reshape(height, width)


def _numbers(words: np.ndarray) -> np.ndarray:
    """Return the numbers of a stream, int64; one that is not complete at its end is left out."""
    packed = words.astype('>u4').view(np.uint8)
    nibbles = np.empty(2 * len(packed), np.uint8)
    nibbles[::2], nibbles[1::2] = packed >> 4, packed & 15
    lasts = np.flatnonzero(nibbles < 8)
    firsts = np.concatenate(([0], lasts[:-1] + 1)) if len(lasts) else lasts
    lengths = lasts - firsts + 1
    if lengths.max(initial=0) > _LONGEST:
        raise FrameError('undecodable', 'the RVL data is damaged: a number is too long')
    numbers = np.zeros(len(firsts), np.int64)
    longer = np.arange(len(firsts))
    for group in range(lengths.max(initial=0)):
        longer = longer[lengths[longer] > group]
        numbers[longer] |= (nibbles[firsts[longer] + group] & 7).astype(np.int64) << 3 * group
    return numbers


def _runs(numbers: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the lengths of the runs of zeros and of others, by turns, that make up a picture.

    :return: the lengths, and for each pair where the second of them is among the numbers.
    """
    lengths: list[int] = []
    heads: list[int] = []
    head = 1
    while pixels > 0 and head < len(numbers):
        zeros, others = int(numbers[head - 1]), int(numbers[head])
        lengths += zeros, others
        heads.append(head)
        pixels -= zeros + others
        if not zeros + others:
            break
        head += 2 + others
    if pixels or head - 1 > len(numbers):
        raise FrameError('undecodable', 'the RVL data is damaged: its runs do not fit its size')
    return np.array(lengths), np.array(heads)
