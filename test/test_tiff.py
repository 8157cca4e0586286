"""TIFF messages to frames, whole and damaged, held against OpenCV and Pillow."""

from io import BytesIO
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.image_messages import decompress
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
from PIL import Image, TiffImagePlugin
import pytest
from sensor_msgs.msg import CompressedImage

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32_773
DTYPES = ('u1', 'i1', 'u2', 'i2', 'i4', 'f4', 'f8')


def picture(dtype, channels=1, shape=(37, 53)):
    values = np.random.default_rng(4).random((*shape, channels)) * 200
    smooth = cv2.blur(values, (5, 5)).reshape(*shape, channels)
    return (smooth * (250 if np.dtype(dtype).itemsize > 1 else 1) - (
        0 if dtype[0] == 'u' else 60)).astype(dtype)


def tiff(pixels, order='<', compression=NONE, predictor=1, rows_per_strip=8, changes=()):
    """Return a TIFF of (H, W, samples), written by the book: TIFF 6.0, and note 3 on floats."""
    height, width, samples = pixels.shape
    size, kind = pixels.itemsize, {'u': 1, 'i': 2, 'f': 3}[pixels.dtype.kind]
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    if predictor == 2:
        integers = pixels.view(f'u{size}')
        before = np.pad(integers, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        stored = (integers - before).astype(f'{order}u{size}')
    elif predictor == 3:
        rows = pixels.astype(f'>f{size}').view(np.uint8).reshape(height, -1, size)
        spread = rows.transpose(0, 2, 1).reshape(height, -1, samples)
        stored = spread - np.pad(spread, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    pack = {NONE: bytes, DEFLATE: zlib.compress}[compression]
    strips = [pack(stored[start:start + rows_per_strip].tobytes())
              for start in range(0, height, rows_per_strip)]
    offsets = 8 + np.cumsum([0, *map(len, strips)])
    tags = {256: width, 257: height, 258: [8 * size] * samples, 259: compression,
            262: 1 if samples == 1 else 2, 273: offsets[:-1].tolist(), 277: samples,
            278: rows_per_strip, 279: list(map(len, strips)), 317: predictor,
            339: [kind] * samples, **dict(changes)}
    tags = {tag: value if isinstance(value, list) else [value] for tag, value in tags.items()
            if value is not None}
    directory_at = int(offsets[-1])
    lists_at = directory_at + 6 + 12 * len(tags)
    entries, lists = b'', b''
    for tag, value in sorted(tags.items()):
        packed = struct.pack(f'{order}{len(value)}I', *value)
        if len(value) > 1:
            place = struct.pack(f'{order}I', lists_at + len(lists))
            lists += packed
        else:
            place = packed
        entries += struct.pack(f'{order}HHI', tag, 4, len(value)) + place
    start = {'<': b'II*\0', '>': b'MM\0*'}[order]
    return (start + struct.pack(f'{order}I', directory_at) + b''.join(strips)
            + struct.pack(f'{order}H', len(tags)) + entries + bytes(4) + lists)


def as_frame(pixels):
    """Return what the frame of (H, W, samples) RGB is."""
    frame = pixels[..., 0] if pixels.shape[2] == 1 else pixels[..., 2::-1]
    return frame if frame.dtype in (np.uint8, np.uint16) else frame.astype(np.float32)


def assert_same(frame, expected):
    assert frame.dtype == expected.dtype and frame.dtype.isnative and frame.flags.c_contiguous
    assert np.array_equal(frame, expected)


@pytest.mark.parametrize('compression', [None, NONE, LZW, DEFLATE, PACKBITS])
@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype', ['u1', 'u2', 'f4', 'f8'])
def test_what_opencv_writes_is_exact(dtype, channels, compression):
    pixels = picture(dtype, channels)
    options = [] if compression is None else [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    written = cv2.imencode('.tiff', pixels, options)[1].tobytes()
    expected = pixels[..., 0] if channels == 1 else pixels[..., :3]
    assert_same(decode(written), expected.astype(np.float32) if dtype == 'f8' else expected)


@pytest.mark.parametrize('compression, predictor', [
    (None, 1), ('packbits', 1), ('tiff_lzw', 1), ('tiff_lzw', 2), ('tiff_lzw', 3),
    ('tiff_adobe_deflate', 2), ('tiff_adobe_deflate', 3)])
@pytest.mark.parametrize('dtype, channels', [
    ('u1', 1), ('u1', 3), ('u2', 1), ('i4', 1), ('f4', 1)])
def test_what_pillow_writes_is_exact(dtype, channels, compression, predictor):
    predictor = min(predictor, 3 if dtype == 'f4' else 2)  # 3 is of floats
    pixels = picture(dtype, channels)
    encoded = BytesIO()
    Image.fromarray(pixels.squeeze()).save(
        encoded, 'tiff', compression=compression,
        tiffinfo={TiffImagePlugin.PREDICTOR: predictor} if predictor > 1 else {})
    assert_same(decode(encoded.getvalue()), as_frame(pixels))


@pytest.mark.parametrize('order', ['<', '>'], ids=['little', 'big'])
@pytest.mark.parametrize('compression', [NONE, DEFLATE])
@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype, predictor', [
    *((dtype, predictor) for dtype in DTYPES for predictor in (1, 2)), ('f4', 3), ('f8', 3)])
def test_every_layout_in_both_byte_orders(dtype, channels, predictor, compression, order):
    pixels = picture(dtype, channels)
    assert_same(decode(tiff(pixels, order, compression, predictor)), as_frame(pixels))


@pytest.mark.parametrize('image_format, dtype', [
    ('32FC1; tiff compressed ', 'f4'), ('16UC1; tiff compressed ', 'u2'),
    ('mono8; tiff compressed mono8', 'u1'), ('tiff', 'u2')])
def test_as_compressed_image_transport_sends_it(image_format, dtype):
    pixels = picture(dtype)[..., 0]
    data = cv2.imencode('.tiff', pixels)[1].tobytes()
    assert_same(decompress(CompressedImage(format=image_format, data=data)), pixels)


def test_temperatures_keep_nan():
    celsius = picture('f4')[..., 0]
    celsius[:, :3] = np.nan
    frame = decode(cv2.imencode('.tiff', celsius)[1].tobytes())
    assert np.array_equal(frame, celsius, equal_nan=True)
    assert np.array_equal(GainControl()(frame), GainControl()(celsius))


@pytest.mark.parametrize('compression', [NONE, LZW, DEFLATE, PACKBITS])
def test_every_cut_is_undecodable(compression):
    pixels = picture('u2')[..., 0]
    data = cv2.imencode('.tiff', pixels, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[1].tobytes()
    needless = 30  # the resolution, at the end
    for length in [*range(40), *range(40, len(data) - needless, 7)]:
        with pytest.raises(FrameError, match='cut short|neither|damaged') as error:
            decode(data[:length])
        assert error.value.cause == 'undecodable'


GRAY = picture('u2')


@pytest.mark.parametrize('changes, cause, sentence', [
    ({256: 30_000, 257: 30_000}, 'too_large', '64 megapixels'),
    ({256: 2**32 - 1, 257: 2**32 - 1}, 'too_large', '64 megapixels'),
    ({256: 0}, 'zero_size', 'no pixels'), ({257: 0}, 'zero_size', 'no pixels'),
    ({257: 6000}, 'undecodable', 'strips are missing'),
    ({256: 6000}, 'undecodable', 'a strip is too short'),
    ({278: 0}, 'undecodable', 'not read'), ({278: 7}, 'undecodable', 'strips are missing'),
    ({279: [2**32 - 1] * 5}, 'undecodable', 'cut short or damaged'),
    ({273: [2**31] * 5}, 'undecodable', 'cut short or damaged'),
    ({273: [8] * 4}, 'undecodable', 'cut short or damaged'),
    ({273: None}, 'undecodable', 'cut short or damaged'),
    ({256: None}, 'undecodable', 'cut short or damaged'),
    ({256: [53, 53]}, 'undecodable', 'cut short or damaged'),
    ({262: 3}, 'undecodable', 'not read'), ({258: 12}, 'undecodable', 'not read'),
    ({258: 1}, 'undecodable', 'not read'), ({277: 2}, 'undecodable', 'not read'),
    ({284: 2}, 'undecodable', 'not read'), ({266: 2}, 'undecodable', 'not read'),
    ({317: 9}, 'undecodable', 'not read'), ({317: 3}, 'undecodable', 'not read'),
    ({339: 4}, 'undecodable', 'not read'), ({258: [16, 8]}, 'undecodable', 'not read'),
    ({259: 7}, 'undecodable', 'compression 7, which is not read'),
    ({259: 8}, 'undecodable', 'damaged'), ({259: 5}, 'undecodable', 'damaged')])
@pytest.mark.parametrize('order', ['<', '>'], ids=['little', 'big'])
def test_what_is_not_read_is_told(changes, cause, sentence, order):
    start = time.process_time()
    with pytest.raises(FrameError, match=sentence) as error:
        decode(tiff(GRAY, order, changes=changes))
    assert error.value.cause == cause and '\n' not in str(error.value)
    assert time.process_time() - start < 0.2


def test_a_deflate_bomb_is_not_unpacked():
    pixels = np.zeros((8, 8, 1), np.uint16)
    bomb, without = zlib.compress(bytes(200_000_000)), tiff(pixels)
    data = tiff(pixels, changes={259: DEFLATE, 273: len(without), 279: len(bomb)}) + bomb
    tracemalloc.start()
    try:
        assert_same(decode(data), pixels[..., 0])
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


DAMAGED = """
import cv2, numpy as np
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
rng = np.random.default_rng(3)
picture = cv2.blur(rng.integers(0, 65536, (60, 80, 3), np.uint16), (5, 5))
for compression in (1, 8, 32773):
    for image in (picture, picture[..., 0], picture[..., 0].astype(np.float32)):
        data = cv2.imencode('.tiff', image, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[1]
        for _ in range(60):
            damaged = data.copy()
            damaged[rng.integers(8, len(data), rng.integers(1, 6))] = rng.integers(0, 256)
            try:
                decode(damaged.tobytes())
            except FrameError:
                pass
"""


def test_damaged_frames_write_nothing_to_standard_error(tmp_path):
    done = subprocess.run([sys.executable, '-c', DAMAGED], cwd=tmp_path, capture_output=True,
                          check=True)
    assert done.stderr == b'' and done.stdout == b''
