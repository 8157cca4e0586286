"""Images that were read in the wrong way say so."""

from types import SimpleNamespace

import cv2
from fliqe_ros.frame_io.misreading import misreading
from fliqe_ros.simulation.scenes.textures import dead_leaves
import numpy as np
import pytest


def message(data: np.ndarray, encoding: str, big: bool = False, padding: int = 0):
    """Return what has the fields of an image of two bytes a pixel, with padded rows."""
    rows = np.ascontiguousarray(data).view(np.uint8).reshape(len(data), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    return SimpleNamespace(encoding=encoding, is_bigendian=int(big), height=len(data),
                           width=data.shape[1], step=rows.shape[1], data=rows.tobytes())


@pytest.fixture(scope='module', params=['scene', 'low counts', 'noisy'])
def counts(request):
    rng = np.random.default_rng(2)
    levels = dead_leaves(rng, 121, 160).astype(np.float32)
    offset, gain, noise = {'scene': (7000, 12, 2), 'low counts': (300, 8, 2),
                           'noisy': (3000, 10, 25)}[request.param]
    return (offset + gain * levels + noise * rng.standard_normal(levels.shape)).clip(
        0).astype('<u2')


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_the_wrong_byte_order_is_told(counts, encoding, padding):
    swapped = counts.byteswap()
    assert 'other byte order: is_bigendian is 0' in misreading(
        message(swapped, encoding, False, padding))
    assert 'is_bigendian is 1' in misreading(message(counts, encoding, True, padding))
    assert misreading(message(counts, encoding, False, padding)) == ''
    assert misreading(message(swapped, encoding, True, padding)) == ''


@pytest.mark.parametrize('encoding, big', [
    ('yuv422_yuy2', False), ('yuyv', False), ('uyvy', True), ('yuv422', True)])
def test_counts_in_a_colour_image_are_told(counts, encoding, big):
    """Where luma is the low byte; the high one is a coarse picture, but a smooth one."""
    told = misreading(message(counts.byteswap() if big else counts, encoding))
    assert 'smooth as 16-bit counts' in told and encoding in told


@pytest.mark.parametrize('encoding', ['yuv422_yuy2', 'uyvy'])
def test_a_real_colour_image_is_not_doubted(encoding):
    gray = dead_leaves(np.random.default_rng(3), 120, 160)
    colour = cv2.applyColorMap(gray, cv2.COLORMAP_JET).astype(np.uint8)
    chroma = cv2.cvtColor(colour, cv2.COLOR_BGR2YUV)[:, :, 1]
    pair = (gray, chroma) if encoding == 'yuv422_yuy2' else (chroma, gray)
    assert misreading(message(np.dstack(pair).reshape(120, 160, 2).view('<u2')[:, :, 0],
                              encoding)) == ''


@pytest.mark.parametrize('data', [np.zeros((8, 8), '<u2'), np.full((1, 1), 7, '<u2')])
def test_a_blank_image_is_not_doubted(data):
    assert misreading(message(data, 'mono16')) == ''
    assert misreading(message(data, 'bgr8')) == ''
    assert misreading(message(data, 'mono8')) == ''


@pytest.fixture(scope='module')
def scene():
    """Return the counts of a scene, 12 bits, a little soft as through a lens."""
    levels = dead_leaves(np.random.default_rng(2), 120, 160).astype(np.float32)
    return (500 + 12 * cv2.GaussianBlur(levels, (0, 0), 1.5)).astype('<u2')


def packed(counts, bits):
    """Return counts without the gaps between them, the lowest bit first; see the GenICam PFNC."""
    ones = counts.reshape(-1, 1) >> np.arange(bits) & 1
    return np.packbits(ones.astype(np.uint8), bitorder='little')


def packed_as_gige(counts):
    """Return two counts of 12 bits in 3 bytes: high, low nibbles, high."""
    first, second = counts.reshape(-1, 2).T
    nibbles = first & 15 | (second & 15) << 4
    return np.stack([first >> 4, nibbles, second >> 4], axis=1).astype(np.uint8).ravel()


@pytest.mark.parametrize('encoding', ['mono16', 'mono8'])
@pytest.mark.parametrize('name', ['Mono10p', 'Mono12p', 'Mono14p', 'Mono12Packed'])
def test_packed_counts_are_told(scene, name, encoding):
    bits = int(name[4:6])
    counts = scene >> max(12 - bits, 0)
    data = packed_as_gige(counts) if name == 'Mono12Packed' else packed(counts, bits)
    # a buffer as large as the message says, its end unused
    buffer = np.zeros(2 * scene.size, np.uint8)
    buffer[:len(data)] = data
    rows = buffer.reshape(120, -1)
    msg = message(rows.view('<u2') if encoding == 'mono16' else rows, encoding)
    assert f'smooth as {name}, which packs' in misreading(msg)
    assert 'set the pixel format of the driver to Mono16' in misreading(msg)


@pytest.mark.parametrize('big', [False, True])
def test_upper_bits_that_are_no_counts_are_told(scene, big):
    flags = np.random.default_rng(4).integers(0, 4, scene.shape).astype('<u2') << 14
    data = scene * 3 | flags
    assert 'smooth in its lower 14 bits' in misreading(
        message(data.byteswap() if big else data, 'mono16', big))


@pytest.mark.parametrize('bits', [2, 4, 5])
def test_counts_that_are_shifted_too_far_are_told(scene, bits):
    """Where a scene spans 14 bits or 12, a camera that shifts by more loses the highest bits."""
    counts = (scene.astype(np.uint32) - 400) * 2 ** (16 - bits) // 1000
    shifted = (counts << bits & 0xFFFF).astype('<u2')
    told = misreading(message(shifted, 'mono16'))
    assert f'shifts them by {bits} bits' in told and 'set input_shift' in told
    assert misreading(message((scene * 8).astype('<u2'), 'mono16')) == ''


def test_the_lower_bytes_of_counts_are_told(scene):
    assert 'the lower 8 bits of counts' in misreading(
        message((scene >> 2 & 255).astype(np.uint8), 'mono8'))


@pytest.mark.parametrize('rows', [1, 2])
@pytest.mark.parametrize('big', [False, True])
def test_counts_as_bytes_are_told(scene, big, rows):
    """A row of counts on one row of twice as many bytes, or on two."""
    data = (scene * 8).astype('>u2' if big else '<u2').view(np.uint8).reshape(120 * rows, -1)
    told = misreading(message(data, 'mono8'))
    assert f'the data is mono16 with is_bigendian {int(big)}' in told


@pytest.mark.parametrize('dtype, encoding', [(np.uint8, 'mono8'), ('<u2', 'mono16')])
@pytest.mark.parametrize('kind', ['scene', 'noise', 'stripes', 'black rows'])
def test_what_no_other_reading_mends_is_not_doubted(scene, kind, dtype, encoding):
    rng = np.random.default_rng(5)
    most = np.iinfo(dtype).max
    picture = ((scene - 500) * (most / 4000.0)).astype(dtype)
    if kind == 'noise':
        picture = rng.integers(0, most, picture.shape).astype(dtype)
    elif kind == 'stripes':
        picture = np.clip(picture + 0.2 * most * rng.standard_normal(160), 0, most).astype(dtype)
    elif kind == 'black rows':
        picture[40:90] = 0
    assert misreading(message(picture, encoding)) == ''


def test_small_images_are_not_doubted():
    for height, width in ((1, 1), (1, 2), (2, 1), (3, 3), (1, 2000)):
        for encoding, dtype in (('mono8', np.uint8), ('mono16', '<u2'), ('yuyv', '<u2')):
            assert misreading(message(np.ones((height, width), dtype), encoding)) == ''
