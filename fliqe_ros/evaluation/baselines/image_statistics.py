"""Statistics of a gray frame, (H, W) uint8: sharpness, entropy, histogram."""

import cv2
import numpy as np

#: Gray levels up to which a pixel is dark, and from which it is saturated.
DARK, SATURATED = 5, 250


def laplacian(image: np.ndarray) -> float:
    """Return sharpness: log(1 + variance of the Laplacian) (Pech-Pacheco et al., ICPR 2000)."""
    return float(np.log1p(cv2.Laplacian(image, cv2.CV_32F).var()))


def tenengrad(image: np.ndarray) -> float:
    """Return sharpness: log(1 + mean squared Sobel gradient) (Tenenbaum 1970)."""
    gradients = [cv2.Sobel(image, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    return float(np.log1p(sum(np.square(gradient).mean() for gradient in gradients)))


def entropy(image: np.ndarray) -> float:
    """Return the Shannon entropy of the gray levels, 0 to 8 bits."""
    share = np.bincount(image.ravel(), minlength=256) / image.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def histogram(image: np.ndarray) -> np.ndarray:
    """Return four numbers from 0 to 1: dark and saturated shares, range (1 to 99%), mean."""
    low, high = np.percentile(image, (1, 99))
    return np.array([(image <= DARK).mean(), (image >= SATURATED).mean(), (high - low) / 255,
                     image.mean() / 255])
