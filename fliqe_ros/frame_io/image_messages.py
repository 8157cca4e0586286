"""ROS image messages → frames: the arrays that gain control and the model take."""

from __future__ import annotations

from array import array
import sys
from typing import NamedTuple, TYPE_CHECKING

import cv2
from fliqe_ros.errors import FrameError
from fliqe_ros.frame_io.compressed_images import decode
from fliqe_ros.frame_io.limits import require_size
import numpy as np

if TYPE_CHECKING:  # the library needs no ROS
    from sensor_msgs.msg import CompressedImage, Image


class Encoding(NamedTuple):
    """How pixels lie in a message, and the OpenCV conversion that makes them BGR, if any."""

    dtype: type
    channels: int
    to_bgr: int | None = None

    @property
    def pixel_bytes(self) -> int:
        """Bytes from one pixel to the next."""
        return self.channels * np.dtype(self.dtype).itemsize


#: Every encoding that can be read, by its name in ``sensor_msgs/image_encodings``.
ENCODINGS = {
    'mono8': Encoding(np.uint8, 1),
    '8UC1': Encoding(np.uint8, 1),
    'mono16': Encoding(np.uint16, 1),
    '16UC1': Encoding(np.uint16, 1),
    '32FC1': Encoding(np.float32, 1),
    'bgr8': Encoding(np.uint8, 3),
    '8UC3': Encoding(np.uint8, 3),
    'rgb8': Encoding(np.uint8, 3, cv2.COLOR_RGB2BGR),
    'bgra8': Encoding(np.uint8, 4, cv2.COLOR_BGRA2BGR),
    'rgba8': Encoding(np.uint8, 4, cv2.COLOR_RGBA2BGR),
    # ROS names a mosaic after its first 2x2 pixels, OpenCV after the second and third pixel of
    # the second row: RGGB is BG there.
    'bayer_rggb8': Encoding(np.uint8, 1, cv2.COLOR_BayerBG2BGR),
    'bayer_bggr8': Encoding(np.uint8, 1, cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg8': Encoding(np.uint8, 1, cv2.COLOR_BayerGR2BGR),
    'bayer_grbg8': Encoding(np.uint8, 1, cv2.COLOR_BayerGB2BGR),
    'yuv422': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    'yuv422_yuy2': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_YUY2),
    # The same two by their newer names, which a cv_bridge may not know.
    'uyvy': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    'yuyv': Encoding(np.uint8, 2, cv2.COLOR_YUV2BGR_YUY2),
}

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

        :return: (H, W) uint8, uint16 or float32; colour encodings give (H, W, 3) uint8 BGR.
            C-contiguous and read-only: it may share the message's memory.
        :raises FrameError: ``unknown_encoding``, ``zero_size``, ``too_large``,
            ``step_too_small``, ``too_little_data`` or ``undecodable``.
        """
        encoding = _checked_encoding(msg)
        return _as_frame(self._pixels(msg, encoding), encoding)

    def _pixels(self, msg: Image, encoding: Encoding) -> np.ndarray:
        return _pixels(msg, encoding)


class CvBridgeConverter(NativeConverter):
    """
    Reads image messages with cv_bridge, and natively what this cv_bridge reads wrongly.

    Each encoding is tried once, at construction; ``reason`` names those taken natively. Byte
    orders other than this machine's and padded rows are always taken natively.

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
        self.unreadable = tuple(name for name in ENCODINGS if not self._reads(name))
        super().__init__(f'native for {", ".join(self.unreadable)}' if self.unreadable else '')

    def _pixels(self, msg: Image, encoding: Encoding) -> np.ndarray:
        native_order = bool(msg.is_bigendian) == (sys.byteorder == 'big')
        padded = msg.step != msg.width * encoding.pixel_bytes
        if padded or not native_order or msg.encoding in self.unreadable:
            return _pixels(msg, encoding)
        return self._bridge.imgmsg_to_cv2(msg, 'passthrough')

    def _reads(self, name: str) -> bool:
        sample = _Sample(name)
        expected = _pixels(sample, ENCODINGS[name])
        try:
            pixels = self._bridge.imgmsg_to_cv2(sample, 'passthrough')
        except Exception:  # whatever it raises, it does not read this encoding
            return False
        return pixels.dtype == expected.dtype and np.array_equal(pixels, expected)


class _Sample:
    """A small image message of one encoding in which no two bytes are the same."""

    height, width, is_bigendian = 4, 6, int(sys.byteorder == 'big')

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.step = self.width * ENCODINGS[encoding].pixel_bytes
        self.data = array('B', range(self.height * self.step))


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
    Return the frame of a ``sensor_msgs/CompressedImage`` that holds a JPEG or PNG.

    ``format`` is read as compressed_image_transport writes it: ``bgr8; jpeg compressed bgr8``,
    or just ``jpeg``. Colours written in RGB order are put right, gray mosaics of a
    ``bayer_*8`` camera are demosaiced.

    :return: (H, W) uint8 or uint16, or (H, W, 3) uint8 BGR.
    :raises FrameError: ``undecodable``, ``zero_size``, ``too_large``, or ``unknown_encoding``
        for compressedDepth.
    """
    if 'compressedDepth' in msg.format:
        raise FrameError(
            'unknown_encoding', f'the format {msg.format!r} is not an image: use compressed')
    frame = decode(bytes(msg.data))
    source, _, written = msg.format.partition(';')
    if frame.ndim == 3:
        return frame[:, :, ::-1].copy() if 'compressed rgb' in written else frame
    if source.startswith('bayer_') and source in ENCODINGS and frame.dtype == np.uint8:
        return _as_frame(frame, ENCODINGS[source])
    return frame


def _checked_encoding(msg: Image) -> Encoding:
    """Return the message's encoding once its sizes and its amount of data agree with it."""
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise FrameError(
            'unknown_encoding',
            f'the encoding {msg.encoding!r} is not one of {", ".join(ENCODINGS)}')
    require_size(msg.width, msg.height)
    row_bytes = msg.width * encoding.pixel_bytes
    if msg.step < row_bytes:
        raise FrameError(
            'step_too_small',
            f'step is {msg.step}, but {msg.width} pixels of {msg.encoding} take {row_bytes} bytes')
    # The last row may come without its padding.
    needed, present = msg.step * (msg.height - 1) + row_bytes, memoryview(msg.data).nbytes
    if present < needed:
        raise FrameError(
            'too_little_data',
            f'the {msg.encoding} frame of {msg.width}x{msg.height} needs {needed} bytes, '
            f'but has {present}')
    return encoding


def _pixels(msg: Image, encoding: Encoding) -> np.ndarray:
    """Return (H, W) or (H, W, channels) in native byte order; a view wherever possible."""
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if msg.is_bigendian else '<')
    pixels = np.ndarray(
        (msg.height, msg.width, encoding.channels), dtype, buffer=msg.data,
        strides=(msg.step, encoding.pixel_bytes, dtype.itemsize))
    if encoding.channels == 1:
        pixels = pixels[:, :, 0]
    return np.ascontiguousarray(pixels, dtype=encoding.dtype)


def _as_frame(pixels: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Convert to BGR what is not yet gray or BGR."""
    if encoding.to_bgr is not None:
        try:
            pixels = cv2.cvtColor(pixels, encoding.to_bgr)
        except cv2.error as error:
            height, width = pixels.shape[:2]
            raise FrameError(
                'undecodable',
                f'OpenCV cannot convert a frame of {width}x{height} to BGR: {error.err}'
            ) from error
    frame = pixels.view()
    frame.flags.writeable = False
    return frame
