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
from fliqe_ros.simulation.artifacts.transfer import moved, other_view
from fliqe_ros.simulation.h264 import decode_frames, encode_frames
from fliqe_ros.simulation.severity import Range
import numpy as np
from PIL import Image

#: Damage is plain if it changes the spoilt part by this much, in gray levels (mean of absolutes).
PLAIN_CHANGE = 14.0
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
        cut = whole or rng.random() < 0.1
        spoilt = scan[:first] if cut else _damaged(scan, first, rng, keep=0xFF)
        with Image.open(BytesIO(stream[:head] + spoilt + END)) as image:
            return np.asarray(image.convert('L'))
    return _plainly_changed(draw, picture, share)


def _broken_h264(frame: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """
    Damage a key frame, or the frame after it, or lose the key frame.

    :param share: of the frame, about what lies behind the first damage.
    """
    picture, (rows, columns) = to_uint8(frame), frame.shape
    kind = rng.choice(('key', 'key', 'next', 'no key'))
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.12) * columns
    step = distance * np.array((np.cos(angle), np.sin(angle)))
    before = other_view(frame, rng) if rng.random() < 0.5 else moved(frame, step)
    if kind == 'no key':
        return _without_key_frame(frame, before, share, rng)
    frames = [picture] if kind == 'key' else [to_uint8(before), picture]
    options = {'preset': 'ultrafast', 'x264-params': f'slices={rng.choice((1, 1, 4))}'}
    packets = encode_frames(frames, int(rng.integers(20, 36)), options=options)
    if kind == 'next':  # beyond, it is the frame before, and whole again
        share = min(share, 0.6)

    def draw(whole: bool) -> np.ndarray:
        *sent, last = packets
        first = round((1 - share) * len(last))
        if kind == 'key':  # parameter sets stand in front
            first = max(first, min(64, len(last) // 2))
        sent.append(last[:first] if whole else _damaged(last, first, rng))
        decoded = decode_frames(sent)
        # A decoder that gives up shows nothing, or the frame before as it was.
        return decoded[-1][:rows, :columns] if len(decoded) == len(sent) else picture
    broken = _plainly_changed(draw, picture, share)
    others = [frame] if kind == 'key' else [frame, before.astype(np.float32)]
    if min(cv2.absdiff(broken, other).mean() for other in others) < 0.7 * PLAIN_CHANGE * share:
        return _without_key_frame(frame, before, share, rng)  # here all was concealed well
    return broken


def _without_key_frame(frame: np.ndarray, before: np.ndarray, share: float,
                       rng: np.random.Generator) -> np.ndarray:
    """
    Show what a player shows that joins in the middle of a stream: changes on gray.

    Macroblocks of 16 px that were coded anew are right; the others are gray and what changed.

    :param before: (H, W), the frame that never came, whose place gray takes.
    :param share: of the macroblocks, those that refer to it.
    """
    rows, columns = frame.shape
    blocks = (-(-rows // 16), -(-columns // 16))
    # Blocks are coded anew where much moves, in clumps.
    order = cv2.GaussianBlur(rng.random(blocks, np.float32), (0, 0), rng.uniform(0.5, 2.0))
    change = cv2.resize(np.abs(frame - before), blocks[::-1], interpolation=cv2.INTER_AREA)
    order += 2 * order.std() * change / max(float(change.max()), 1.0)
    refers = (order <= np.quantile(order, share)).astype(np.uint8)
    mask = np.kron(refers, np.ones((16, 16), np.uint8))[:rows, :columns]
    gray = float(rng.choice((128.0, rng.uniform(100, 150))))
    residual = (frame - before) * rng.uniform(0.1, 0.7)
    trails = cv2.blur(residual, (1, int(rng.choice((1, 9, 17)))))
    return np.where(mask > 0, gray + trails, frame)


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
    if rng.random() < 0.4 and spoilt[first - 1] != keep:
        most = max(2, (len(data) - first) // 4)
        spoilt = np.delete(spoilt, slice(first, first + int(rng.integers(1, most))))
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
        Distortion.CORRUPTION, _broken_jpeg, Range(0.1, 0.5, 0.98, 'share of the stream', 0.04),
        Stage.PICTURE, False),
    'broken_h264': Artifact(
        Distortion.CORRUPTION, _broken_h264, Range(0.06, 0.5, 0.95, 'share of the stream', 0.03),
        Stage.PICTURE, False),
}
