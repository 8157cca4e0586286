"""Random texture whose amplitude spectrum falls as 1/f**slope, as that of natural scenes does."""

import cv2
import numpy as np


def spectral_noise(rng: np.random.Generator, height: int, width: int, slope: float) -> np.ndarray:
    """
    Draw noise made of a random spectrum.

    :return: float32 (height, width), mean 0, standard deviation 1.
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    shape = frequency.shape
    spectrum = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / frequency**slope
    noise = np.fft.irfft2(spectrum, (height, width))
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def fractal(rng: np.random.Generator, height: int, width: int, slope: float,
            stretch: float = 1.0) -> np.ndarray:
    """
    Draw noise with a direction: the same, made of noise in the picture.

    :param stretch: above 1 draws the features out horizontally, below 1 vertically.
    :return: float32 (height, width), mean 0, standard deviation 1.
    """
    rows, columns = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    spectrum = np.fft.rfft2(rng.standard_normal((rows, columns), dtype=np.float32))
    fy = np.fft.fftfreq(rows)[:, None] / stretch ** 0.5
    fx = np.fft.rfftfreq(columns)[None, :] * stretch ** 0.5
    radius = np.hypot(fy, fx)
    radius[0, 0] = np.inf
    field = np.fft.irfft2(spectrum * radius ** -slope, (rows, columns))[:height, :width]
    return ((field - field.mean()) / max(field.std(), 1e-9)).astype(np.float32)
