"""What video codecs do to a frame: there and back through x264 and x265."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

try:
    import av
    IS_AVAILABLE = True
except ImportError:  # a camera is simulated without, but for what video does to its frames
    IS_AVAILABLE = False


def h264(image: np.ndarray, rate_factor: int) -> np.ndarray:
    """
    Compress and decompress a frame as a single H.264 key frame.

    :param image: (H, W) uint8, at least 16×16.
    :param rate_factor: x264's CRF, 0 (lossless) to 51 (worst).
    :return: (H, W) uint8.
    """
    decoded = decode_frames(encode_frames([image], rate_factor))
    return decoded[0][:image.shape[0], :image.shape[1]].copy()


def hevc(image: np.ndarray, rate_factor: int) -> np.ndarray:
    """
    Compress and decompress a frame as a single HEVC key frame.

    :param image: (H, W) uint8, at least 32×32.
    :param rate_factor: x265's CRF, 0 to 51 (worst).
    :return: (H, W) uint8.
    """
    # Without its lookahead and analysis, a frame takes a third of the time.
    options = {'preset': 'ultrafast', 'x265-params': 'log-level=none:ctu=16:pools=none'}
    packets = encode_frames([image], rate_factor, codec='libx265', options=options)
    decoded = decode_frames(packets, 'hevc')
    return decoded[0][:image.shape[0], :image.shape[1]].copy()


def encode_frames(frames: Sequence[np.ndarray], rate_factor: int, codec: str = 'libx264',
                  options: dict[str, str] | None = None) -> list[bytes]:
    """
    Compress frames, the first as a key frame.

    :param frames: (H, W) uint8, all of one size; odd sides are padded by one.
    :param rate_factor: CRF, 0 to 51 (worst).
    :param options: more options of the encoder.
    :return: a packet for each frame.
    """
    rows, columns = frames[0].shape
    _require_av()
    encoder: Any = av.CodecContext.create(codec, 'w')
    encoder.height, encoder.width = rows + rows % 2, columns + columns % 2
    encoder.pix_fmt, encoder.framerate = 'gray', Fraction(30)
    encoder.thread_count = 1  # the result depends on it
    encoder.options = {'crf': str(int(rate_factor)), 'preset': 'veryfast', 'tune': 'zerolatency',
                       **(options or {})}
    packets: list[av.Packet] = []
    for frame in frames:
        even = np.pad(frame, ((0, rows % 2), (0, columns % 2)), 'edge')
        packets += encoder.encode(av.VideoFrame.from_ndarray(even, 'gray'))
    return [bytes(packet) for packet in (*packets, *encoder.encode(None))]


def decode_frames(packets: Sequence[bytes], codec: str = 'h264') -> list[np.ndarray]:
    """
    Decompress packets; those that are too damaged are left out.

    :return: (H, W) uint8 each, with the padding of odd sides.
    """
    _require_av()
    decoder: Any = av.CodecContext.create(codec, 'r')
    decoder.thread_count = 1
    frames: list[av.VideoFrame] = []
    for packet in (*map(av.Packet, packets), None):
        try:
            frames += decoder.decode(packet)
        except av.FFmpegError:
            continue
    # As they were coded: to_ndarray would take them for studio range.
    planes = [frame.planes[0] for frame in frames]
    return [np.asarray(luma).reshape(-1, luma.line_size)[:, :luma.width] for luma in planes]


def _require_av() -> None:
    if not IS_AVAILABLE:
        raise ImportError('H.264 and HEVC need PyAV: pip install av')
