"""Crops of a picture that are worth a closer look."""

import cv2
import numpy as np


def richest_corner(image: np.ndarray, side: int) -> tuple[int, int]:
    """
    Return the corner of the square with the most structure.

    :param image: (H, W) uint8.
    :param side: of the square, px; cut down to the image where that is smaller.
    :return: row and column of the square's top left corner.
    """
    height, width = (min(side, length) for length in image.shape)
    change = np.abs(cv2.Laplacian(cv2.GaussianBlur(image, (0, 0), 3), cv2.CV_32F))
    sums = cv2.boxFilter(change, cv2.CV_32F, (width, height), anchor=(0, 0), normalize=False)
    sums = sums[:image.shape[0] - height + 1, :image.shape[1] - width + 1]
    row, column = np.unravel_index(np.argmax(sums), sums.shape)
    return int(row), int(column)
