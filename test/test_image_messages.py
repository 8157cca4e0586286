"""Image messages to frames: one contract for every encoding and every converter."""

from array import array
from contextlib import suppress
from pathlib import Path
import re
import sys
import tracemalloc

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.image_messages import CvBridgeConverter, NativeConverter
from fliqe_ros.frame_io.pixel_formats import ENCODINGS
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

DATA = Path(__file__).resolve().parents[2] / 'shared' / 'data'
GRAY = {'mono8': 'u1', '8UC1': 'u1', '8SC1': 'i1', 'mono16': 'u2', '16UC1': 'u2', '16SC1': 'i2',
        '32SC1': 'i4', '32FC1': 'f4', '64FC1': 'f8'}
# The type of each channel, and the channels of a pixel that hold blue, green and red.
COLOUR = {
    'bgr8': ('u1', 3, (0, 1, 2)), 'rgb8': ('u1', 3, (2, 1, 0)),
    'bgra8': ('u1', 4, (0, 1, 2)), 'rgba8': ('u1', 4, (2, 1, 0)),
    'bgr16': ('u2', 3, (0, 1, 2)), 'rgb16': ('u2', 3, (2, 1, 0)),
    'bgra16': ('u2', 4, (0, 1, 2)), 'rgba16': ('u2', 4, (2, 1, 0)),
    **{f'{gray[:-1]}{channels}': (GRAY[gray], channels, (0, 1, 2))
       for gray in GRAY if gray.endswith('C1') for channels in (3, 4)}}
# The byte of a pair of pixels that holds the first and second Y, U and V.
YUV = {'yuv422': (1, 3, 0, 2), 'uyvy': (1, 3, 0, 2),
       'yuv422_yuy2': (0, 2, 1, 3), 'yuyv': (0, 2, 1, 3)}
# Pixels that share a colour along each side, and the byte of it that holds U and V.
PLANES = {'nv12': (2, 0, 1), 'nv21': (2, 1, 0), 'nv24': (1, 0, 1)}
# The colour (0 blue, 1 green, 2 red) at the four places of a 2x2 mosaic, row by row.
MOSAICS = {'rggb': (2, 1, 1, 0), 'bggr': (0, 1, 1, 2), 'gbrg': (1, 0, 2, 1), 'grbg': (1, 2, 0, 1)}
BAYER = {f'bayer_{name}{bits}': (dtype, places) for name, places in MOSAICS.items()
         for bits, dtype in (('8', 'u1'), ('16', 'u2'))}
# What the header of sensor_msgs lists and no picture is
TWO_CHANNELS = {f'{name}C2' for name in ('8U', '8S', '16U', '16S', '32S', '32F', '64F')}


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
    raw = np.empty(bgr.shape[:2], bgr.dtype)
    for place, colour in enumerate(colours):
        at = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        raw[at] = bgr[at][..., colour]
    return raw


def values(unit_picture, dtype):
    """Return a picture from the least to the greatest value; floats beyond float32 too."""
    dtype = np.dtype(dtype)
    if dtype.kind == 'f':
        picture = (unit_picture * 1e3 - 300).astype(dtype)
        picture[0, 0], picture[1, 1], picture[2, 2] = np.nan, np.inf, np.finfo(dtype).max
        return picture
    least, greatest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return (least + unit_picture * (greatest - least)).astype(dtype)


def frame_dtype(dtype):
    return np.dtype(dtype) if dtype in ('u1', 'u2') else np.dtype(np.float32)


def as_frame_dtype(pixels):
    with np.errstate(over='ignore'):
        return pixels.astype(frame_dtype(pixels.dtype.str[1:]))


def test_every_encoding_is_under_test():
    assert {*GRAY, *COLOUR, *YUV, *PLANES, *BAYER} == set(ENCODINGS)


def test_the_page_lists_every_encoding():
    page = (Path(__file__).parents[1] / 'docs' / 'pixel_formats.md').read_text()
    listed = re.findall(r'`(\w+)`', ''.join(
        line.split('|')[1] for line in page.splitlines() if line.startswith('| `')))
    assert sorted(listed[1:]) == sorted(ENCODINGS), 'but for the head of the table'


def test_every_encoding_of_sensor_msgs_is_read_or_no_picture():
    header = next(Path(sys.prefix).rglob('sensor_msgs/image_encodings.hpp'), None)
    if header is None:
        pytest.skip('the headers of sensor_msgs are not installed')
    listed = set(re.findall(r'const char \w+\[\] = "(\w+)"', header.read_text()))
    assert {'nv24', '64FC4', 'bayer_grbg16'} <= listed
    assert listed - set(ENCODINGS) == TWO_CHANNELS


@pytest.mark.parametrize('padding', [0, 1, 3, 4, 16])
@pytest.mark.parametrize('big_endian', [False, True], ids=['little', 'big'])
@pytest.mark.parametrize('encoding', GRAY)
def test_gray(converter, unit_picture, encoding, big_endian, padding):
    pixels = values(unit_picture[..., 0], GRAY[encoding])
    frame = converter.to_array(message(encoding, pixels, padding, big_endian))
    assert_is_frame(frame, (12, 22), frame_dtype(GRAY[encoding]))
    assert np.array_equal(frame, as_frame_dtype(pixels), equal_nan=frame.dtype.kind == 'f')


@pytest.mark.parametrize('padding', [0, 1, 3, 4, 12])
@pytest.mark.parametrize('big_endian', [False, True], ids=['little', 'big'])
@pytest.mark.parametrize('encoding', COLOUR)
def test_colour(converter, unit_picture, encoding, big_endian, padding):
    dtype, channels, order = COLOUR[encoding]
    pixels = values(unit_picture[..., :channels], dtype)
    frame = converter.to_array(message(encoding, pixels, padding, big_endian))
    assert_is_frame(frame, (12, 22, 3), frame_dtype(dtype))
    expected = as_frame_dtype(pixels)[..., order]
    assert np.array_equal(frame, expected, equal_nan=frame.dtype.kind == 'f')


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


def planes(unit_picture, encoding):
    """Return random luma (12, 22), and U and V (rows, columns, 2) as they lie in the message."""
    shared, *_ = PLANES[encoding]
    luma = (16 + 219 * unit_picture[..., 0]).astype(np.uint8)
    colours = (128 + 40 * (unit_picture[::shared, ::shared, 1:3] - 0.5)).astype(np.uint8)
    return luma, colours


def message_of_planes(encoding, luma, colours, padding=0):
    height, width = luma.shape
    step = width + padding
    data = np.full(step * height + 2 * step // PLANES[encoding][0] * len(colours), 77, np.uint8)
    data[:step * height].reshape(height, step)[:, :width] = luma
    rows = colours.reshape(len(colours), -1)
    data[step * height:].reshape(len(colours), -1)[:, :rows.shape[1]] = rows
    return Image(height=height, width=width, encoding=encoding, step=step,
                 data=array('B', data.tobytes()))


@pytest.mark.parametrize('padding', [0, 1, 2, 10])
@pytest.mark.parametrize('encoding', PLANES)
def test_planes(converter, unit_picture, encoding, padding):
    luma, colours = planes(unit_picture, encoding)
    frame = converter.to_array(message_of_planes(encoding, luma, colours, padding))
    assert_is_frame(frame, (12, 22, 3), np.uint8)
    shared, u, v = PLANES[encoding]
    wide = colours.repeat(shared, 0).repeat(shared, 1)
    # ITU-R BT.601, 8 bit, limited range: OpenCV's own, of each pixel written twice as YUYV
    twice = np.stack([luma, wide[..., u], luma, wide[..., v]], axis=-1).reshape(12, 44, 2)
    assert np.array_equal(frame, cv2.cvtColor(twice, cv2.COLOR_YUV2BGR_YUY2)[:, ::2])
    if not padding and shared == 2:
        stacked = np.vstack([luma, colours.reshape(6, 22)])
        code = {'nv12': cv2.COLOR_YUV2BGR_NV12, 'nv21': cv2.COLOR_YUV2BGR_NV21}[encoding]
        assert np.array_equal(frame, cv2.cvtColor(stacked, code))


@pytest.mark.parametrize('encoding', PLANES)
def test_planes_may_lack_the_last_padding_but_nothing_else(converter, encoding):
    picture = np.random.default_rng(3).random((12, 22, 4))
    msg = message_of_planes(encoding, *planes(picture, encoding), padding=4)
    whole = converter.to_array(msg)
    padding = 4 if encoding != 'nv24' else 8
    msg.data = msg.data[:-padding]
    assert np.array_equal(converter.to_array(msg), whole)
    msg.data = msg.data[:-1]
    with pytest.raises(FrameError, match=f'the {encoding} frame of 22x12 needs') as error:
        converter.to_array(msg)
    assert error.value.cause == 'too_little_data'


@pytest.mark.parametrize('big_endian', [False, True], ids=['little', 'big'])
@pytest.mark.parametrize('padding', [0, 1, 4])
@pytest.mark.parametrize('encoding', BAYER)
def test_bayer(converter, encoding, padding, big_endian):
    dtype, places = BAYER[encoding]
    scene = np.empty((24, 32, 3), dtype)
    quarters = {(0, 0): (200, 120, 40), (0, 1): (10, 250, 90),
                (1, 0): (70, 20, 180), (1, 1): (255, 0, 128)}
    for (row, column), bgr in quarters.items():
        scene[12 * row:12 * row + 12, 16 * column:16 * column + 16] = bgr
    scene *= 257 if dtype == 'u2' else 1
    msg = message(encoding, mosaic(scene, places), padding, big_endian)
    frame = converter.to_array(msg)
    assert_is_frame(frame, (24, 32, 3), dtype)
    for row, column in quarters:
        inside = np.s_[12 * row + 2:12 * row + 10, 16 * column + 2:16 * column + 14]
        assert np.array_equal(frame[inside], scene[inside])


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_messages_as_a_subscription_delivers_them(converter, encoding):
    layout = ENCODINGS[encoding]
    rows = {'nv12': 9, 'nv21': 9, 'nv24': 18}.get(encoding, 6)
    pixels = np.random.default_rng(5).integers(0, 99, (rows, 8, layout.channels))
    sent = message(encoding, pixels.astype(layout.dtype))
    sent.height = 6
    sent.header.frame_id = 'flir'
    received = deserialize_message(serialize_message(sent), Image)
    assert np.array_equal(converter.to_array(received), converter.to_array(sent))


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_every_frame_can_be_scored(encoding):
    """What a message is read as, gain control makes 8 bits of, without a warning."""
    layout = ENCODINGS[encoding]
    pixels = np.random.default_rng(5).integers(0, 99, (24, 8, layout.channels))
    msg = with_fields(message(encoding, pixels.astype(layout.dtype)), {'height': 8})
    frame = NativeConverter().to_array(msg)
    gray = GainControl(low=0, high=100)(frame)
    assert gray.dtype == np.uint8 and gray.shape == frame.shape
    if frame.dtype != np.uint8:
        assert (gray.min(), gray.max()) == (0, 255)


@pytest.mark.parametrize('wrap', [bytes, bytearray, lambda data: np.frombuffer(data, np.uint8)])
def test_data_may_be_any_buffer(converter, wrap):
    class Message:
        height, width, step, encoding, is_bigendian = 2, 3, 6, 'mono16', 0
        data = wrap(bytes(range(12)))

    frame = converter.to_array(Message)
    assert frame.tolist() == [[0x0100, 0x0302, 0x0504], [0x0706, 0x0908, 0x0B0A]]


@pytest.mark.parametrize('encoding', ['mono8', 'mono16', '32FC1', 'bgr8', 'bgr16', '32FC3'])
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
    'unknown': ({'encoding': 'mono14'}, 'unknown_encoding', "'mono14' of the image cannot be"),
    'no encoding': ({'encoding': ''}, 'unknown_encoding', "'' of the image cannot be read"),
    'odd nv12': ({'encoding': 'nv12'}, 'undecodable', '4x3 cannot be nv12'),
    'nv21': ({'encoding': 'nv21', 'height': 4, 'width': 2}, 'too_little_data', 'needs 42 bytes'),
    'nv24': ({'encoding': 'nv24'}, 'too_little_data', 'needs 64 bytes, but has 24'),
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


@pytest.mark.parametrize('name, bytes_each, meant', [
    ('Y16', 2, 'counts of up to 16 bits are mono16'), ('Y16 ', 2, 'mono16'),
    ('mono14', 2, 'mono16'), ('MONO12', 2, 'mono16'), ('GRAY16_LE', 2, 'mono16'),
    ('uint16', 2, 'mono16'), ('thermal_16', 2, 'mono16'), ('16u', 2, 'mono16'),
    ('Mono12Packed', 1, 'unpack its counts to 16 bits'), ('mono12p', 1, 'unpack'),
    ('y14p', 1, 'unpack'), ('MONO16', 2, 'its name is mono16'), ('Mono8', 1, 'its name is mono8'),
    ('BGR8', 3, 'its name is bgr8'), ('GREY', 1, 'gray of 8 bits is mono8'), ('mono', 1, 'mono8'),
    ('8UC', 1, 'mono8'), ('float32', 4, 'temperatures of 32 bits are 32FC1'),
    ('celsius', 4, '32FC1'), ('double', 8, '64FC1'), ('RGB', 3, 'rgb8'), ('RGB24', 3, 'rgb8'),
    ('bgr888', 3, 'bgr8'), ('YUY2', 2, 'YUYV is yuv422_yuy2'), ('yuyv422', 2, 'yuv422_yuy2'),
    ('UYVY422', 2, 'UYVY is yuv422'), ('I420', 1, 'nv12, nv21 and nv24 are read'),
    ('MJPEG', 1, 'sensor_msgs/CompressedImage'), ('h264', 1, 'sensor_msgs/CompressedImage'),
    ('8UC2', 2, 'counts are mono16 and colours yuv422_yuy2'), ('32FC2', 8, '1, 3 or 4 channels'),
    ('16UC5', 10, '1, 3 or 4 channels'), ('', 1, 'pixels of 1 bytes are mono8'),
    ('', 2, 'mono16 (counts), yuv422_yuy2 or yuv422 (colours)'),
    ('', 3, 'bgr8 or rgb8'), ('nonsense', 4, '32FC1 (temperatures), bgra8'),
    ('', 0, 'the driver must name one of sensor_msgs/image_encodings'),
    ('\n\0 nonsense', 7, 'the driver must name one')])
def test_a_name_without_meaning_is_told_which_is_meant(name, bytes_each, meant):
    msg = Image(height=4, width=6, encoding=name, step=6 * bytes_each, data=bytes(500))
    with pytest.raises(FrameError) as error:
        NativeConverter().to_array(msg)
    assert error.value.cause == 'unknown_encoding'
    assert repr(name) in str(error.value) and meant in str(error.value)
    assert '\n' not in str(error.value) and len(str(error.value)) < 200


def test_a_long_name_is_not_repeated():
    with pytest.raises(FrameError) as error:
        NativeConverter().to_array(Image(height=4, width=6, encoding='x' * 10**6, step=12))
    assert len(str(error.value)) < 200 and 'mono16' in str(error.value)


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
