"""
Files of pictures → frames, all pages of them: images, arrays, tables and radiometric files.

Radiometric files give their counts. Temperatures and everything else that fits neither 8 nor 16
bits become float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
import io
from pathlib import Path

import cv2
from fliqe_ros.errors import FrameError, one_line, SourceError
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.limits import require_size
from fliqe_ros.frame_io.radiometric import FAILURES, RAW_DECODERS, split_seq
import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

_COMPRESSED = ('.jpeg', '.jpg', '.png')
_PAGED = ('.gif', '.tif', '.tiff', '.webp')
_PLAIN = ('.bmp', '.pgm')
_RADIOMETRIC = ('.fff', '.irb', '.irg')
_ARRAYS = ('.npy', '.npz')
#: What can be read; .cptv with the package cptv.
PAGE_SUFFIXES = (*_COMPRESSED, *_PAGED, *_PLAIN, *_RADIOMETRIC, *_ARRAYS, '.csv', '.cptv', '.seq')
#: What cannot, and what people can do about it.
UNREAD_SUFFIXES = {
    '.ptw': 'export it as TIFF with 16 bits',
    '.rjpeg': 'rename it to .jpg',
    '.rosbag': 'rename it to .bag',
    '.atf': 'export it as TIFF with 16 bits',
    '.ats': 'export it as TIFF with 16 bits',
}

Reader = Callable[[], np.ndarray]


def page_readers(file: Path, drawn: bool = False) -> Iterator[Reader]:
    """
    Yield what reads each page of a file, in order.

    Each returns (H, W) uint8, uint16 or float32, or (H, W, 3) uint8 BGR, and raises a
    ``FrameError`` if the page cannot be read.

    :param drawn: of a radiometric JPEG, read the picture that it shows instead of its counts.
    :raises SourceError: for a file of a kind that is not known; it says what could be done.
    """
    suffix = file.suffix.lower()
    if suffix in _PAGED:
        yield from _each(file, _image_pages)
    elif suffix in _ARRAYS:
        yield from _each(file, _array_pages)
    elif suffix == '.seq':
        yield from _each(file, _seq_pages)
    elif suffix == '.cptv':
        yield from _each(file, _cptv_pages)
    elif suffix in PAGE_SUFFIXES:
        yield partial(_guarded, file, partial(_single, file, drawn))
    else:
        advice = UNREAD_SUFFIXES.get(suffix, 'convert it to PNG, TIFF, a video or a bag')
        raise SourceError(f'{file}: files of this kind cannot be read; {advice}')


def _each(file: Path, pages: Callable[[Path], Iterator[np.ndarray]]) -> Iterator[Reader]:
    """Yield a reader for every page; where one breaks, the file ends with the failure."""
    found = pages(file)
    while True:
        try:
            page = _guarded(file, partial(next, found))
        except FrameError as error:
            if not isinstance(error.__cause__, StopIteration):
                yield partial(_raise, error)
            return
        yield partial(_as_frame, page)


def _guarded(file: Path, read: Reader) -> np.ndarray:
    """Read, and turn whatever the libraries raise into one sentence."""
    try:
        return read()
    except FrameError as error:
        raise FrameError(error.cause, f'{file}: {error}') from error
    except UnidentifiedImageError as error:
        raise FrameError('undecodable', f'{file}: not an image that can be decoded') from error
    except (*FAILURES, SyntaxError, OverflowError) as error:
        raise FrameError('undecodable', f'{file}: cannot be read ({one_line(error)})') from error


def _raise(error: FrameError) -> np.ndarray:
    raise error


def _single(file: Path, drawn: bool) -> np.ndarray:
    data = file.read_bytes()
    suffix = file.suffix.lower()
    if suffix == '.csv':
        return _table(data)
    if suffix in _RADIOMETRIC:
        return RAW_DECODERS[suffix](data)
    if suffix in _COMPRESSED:
        if suffix != '.png' and not drawn:
            try:
                return RAW_DECODERS['.jpg'](data)
            except FAILURES:
                pass  # an ordinary JPEG
        if data[:2] in (b'\xff\xd8', b'\x89P'):
            return decode(data)
    frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if frame is None:
        raise FrameError('undecodable', 'not an image that can be decoded')
    return _as_frame(frame)


def _image_pages(file: Path) -> Iterator[np.ndarray]:
    try:
        picture = Image.open(file)
    except UnidentifiedImageError:  # such as colours of 16 bits
        readable, pages = cv2.imreadmulti(str(file), flags=cv2.IMREAD_UNCHANGED)
        if not readable:
            raise
        yield from pages
        return
    with picture:
        for page in ImageSequence.Iterator(picture):
            require_size(*page.size)
            if page.mode in ('L', 'F', 'I', 'I;16', 'I;16B', 'I;16L'):
                yield np.array(page)
            elif page.mode == '1':
                yield np.array(page.convert('L'))
            else:
                yield cv2.cvtColor(np.asarray(page.convert('RGB')), cv2.COLOR_RGB2BGR)


def _array_pages(file: Path) -> Iterator[np.ndarray]:
    loaded = np.load(file, mmap_mode=None if file.suffix.lower() == '.npz' else 'r')
    arrays = [loaded] if isinstance(loaded, np.ndarray) else [loaded[key] for key in loaded.files]
    for array in arrays:
        if array.ndim == 4 or array.ndim == 3 and array.shape[2] not in (3, 4):
            yield from array
        else:
            yield array


def _seq_pages(file: Path) -> Iterator[np.ndarray]:
    yield from map(RAW_DECODERS['.fff'], split_seq(file.read_bytes()))


def _cptv_pages(file: Path) -> Iterator[np.ndarray]:
    from cptv import CPTVReader  # optional
    with io.BytesIO(file.read_bytes()) as stream:
        for frame in CPTVReader(stream):
            if not getattr(frame, 'background_frame', False):
                yield frame.pix


def _table(data: bytes) -> np.ndarray:
    """Take the numbers out of a table of text; headings and a column that counts rows are left."""
    text = data.decode('utf-8-sig')
    separator = next((each for each in ';\t' if each in text), ',')
    if separator != ',':
        text = text.replace(',', '.')  # decimal commas
    rows = [_numbers(line.strip().rstrip(separator).split(separator))
            for line in text.splitlines()]
    width = max((len(row) for row in rows), default=0)
    table = np.array([row for row in rows if len(row) == width], np.float32)
    if table.shape[0] > 1 and np.array_equal(table[:, 0], np.arange(1, len(table) + 1)):
        table = table[:, 1:]
    if min(table.shape) < 2:
        raise ValueError('a table without a grid of numbers')
    return table


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return []


def _as_frame(pixels: np.ndarray) -> np.ndarray:
    """Return pixels of any type as frames have them."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3:
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        return np.ascontiguousarray(pixels[:, :, :3])
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind not in 'uif':
        raise FrameError('unsupported_dtype', f'pixels of type {pixels.dtype} are no picture')
    if pixels.dtype.kind == 'u' and pixels.dtype.itemsize <= 2:
        return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder('='))
    return np.ascontiguousarray(pixels, np.float32)
