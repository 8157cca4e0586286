"""Files of radiometric cameras → frames: FLIR, DJI, InfraTec, InfiRay, Fluke and Hikmicro."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import io
from itertools import islice
import math
import re
import struct

import cv2
import numpy as np

#: What the decoders raise if a file is not what its name says, or if a package is missing.
FAILURES = (EOFError, ImportError, LookupError, OSError, StopIteration, ValueError, cv2.error,
            struct.error)
APP1, APP3, START_OF_SCAN = 0xE1, 0xE3, 0xDA  # markers of JPEG
FFF_START = b'FFF\0'
FFF_HEADER = 64  # bytes
FFF_VERSIONS = range(100, 200)
FFF_FREE, FFF_RAW_DATA = 0, 1  # kinds of records
FFF_PIXELS = 32  # bytes before the pixels in a record of raw data
FFF_DAMAGED = 'an FFF picture that is cut short or damaged'
IRB_IMAGE = 1
IRB_PIXELS = 1728  # bytes of header, palette and metadata of an image block
ZERO_CELSIUS = 273.15


def decode(data: bytes, suffix: str, part: str) -> np.ndarray:
    """
    Decode one part of a file.

    :param suffix: of the file's name, lower case.
    :param part: ``raw``: the sensor's counts of a radiometric file; ``t=N``: the first frame of a
        video at second N or later; ``frame=N``: frame N of a .cptv recording, whose background is
        frame 0; ``frame=channelN``: channel N, from 0, of a .npy array (height, width, channels);
        ``width=N``: a picture in gray, N pixels wide.
    :return: (H, W), uint16 for counts, else uint8.
    :raises: one of ``FAILURES`` if the file is not what its name says.
    """
    if part == 'raw':
        return RAW_DECODERS[suffix](data)
    number = re.search(r'\d+$', part)
    if number is None:
        raise ValueError(f'{part!r} has no number at its end')
    if part.startswith('width='):
        return _decode_reduced(data, int(number[0]))
    return INDEXED_DECODERS[suffix](data, int(number[0]))


def decode_image(data: bytes, mode: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """
    Decode an image file, by default without any conversion.

    :param mode: one of OpenCV's ``IMREAD_…``.
    :raises ValueError: if OpenCV cannot decode it.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    if pixels is None:
        raise ValueError('not an image that OpenCV can decode')
    return pixels


def _read_counts(data: bytes, width: int, height: int, offset: int = 0) -> np.ndarray:
    """Take (height, width) little-endian 16-bit counts out of bytes."""
    if not width * height:
        raise ValueError('a picture without pixels')
    counts = np.frombuffer(data, '<u2', width * height, offset)
    return counts.reshape(height, width).astype(np.uint16)


def _decode_jpeg(data: bytes) -> np.ndarray:
    """Decode the counts in a JPEG of FLIR (an FFF file in APP1) or of DJI (in APP3)."""
    segments = list(_jpeg_segments(data))
    flir = [segment[8:] for marker, segment in segments  # 8: name, version, number and count
            if marker == APP1 and segment.startswith(b'FLIR\0')]
    if flir:
        return _decode_fff(b''.join(flir))
    counts = b''.join(segment for marker, segment in segments if marker == APP3)
    if not counts:
        raise ValueError('a JPEG without counts of FLIR or DJI')
    height = math.isqrt(len(counts) // 2 * 4 // 5)  # DJI's sensors are all 5:4
    if len(counts) != 2 * height * (height * 5 // 4):
        raise ValueError('a JPEG whose third segment holds no counts of DJI')
    return _read_counts(counts, height * 5 // 4, height)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, payload) of the segments before a JPEG's picture."""
    position = 2
    while data[position] == 0xFF and data[position + 1] != START_OF_SCAN:
        marker, length = struct.unpack_from('>BH', data, position + 1)
        yield marker, data[position + 4:position + 2 + length]
        position += 2 + length


def split_seq(data: bytes) -> Iterator[bytes]:
    """
    Yield the FFF files in FLIR's .seq, which follow each other.

    The index of each tells where it ends: its pixels may look like the start of another.

    :raises ValueError: at a file that is cut short or damaged, or if there is none.
    """
    start = data.find(FFF_START)
    if start < 0:
        raise ValueError('a SEQ file without pictures')
    while start >= 0:
        records = _fff_records(data, start)
        end = start + max((offset + length for _, offset, length in records), default=0)
        if not start + FFF_HEADER < end <= len(data):
            raise ValueError(FFF_DAMAGED)
        yield data[start:end]
        start = data.find(FFF_START, end)


def _fff_records(data: bytes, start: int = 0) -> list[tuple[int, int, int]]:
    """
    Read the index of the FFF file at ``start``: (kind, offset, length) of its records.

    Files have either byte order; the version of the format makes sense in only one of them.

    :raises ValueError: if the header or the index is cut short or damaged.
    """
    header = data[start + 20:start + 32].ljust(12, b'\0')
    for order in '<>':
        version, offset, count = struct.unpack(f'{order}III', header)
        index = data[start + offset:start + offset + 32 * count]
        if version in FFF_VERSIONS and len(index) == 32 * count:
            return [record for record in struct.iter_unpack(f'{order}H10xII12x', index)
                    if record[0] != FFF_FREE]
    raise ValueError(FFF_DAMAGED)


def _decode_fff(data: bytes) -> np.ndarray:
    """Decode the counts in FLIR's .fff: plain, or a PNG that has their two bytes swapped."""
    for kind, offset, length in _fff_records(data):
        if kind == FFF_RAW_DATA:
            record = data[offset:offset + length]
            if len(record) < max(length, FFF_PIXELS):
                raise ValueError(FFF_DAMAGED)
            if record.startswith(b'\x89PNG', FFF_PIXELS):
                return decode_image(record[FFF_PIXELS:]).byteswap()
            width, height = struct.unpack_from('<HH', record, 2)
            return _read_counts(record, width, height, FFF_PIXELS)
    raise ValueError('an FFF file without raw data')


def _decode_irb(data: bytes) -> np.ndarray:
    """Decode the counts in InfraTec's .irb; its palette of temperatures is left out."""
    index, blocks = struct.unpack_from('<II', data, 25)
    for position in range(index, index + 32 * blocks, 32):
        kind, offset = struct.unpack_from('<I8xI', data, position)
        if kind == IRB_IMAGE:
            compressed, width, height = struct.unpack_from('<HHH', data, offset + 2)
            if compressed:
                raise ValueError('a compressed IRB file')
            return _read_counts(data, width, height, offset + IRB_PIXELS)
    raise ValueError('an IRB file without image')


def _decode_irg(data: bytes) -> np.ndarray:
    """Decode InfiRay's .irg, counts of 1/16 K (C200) or 1/10 K after an 8-bit picture."""
    header, picture, height, width = struct.unpack_from('<HIHH', data, 2)
    return _read_counts(data, width, height, header + picture)


def _decode_csv(data: bytes) -> np.ndarray:
    """Decode °C as Fluke's or Hikmicro's software writes them, to counts of 1/100 K."""
    table = [line.rstrip(',').split(',') for line in data.decode('utf-8-sig').splitlines()]
    width = max(map(len, table))
    rows = [row for row in table if len(row) == width and row[0]]
    celsius = np.array(rows, float)
    if np.array_equal(celsius[:, 0], np.arange(1, len(celsius) + 1)):  # Fluke numbers rows
        celsius = celsius[:, 1:]
    return np.rint((celsius + ZERO_CELSIUS) * 100).astype(np.uint16)


def _decode_cptv(data: bytes, number: int) -> np.ndarray:
    """Decode one frame of the Cacophony Project's .cptv, its counts as they are."""
    from cptv import CPTVReader
    return next(islice(CPTVReader(io.BytesIO(data)), number, None)).pix


def _decode_npy(data: bytes, channel: int) -> np.ndarray:
    """Take one channel of an array (H, W, channels), as it is."""
    return np.load(io.BytesIO(data))[..., channel]


def _decode_video(data: bytes, second: int) -> np.ndarray:
    """Decode a video's frame to luma, its 16 to 235 widened to 0 to 255."""
    import av
    with av.open(io.BytesIO(data), mode='r') as video:
        frame = next(frame for frame in video.decode(video=0) if frame.time >= second)
        luma = frame.to_ndarray(format='yuv420p')[:frame.height]  # no colours: exact everywhere
    return np.rint((luma.clip(16, 235) - 16.0) * (255 / 219)).astype(np.uint8)


def _decode_reduced(data: bytes, width: int) -> np.ndarray:
    """Decode a picture, for instance a photograph, to gray, and average it down to a width."""
    gray = decode_image(data, cv2.IMREAD_GRAYSCALE)
    size = width, max(round(gray.shape[0] * width / gray.shape[1]), 1)
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


RAW_DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {
    '.jpg': _decode_jpeg, '.fff': _decode_fff, '.irb': _decode_irb, '.irg': _decode_irg,
    '.csv': _decode_csv}
INDEXED_DECODERS: dict[str, Callable[[bytes, int], np.ndarray]] = {
    '.cptv': _decode_cptv, '.npy': _decode_npy, '.mp4': _decode_video, '.avi': _decode_video}
