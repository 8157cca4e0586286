"""Pictures → image messages, in the encodings that cameras send."""

from __future__ import annotations

from array import array
import sys

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

MONO8, MONO16, BGR8, COMPRESSED = ENCODINGS = ('mono8', 'mono16', 'bgr8', 'compressed')
JPEG_QUALITY = 95


def to_message(picture: np.ndarray, encoding: str, header: Header) -> Image | CompressedImage:
    """
    Pack a picture as a message.

    :param picture: (H, W) uint8, or uint16 for the encoding ``mono16``.
    :return: ``Image``, or for the encoding ``compressed`` a JPEG ``CompressedImage``.
    """
    if encoding == COMPRESSED:
        _, jpeg = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return CompressedImage(header=header, format='mono8; jpeg compressed mono8',
                               data=array('B', jpeg.tobytes()))
    if encoding == BGR8:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    height, width = picture.shape[:2]
    # An array of bytes is taken over as it is; a list or a NumPy array costs 50 ms and more.
    return Image(header=header, height=height, width=width, encoding=encoding,
                 is_bigendian=int(sys.byteorder == 'big'), step=picture.strides[0],
                 data=array('B', picture.tobytes()))
