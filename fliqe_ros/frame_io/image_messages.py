"""ROS image messages → frames: the arrays that gain control and the model take."""

from __future__ import annotations

from array import array
import sys
from typing import TYPE_CHECKING

from fliqe_ros.frame_io.compressed_depth import decode_depth
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.pixel_formats import Encoding, ENCODINGS
from fliqe_ros.frame_io.raw_pixels import as_frame, checked_encoding, frame_of_planes, pixels_of
import numpy as np

if TYPE_CHECKING:  # the library needs no ROS
    from sensor_msgs.msg import CompressedImage, Image


# What a cv_bridge must read rightly to be chosen. All the others it may leave to us.
_REQUIRED_OF_CV_BRIDGE = ('mono8', 'mono16', '16UC1', '32FC1', 'bgr8', 'rgb8')


class NativeConverter:
    """Reads image messages with NumPy and OpenCV alone; ``reason`` says why it was chosen."""

    name = 'native'

    def __init__(self, reason: str = ''):
        self.reason = reason

    def to_array(self, msg: Image) -> np.ndarray:
        """
        Return the frame of a ``sensor_msgs/Image`` in native byte order.

        :return: (H, W) uint8, uint16 or float32; colour encodings give (H, W, 3) BGR of the same
            types. Signed and 64-bit pixels become float32. C-contiguous and read-only: it may
            share the message's memory.
        :raises FrameError: ``unknown_encoding``, ``zero_size``, ``too_large``,
            ``step_too_small``, ``too_little_data`` or ``undecodable``.
        """
        encoding = checked_encoding(msg)
        if encoding.shared_colour:
            return frame_of_planes(msg, encoding)
        return as_frame(self._pixels(msg, encoding), encoding)

    def _pixels(self, msg: Image, encoding: Encoding) -> np.ndarray:
        return pixels_of(msg, encoding)


class CvBridgeConverter(NativeConverter):
    """
    Reads image messages with cv_bridge, and natively what this cv_bridge reads wrongly.

    Each encoding is tried once, at construction; ``reason`` names those taken natively. Byte
    orders other than this machine's, padded rows and planes are always taken natively.

    :raises ImportError: if cv_bridge cannot be imported, with one sentence that says why.
    """

    name = 'cv_bridge'

    def __init__(self) -> None:
        try:
            # Here and not above: it is optional, and importing a build for another NumPy fails.
            from cv_bridge import CvBridge
            self._bridge = CvBridge()
        except Exception as error:  # broken builds raise SystemError, AttributeError, …
            cause = ' '.join(f'{type(error).__name__}: {error}'.split())
            raise ImportError(f'cv_bridge cannot be imported: {cause}') from error
        self.unreadable = tuple(name for name, encoding in ENCODINGS.items()
                                if not encoding.shared_colour and not self._reads(name))
        super().__init__(f'native for {", ".join(self.unreadable)}' if self.unreadable else '')

    def _pixels(self, msg: Image, encoding: Encoding) -> np.ndarray:
        native_order = bool(msg.is_bigendian) == (sys.byteorder == 'big')
        padded = msg.step != msg.width * encoding.pixel_bytes
        if padded or not native_order or msg.encoding in self.unreadable:
            return pixels_of(msg, encoding)
        return self._bridge.imgmsg_to_cv2(msg, 'passthrough')

    def _reads(self, name: str) -> bool:
        sample = _Sample(name)
        expected = pixels_of(sample, ENCODINGS[name])
        try:
            pixels = self._bridge.imgmsg_to_cv2(sample, 'passthrough')
        except Exception:  # whatever it raises, it does not read this encoding
            return False
        return pixels.dtype == expected.dtype and np.array_equal(pixels, expected)


class _Sample:
    """A small image message of one encoding in which neighbouring bytes differ."""

    height, width, is_bigendian = 4, 6, int(sys.byteorder == 'big')

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.step = self.width * ENCODINGS[encoding].pixel_bytes
        self.data = array('B', [each % 251 for each in range(self.height * self.step)])


def make_converter(kind: str = 'auto') -> NativeConverter | CvBridgeConverter:
    """
    Return a converter of image messages.

    :param kind: ``cv_bridge``, ``native``, or ``auto``: cv_bridge if it can be imported and
        reads the usual encodings rightly, else native with the ``reason``.
    :raises ImportError: if ``kind`` is ``cv_bridge`` and it cannot be imported.
    :raises ValueError: if ``kind`` is something else.
    """
    if kind == 'native':
        return NativeConverter()
    if kind == 'cv_bridge':
        return CvBridgeConverter()
    if kind != 'auto':
        raise ValueError(f'the converter must be auto, cv_bridge or native, not {kind!r}')
    try:
        converter = CvBridgeConverter()
    except ImportError as error:
        return NativeConverter(str(error))
    wrong = [name for name in _REQUIRED_OF_CV_BRIDGE if name in converter.unreadable]
    if wrong:
        return NativeConverter(f'cv_bridge does not read {", ".join(wrong)} rightly')
    return converter


def decompress(msg: CompressedImage) -> np.ndarray:
    """
    Return the frame of a ``sensor_msgs/CompressedImage`` that holds a JPEG, PNG or TIFF.

    ``format`` is read as compressed_image_transport writes it: ``bgr8; jpeg compressed bgr8``,
    or just ``jpeg``; and as compressed_depth_image_transport does for a PNG. Colours written in
    RGB order are put right, gray mosaics of a ``bayer_*`` camera are demosaiced.

    :return: (H, W) uint8, uint16 or float32, or (H, W, 3) BGR of the same types.
    :raises FrameError: ``undecodable``, ``zero_size``, ``too_large``, or ``unknown_encoding``
        for compressedDepth that is not a PNG.
    """
    source, _, written = msg.format.partition(';')
    if 'compressedDepth' in msg.format:
        return decode_depth(bytes(msg.data), source, written)
    frame = decode(bytes(msg.data))
    if frame.ndim == 3:
        return frame[:, :, ::-1].copy() if 'compressed rgb' in written else frame
    if source.startswith('bayer_') and source in ENCODINGS and (
            frame.dtype == ENCODINGS[source].dtype):
        return as_frame(frame, ENCODINGS[source])
    return frame
