"""JPEG and PNG messages to frames, whole and damaged."""

from array import array
from io import BytesIO
from pathlib import Path
import struct
import subprocess
import sys
import time
import zlib

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.image_messages import decompress
import numpy as np
from PIL import Image
import pytest
from sensor_msgs.msg import CompressedImage

DATA = Path(__file__).resolve().parents[2] / 'shared' / 'data'


def compressed(picture, extension, image_format, *options):
    ok, data = cv2.imencode(extension, picture, options)
    assert ok
    return CompressedImage(format=image_format, data=array('B', data.tobytes()))


@pytest.fixture
def gray():
    """Return a smooth picture: the same again but for a few levels after JPEG."""
    y, x = np.mgrid[:48, :64]
    return (2 * x + 2 * y + 20).astype(np.uint8)


@pytest.fixture
def colour(gray):
    return np.dstack([gray, 255 - gray, gray[:, ::-1]])


@pytest.mark.parametrize('image_format', [
    'jpeg', 'jpg', '', 'mono8; jpeg compressed ', 'mono8; jpeg compressed mono8'])
def test_gray_jpeg_stays_gray(gray, image_format):
    frame = decompress(compressed(gray, '.jpg', image_format))
    assert frame.shape == gray.shape and frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - gray).max() < 8


@pytest.mark.parametrize('image_format', [
    'jpeg', 'bgr8; jpeg compressed bgr8', 'rgb8; jpeg compressed bgr8', 'rgb8; jpeg'])
def test_colour_jpeg_is_bgr(colour, image_format):
    frame = decompress(compressed(colour, '.jpg', image_format, cv2.IMWRITE_JPEG_QUALITY, 99))
    assert frame.shape == colour.shape
    assert np.abs(frame.astype(int) - colour).max() < 16


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_colours_written_in_rgb_order_are_put_right(colour, extension):
    kind = {'.jpg': 'jpeg', '.png': 'png'}[extension]
    written = np.ascontiguousarray(colour[:, :, ::-1])
    frame = decompress(compressed(written, extension, f'rgb8; {kind} compressed rgb8'))
    assert frame.flags.c_contiguous
    assert np.abs(frame.astype(int) - colour).mean() < 6


@pytest.mark.parametrize('image_format', ['png', 'mono16', 'mono16; png compressed ',
                                          '16UC1; png compressed '])
def test_16_bit_png_keeps_its_16_bits(image_format):
    counts = np.random.default_rng(0).integers(0, 65_536, (48, 64), np.uint16)
    frame = decompress(compressed(counts, '.png', image_format))
    assert frame.dtype == np.uint16 and frame.dtype.isnative
    assert np.array_equal(frame, counts)


def test_8_bit_png_is_exact(gray, colour):
    assert np.array_equal(decompress(compressed(gray, '.png', 'png')), gray)
    assert np.array_equal(decompress(compressed(colour, '.png', 'png')), colour)


def test_transparency_and_16_bit_colour_become_8_bit_bgr(colour):
    transparent = np.dstack([colour, np.full(colour.shape[:2], 77, np.uint8)])
    assert np.array_equal(decompress(compressed(transparent, '.png', 'png')), colour)
    deep = colour.astype(np.uint16) << 8 | 99
    assert np.array_equal(decompress(compressed(deep, '.png', 'png')), colour)


@pytest.mark.parametrize('encoding, mosaic', [
    ('bayer_rggb8', [[40, 120], [120, 200]]), ('bayer_bggr8', [[200, 120], [120, 40]]),
    ('bayer_gbrg8', [[120, 200], [40, 120]]), ('bayer_grbg8', [[120, 40], [200, 120]])])
def test_compressed_mosaics_are_demosaiced(encoding, mosaic):
    raw = np.tile(np.array(mosaic, np.uint8), (8, 8))
    frame = decompress(compressed(raw, '.png', f'{encoding}; png compressed '))
    assert frame.shape == (16, 16, 3)
    assert (frame[2:-2, 2:-2] == (200, 120, 40)).all()


def test_orientation_tags_do_not_turn_the_camera(gray):
    # An Exif segment with one entry, orientation 6: a viewer would turn the picture.
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    jpeg = cv2.imencode('.jpg', gray)[1].tobytes()
    tagged = jpeg[:2] + b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif + jpeg[2:]
    assert decompress(CompressedImage(format='jpeg', data=tagged)).shape == gray.shape


def test_progressive_jpeg_and_rubbish_after_the_end(gray):
    msg = compressed(gray, '.jpg', 'jpeg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    msg.data = bytes(msg.data) + bytes(100)
    assert decompress(msg).shape == gray.shape


def test_fill_bytes_before_a_jpeg_marker(gray):
    jpeg = cv2.imencode('.jpg', gray)[1].tobytes()
    frame_marker = jpeg.index(b'\xff\xc0')
    filled = jpeg[:frame_marker] + b'\xff\xff\xff' + jpeg[frame_marker:]
    assert decompress(CompressedImage(format='jpeg', data=filled)).shape == gray.shape


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_every_cut_is_undecodable(gray, extension):
    data = cv2.imencode(extension, gray)[1].tobytes()
    for length in range(len(data)):
        with pytest.raises(FrameError, match='cut short|neither JPEG nor PNG') as error:
            decompress(CompressedImage(format='jpeg', data=data[:length]))
        assert error.value.cause == 'undecodable'


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_damaged_bytes_give_a_frame_or_a_frame_error(gray, extension):
    data = cv2.imencode(extension, gray)[1]
    rng = np.random.default_rng(7)
    causes = set()
    for _ in range(500):
        damaged = data.copy()
        damaged[rng.integers(2, len(data), rng.integers(1, 6))] = rng.integers(0, 256)
        try:
            frame = decompress(CompressedImage(format='jpeg', data=damaged.tobytes()))
            assert frame.dtype in (np.uint8, np.uint16) and frame.ndim in (2, 3)
        except FrameError as error:
            causes.add(error.cause)
    assert causes <= {'undecodable', 'too_large', 'zero_size'} and 'undecodable' in causes


def png_chunk(kind, content):
    body = kind + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def png_bomb(width, height):
    """Return a whole, valid PNG head of the given size with a few bytes of picture."""
    head = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        [png_chunk(b'IHDR', head), png_chunk(b'IDAT', zlib.compress(bytes(1000))),
         png_chunk(b'IEND', b'')])


def jpeg_bomb(width, height):
    jpeg = bytearray(cv2.imencode('.jpg', np.zeros((16, 16), np.uint8))[1].tobytes())
    struct.pack_into('>HH', jpeg, jpeg.index(b'\xff\xc0') + 5, height, width)
    return bytes(jpeg)


@pytest.mark.parametrize('bomb', [png_bomb(30_000, 30_000), png_bomb(2**31 - 1, 2**31 - 1),
                                  jpeg_bomb(65_500, 65_500), jpeg_bomb(8001, 8000)])
def test_huge_pictures_in_few_bytes_are_not_decoded(bomb):
    start = time.process_time()
    with pytest.raises(FrameError, match='64 megapixels') as error:
        decompress(CompressedImage(format='png', data=bomb))
    assert error.value.cause == 'too_large'
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize('kind', [b'IHDR', b'IDAT', b'IEND'])
def test_a_png_chunk_that_lies_about_its_length_is_not_read(gray, kind):
    # OpenCV would allocate what the length says before it sees that the file is shorter.
    png = bytearray(cv2.imencode('.png', gray)[1].tobytes())
    png[png.index(kind) - 4] = 0x70
    start = time.process_time()
    with pytest.raises(FrameError, match='neither|cut short') as error:
        decompress(CompressedImage(format='png', data=bytes(png)))
    assert error.value.cause == 'undecodable'
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize('bomb', [png_bomb(0, 10), jpeg_bomb(10, 0)])
def test_pictures_without_pixels(bomb):
    with pytest.raises(FrameError) as error:
        decompress(CompressedImage(format='jpeg', data=bomb))
    assert error.value.cause == 'zero_size'


@pytest.mark.parametrize('data', [b'', b'\xff', b'GIF89a' + bytes(50), bytes(1000),
                                  b'\xff\xd8\xff' + bytes(50), b'\xff' * 5000,
                                  b'\x89PNG\r\n\x1a\n' + png_chunk(b'IEND', b'')])
def test_what_is_no_picture_is_undecodable(data):
    with pytest.raises(FrameError) as error:
        decompress(CompressedImage(format='jpeg', data=data))
    assert error.value.cause == 'undecodable'


def compressed_depth(counts, image_format, scale=0.0, offset=0.0):
    data = cv2.imencode('.png', counts)[1].tobytes()
    return CompressedImage(format=image_format, data=struct.pack('<iff', 0, scale, offset) + data)


@pytest.mark.parametrize('image_format', ['16UC1; compressedDepth', '16UC1; compressedDepth png',
                                          'mono16; compressedDepth png'])
def test_compressed_depth_of_counts_is_exact(image_format):
    counts = np.random.default_rng(0).integers(0, 65_536, (48, 64), np.uint16)
    frame = decompress(compressed_depth(counts, image_format))
    assert frame.dtype == np.uint16 and np.array_equal(frame, counts)


def test_compressed_depth_of_floats_is_put_back():
    """As the codec writes them: inverted, in the steps of its quantization of 100 and 10 m."""
    values = np.linspace(0.5, 9.0, 48 * 64, dtype=np.float32).reshape(48, 64)
    scale = np.float32(100 * 101)
    offset = np.float32(1 - scale / 10)
    counts = (scale / values + offset).astype(np.uint16)
    counts[0, :5] = 0
    frame = decompress(compressed_depth(counts, '32FC1; compressedDepth png', scale, offset))
    assert frame.dtype == np.float32 and np.isnan(frame[0, :5]).all()
    assert np.array_equal(frame[1:], scale / (counts[1:].astype(np.float32) - offset))
    assert np.abs(frame[1:] / values[1:] - 1).max() < 1e-3


@pytest.mark.parametrize('data, image_format, cause, sentence', [
    (bytes(200), '16UC1; compressedDepth rvl', 'zero_size', 'has no pixels'),
    (bytes(19), '16UC1; compressedDepth rvl', 'undecodable', 'RVL data of 7 bytes is cut short'),
    (bytes(200), '16UC1; compressedDepth png', 'undecodable', 'neither JPEG nor PNG'),
    (b'', '32FC1; compressedDepth png', 'undecodable', 'the 0 bytes'),
    (b'123', '32FC1; compressedDepth', 'undecodable', 'the 0 bytes')])
def test_bad_compressed_depth_is_refused(data, image_format, cause, sentence):
    with pytest.raises(FrameError, match=sentence) as error:
        decompress(CompressedImage(format=image_format, data=data))
    assert error.value.cause == cause


def test_compressed_depth_of_8_bits_is_refused(gray):
    with pytest.raises(FrameError, match='not 16-bit gray') as error:
        decompress(compressed_depth(gray, '16UC1; compressedDepth png'))
    assert error.value.cause == 'undecodable'


@pytest.mark.parametrize('kind', ['png', 'tiff'])
@pytest.mark.parametrize('encoding, mosaic', [
    ('bayer_rggb16', [[40, 120], [120, 200]]), ('bayer_gbrg16', [[120, 200], [40, 120]])])
def test_compressed_mosaics_of_16_bits_are_demosaiced(encoding, mosaic, kind):
    raw = np.tile(np.array(mosaic, np.uint16) * 200, (8, 8))
    frame = decompress(compressed(raw, f'.{kind}', f'{encoding}; {kind} compressed '))
    assert frame.shape == (16, 16, 3) and frame.dtype == np.uint16
    assert (frame[2:-2, 2:-2] == (40_000, 24_000, 8000)).all()


def real_frames(pattern, count=5):
    paths = sorted(DATA.glob(pattern))[:count]
    if not paths:
        pytest.skip(f'no real frames: ../shared/data/{pattern} is absent')
    return paths


def test_real_jpegs_as_compressed_messages():
    for path in real_frames('hit_uav/*.jpg'):
        frame = decompress(CompressedImage(format='jpeg', data=path.read_bytes()))
        assert np.array_equal(frame, cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
        assert frame.shape[:2] == (512, 640)


def test_real_16_bit_pngs_as_compressed_messages():
    for path in real_frames('lepton_raw16/*.png'):
        msg = CompressedImage(format='16UC1; png compressed ', data=path.read_bytes())
        assert np.array_equal(decompress(msg), cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


DAMAGED = """
import struct, zlib
import cv2, numpy as np
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
def try_to_decode(data):
    try:
        decode(data)
    except FrameError:
        pass

def png_of(packed):
    chunks = ((b'IHDR', struct.pack('>IIBBBBB', 160, 120, 8, 0, 0, 0, 0)), (b'IDAT', packed),
              (b'IEND', b''))
    return b'\\x89PNG\\r\\n\\x1a\\n' + b''.join(
        struct.pack('>I', len(content)) + kind + content
        + struct.pack('>I', zlib.crc32(kind + content)) for kind, content in chunks)

rng = np.random.default_rng(3)
picture = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3), np.uint8), (0, 0), 2)
for extension in ('.jpg', '.png'):
    for image in (picture, picture[..., 0]):
        data = cv2.imencode(extension, image)[1]
        for _ in range(100):
            damaged = data.copy()
            damaged[rng.integers(20, len(data), rng.integers(1, 6))] = rng.integers(0, 256)
            try_to_decode(damaged.tobytes())
        for end in range(1, len(data), len(data) // 50):
            try_to_decode(data[:end].tobytes())
            try_to_decode(data[:end].tobytes() + (b'\\xff\\xd9' if extension == '.jpg' else b''))
# Compressed data that is damaged under a right checksum
packed = zlib.compress(bytes(120 * (1 + 160)))
for position in range(len(packed)):
    damaged = bytearray(packed)
    damaged[position] ^= 0xFF
    try_to_decode(png_of(bytes(damaged)))
for odd in (packed[:-6], packed + b'more', zlib.compress(bytes([9]) * 120 * (1 + 160)), b''):
    try_to_decode(png_of(odd))
"""


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_png_pixels_are_those_of_opencv(channels, dtype):
    picture = np.random.default_rng(1).integers(
        0, np.iinfo(dtype).max, (33, 47, channels)).astype(dtype)
    data = cv2.imencode('.png', picture)[1]
    expected = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if channels > 1:
        expected = (expected >> 8 if dtype == np.uint16 else expected)[..., :3].astype(np.uint8)
    assert np.array_equal(decode(data.tobytes()), expected)


def test_damaged_frames_write_nothing_to_standard_error(tmp_path):
    done = subprocess.run([sys.executable, '-c', DAMAGED], cwd=tmp_path, capture_output=True,
                          check=True)
    assert done.stderr == b''


@pytest.mark.parametrize('mode', ['L', 'RGB'])
@pytest.mark.parametrize('options', [{}, {'subsampling': 0}, {'subsampling': 1},
                                     {'subsampling': 2}, {'progressive': True}])
@pytest.mark.parametrize('size', [(1, 1), (7, 9), (131, 177)])
def test_jpeg_pixels_are_those_of_opencv(mode, options, size):
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    encoded = BytesIO()
    Image.fromarray(cv2.blur(noise, (3, 3))).convert(mode).save(encoded, 'jpeg', **options)
    data = np.frombuffer(encoded.getvalue(), np.uint8)
    expected = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decode(encoded.getvalue()), expected)
