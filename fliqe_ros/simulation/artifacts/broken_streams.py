"""
Corruption of compressed streams: bytes of JPEG and H.264 that were lost or changed on the way.

Both are really encoded, damaged and decoded. In JPEG (ITU-T T.81) a wrong bit derails the Huffman
decoder, and since the mean of each block is coded as the difference to the one before, all later
blocks are displaced and too bright or too dark, up to the next restart marker. In H.264 (ITU-T
H.264) the rest of a slice is lost; decoders conceal it with what stands above or came before.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.artifacts.transfer import other_view
from fliqe_ros.simulation.h264 import decode_frames, encode_frames
from fliqe_ros.simulation.severity import Range
import numpy as np
from PIL import Image

#: Damage is plain if it changes the spoilt part by this much, in gray levels (mean of absolutes).
PLAIN_CHANGE = 8.0
MOST_DRAWS = 4
SCAN = b'\xff\xda'  # JPEG's start of scan
END = b'\xff\xd9'


def _broken_jpeg(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Damage the scan of a JPEG, or cut it off.

    :param share: of the scan, what lies behind the first damage.
    """
    picture = to_uint8(frame)
    colour = rng.random() < 0.4  # a camera that sends its gray in colours: blocks of 16 px
    interval = int(rng.choice((0, 0, 0, 1, 4))) * -(-frame.shape[1] // (16 if colour else 8))
    source = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if colour else picture
    done, data = cv2.imencode('.jpg', source, [
        cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96)),
        cv2.IMWRITE_JPEG_RST_INTERVAL, interval])
    assert done  # such frames can be JPEG
    stream = data.tobytes()
    head = stream.index(SCAN)
    head += 2 + int.from_bytes(stream[head + 2:head + 4], 'big')
    scan = stream[head:-2]

    def draw(whole: bool) -> np.ndarray:
        first = round((1 - share) * len(scan))
        cut = whole or rng.random() < 0.25
        spoilt = scan[:first] if cut else _damaged(scan, first, rng, keep=0xFF)
        with Image.open(BytesIO(stream[:head] + spoilt + END)) as image:
            return np.asarray(image.convert('L'))
    return _plainly_changed(draw, picture, share)


def _broken_h264(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Damage a key frame, the frame after it, or leave the key frame out.

    :param share: of the frame, about what lies behind the first damage.
    """
    picture = to_uint8(frame)
    kind = rng.choice(('key', 'key', 'next', 'no key'))
    slices = int(rng.choice((1, 1, 4)))
    quality = int(rng.integers(22, 36))
    frames = [picture] if kind == 'key' else [to_uint8(other_view(frame, rng)), picture]
    options = {'preset': 'ultrafast', 'x264-params': f'slices={slices}'}
    packets = encode_frames(frames, quality, options=options)

    def draw(whole: bool) -> np.ndarray:
        sent = list(packets)
        first = round((1 - share) * len(sent[-1]))
        first = max(first, min(64, len(sent[-1]) // 3))  # parameter sets stand in front
        sent[-1] = sent[-1][:first] if whole else _damaged(sent[-1], first, rng)
        decoded = decode_frames(sent)
        return decoded[-1][:frame.shape[0], :frame.shape[1]] if decoded else picture
    return _plainly_changed(draw, picture, share)


def _damaged(data: bytes, first: int, rng: np.random.Generator, keep: int = -1) -> bytes:
    """
    Change, drop or repeat bytes from a place on.

    :param keep: a value that is neither changed, nor the byte behind it, nor written: markers.
    """
    spoilt = np.frombuffer(data, np.uint8).copy()
    hits = 1 + int(rng.geometric(0.25))
    places = first + (rng.random(hits) * (len(data) - first) * rng.choice((1.0, 0.3))).astype(int)
    places[0] = first
    for place in np.minimum(places, len(data) - 2):
        run = slice(place, place + int(rng.integers(1, 24)))
        part, before = spoilt[run], spoilt[max(place - 1, 0)]
        fixed = (part == keep) | (np.concatenate(([before], part[:-1])) == keep)
        spoilt[run] = np.where(fixed, part, rng.integers(0, 255, len(part)))
    if rng.random() < 0.4:
        dropped = slice(first, first + int(rng.integers(1, max(2, (len(data) - first) // 4))))
        spoilt = np.delete(spoilt, dropped)
    return spoilt.tobytes()


def _plainly_changed(draw: Callable[[bool], np.ndarray], picture: np.ndarray,
                     share: float) -> np.ndarray:
    """
    Draw until the damage shows.

    :param draw: gives a decoded picture; ``True`` for one without the rest of the stream.
    :return: (H, W) float32.
    """
    draws = []
    for number in range(MOST_DRAWS):
        draws.append(draw(number == MOST_DRAWS - 1))
        change = float(cv2.absdiff(draws[-1], picture).mean())
        if change > PLAIN_CHANGE * share:
            return draws[-1].astype(np.float32)
    return max(draws, key=lambda drawn: cv2.absdiff(drawn, picture).mean()).astype(np.float32)


ARTIFACTS = {
    'broken_jpeg': Artifact(
        Distortion.CORRUPTION, _broken_jpeg, Range(0.1, 0.5, 0.98, 'share of the stream'),
        Stage.PICTURE, False),
    'broken_h264': Artifact(
        Distortion.CORRUPTION, _broken_h264, Range(0.1, 0.5, 0.98, 'share of the stream'),
        Stage.PICTURE, False),
}
