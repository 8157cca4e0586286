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
