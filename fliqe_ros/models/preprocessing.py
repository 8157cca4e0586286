"""Frames → what the networks take, as NumPy arrays: the same for every backend on a CPU."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import cv2
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import to_gray
import numpy as np
from PIL import Image

# Pillow 9.0 has no Image.Resampling; its annotations do not name the constant.
_BILINEAR = Image.BILINEAR  # type: ignore[attr-defined]

#: Frames narrower or lower than this are padded for thermal_s, by reflection.
MIN_SIDE = 128
#: Side of the square input of resnet50, in pixels.
INPUT_SIZE = 224


class Prepared(NamedTuple):
    """A frame in the form that a backend scores."""

    #: What the network takes, (C, h, w) uint8; or the frame, for a backend that does the rest.
    pixels: np.ndarray
    #: The gain control that is left to the backend; None if nothing is left to do.
    gain: GainControl | None = None

    @property
    def batch_key(self) -> tuple[tuple[int, ...], np.dtype, GainControl | None]:
        """Return what frames must have in common to share a forward pass."""
        return self.pixels.shape, self.pixels.dtype, self.gain


def preprocess_thermal_s(frame: np.ndarray) -> np.ndarray:
    """
    Return the input of thermal_s: gray, at the frame's own size, padded up to 128 pixels a side.

    Colour palettes are turned back into the gray levels that they colour, each frame by itself;
    a ``PaletteReader`` that is kept for a camera does it sooner, and beforehand.

    :param frame: (H, W) gray or (H, W, 3) BGR, uint8.
    :return: (1, h, w) uint8. A gray frame that needs no padding is not copied: the result shares
        its memory and is read-only if the frame is.
    """
    gray = frame if frame.ndim == 2 else to_gray(frame)
    pad_h, pad_w = (max(0, MIN_SIDE - side) for side in gray.shape)
    if pad_h or pad_w:
        gray = cv2.copyMakeBorder(gray, pad_h // 2, pad_h - pad_h // 2,
                                  pad_w // 2, pad_w - pad_w // 2, cv2.BORDER_REFLECT_101)
    return gray[np.newaxis]


def preprocess_resnet50(frame: np.ndarray) -> np.ndarray:
    """
    Return the input of resnet50: RGB, resized to 224x224 with PIL's bilinear filter.

    It has to be PIL: other resizers move the scores of published weights by up to 3e-3.

    :param frame: (H, W) gray or (H, W, 3) BGR, uint8.
    :return: (3, 224, 224) uint8.
    """
    size = (INPUT_SIZE, INPUT_SIZE)
    if frame.ndim == 2:  # the three channels are equal: resize one of them
        gray = np.asarray(Image.fromarray(frame).resize(size, _BILINEAR))
        return np.broadcast_to(gray, (3, *gray.shape))
    image = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return np.asarray(image.resize(size, _BILINEAR)).transpose(2, 0, 1)


def group_indices(keys: Iterable[Hashable]) -> list[list[int]]:
    """
    Group the indices of equal keys, such as those of frames that can share a forward pass.

    :return: lists of ascending indices, in the order in which their keys first appear.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def stack(frames: Sequence[Prepared]) -> np.ndarray:
    """Return frames of one size as a batch; for a single contiguous frame it is a view."""
    first = frames[0].pixels
    return (np.ascontiguousarray(first[np.newaxis]) if len(frames) == 1
            else np.stack([frame.pixels for frame in frames]))
