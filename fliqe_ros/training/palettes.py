"""Colour palettes of thermal cameras, drawn from their characteristic colours."""

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
}


def _lookup_table(colors) -> np.ndarray:
    positions = np.linspace(0, 255, len(colors))
    channels = [np.interp(np.arange(256), positions, channel) for channel in zip(*colors)]
    return np.rint(np.stack(channels[::-1], axis=1)).astype(np.uint8)


#: Name → (256, 3) uint8, BGR by gray level.
PALETTES = {name: _lookup_table(colors) for name, colors in _COLORS.items()}


def colorize(gray: np.ndarray, name: str) -> np.ndarray:
    """(H, W) uint8 → (H, W, 3) uint8 BGR in one of ``PALETTES``; raises KeyError for others."""
    return cv2.applyColorMap(gray, PALETTES[name].reshape(256, 1, 3))
