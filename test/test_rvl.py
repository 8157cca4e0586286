"""RVL streams, made by hand and by an encoder after the paper; damaged ones are refused."""

import struct

from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.image_messages import decompress
from fliqe_ros.frame_io.rvl import decode_rvl
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage


def numbers_of(pixels):
    """Yield the numbers of a picture's stream, as A. D. Wilson's encoder makes them."""
    pixels, last = pixels.astype(int).ravel().tolist(), 0
    while pixels:
        zeros = next((at for at, pixel in enumerate(pixels) if pixel), len(pixels))
        yield zeros
        pixels = pixels[zeros:]
        others = next((at for at, pixel in enumerate(pixels) if not pixel), len(pixels))
        yield others
        for pixel in pixels[:others]:
            change, last = pixel - last, pixel
            yield 2 * change if change >= 0 else -2 * change - 1
        pixels = pixels[others:]


def stream(numbers):
    """Return the words of numbers."""
    nibbles = []
    for number in numbers:
        while number >= 8:
            nibbles.append(number & 7 | 8)
            number >>= 3
        nibbles.append(number)
    nibbles += [0] * (-len(nibbles) % 8)
    words = (int(''.join(f'{nibble:x}' for nibble in nibbles[at:at + 8]), 16)
             for at in range(0, len(nibbles), 8))
    return b''.join(struct.pack('<I', word) for word in words)


def encoded(pixels):
    height, width = pixels.shape
    return struct.pack('<II', width, height) + stream(numbers_of(pixels))


def test_a_stream_that_was_made_by_hand():
    # 2 zeros; 3 others: 5, then 1 less, then 10 more; 1 zero; none
    # 2, 3, 10 = 2 + 8 * 1, 1, 20 = 4 + 8 * 2, 1, 0: nibbles 2 3 a1 1 c2 1 0
    data = struct.pack('<II', 3, 2) + bytes.fromhex('211ca123' '00000000')
    assert decode_rvl(data).tolist() == [[0, 0, 5], [4, 14, 0]]


RNG = np.random.default_rng(0)


@pytest.mark.parametrize('pixels', [
    RNG.integers(0, 65_536, (48, 64)),
    RNG.integers(0, 2, (37, 23)) * RNG.integers(0, 65_536, (37, 23)),
    np.zeros((5, 7)), np.full((5, 7), 65_535), np.ones((1, 1)), np.eye(9) * 3000,
    7000 + np.linspace(0, 900, 320) + RNG.normal(0, 4, (256, 320)),
    np.tile([1, 65_535, 0, 32_768], (4, 4)),
], ids=['noise', 'holes', 'zeros', 'full', 'one', 'diagonal', 'scene', 'extremes'])
def test_pictures_come_back_exactly(pixels):
    pixels = pixels.astype(np.uint16)
    decoded = decode_rvl(encoded(pixels))
    assert decoded.dtype == np.uint16 and np.array_equal(decoded, pixels)


def test_messages_of_counts_and_of_floats():
    counts = RNG.integers(1, 65_536, (24, 32), np.uint16)
    counts[3, 4] = 0
    data = struct.pack('<iff', 0, 10_100.0, -1009.0) + encoded(counts)
    frame = decompress(CompressedImage(format='16UC1; compressedDepth rvl', data=data))
    assert np.array_equal(frame, counts)
    frame = decompress(CompressedImage(format='32FC1; compressedDepth rvl', data=data))
    assert frame.dtype == np.float32 and np.isnan(frame[3, 4])
    assert frame[0, 0] == pytest.approx(10_100.0 / (counts[0, 0] + 1009.0))


@pytest.mark.parametrize('data, cause', [
    (b'', 'undecodable'), (struct.pack('<II', 4, 4), 'undecodable'),
    (struct.pack('<II', 0, 4), 'zero_size'), (struct.pack('<II', 2**32 - 1, 2), 'too_large'),
    (encoded(np.ones((4, 4)))[:-1], 'undecodable'), (encoded(np.ones((9, 9)))[:-8], 'undecodable'),
    (struct.pack('<II', 5, 5) + encoded(np.ones((4, 4)))[8:], 'undecodable'),
    (struct.pack('<II', 4, 4) + encoded(np.ones((5, 5)))[8:], 'undecodable'),
    (struct.pack('<II', 4, 4) + stream([0] * 64), 'undecodable'),
    (struct.pack('<II', 4, 4) + b'\xff' * 64, 'undecodable'),
    (struct.pack('<II', 4, 4) + stream([2**36, 0]), 'undecodable'),
], ids=['nothing', 'a head', 'no columns', 'huge', 'a cut word', 'cut words', 'too little',
        'too much', 'no runs', 'a number without end', 'a number too long'])
def test_damaged_streams_are_refused(data, cause):
    with pytest.raises(FrameError) as error:
        decode_rvl(data)
    assert error.value.cause == cause


def test_rvl_is_not_taken_for_a_file():
    with pytest.raises(FrameError, match='neither JPEG nor PNG nor TIFF'):
        decode(encoded(np.ones((4, 4))))


def test_damage_at_random_raises_frame_errors_only():
    rng, whole = np.random.default_rng(1), encoded(RNG.integers(0, 3, (9, 11)) * 700)
    refused = 0
    for _ in range(3000):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.integers(256)
        try:
            assert decode_rvl(bytes(data[:rng.choice((len(data), 40))])).dtype == np.uint16
        except FrameError as error:
            assert error.cause in ('undecodable', 'too_large', 'zero_size')
            refused += 1
    assert 1000 < refused < 3000
