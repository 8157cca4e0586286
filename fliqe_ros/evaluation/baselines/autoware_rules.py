"""The block rules of Autoware's camera diagnostics, on one gray frame."""

import cv2
import numpy as np

# The defaults of Autoware's image_diagnostics node.
ROWS_PX = 480
BLOCKS = 5  # in each direction
DARK_BELOW = 10            # mean gray level of a block, truncated
BACKLIGHT_ABOVE = 230      # the same
BLOCKAGE_PIXEL_UP_TO = 10  # gray level
BLOCKAGE_SHARE = 0.9       # of such pixels
BLOCKAGE_DETAIL = 0.3      # mean logarithm of the spectrum, below
LOW_VISIBILITY_DETAIL = 4.0
STATES = ('dark', 'blockage', 'low_visibility', 'backlight')
#: More blocks of a state than this give a warning, and an error.
WARNING_ABOVE, ERROR_ABOVE = np.array([10, 3, 2, 2]), np.array([20, 5, 4, 3])
#: Score of a frame with status OK, WARN, ERROR; the node would report the last two.
SCORES = (1.0, 0.25, 0.0)


def block_states(image: np.ndarray) -> np.ndarray:
    """
    Count the blocks in each state, and measure the detail in them.

    The image is resized to 480 rows and cut into 5×5 blocks; columns that are left over on the
    right belong to none. The state of a block is the first that applies: dark (low mean),
    blockage (nearly all pixels black, no detail), low visibility (little detail, not bright),
    backlight (high mean). Like the node, this truncates the width of the resized image and the
    mean of a block to whole numbers. Detail is the mean logarithm of the magnitude of the real
    part of the block's Fourier transform. The rules are those of image_diagnostics in Autoware
    Universe (sensing; Apache-2.0).

    :param image: (H, W) uint8.
    :return: five float64: the blocks in each of ``STATES``, and the mean detail of all blocks.
    """
    gray = cv2.resize(image, (image.shape[1] * ROWS_PX // image.shape[0], ROWS_PX))
    rows, columns = ROWS_PX // BLOCKS, gray.shape[1] // BLOCKS
    blocks = [gray[top:top + rows, left:left + columns]
              for top in range(0, BLOCKS * rows, rows)
              for left in range(0, BLOCKS * columns, columns)]
    mean = np.array([int(cv2.mean(block)[0]) for block in blocks])
    black = np.array([(block <= BLOCKAGE_PIXEL_UP_TO).mean() for block in blocks])
    detail = np.array([_detail(block) for block in blocks])
    applies = np.stack([
        mean < DARK_BELOW,
        (black > BLOCKAGE_SHARE) & (detail < BLOCKAGE_DETAIL),
        (detail < LOW_VISIBILITY_DETAIL) & (mean < BACKLIGHT_ABOVE),
        mean > BACKLIGHT_ABOVE])
    first = applies & (np.cumsum(applies, axis=0) == 1)
    return np.append(first.sum(1), detail.mean())


def _detail(block: np.ndarray) -> float:
    """
    Return the mean logarithm of the magnitude of the spectrum's real part.

    The node uses ``cv::log``, which in OpenCV 4 ignores the sign and takes 0 for 2^-127; in
    OpenCV 5 it gives NaN and infinity.
    """
    pixels = block.astype(np.float32)
    spectrum = np.abs(cv2.dft(cv2.merge([pixels, np.zeros_like(pixels)]))[..., 0])
    # In float32, 2^-127 is subnormal: 0 wherever a library makes the processor flush such numbers.
    return float(np.log(np.maximum(spectrum.astype(np.float64), 2.0**-127)).mean())


def block_score(states: np.ndarray) -> float:
    """Return the score of ``block_states`` by the node's own thresholds: one of ``SCORES``."""
    if (states[:-1] > ERROR_ABOVE).any():
        return SCORES[2]
    return SCORES[1] if (states[:-1] > WARNING_ABOVE).any() else SCORES[0]
