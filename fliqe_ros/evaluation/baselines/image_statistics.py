"""Statistics of one gray frame: sharpness, entropy, histogram."""

import cv2
import numpy as np

#: Gray levels up to which a pixel is dark, and from which it is saturated.
DARK, SATURATED = 5, 250


def laplacian(image: np.ndarray) -> float:
    """Logarithm of the variance of the Laplacian: sharpness (Pech-Pacheco et al., ICPR 2000)."""
    return float(np.log1p(cv2.Laplacian(image, cv2.CV_32F).var()))


def tenengrad(image: np.ndarray) -> float:
    """Logarithm of the mean squared Sobel gradient: sharpness (Tenenbaum 1970)."""
    gradients = [cv2.Sobel(image, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    return float(np.log1p(sum(np.square(gradient).mean() for gradient in gradients)))


def entropy(image: np.ndarray) -> float:
    """Shannon entropy of the gray levels, 0 to 8 bits."""
    share = np.bincount(image.ravel(), minlength=256) / image.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def histogram(image: np.ndarray) -> np.ndarray:
    """Shares of dark and of saturated pixels, dynamic range (1 to 99%) and mean; 0 to 1 each."""
    low, high = np.percentile(image, (1, 99))
    return np.array([(image <= DARK).mean(), (image >= SATURATED).mean(), (high - low) / 255,
                     image.mean() / 255])
