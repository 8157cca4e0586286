"""What a video codec does to a frame: there and back through x264."""

from fractions import Fraction

import numpy as np

try:
    from av import CodecContext, VideoFrame
except ImportError as error:
    raise ImportError('Training and evaluation need PyAV: pip install av') from error


def h264(image: np.ndarray, rate_factor: int) -> np.ndarray:
    """
    Compress and decompress a frame as a single H.264 key frame.

    :param image: (H, W) uint8, at least 16×16.
    :param rate_factor: x264's CRF, 0 (lossless) to 51 (worst).
    :return: (H, W) uint8.
    """
    rows, columns = image.shape
    even: np.ndarray = np.pad(image, ((0, rows % 2), (0, columns % 2)), 'edge')
    encoder = CodecContext.create('libx264', 'w')
    encoder.height, encoder.width = even.shape
    encoder.pix_fmt, encoder.framerate = 'gray', Fraction(30)
    encoder.thread_count = 1  # the result depends on it
    encoder.options = {'crf': str(int(rate_factor)), 'preset': 'veryfast', 'tune': 'zerolatency'}
    packets = [*encoder.encode(VideoFrame.from_ndarray(even, 'gray')), *encoder.encode(None)]
    decoder = CodecContext.create('h264', 'r')
    frames = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    luma = frames[0].planes[0]  # as it was coded: to_ndarray would take it for studio range
    return np.asarray(luma).reshape(-1, luma.line_size)[:rows, :columns].copy()
