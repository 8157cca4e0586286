"""Notices images whose pixels make sense only if they are read in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fliqe_ros.frame_io.encodings import ENCODINGS
import numpy as np

if TYPE_CHECKING:  # the library needs no ROS
    from sensor_msgs.msg import Image

#: Neighbours in a scene are alike: of the range of 16-bit counts they differ by a few hundredths,
#: and by a third where bytes are in the wrong order. The other reading has to be so much smoother.
_SMOOTHER = 4.0
#: Rows that are compared: every fourth.
_STEP = 4


def misreading(msg: Image) -> str:
    """
    Return what to check in the driver if another reading of an image is much smoother, else ''.

    Meant for images that are called corrupted: it reads them a second time.

    :param msg: a ``sensor_msgs/Image`` that could be read as its encoding says.
    """
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None or encoding.pixel_bytes != 2:
        return ''
    order = '>' if msg.is_bigendian else '<'
    other = '<' if msg.is_bigendian else '>'
    if encoding.dtype is np.uint16:
        if _roughness(msg, order) > _SMOOTHER * _roughness(msg, other):
            return (f'the picture is smooth in the other byte order: is_bigendian is '
                    f'{int(msg.is_bigendian)}, but the data is not')
        return ''
    luma = _rows(msg, np.dtype(np.uint8), 2)[:, int(msg.encoding in ('yuv422', 'uyvy'))::2]
    for counts in ('<', '>'):
        if _spread(luma) > _SMOOTHER * _roughness(msg, counts):
            return (f'the picture is smooth as 16-bit counts: the encoding is {msg.encoding}, '
                    'but the data is mono16')
    return ''


def _rows(msg: Image, dtype: np.dtype, per_pixel: int = 1) -> np.ndarray:
    return np.ndarray((-(-msg.height // _STEP), per_pixel * msg.width), dtype, buffer=msg.data,
                      strides=(_STEP * msg.step, dtype.itemsize))


def _roughness(msg: Image, order: str) -> float:
    return _spread(_rows(msg, np.dtype(f'{order}u2')))


def _spread(rows: np.ndarray) -> float:
    """Return the mean difference of neighbours, as a share of the range of most values."""
    low, high = np.percentile(rows, (1, 99))
    if high <= low:
        return 0.0
    clipped = np.clip(rows.astype(np.float32), low, high)
    return float(np.abs(np.diff(clipped, axis=1)).mean() / (high - low))
