"""
Hostile frames: random and damaged image messages, of which none may do more than be refused.

    python benchmarks/hostile_frames.py --frames 1000000 --processes 8

Each message is made from a seed, read as the node reads it, and gets gain control. Whatever is
raised must be a FrameError; anything else is printed with its seed, and the exit status is 1.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from io import BytesIO
from itertools import repeat
import struct
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any
import warnings

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.image_messages import decompress, NativeConverter
from fliqe_ros.frame_io.misreading import misreading
from fliqe_ros.frame_io.pixel_formats import ENCODINGS
from fliqe_ros.imaging.gain_control import GainControl
import numpy as np
from PIL import Image

#: Frames that one task of a process reads.
CHUNK = 2000
_NAMES = (*ENCODINGS, 'Y16', 'mono14', '', '8UC2', '16UC5', '\n\0', 'é' * 300, 'bayer_', 'nv')
_SIDES = (0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 33)
_HUGE = (8001, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
_GAINS = (GainControl(), GainControl('none'), GainControl('fixed_range', -20, 400.5),
          GainControl('percentile', 0, 100, 2))
_SOURCES = (*ENCODINGS, '', ';', 'bayer_rggb', '32FC1;', '\0')
_WRITTEN = ('', '; jpeg compressed bgr8', '; png compressed rgb8', '; tiff compressed ',
            '; compressedDepth png', '; compressedDepth rvl', '; compressedDepth', '; nonsense')
# A picture of 4x3 pixels as an RVL stream
_RVL = bytes.fromhex('0400000003000000a1c38923bcac24a1f3fffef300001011')


def hostile_message(seed: int) -> Any:
    """Return what has the fields of an Image, or of a CompressedImage."""
    rng = np.random.default_rng(seed)
    return (hostile_image if rng.random() < 0.6 else _compressed_image)(rng)


def outcome(seed: int) -> str:
    """
    Read one message as the node does, and return the cause it is refused for, or ``read``.

    :raises Exception: if anything but a FrameError is raised, or the frame is not as promised.
    """
    msg = hostile_message(seed)
    try:
        frame = decompress(msg) if hasattr(msg, 'format') else NativeConverter().to_array(msg)
        _require_promised(frame)
        told = misreading(msg) if hasattr(msg, 'encoding') else ''
        assert isinstance(told, str) and '\n' not in told
        gray = _GAINS[seed % len(_GAINS)](frame)
        assert gray.dtype == np.uint8 and gray.shape == frame.shape
    except FrameError as error:
        assert '\n' not in str(error) and len(str(error)) < 400
        return error.cause
    return 'read'


def outcomes(first: int, count: int) -> tuple[Counter, list[str]]:
    """Return how often each outcome was, and what was raised that must not be."""
    counts: Counter = Counter()
    failures = []
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for seed in range(first, first + count):
            try:
                counts[outcome(seed)] += 1
            except Exception:
                failures.append(f'seed {seed}:\n{traceback.format_exc()}')
    return counts, failures


def _require_promised(frame: np.ndarray) -> None:
    assert frame.dtype in (np.uint8, np.uint16, np.float32) and frame.dtype.isnative
    assert frame.ndim == 2 or frame.shape[2:] == (3,)
    assert frame.size and frame.flags.c_contiguous


def hostile_image(rng: np.random.Generator) -> SimpleNamespace:
    """Return a right message in random bytes, or one with a field or two that are wrong."""
    name = str(rng.choice(_NAMES))
    height, width = (int(side) for side in rng.choice(_SIDES, 2))
    pixel = ENCODINGS[name].pixel_bytes if name in ENCODINGS else int(rng.integers(0, 9))
    step = width * pixel + int(rng.choice((0, 0, 1, 3, 16)))
    data = rng.bytes(3 * step * height if name.startswith('nv') else step * height)
    msg = SimpleNamespace(encoding=name, height=height, width=width, step=step, data=data,
                          is_bigendian=int(rng.integers(0, 2)))
    for _ in range(int(rng.integers(0, 3))):
        _spoil(msg, rng)
    return msg


def _spoil(msg: SimpleNamespace, rng: np.random.Generator) -> None:
    fault = int(rng.integers(0, 6))
    if fault == 0:
        msg.data = msg.data[:int(rng.integers(0, len(msg.data) + 1))]
    elif fault == 1:
        setattr(msg, str(rng.choice(('height', 'width', 'step'))), int(rng.choice(_HUGE)))
    elif fault == 2:
        setattr(msg, str(rng.choice(('height', 'width', 'step'))), int(rng.choice(_SIDES)))
    elif fault == 3:
        msg.encoding = str(rng.choice(_NAMES))
    elif fault == 4:
        msg.is_bigendian = 255
    else:
        msg.data = bytes([int(rng.choice((0, 127, 128, 255)))]) * len(msg.data)


def _compressed_image(rng: np.random.Generator) -> SimpleNamespace:
    """Return a compressed picture, mostly damaged, under any format."""
    streams = _streams()
    data = bytearray(streams[int(rng.integers(len(streams)))])
    fault = int(rng.integers(0, 5))
    if fault == 0:
        del data[int(rng.integers(0, len(data))):]
    elif fault == 1:
        at = int(rng.integers(0, len(data)))
        del data[at:at + int(rng.integers(1, 20))]
    elif fault == 2:
        data = bytearray(rng.bytes(int(rng.integers(0, 200))))
    elif fault == 3:
        for at in rng.integers(0, min(len(data), 200), int(rng.integers(1, 6))):
            data[at] = int(rng.choice((0, 1, 127, 128, 255, int(rng.integers(256)))))
    else:
        for at in rng.integers(0, len(data), int(rng.integers(0, 6))):
            data[at] = int(rng.integers(256))
    head = rng.bytes(12) if rng.random() < 0.2 else b''
    return SimpleNamespace(format=str(rng.choice(_SOURCES)) + str(rng.choice(_WRITTEN)),
                           data=head + bytes(data))


@lru_cache(maxsize=None)
def _streams() -> list[bytes]:
    """Return pictures in every kind of file that is read."""
    return list(_made_streams())


def _made_streams() -> Iterator[bytes]:
    picture = cv2.blur(np.random.default_rng(0).integers(0, 256, (24, 33, 3), np.uint8), (5, 5))
    gray = picture[..., 0]
    counts = gray.astype(np.uint16) * 200
    for image in (gray, picture):
        for extension in ('.jpg', '.png'):
            yield cv2.imencode(extension, image)[1].tobytes()
    yield cv2.imencode('.png', counts)[1].tobytes()
    yield struct.pack('<iff', 0, 100, 1) + cv2.imencode('.png', counts)[1].tobytes()
    yield struct.pack('<iff', 0, 100, 1) + _RVL
    for image in (gray, picture, counts, counts.astype(np.float32), counts.astype(np.float64)):
        for compression in (1, 5, 8, 32_773):
            yield cv2.imencode('.tiff', image, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[
                1].tobytes()
    for mode, options in (('RGB', {'progressive': True}), ('CMYK', {}), ('L', {'quality': 5})):
        encoded = BytesIO()
        Image.fromarray(picture).convert(mode).save(encoded, 'jpeg', **options)
        yield encoded.getvalue()
    for mode in ('1', 'P', 'LA', 'RGBA'):
        encoded = BytesIO()
        Image.fromarray(picture).convert(mode).save(encoded, 'png')
        yield encoded.getvalue()


def main() -> int:
    """Read many hostile frames, and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--frames', type=int, default=1_000_000)
    parser.add_argument('--seed', type=int, default=0, help='of the first frame')
    parser.add_argument('--processes', type=int, default=None, help='default: one for each core')
    options = parser.parse_args()
    start = time.monotonic()
    counts: Counter = Counter()
    failures: list[str] = []
    with ProcessPoolExecutor(options.processes) as pool:
        firsts = range(options.seed, options.seed + options.frames, CHUNK)
        for more, failed in pool.map(outcomes, firsts, repeat(CHUNK)):
            counts += more
            failures += failed
    print('\n'.join(failures[:20]), file=sys.stderr)
    for cause, count in counts.most_common():
        print(f'{count:9} {cause}')
    seconds = time.monotonic() - start
    print(f'{sum(counts.values()) + len(failures)} frames in {seconds:.0f} s, '
          f'{len(failures)} that raised anything but FrameError')
    return bool(failures)


if __name__ == '__main__':
    sys.exit(main())
