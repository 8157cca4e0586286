"""Pixel types: real numbers back to the integers of a picture."""

import numpy as np


def to_uint8(image: np.ndarray) -> np.ndarray:
    """
    Round to the nearest 8-bit level and clip to 0 to 255.

    :param image: any shape, real numbers in 8-bit levels.
    :return: uint8 of the same shape.
    """
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
