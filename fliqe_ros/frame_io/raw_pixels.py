"""The bytes of an uncompressed image message → pixels → a gray or BGR frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.limits import require_size
from fliqe_ros.frame_io.pixel_formats import Encoding, encoding_named
import numpy as np

if TYPE_CHECKING:  # the library needs no ROS
    from sensor_msgs.msg import Image


def checked_encoding(msg: Image) -> Encoding:
    """
    Return the message's encoding once its sizes and its amount of data agree with it.

    :raises FrameError: ``unknown_encoding``, ``zero_size``, ``too_large``, ``step_too_small``,
        ``too_little_data``, or ``undecodable`` for an odd size that the encoding cannot have.
    """
    encoding = encoding_named(msg.encoding, msg.step // max(msg.width, 1))
    require_size(msg.width, msg.height)
    row_bytes = msg.width * encoding.pixel_bytes
    if msg.step < row_bytes:
        raise FrameError(
            'step_too_small',
            f'step is {msg.step}, but {msg.width} pixels of {msg.encoding} take {row_bytes} bytes')
    if encoding.shared_colour == 2 and (msg.width % 2 or msg.height % 2):
        raise FrameError('undecodable', f'a frame of {msg.width}x{msg.height} cannot be '
                         f'{msg.encoding}, which has one colour for 2x2 pixels')
    # The last row may come without its padding.
    needed, present = msg.step * (msg.height - 1) + row_bytes, memoryview(msg.data).nbytes
    if encoding.shared_colour:
        rows, step = _colour_rows(msg, encoding)
        needed = msg.step * msg.height + step * (rows - 1) + row_bytes * step // msg.step
    if present < needed:
        raise FrameError(
            'too_little_data',
            f'the {msg.encoding} frame of {msg.width}x{msg.height} needs {needed} bytes, '
            f'but has {present}')
    return encoding


def pixels_of(msg: Image, encoding: Encoding) -> np.ndarray:
    """
    Return a view of the data, in its byte order and with its padding skipped.

    :return: (H, W) or (H, W, channels); of planes the first, luma.
    """
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if msg.is_bigendian else '<')
    pixels = np.ndarray(
        (msg.height, msg.width, encoding.channels), dtype, buffer=msg.data,
        strides=(msg.step, encoding.pixel_bytes, dtype.itemsize))
    return pixels[:, :, 0] if encoding.channels == 1 else pixels


def as_frame(pixels: np.ndarray, encoding: Encoding) -> np.ndarray:
    """
    Return pixels in native byte order as a frame, (H, W) or (H, W, 3) BGR, read-only.

    It is a view of the pixels wherever possible, and one copy elsewhere.

    :raises FrameError: ``undecodable`` for a size that the encoding cannot have.
    """
    # float64 beyond float32 is as good as infinite
    with np.errstate(over='ignore', invalid='ignore'):
        if encoding.to_bgr is None:
            frame: np.ndarray = np.ascontiguousarray(pixels, dtype=encoding.frame_dtype)
        else:
            frame = _converted(
                pixels.astype(encoding.frame_dtype, copy=False), encoding.to_bgr)
    return _read_only(frame)


def frame_of_planes(msg: Image, encoding: Encoding) -> np.ndarray:
    """Return the BGR frame of luma and a plane of colours, both U and V, behind it."""
    luma = pixels_of(msg, encoding)
    rows, step = _colour_rows(msg, encoding)
    colours = np.ndarray((rows, msg.width // encoding.shared_colour, 2), np.uint8, buffer=msg.data,
                         offset=msg.step * msg.height, strides=(step, 2, 1))
    assert encoding.to_bgr is not None
    if encoding.shared_colour == 2:
        return _read_only(cv2.cvtColorTwoPlane(luma, colours, encoding.to_bgr))
    # Each pixel twice, as YUYV has it: OpenCV's own arithmetic, whatever the format
    u, v = cv2.split(colours)
    twice = cv2.merge((luma, u, luma, v)).reshape(msg.height, -1, 2)
    return _read_only(cv2.resize(_converted(twice, encoding.to_bgr), (msg.width, msg.height),
                                 interpolation=cv2.INTER_NEAREST))


def _colour_rows(msg: Image, encoding: Encoding) -> tuple[int, int]:
    """Return how many rows the plane of colours has, and its bytes from row to row."""
    return msg.height // encoding.shared_colour, 2 * msg.step // encoding.shared_colour


def _converted(pixels: np.ndarray, code: int) -> np.ndarray:
    if not pixels.flags.aligned:  # an odd step of 16-bit pixels, which OpenCV cannot take
        pixels = pixels.copy()
    try:
        return cv2.cvtColor(pixels, code)
    except cv2.error as error:
        height, width = pixels.shape[:2]
        raise FrameError(
            'undecodable',
            f'OpenCV cannot convert a frame of {width}x{height} to BGR: {error.err}') from error


def _read_only(frame: np.ndarray) -> np.ndarray:
    frame = frame.view()
    frame.flags.writeable = False
    return frame
