"""
Simulated distortions of thermal frames: the eight types of FLIQE with continuous severity.

Every type has one physical parameter that runs geometrically from its mild to its strong end as
severity goes from 0 to 1, and one reference value at which models are compared.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.counts import from_levels, levels
from fliqe_ros.simulation.severity import Range
import numpy as np

REFERENCE_ANGLE_DEG = 45.0
REFERENCE_GHOST_SHIFT_PX = (10.0, 0.0)


#: Optics and sensor distort the counts. Exposure, which in a thermal camera is its gain control
#: gone wrong, and compression act on the 8-bit picture.
BEFORE_GAIN_CONTROL = (
    Distortion.LENS_BLUR, Distortion.MOTION_BLUR, Distortion.GAUSSIAN_NOISE, Distortion.GHOSTING,
    Distortion.ALIASING)


#: The last number is where people begin to call a picture fair: for noise and compression taken
#: from rated pictures of LWIR-IQA (doi 10.2478/jee-2022-0011), for the others by eye.
RANGES = {
    Distortion.LENS_BLUR: Range(1.3, 2.0, 4.5, 'standard deviation, px', 1.4),
    Distortion.MOTION_BLUR: Range(6, 15, 29, 'length, px', 7.5),
    Distortion.GAUSSIAN_NOISE: Range(8, 25, 45, 'standard deviation, 8-bit levels', 17),
    Distortion.OVEREXPOSURE: Range(1.6, 2.5, 4.0, 'brightness factor', 1.75),
    Distortion.UNDEREXPOSURE: Range(0.5, 0.3, 0.12, 'brightness factor', 0.45),
    Distortion.COMPRESSION: Range(30, 5, 2, 'JPEG quality', 15),
    Distortion.GHOSTING: Range(0.25, 0.4, 0.5, 'weight of the weaker copy', 0.2),
    Distortion.ALIASING: Range(2, 4, 7, 'decimation factor', 1.7),
}


def distort(image: np.ndarray, distortion: Distortion, severity: float | None = None,
            rng: np.random.Generator | None = None) -> np.ndarray:
    """
    Return a distorted copy of a gray frame.

    Raw counts are distorted as if their 0.5 to 99.5 percentile range were 0 to 255, so that a
    severity means the same for both. Gain control behind it undoes most of a raw frame's
    underexposure, as in a real camera.

    :param image: (H, W) uint8, or uint16 raw counts.
    :param distortion: one that can be simulated, or ``CLEAN``.
    :param severity: see ``Range.at``; None is the reference severity.
    :param rng: draws noise and, if a severity is given, angle and shift; None is a fixed seed.
    :return: the same shape and dtype.
    :raises ValueError: for other types, shapes and severities.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'Cannot distort {image.dtype} frames of shape {image.shape}: '
                         'give (H, W) uint8 or uint16.')
    if distortion == Distortion.CLEAN:
        return image.copy()
    if distortion not in RANGES:
        raise ValueError(f'{distortion!r} is no distortion that can be simulated.')
    value = RANGES[distortion].at(severity)
    draw = np.random.default_rng(0) if rng is None else rng
    low, scale = levels(image)
    frame = (image.astype(np.float32) - low) * scale
    frame = _SIMULATE[distortion](frame, value, severity is None, draw)
    return from_levels(frame, low, scale, image.dtype)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """
    Compress and decompress a frame.

    :param image: (H, W) uint8.
    :param quality: 0 (worst) to 100.
    :raises ValueError: for a frame that JPEG cannot hold.
    """
    done, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise ValueError(f'Cannot compress a frame of shape {image.shape} as JPEG.')
    decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert decoded is not None  # OpenCV wrote it
    return np.asarray(decoded)


def _lens_blur(frame: np.ndarray, sigma: float, reference: bool,
               rng: np.random.Generator) -> np.ndarray:
    size = 2 * int(np.ceil(2.5 * sigma)) + 1
    return cv2.GaussianBlur(frame, (size, size), sigma)


def motion_kernel(length_px: float, angle_deg: float) -> np.ndarray:
    """Kernel of a straight, even motion, sum 1; float32, odd side; angle counterclockwise."""
    side = 2 * int(np.ceil(length_px / 2)) + 1
    along = np.linspace(-0.5, 0.5, 8 * side) * (length_px - 1)
    angle = np.radians(angle_deg)
    columns, rows = side // 2 + along * np.cos(angle), side // 2 - along * np.sin(angle)
    kernel = np.zeros((side, side), np.float32)
    for row in (0, 1):  # each point of the path is shared among its four pixels
        for column in (0, 1):
            near = np.floor(rows).astype(int) + row, np.floor(columns).astype(int) + column
            weights = (1 - np.abs(near[0] - rows)) * (1 - np.abs(near[1] - columns))
            np.add.at(kernel, (near[0] % side, near[1] % side), weights)
    return kernel / kernel.sum()


def _motion_blur(frame: np.ndarray, length: float, reference: bool,
                 rng: np.random.Generator) -> np.ndarray:
    angle = REFERENCE_ANGLE_DEG if reference else rng.uniform(0.0, 180.0)
    return cv2.filter2D(frame, -1, motion_kernel(length, angle))


def _gaussian_noise(frame: np.ndarray, sigma: float, reference: bool,
                    rng: np.random.Generator) -> np.ndarray:
    return frame + sigma * rng.standard_normal(frame.shape, np.float32)


def _brightness(frame: np.ndarray, factor: float, reference: bool,
                rng: np.random.Generator) -> np.ndarray:
    return np.clip(frame * factor, 0, 255)


def _compression(frame: np.ndarray, quality: float, reference: bool,
                 rng: np.random.Generator) -> np.ndarray:
    frame = to_uint8(frame)
    return jpeg(frame, round(quality)).astype(np.float32)


def _ghosting(frame: np.ndarray, weight: float, reference: bool,
              rng: np.random.Generator) -> np.ndarray:
    if reference:
        shift, copy_weight = REFERENCE_GHOST_SHIFT_PX, 1.0 - weight
    else:
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(6.0, 16.0)
        shift = (distance * np.cos(angle), distance * np.sin(angle))
        copy_weight = weight if rng.random() < 0.5 else 1.0 - weight
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    copy = cv2.warpAffine(frame, move, frame.shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
    return cv2.addWeighted(frame, 1.0 - copy_weight, copy, copy_weight, 0.0)


def _aliasing(frame: np.ndarray, factor: float, reference: bool,
              rng: np.random.Generator) -> np.ndarray:
    height, width = frame.shape
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    decimated = cv2.resize(frame, small, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(decimated, (width, height), interpolation=cv2.INTER_NEAREST)


_SIMULATE: dict[Distortion, Callable] = {
    Distortion.LENS_BLUR: _lens_blur,
    Distortion.MOTION_BLUR: _motion_blur,
    Distortion.GAUSSIAN_NOISE: _gaussian_noise,
    Distortion.OVEREXPOSURE: _brightness,
    Distortion.UNDEREXPOSURE: _brightness,
    Distortion.COMPRESSION: _compression,
    Distortion.GHOSTING: _ghosting,
    Distortion.ALIASING: _aliasing,
}
