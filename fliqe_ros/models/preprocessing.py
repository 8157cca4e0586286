"""Frames → what the networks take, as NumPy arrays: the same for every backend on a CPU."""

from typing import NamedTuple, Optional, Sequence

import cv2
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palettes import to_gray
import numpy as np
from PIL import Image

#: Frames narrower or lower than this are padded for thermal_s, by reflection.
MIN_SIDE = 128
#: Side of the square input of resnet50.
INPUT_SIZE = 224


class Prepared(NamedTuple):
    """
    A frame as a backend wants it.

    pixels: what the network takes, (C, h, w) uint8; or, for a backend that does the rest itself,
    the frame.
    gain: the gain control that is left to the backend; None if there is nothing left to do.
    """

    pixels: np.ndarray
    gain: Optional[GainControl] = None

    @property
    def kind(self) -> tuple:
        """Return what frames must have in common to share a forward pass."""
        return self.pixels.shape, self.pixels.dtype, self.gain


def preprocess_thermal_s(frame: np.ndarray) -> np.ndarray:
    """
    Return a frame as thermal_s sees it: gray, at its own size, sides of 128 pixels or more.

    Colour palettes are turned back into the gray levels that they colour.

    frame: (H, W) gray or (H, W, 3) BGR, uint8. Returns (1, h, w) uint8; a view of the frame, and
    as little writeable, where that is gray and large enough.
    """
    gray = frame if frame.ndim == 2 else to_gray(frame)
    pad_h, pad_w = (max(0, MIN_SIDE - side) for side in gray.shape)
    if pad_h or pad_w:
        gray = cv2.copyMakeBorder(gray, pad_h // 2, pad_h - pad_h // 2,
                                  pad_w // 2, pad_w - pad_w // 2, cv2.BORDER_REFLECT_101)
    return gray[np.newaxis]


def preprocess_resnet50(frame: np.ndarray) -> np.ndarray:
    """
    Return a frame as resnet50 sees it: RGB, resized to 224x224 with PIL's bilinear filter.

    Other resizers move the score of published weights by up to 3e-3, so it has to be PIL.

    frame: (H, W) gray or (H, W, 3) BGR, uint8. Returns (3, 224, 224) uint8.
    """
    size = (INPUT_SIZE, INPUT_SIZE)
    if frame.ndim == 2:  # the three channels are equal: resize one of them
        gray = np.asarray(Image.fromarray(frame).resize(size, Image.BILINEAR))
        return np.broadcast_to(gray, (3, *gray.shape))
    image = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return np.asarray(image.resize(size, Image.BILINEAR)).transpose(2, 0, 1)


def stack(frames: Sequence[Prepared]) -> np.ndarray:
    """Return frames of one size as a batch; of a single frame a view, if it is contiguous."""
    first = frames[0].pixels
    return (np.ascontiguousarray(first[np.newaxis]) if len(frames) == 1
            else np.stack([frame.pixels for frame in frames]))
