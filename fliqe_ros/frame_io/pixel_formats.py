"""The pixel formats of image messages, by their names in ``sensor_msgs/image_encodings``."""

from __future__ import annotations

import re
from typing import NamedTuple

import cv2
from fliqe_ros.errors import FrameError
import numpy as np


class Encoding(NamedTuple):
    """How pixels lie in a message, and the OpenCV conversion that makes them BGR, if any."""

    dtype: type
    channels: int
    to_bgr: int | None = None
    #: For luma with a plane of colours behind it: pixels that share a colour, along each side.
    shared_colour: int = 0

    @property
    def pixel_bytes(self) -> int:
        """Return the bytes from one pixel to the next."""
        return self.channels * np.dtype(self.dtype).itemsize

    @property
    def frame_dtype(self) -> type:
        """Return the type of the pixels in a frame: uint8, uint16, else float32."""
        return self.dtype if self.dtype in (np.uint8, np.uint16) else np.float32


_TYPES = {'8U': np.uint8, '8S': np.int8, '16U': np.uint16, '16S': np.int16, '32S': np.int32,
          '32F': np.float32, '64F': np.float64}
# ROS names a mosaic after its first 2x2 pixels, OpenCV after the second and third pixel of the
# second row: RGGB is BG there.
_MOSAICS = {'rggb': cv2.COLOR_BayerBG2BGR, 'bggr': cv2.COLOR_BayerRG2BGR,
            'gbrg': cv2.COLOR_BayerGR2BGR, 'grbg': cv2.COLOR_BayerGB2BGR}
_DROP_ALPHA = cv2.COLOR_BGRA2BGR

#: Every encoding that can be read. Three channels without a colour name are BGR, four BGRA, as
#: everywhere in OpenCV; two are no picture.
ENCODINGS = {
    'mono8': Encoding(np.uint8, 1),
    'mono16': Encoding(np.uint16, 1),
    **{f'{name}C1': Encoding(dtype, 1) for name, dtype in _TYPES.items()},
    **{f'{name}{bits}': Encoding(dtype, channels, to_bgr)
       for bits, dtype in (('8', np.uint8), ('16', np.uint16))
       for name, channels, to_bgr in (
           ('bgr', 3, None), ('rgb', 3, cv2.COLOR_RGB2BGR),
           ('bgra', 4, _DROP_ALPHA), ('rgba', 4, cv2.COLOR_RGBA2BGR))},
    **{f'{name}C3': Encoding(dtype, 3) for name, dtype in _TYPES.items()},
    **{f'{name}C4': Encoding(dtype, 4, _DROP_ALPHA) for name, dtype in _TYPES.items()},
    **{f'bayer_{name}{bits}': Encoding(dtype, 1, to_bgr)
       for bits, dtype in (('8', np.uint8), ('16', np.uint16))
       for name, to_bgr in _MOSAICS.items()},
    'yuv422': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    'yuv422_yuy2': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_YUY2),
    # The same two by their newer names, which a cv_bridge may not know.
    'uyvy': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    'yuyv': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_YUY2),
    'nv12': Encoding(np.uint8, 1, cv2.COLOR_YUV2BGR_NV12, 2),
    'nv21': Encoding(np.uint8, 1, cv2.COLOR_YUV2BGR_NV21, 2),
    # OpenCV has no conversion of its own for it: see ``raw_pixels``.
    'nv24': Encoding(np.uint8, 1, cv2.COLOR_YUV2BGR_YUY2, 1),
}

#: What drivers call their formats instead, and the encoding to set.
_MEANINGS = (
    (r'.*(12|10|14)(p|packed)|(mono|y)1[024]p.*',
     'unpack its counts to 16 bits each and name them mono16'),
    (r'(y|mono|gr[ae]y|raw|ir|thermal|counts?|lwir)[ _-]?1[0246]([ _-]?[lb]e)?|z16|'
     r'u?int16|u16|16u', 'counts of up to 16 bits are mono16'),
    (r'(y|mono|gr[ae]y|raw|ir|thermal|lwir|l)[ _-]?8|gr[ae]y|mono|y800|u?int8|u8|8u|8uc',
     'gray of 8 bits is mono8'),
    (r'float(32)?|f32|32f|32fc|(celsius|kelvin|temperature).*',
     'temperatures of 32 bits are 32FC1'),
    (r'double|float64|f64|64f|64fc', 'temperatures of 64 bits are 64FC1'),
    (r'rgb([ _-]?(24|888|3))?|rgb8.*', 'red, green, blue of 8 bits each are rgb8'),
    (r'bgr([ _-]?(24|888|3))?|bgr8.*', 'blue, green, red of 8 bits each are bgr8'),
    (r'(yuyv|yuy2|yuv2|yuy|yuv422).*', 'YUYV is yuv422_yuy2'),
    (r'(uyvy|yuv).*', 'UYVY is yuv422'),
    (r'i420|iyuv|yv12|yu12|420p', 'of the formats with planes, nv12, nv21 and nv24 are read'),
    (r'm?jpe?g|png|tiff?|h\.?26[45]|hevc|avc1?',
     'a compressed picture is a sensor_msgs/CompressedImage'),
)
#: The encodings that pixels of so many bytes mostly have.
_BY_BYTES = {
    1: 'mono8 (gray)', 2: 'mono16 (counts), yuv422_yuy2 or yuv422 (colours)',
    3: 'bgr8 or rgb8 (colours)', 4: '32FC1 (temperatures), bgra8 or rgba8 (colours)',
    6: 'bgr16 or rgb16 (colours)', 8: '64FC1 (temperatures), bgra16 or rgba16 (colours)',
}
_LONGEST_NAME_TOLD = 40


def encoding_named(name: str, pixel_bytes: int) -> Encoding:
    """
    Return an encoding by its name.

    :param pixel_bytes: how many bytes a row has for each of its pixels.
    :raises FrameError: ``unknown_encoding``; it says which encoding is probably meant.
    """
    if name in ENCODINGS:
        return ENCODINGS[name]
    told = name if len(name) <= _LONGEST_NAME_TOLD else f'{name[:_LONGEST_NAME_TOLD]}…'
    raise FrameError('unknown_encoding', f'the encoding {told!r} of the image cannot be read: '
                     f'{_meant(name.strip().lower(), pixel_bytes)}')


def _meant(name: str, pixel_bytes: int) -> str:
    for known in ENCODINGS:
        if known.lower() == name:
            return f'its name is {known}'
    if re.fullmatch(r'\d+[usf]c\d*', name) and not name.endswith('c'):
        return ('1, 3 or 4 channels are a picture; in 2 channels of 8 bits, counts are mono16 '
                'and colours yuv422_yuy2 or yuv422')
    for pattern, meaning in _MEANINGS:
        if re.fullmatch(pattern, name[:_LONGEST_NAME_TOLD]):
            return f'{meaning}, in the driver'
    if pixel_bytes in _BY_BYTES:
        return f'pixels of {pixel_bytes} bytes are {_BY_BYTES[pixel_bytes]}, in the driver'
    return 'the driver must name one of sensor_msgs/image_encodings'
