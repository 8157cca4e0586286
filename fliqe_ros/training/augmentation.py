"""
Camera augmentation: the natural variety of thermal frames that must all count as clean.

What a network learns has to be the distortion, not the camera: optics, gain control, polarity,
sharpening, sensor noise, good-quality compression and burnt-in graphics are drawn at random and
are the same for a clean frame and its distorted versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
from fliqe_ros.data.sources import Frame
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palettes import colorize, SHOWN_PALETTES
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.displays import Display
from fliqe_ros.simulation.distortions import jpeg
from fliqe_ros.simulation.h264 import h264
import numpy as np

#: Counts of a simulated raw sensor for each 8-bit level.
COUNTS_PER_LEVEL = 48
RAW_SHARE, PALETTE_SHARE, DISPLAY_SHARE = 0.25, 0.1, 0.35
#: px, standard deviation of the softest optics whose pictures count as clean.
SOFTNESS = 1.2


@dataclass(frozen=True)
class CameraAugmentation:
    """
    A camera, drawn at random: what it does to all versions of a view.

    The default is a plain camera that adds nothing.
    """

    varied: bool = False        #: whether it adds noise and compression of its own
    seed: int = 0               #: of that
    raw: bool = False           #: whether it gives 16-bit counts, with gain control behind it
    palette: str = ''           #: the colours of its picture; '' is gray
    quality: int | None = None  #: of the JPEG that arrives
    #: burnt into the picture, over whatever is wrong with it
    display: Display = field(default_factory=Display.none)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> 'CameraAugmentation':
        """Draw a camera."""
        return cls(
            varied=True, seed=int(rng.integers(2**63)), raw=rng.random() < RAW_SHARE,
            palette=str(rng.choice(SHOWN_PALETTES)) if rng.random() < PALETTE_SHARE else '',
            quality=int(rng.integers(75, 98)) if rng.random() < 0.15 else None,
            display=Display.draw(rng) if rng.random() < DISPLAY_SHARE else Display.none())

    def sense(self, view: np.ndarray) -> np.ndarray:
        """Return what the sensor gives of an (H, W) uint8 view: uint8, or uint16 raw counts."""
        rng = np.random.default_rng(self.seed)
        if self.raw:  # gain control will stretch contrast and noise alike
            counts = COUNTS_PER_LEVEL * (10 + _noise(view, 0.5, rng))
            return np.clip(np.rint(counts), 0, 65_535).astype(np.uint16)
        return _in_camera(to_uint8(_noise(view, 1.0, rng)), rng) if self.varied else view

    def show(self, image: np.ndarray) -> np.ndarray:
        """
        Return what arrives of a picture, in gray: with a display, coloured and compressed.

        :param image: (H, W) uint8.
        """
        image = self.display.put_on(image)
        if self.palette:  # luma, as of a palette that is not among those known
            image = cv2.cvtColor(colorize(image, self.palette), cv2.COLOR_BGR2GRAY)
        return image if self.quality is None else jpeg(image, self.quality)


def random_view(frame: Frame, size: tuple[int, int], camera: CameraAugmentation,
                rng: np.random.Generator, softness: float = SOFTNESS) -> np.ndarray:
    """
    Cut a random view of a frame, as the camera's optics would show it.

    The view varies in what comes before the sensor's noise: scale, flips, gain control, polarity,
    tone and softness.

    :param size: rows and columns of the view.
    :param softness: px, standard deviation of the softest optics.
    :return: (rows, columns) uint8.
    """
    image = frame.to_8bit(_gain_control(rng) if camera.varied else GainControl())
    image = _view(image, size, rng)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if not camera.varied:
        return np.ascontiguousarray(image)
    if rng.random() < 0.2:
        image = image[::-1]
    if rng.random() < 0.35:  # black-hot
        image = 255 - image
    image = _tone(image.astype(np.float32), rng)
    if rng.random() < 0.3:  # soft optics
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, softness))
    elif rng.random() < 0.3:
        image = _resampled(image, 0.54 / softness, rng)
    if rng.random() < 0.45:
        image = _sharpen(image, rng)
    return to_uint8(image)


def _noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add the slight noise of a good sensor, some of it by column; float32."""
    image = image.astype(np.float32)
    if rng.random() < 0.5:
        return image
    sigma = strength * (rng.uniform(0.3, 1.5) if rng.random() < 0.6 else rng.uniform(1.5, 4.0))
    columns = rng.uniform(0, 0.5) * sigma * rng.standard_normal(image.shape[1], np.float32)
    return image + sigma * rng.standard_normal(image.shape, np.float32) + columns


def _in_camera(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give an 8-bit picture few levels, graphics or compression, as good cameras do."""
    if rng.random() < 0.06:
        levels = rng.integers(40, 128)
        image = to_uint8(np.rint(image / 255.0 * levels) * (255.0 / levels))
    if rng.random() < 0.25:
        image = jpeg(image, int(rng.integers(70, 98)))
    elif rng.random() < 0.08:
        image = h264(image, int(rng.integers(16, 27)))
    return image


def _gain_control(rng: np.random.Generator) -> GainControl:
    if rng.random() < 0.4:
        return GainControl()
    return GainControl('percentile', rng.uniform(0, 3), 100 - rng.uniform(0, 3))


def _view(image: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Cut a region and resample it to ``size``: most often smaller, so crisper, than it was."""
    rows, columns = size
    smallest = max(rows / image.shape[0], columns / image.shape[1])
    zoom = 1.0 if rng.random() < 0.4 else np.exp(rng.uniform(np.log(0.35), np.log(1.3)))
    zoom = max(zoom, smallest)
    height = min(image.shape[0], round(rows / zoom))
    width = min(image.shape[1], round(columns / zoom))
    top = rng.integers(image.shape[0] - height + 1)
    left = rng.integers(image.shape[1] - width + 1)
    region = image[top:top + height, left:left + width]
    if (height, width) == size:
        return region
    shrink = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR)[rng.integers(3)]
    method = shrink if zoom < 1 else (cv2.INTER_CUBIC, cv2.INTER_LINEAR)[rng.integers(2)]
    return cv2.resize(region, (columns, rows), interpolation=method)


def _tone(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gain control as cameras differ in it: clipped ends, gamma, contrast, local equalisation."""
    if rng.random() < 0.12:
        clahe = cv2.createCLAHE(rng.uniform(1.0, 4.0), (8, 8))
        image = clahe.apply(to_uint8(image)).astype(np.float32)
    if rng.random() < 0.3:  # stretch, part of the frame saturates
        black = rng.uniform(0, 40) if rng.random() < 0.35 else rng.uniform(0, 3)
        low, high = np.percentile(image[::2, ::2], (black, 100 - rng.uniform(0, 3)))
        image = np.clip((image - low) * (255 / max(high - low, 24.0)), 0, 255)
    if rng.random() < 0.4:
        image = 255 * (image / 255) ** np.exp(rng.uniform(-0.6, 0.6))
    if rng.random() < 0.3:  # less contrast, yet neither dark nor bright as a whole
        width = rng.uniform(0.45, 1.0)
        level = rng.uniform(0.05, 1.0) * (1 - width) * 255
        image = image * width + max(level, 165 - 255 * width)
    return image


def _resampled(image: np.ndarray, least_share: float, rng: np.random.Generator) -> np.ndarray:
    """Enlarge as cameras do that put out more pixels than their sensor has."""
    rows, columns = image.shape
    share = (rng.uniform(least_share, 0.95) if rng.random() < 0.6
             else max(least_share, 1 / rng.choice((2, 2, 3))))
    small = cv2.resize(image, (round(columns * share), round(rows * share)),
                       interpolation=cv2.INTER_AREA)
    method = (cv2.INTER_CUBIC, cv2.INTER_LINEAR)[rng.integers(2)]
    return cv2.resize(small, (columns, rows), interpolation=method)


def _sharpen(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unsharp mask, as cameras apply it."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.0))
    amount = rng.uniform(0.2, 1.6) if rng.random() < 0.9 else rng.uniform(1.6, 3.0)
    return image + amount * (image - soft)
