"""
Judged kinds of the eight distortions of the reference, by other means.

Frames are (H, W) float32 in levels, 0 to 255; clipping and codecs act after gain control.
"""

from __future__ import annotations

import io

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.evaluation.judging.fields import normalized, power_law
from fliqe_ros.simulation.artifacts.artifact import Artifact, Stage
from fliqe_ros.simulation.severity import Range
import numpy as np
from PIL import Image

#: Bytes of a JPEG 2000 codestream of one tile and six resolutions without any data.
CODESTREAM_HEADERS = 180


def _filtered(frame: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    kernel = kernel / kernel.sum()
    return cv2.filter2D(frame, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)


def defocus(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Move the lens out of focus: each point becomes a disc of a radius in pixels, or a ring."""
    reach = int(np.ceil(strength)) + 1
    y, x = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    radius = np.hypot(y, x * rng.uniform(0.85, 1.15))
    kernel = np.clip(strength + 0.5 - radius, 0, 1)
    if rng.random() < 0.3:  # the secondary mirror or spherical aberration
        kernel -= rng.uniform(0.2, 0.6) * np.clip(0.5 * strength + 0.5 - radius, 0, 1)
    return _filtered(frame, kernel.astype(np.float32))


def shake(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Move the camera on a bent path, whose length is in pixels, at an uneven speed."""
    t = np.linspace(0, 1, int(strength * 8) + 8) ** rng.uniform(0.8, 1.3)
    turn = rng.uniform(0, 2 * np.pi) + rng.uniform(-1.2, 1.2) * t
    steps = np.stack((np.cos(turn), np.sin(turn))) * np.diff(t, prepend=0.0)
    path = np.cumsum(steps, axis=1) * strength
    path -= (path.max(axis=1, keepdims=True) + path.min(axis=1, keepdims=True)) / 2
    reach = int(np.ceil(np.abs(path).max())) + 1
    kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
    x, y = path + reach
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column))
            np.add.at(kernel, (row + down, column + right), weight)
    return _filtered(frame, kernel)


def poisson_like_noise(frame: np.ndarray, strength: float,
                       rng: np.random.Generator) -> np.ndarray:
    """Count photons: noise grows with the root of the signal; rms in levels at its mean."""
    signal = np.maximum(frame + np.float32(rng.uniform(15.0, 120.0)), 1.0)
    deviation = np.sqrt(signal * np.float32(strength ** 2 / float(signal.mean())))
    return frame + deviation * rng.standard_normal(frame.shape, np.float32)


def correlated_noise(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise that neighbours share a little, after a sensor's or a camera's own filter."""
    return frame + np.float32(strength) * power_law(frame.shape, rng.uniform(0.3, 1.3), rng)


def salt_free_grain(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add bounded grain of one to two pixels that is strongest between black and white."""
    uniform = rng.random(frame.shape, np.float32) - np.float32(0.5)
    grain = cv2.GaussianBlur(uniform, (0, 0), rng.uniform(0.3, 0.7))
    between = 1 - np.clip(frame / 127.5 - 1, -1, 1) ** 2 * np.float32(rng.uniform(0.2, 0.6))
    return frame + np.float32(strength) * between * normalized(grain)


def highlight_clip(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Overexpose by gain and offset: the middle of the scale is ``strength`` times as bright."""
    gain = rng.uniform(0.5 * (1.0 + strength), strength)
    return np.clip(gain * picture + 127.5 * (strength - gain), 0, 255)


def crushed_blacks(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Underexpose by gain and offset: the middle is ``strength`` times as bright."""
    gain = rng.uniform(strength, 0.5 * (1.0 + strength))
    return np.clip(gain * picture + 127.5 * (strength - gain), 0, 255)


def _decoded(stream: io.BytesIO) -> np.ndarray:
    with Image.open(stream) as image:
        return np.asarray(image.convert('L'), np.float32)


def jpeg2000(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Compress with JPEG 2000; the strength is the ratio of the sizes, headers apart."""
    stream = io.BytesIO()
    image = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    bytes_left = CODESTREAM_HEADERS + picture.size / strength
    image.save(stream, 'JPEG2000', quality_mode='rates', irreversible=True, no_jp2=True,
               quality_layers=[picture.size / bytes_left])
    return _decoded(stream)


def webp(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """
    Compress a picture of low contrast with WebP, and stretch it by ``strength`` when it is shown.

    Cameras do so that compress a fixed range of temperatures and leave the contrast to the
    display.
    """
    stream = io.BytesIO()
    narrow = np.clip(np.rint(127.5 + (picture - 127.5) / strength), 0, 255).astype(np.uint8)
    Image.fromarray(narrow).convert('RGB').save(
        stream, 'WEBP', quality=int(rng.integers(5, 26)), method=0)
    return np.clip(127.5 + (_decoded(stream) - 127.5) * np.float32(strength), 0, 255)


def double_image(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lay a copy over the frame, moved, scaled, turned a little and out of focus."""
    height, width = frame.shape
    turn = rng.uniform(0, 2 * np.pi)
    shift = rng.uniform(7.0, 14.0)
    move = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1.0, 1.0),
                                   rng.uniform(0.97, 1.03))
    move[0, 2] += shift * np.cos(turn)
    move[1, 2] += shift * np.sin(turn)
    copy = cv2.warpAffine(frame, move, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    copy = cv2.GaussianBlur(copy, (0, 0), rng.uniform(0.3, 1.2))
    return frame + np.float32(strength) * (copy - frame)


def pixelated(frame: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Average blocks of pixels and repeat them."""
    height, width = frame.shape
    size = max(2, round(width / strength)), max(2, round(height / strength))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


ARTIFACTS = {
    'defocus': Artifact(Distortion.LENS_BLUR, defocus, Range(2, 5, 14, 'pixels')),
    'shake': Artifact(Distortion.MOTION_BLUR, shake, Range(6, 17, 48, 'pixels')),
    'poisson_like_noise': Artifact(Distortion.GAUSSIAN_NOISE, poisson_like_noise,
                                   Range(8, 25, 70, 'levels rms')),
    'correlated_noise': Artifact(Distortion.GAUSSIAN_NOISE, correlated_noise,
                                 Range(8, 25, 70, 'levels rms')),
    'salt_free_grain': Artifact(Distortion.GAUSSIAN_NOISE, salt_free_grain,
                                Range(8, 25, 70, 'levels rms')),
    'highlight_clip': Artifact(Distortion.OVEREXPOSURE, highlight_clip,
                               Range(1.4, 2.5, 6, 'times'), Stage.PICTURE),
    'crushed_blacks': Artifact(Distortion.UNDEREXPOSURE, crushed_blacks,
                               Range(0.6, 0.3, 0.08, 'times'), Stage.PICTURE),
    'jpeg2000': Artifact(Distortion.COMPRESSION, jpeg2000, Range(30, 120, 500, 'times smaller'),
                         Stage.PICTURE),
    'webp': Artifact(Distortion.COMPRESSION, webp, Range(1.3, 3, 12, 'times stretched'),
                     Stage.PICTURE),
    'double_image': Artifact(Distortion.GHOSTING, double_image, Range(0.15, 0.4, 0.6, 'opacity')),
    'pixelated': Artifact(Distortion.ALIASING, pixelated, Range(2, 4, 10, 'pixels')),
}
