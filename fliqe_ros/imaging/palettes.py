"""Colour palettes of thermal pictures, drawn from gray levels; palette_reader turns them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

#: RGB colours from cold to hot, evenly spaced.
_COLORS = {
    'ironbow': ((0, 0, 10), (80, 0, 145), (165, 0, 150), (215, 50, 60), (240, 110, 5),
                (253, 180, 10), (255, 240, 120), (255, 255, 250)),
    'rainbow': ((0, 0, 80), (0, 60, 220), (0, 190, 220), (40, 205, 60), (240, 230, 20),
                (250, 100, 20), (235, 20, 30), (255, 225, 225)),
    'arctic': ((10, 0, 130), (30, 110, 240), (120, 225, 250), (130, 135, 140), (160, 95, 40),
               (235, 160, 55), (255, 235, 170)),
    'lava': ((0, 0, 20), (15, 40, 110), (20, 110, 130), (130, 40, 100), (225, 30, 30),
             (250, 140, 20), (255, 245, 200)),
    'spectra': ((0, 0, 0), (0, 0, 110), (0, 70, 210), (0, 110, 120), (0, 130, 0), (110, 185, 0),
                (230, 230, 0), (245, 150, 0), (240, 10, 0), (245, 90, 90), (255, 255, 255)),
}
_OPENCV = ('bone', 'cividis', 'cool', 'hot', 'inferno', 'jet', 'magma', 'ocean', 'parula', 'pink',
           'plasma', 'rainbow', 'turbo', 'viridis', 'winter')


def colorize(gray: np.ndarray, name: str) -> np.ndarray:
    """
    Colour a picture with one of ``PALETTES``, (H, W) uint8 → (H, W, 3) uint8 BGR.

    :raises KeyError: for an unknown name.
    """
    return cv2.applyColorMap(gray, PALETTES[name].reshape(256, 1, 3))


def _between(colors: Sequence[Iterable[int]]) -> np.ndarray:
    positions = np.linspace(0, 255, len(colors))
    channels = [np.interp(np.arange(256), positions, channel) for channel in zip(*colors)]
    return np.rint(np.stack(channels[::-1], axis=1)).astype(np.uint8)


def _of_opencv(name: str) -> np.ndarray:
    levels = np.arange(256, dtype=np.uint8)[:, None]
    return cv2.applyColorMap(levels, getattr(cv2, f'COLORMAP_{name.upper()}'))[:, 0]


#: Those that training and evaluation show frames in.
SHOWN_PALETTES = ('ironbow', 'rainbow', 'arctic', 'lava')
#: Name → (256, 3) uint8, BGR by gray level: the cameras', and OpenCV's of the same use.
PALETTES = {**{name: _between(colors) for name, colors in _COLORS.items()},
            **{f'opencv_{name}': _of_opencv(name) for name in _OPENCV}}
