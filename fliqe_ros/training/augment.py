"""
Camera augmentation: the natural variety of thermal frames that must all count as clean.

What a network learns has to be the distortion, not the camera: optics, gain control, polarity,
sharpening, sensor noise, good-quality compression and burnt-in graphics are drawn at random and
are the same for a clean frame and its distorted versions.
"""

import cv2
from fliqe_ros.agc import GainControl
from fliqe_ros.training.data import Frame
from fliqe_ros.training.distortions import jpeg
import numpy as np

PALETTES = (cv2.COLORMAP_INFERNO, cv2.COLORMAP_HOT, cv2.COLORMAP_JET, cv2.COLORMAP_BONE,
            cv2.COLORMAP_PLASMA, cv2.COLORMAP_RAINBOW)


def look(frame: Frame, size: tuple, rng: np.random.Generator) -> np.ndarray:
    """
    Cut a random view of ``size`` (rows, columns) as some camera would show it; uint8.

    Covers what happens before the sensor's noise: scale, flips, gain control, polarity, tone.
    """
    image = frame.to_8bit(_gain_control(rng))
    image = _view(image, size, rng)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.2:
        image = image[::-1]
    if rng.random() < 0.35:  # black-hot
        image = 255 - image
    image = _tone(image.astype(np.float32), rng)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.7))
    if rng.random() < 0.45:
        image = _sharpen(image, rng)
    return _to_8bit(image)


def sensor(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add what a good camera adds after the optics: slight noise, compression, graphics."""
    if rng.random() < 0.5:
        sigma = rng.uniform(0.3, 1.5) if rng.random() < 0.6 else rng.uniform(1.5, 4.0)
        noise = sigma * rng.standard_normal(image.shape, np.float32)
        noise += rng.uniform(0, 0.5) * sigma * rng.standard_normal(image.shape[1], np.float32)
        image = _to_8bit(image + noise)
    if rng.random() < 0.06:
        image = _palette_as_gray(image, rng)
    if rng.random() < 0.06:
        levels = rng.integers(24, 96)
        image = _to_8bit(np.rint(image / 255.0 * levels) * (255.0 / levels))
    if rng.random() < 0.08:
        image = _graphics(image, rng)
    if rng.random() < 0.25:
        image = jpeg(image, rng.integers(70, 98))
    return image


def _gain_control(rng) -> GainControl:
    if rng.random() < 0.4:
        return GainControl()
    return GainControl('percentile', rng.uniform(0, 3), 100 - rng.uniform(0, 3))


def _view(image, size, rng):
    """Cut a region and resample it to ``size``: most often smaller, so crisper, than it was."""
    rows, columns = size
    smallest = max(rows / image.shape[0], columns / image.shape[1])
    zoom = 1.0 if rng.random() < 0.4 else np.exp(rng.uniform(np.log(0.35), np.log(1.15)))
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


def _tone(image, rng):
    """Gain control as cameras differ in it: clipped ends, gamma, contrast, local equalisation."""
    if rng.random() < 0.12:
        clahe = cv2.createCLAHE(rng.uniform(1.0, 4.0), (8, 8))
        image = clahe.apply(_to_8bit(image)).astype(np.float32)
    if rng.random() < 0.3:  # stretch, part of the frame saturates
        black = rng.uniform(0, 25) if rng.random() < 0.3 else rng.uniform(0, 3)
        low, high = np.percentile(image[::2, ::2], (black, 100 - rng.uniform(0, 3)))
        image = np.clip((image - low) * (255 / max(high - low, 24.0)), 0, 255)
    if rng.random() < 0.4:
        image = 255 * (image / 255) ** np.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.3:  # less contrast, yet neither dark nor bright as a whole
        width = rng.uniform(0.45, 1.0)
        level = rng.uniform(0.05, 1.0) * (1 - width) * 255
        image = image * width + max(level, 165 - 255 * width)
    return image


def _sharpen(image, rng):
    """Unsharp mask, as cameras apply it."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.0))
    return image + rng.uniform(0.2, 1.6) * (image - soft)


def _palette_as_gray(image, rng):
    coloured = cv2.applyColorMap(image, PALETTES[rng.integers(len(PALETTES))])
    return cv2.cvtColor(coloured, cv2.COLOR_BGR2GRAY)


def _graphics(image, rng):
    """Letterbox borders or burnt-in text."""
    image = image.copy()
    rows, columns = image.shape
    if rng.random() < 0.4:
        border = rng.integers(4, 24)
        level = 0 if rng.random() < 0.8 else 255
        if rng.random() < 0.5:
            image[:border] = image[-border:] = level
        else:
            image[:, :border] = image[:, -border:] = level
        return image
    for _ in range(rng.integers(1, 4)):
        place = (int(rng.integers(0, columns - 40)), int(rng.integers(12, rows)))
        text = ''.join(rng.choice(list('0123456789.:CFLIRec +-'), rng.integers(3, 10)))
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.3, 0.7),
                    int(rng.choice((0, 255))), 1,
                    cv2.LINE_AA if rng.random() < 0.5 else cv2.LINE_8)
    return image


def _to_8bit(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
