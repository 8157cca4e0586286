"""Image messages to frames: one contract for every encoding and every converter."""

from array import array
from contextlib import suppress
from pathlib import Path
import tracemalloc

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.image_messages import (
    CvBridgeConverter, ENCODINGS, NativeConverter)
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

DATA = Path(__file__).resolve().parents[2] / 'shared' / 'data'
GRAY = {'mono8': np.uint8, '8UC1': np.uint8, 'mono16': np.uint16, '16UC1': np.uint16,
        '32FC1': np.float32}
# The channel of a message's pixel that holds blue, green and red.
COLOUR = {'bgr8': (0, 1, 2), '8UC3': (0, 1, 2), 'rgb8': (2, 1, 0),
          'bgra8': (0, 1, 2), 'rgba8': (2, 1, 0)}
# The byte of a pair of pixels that holds the first and second Y, U and V.
YUV = {'yuv422': (1, 3, 0, 2), 'uyvy': (1, 3, 0, 2),
       'yuv422_yuy2': (0, 2, 1, 3), 'yuyv': (0, 2, 1, 3)}
# The colour (0 blue, 1 green, 2 red) at the four places of a 2x2 mosaic, row by row.
BAYER = {'bayer_rggb8': (2, 1, 1, 0), 'bayer_bggr8': (0, 1, 1, 2),
         'bayer_gbrg8': (1, 0, 2, 1), 'bayer_grbg8': (1, 2, 0, 1)}


def importable_converters():
    yield NativeConverter()
    with suppress(ImportError):
        yield CvBridgeConverter()


@pytest.fixture(params=importable_converters(), ids=lambda converter: converter.name)
def converter(request):
    return request.param


def test_cv_bridge_is_under_test():
    try:
        CvBridgeConverter()
    except ImportError as error:
        pytest.skip(f'the contract is tested with the native converter only: {error}')


@pytest.fixture(params=['gradient', 'random'])
def unit_picture(request):
    """Return a picture of shape (12, 22, 4) with values from 0 to 1, its channels all unlike."""
    y, x, c = np.mgrid[:12, :22, :4]
    if request.param == 'gradient':
        return (x / 21 * (c + 1) + y / 11 * (4 - c)) / 5
    return np.random.default_rng(3).random((12, 22, 4))


def message(encoding, pixels, padding=0, big_endian=False):
    """Return an Image of rows of pixels, each followed by ``padding`` bytes of rubbish."""
    height, width = pixels.shape[:2]
    stored = pixels.astype(pixels.dtype.newbyteorder('>' if big_endian else '<'))
    rows = np.frombuffer(stored.tobytes(), np.uint8).reshape(height, -1)
    rubbish = np.random.default_rng(9).integers(0, 256, (height, padding), np.uint8)
    data = np.hstack([rows, rubbish])
    return Image(height=height, width=width, encoding=encoding, step=data.shape[1],
                 is_bigendian=int(big_endian), data=array('B', data.tobytes()))


def with_fields(msg, fields):
    for name, value in fields.items():
        setattr(msg, name, value)
    return msg


def assert_is_frame(frame, shape, dtype):
    assert frame.shape == shape
    assert frame.dtype == dtype and frame.dtype.isnative
    assert frame.flags.c_contiguous and not frame.flags.writeable


def mosaic(bgr, colours):
    """Keep of each pixel the one colour that a sensor with this 2x2 pattern sees."""
    raw = np.empty(bgr.shape[:2], np.uint8)
    for place, colour in enumerate(colours):
        at = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        raw[at] = bgr[at][..., colour]
    return raw


def test_every_encoding_is_under_test():
    assert {*GRAY, *COLOUR, *YUV, *BAYER} == set(ENCODINGS)


@pytest.mark.parametrize('padding', [0, 1, 3, 4, 16])
@pytest.mark.parametrize('big_endian', [False, True], ids=['little', 'big'])
@pytest.mark.parametrize('encoding', GRAY)
def test_gray(converter, unit_picture, encoding, big_endian, padding):
    dtype = np.dtype(GRAY[encoding])
    scale = 1e3 if dtype.kind == 'f' else np.iinfo(dtype).max
    pixels = (unit_picture[..., 0] * scale).astype(dtype)
    frame = converter.to_array(message(encoding, pixels, padding, big_endian))
    assert_is_frame(frame, (12, 22), dtype)
    assert np.array_equal(frame, pixels)


@pytest.mark.parametrize('padding', [0, 1, 3, 4, 12])
@pytest.mark.parametrize('big_endian', [False, True], ids=['little', 'big'])
@pytest.mark.parametrize('encoding', COLOUR)
def test_colour(converter, unit_picture, encoding, big_endian, padding):
    channels = 4 if 'a' in encoding else 3
    pixels = (unit_picture[..., :channels] * 255).astype(np.uint8)
    frame = converter.to_array(message(encoding, pixels, padding, big_endian))
    assert_is_frame(frame, (12, 22, 3), np.uint8)
    assert np.array_equal(frame, pixels[..., COLOUR[encoding]])


@pytest.mark.parametrize('padding', [0, 1, 2, 8])
@pytest.mark.parametrize('encoding', YUV)
def test_yuv(converter, unit_picture, encoding, padding):
    y = 16 + 219 * unit_picture[..., 0]
    u, v = 128 + 40 * (unit_picture[:, ::2, 1:3] - 0.5).transpose(2, 0, 1)
    pairs = np.empty((12, 11, 4), np.uint8)
    y, u, v = y.astype(np.uint8), u.astype(np.uint8), v.astype(np.uint8)
    for place, plane in zip(YUV[encoding], (y[:, ::2], y[:, 1::2], u, v)):
        pairs[..., place] = plane
    frame = converter.to_array(message(encoding, pairs.reshape(12, 22, 2), padding))
    assert_is_frame(frame, (12, 22, 3), np.uint8)
    # ITU-R BT.601, 8 bit, limited range.
    luma, cb, cr = 1.164 * (y - 16.0), u.repeat(2, 1) - 128.0, v.repeat(2, 1) - 128.0
    bgr = np.dstack(
        [luma + 2.017 * cb, luma - 0.392 * cb - 0.813 * cr, luma + 1.596 * cr]).clip(0, 255)
    assert np.abs(frame - bgr).max() < 2


@pytest.mark.parametrize('padding', [0, 1, 4])
@pytest.mark.parametrize('encoding', BAYER)
def test_bayer(converter, encoding, padding):
    scene = np.empty((24, 32, 3), np.uint8)
    quarters = {(0, 0): (200, 120, 40), (0, 1): (10, 250, 90),
                (1, 0): (70, 20, 180), (1, 1): (255, 0, 128)}
    for (row, column), bgr in quarters.items():
        scene[12 * row:12 * row + 12, 16 * column:16 * column + 16] = bgr
    frame = converter.to_array(message(encoding, mosaic(scene, BAYER[encoding]), padding))
    assert_is_frame(frame, (24, 32, 3), np.uint8)
    for row, column in quarters:
        inside = np.s_[12 * row + 2:12 * row + 10, 16 * column + 2:16 * column + 14]
        assert np.array_equal(frame[inside], scene[inside])


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_messages_as_a_subscription_delivers_them(converter, encoding):
    layout = ENCODINGS[encoding]
    pixels = np.random.default_rng(5).integers(0, 99, (6, 8, layout.channels))
    sent = message(encoding, pixels.astype(layout.dtype))
    sent.header.frame_id = 'flir'
    received = deserialize_message(serialize_message(sent), Image)
    assert np.array_equal(converter.to_array(received), converter.to_array(sent))


@pytest.mark.parametrize('wrap', [bytes, bytearray, lambda data: np.frombuffer(data, np.uint8)])
def test_data_may_be_any_buffer(converter, wrap):
    class Message:
        height, width, step, encoding, is_bigendian = 2, 3, 6, 'mono16', 0
        data = wrap(bytes(range(12)))

    frame = converter.to_array(Message)
    assert frame.tolist() == [[0x0100, 0x0302, 0x0504], [0x0706, 0x0908, 0x0B0A]]


@pytest.mark.parametrize('encoding', ['mono8', 'mono16', '32FC1', 'bgr8'])
def test_plain_frames_are_not_copied(encoding):
    layout = ENCODINGS[encoding]
    msg = message(encoding, np.zeros((6, 8, layout.channels), layout.dtype))
    frame = NativeConverter().to_array(msg)
    assert np.shares_memory(frame, np.frombuffer(msg.data, np.uint8))


def test_the_last_row_may_lack_its_padding(converter):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    msg = message('mono8', pixels, padding=3)
    msg.data = msg.data[:-3]
    assert np.array_equal(converter.to_array(msg), pixels)


def test_a_single_pixel(converter):
    assert converter.to_array(message('mono8', np.array([[7]], np.uint8))).tolist() == [[7]]


BAD = {
    'unknown': ({'encoding': 'nv12'}, 'unknown_encoding', "'nv12' is not one of mono8"),
    'no encoding': ({'encoding': ''}, 'unknown_encoding', "'' is not one of"),
    'no rows': ({'height': 0}, 'zero_size', '4x0 has no pixels'),
    'no columns': ({'width': 0}, 'zero_size', '0x3 has no pixels'),
    'no step': ({'step': 0}, 'step_too_small', 'step is 0, but 4 pixels of mono16 take 8 bytes'),
    'step': ({'step': 7}, 'step_too_small', 'step is 7'),
    'wider': ({'width': 5}, 'step_too_small', '5 pixels of mono16 take 10 bytes'),
    'data': ({'data': array('B', bytes(23))}, 'too_little_data', 'needs 24 bytes, but has 23'),
    'no data': ({'data': array('B')}, 'too_little_data', 'has 0'),
    'higher': ({'height': 4}, 'too_little_data', 'needs 32 bytes, but has 24'),
    '64 MP': ({'height': 8000, 'width': 8001, 'step': 16_002}, 'too_large', '64 megapixels'),
    'liar': ({'height': 2**32 - 1, 'width': 2**32 - 1, 'step': 2**32 - 1}, 'too_large',
             '4294967295x4294967295'),
    'odd yuv': ({'encoding': 'yuv422', 'width': 3}, 'undecodable', 'frame of 3x3'),
}


@pytest.mark.parametrize('fields, cause, sentence', BAD.values(), ids=BAD)
def test_bad_frames_are_refused_with_cause_and_sentence(converter, fields, cause, sentence):
    msg = with_fields(message('mono16', np.zeros((3, 4), np.uint16)), fields)
    with pytest.raises(FrameError, match=sentence) as error:
        converter.to_array(msg)
    assert error.value.cause == cause
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('height, width', [(8000, 8000), (64_000, 64_000)])
def test_a_header_that_lies_about_its_size_allocates_nothing(converter, height, width):
    sizes = {'height': height, 'width': width, 'step': width}
    msg = with_fields(message('mono8', np.zeros((3, 4), np.uint8)), sizes)
    tracemalloc.start()
    try:
        with pytest.raises(FrameError):
            converter.to_array(msg)
        assert tracemalloc.get_traced_memory()[1] < 1e5
    finally:
        tracemalloc.stop()


def real_frames(pattern, count=5):
    paths = sorted(DATA.glob(pattern))[:count]
    if not paths:
        pytest.skip(f'no real frames: ../shared/data/{pattern} is absent')
    return paths


@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_real_raw_counts_as_messages(converter, encoding):
    for path in real_frames('a65_raw16/*.tiff'):
        counts = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        frame = converter.to_array(message(encoding, counts, padding=2, big_endian=True))
        assert np.array_equal(frame, counts)
        left_aligned = converter.to_array(message(encoding, counts << 2))
        assert np.array_equal(GainControl(input_shift=2)(left_aligned), GainControl()(frame))
