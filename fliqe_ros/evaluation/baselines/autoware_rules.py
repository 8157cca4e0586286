"""The block rules of Autoware's camera diagnostics, on one gray frame."""

import cv2
import numpy as np

# The defaults of Autoware's image_diagnostics node.
ROWS_PX = 480
BLOCKS = 5  # in each direction
DARK_BELOW = 10            # mean gray level of a block
BACKLIGHT_ABOVE = 230      # mean gray level of a block
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

    image: (H, W) uint8. It is resized to 480 rows and cut into 5×5 blocks. A block's state is the
    first that applies: dark (low mean), blockage (nearly all pixels black, no detail), low
    visibility (little detail, not bright), backlight (high mean). Detail is the mean logarithm
    of the magnitude of the real part of the block's Fourier transform.

    Returns five float64: blocks in each of ``STATES``, and the mean detail of all blocks. The
    rules are those of image_diagnostics in Autoware Universe (sensing; Apache-2.0).
    """
    columns_px = round(image.shape[1] * ROWS_PX / image.shape[0])
    gray = cv2.resize(image, (columns_px, ROWS_PX))
    rows, columns = ROWS_PX // BLOCKS, columns_px // BLOCKS
    blocks = gray[:, :columns * BLOCKS].reshape(BLOCKS, rows, BLOCKS, columns)
    blocks = blocks.transpose(0, 2, 1, 3).reshape(-1, rows, columns).astype(np.float32)
    mean = blocks.mean((1, 2))
    black = (blocks <= BLOCKAGE_PIXEL_UP_TO).mean((1, 2))
    spectrum = np.abs(np.fft.fft2(blocks).real)
    detail = np.log(np.maximum(spectrum, 1e-3)).mean((1, 2))
    applies = np.stack([
        mean < DARK_BELOW,
        (black > BLOCKAGE_SHARE) & (detail < BLOCKAGE_DETAIL),
        (detail < LOW_VISIBILITY_DETAIL) & (mean < BACKLIGHT_ABOVE),
        mean > BACKLIGHT_ABOVE])
    first = applies & (np.cumsum(applies, axis=0) == 1)
    return np.append(first.sum(1), detail.mean())


def block_score(states: np.ndarray) -> float:
    """Score of ``block_states`` by the node's own thresholds: one of ``SCORES``."""
    if (states[:-1] > ERROR_ABOVE).any():
        return SCORES[2]
    return SCORES[1] if (states[:-1] > WARNING_ABOVE).any() else SCORES[0]
