"""Batches of clean and distorted views; the same for a seed, however often training restarts."""

import cv2
from fliqe_ros.distortion import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.training.augment import look, sensor
from fliqe_ros.training.data import Source
from fliqe_ros.training.distortions import distort, jpeg
import numpy as np
import torch
from torch.utils.data import Dataset

#: Share of batches whose views are of this size, rows × columns: about the smallest sensors'.
SMALL_VIEW, SMALL_VIEW_SHARE = (128, 160), 0.3
DISTORTED_PER_VIEW = 2
REFERENCE_SHARE = 0.3
#: Root mean square difference, 8-bit levels, that a distortion has to make; tries to find a view.
LEAST_DIFFERENCE, MOST_DRAWS = 1.5, 4
#: The two that need the widest view are the hardest to learn and come twice as often.
DEAL = (*DISTORTIONS, Distortion.GHOSTING, Distortion.MOTION_BLUR)
#: These happen before the sensor reads the picture out; the others after.
OPTICAL = (Distortion.LENS_BLUR, Distortion.MOTION_BLUR, Distortion.GHOSTING)


class Batches(Dataset):
    """
    One epoch; item ``i`` is batch ``i``: (N, C, h, w) uint8 inputs and (N,) class indices.

    Every view comes clean and in ``DISTORTED_PER_VIEW`` of its distorted versions, types dealt
    from ``DEAL``, so that nothing but the distortion tells them apart.
    """

    def __init__(self, sources: list, prepare, view_size: tuple, views: int, steps: int,
                 seed: int, epoch: int):
        self.sources, self.prepare, self.view_size = sources, prepare, view_size
        self.views, self.steps, self.seed, self.epoch = views, steps, seed, epoch
        weights = np.array([source_weight(source) for source in sources])
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple:
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self.seed, self.epoch, step))
        size = self.view_size if rng.random() < 1 - SMALL_VIEW_SHARE else SMALL_VIEW
        count = self.views * DISTORTED_PER_VIEW
        types = rng.permutation(np.resize(DEAL, count)).reshape(self.views, -1)
        images, labels = [], []
        for row in types:
            distortions = (Distortion.CLEAN, *map(Distortion, row))
            images += [self.prepare(image) for image in self._versions(distortions, size, rng)]
            labels += [CLASSES.index(distortion) for distortion in distortions]
        return torch.stack(images), torch.tensor(labels)

    def _versions(self, distortions, size, rng):
        """Draw a view whose versions differ visibly: a blurred empty sky teaches nothing."""
        for _ in range(MOST_DRAWS):
            view = look(self._draw_frame(rng), size, rng)
            sensor_seed = rng.integers(2**63)
            versions = [version(view, distortion, sensor_seed, rng) for distortion in distortions]
            clean = versions[0].astype(np.float32)
            differences = [np.square(other - clean).mean() for other in versions[1:]]
            if min(differences) > LEAST_DIFFERENCE**2:
                break
        return versions

    def _draw_frame(self, rng):
        source = self.sources[rng.choice(len(self.sources), p=self.weights)]
        return source.training[rng.integers(len(source.training))]


def source_weight(source: Source) -> float:
    """Share of a source among the views: large ones count more, but far from in proportion."""
    return len(source.training) ** 0.4


def version(clean: np.ndarray, distortion: Distortion, sensor_seed: int,
            rng: np.random.Generator) -> np.ndarray:
    """One version of a view: distorted or not, with the same sensor for the same seed."""
    severity = None if rng.random() < REFERENCE_SHARE else rng.uniform(0.0, 1.0)
    if distortion == Distortion.CLEAN:
        return sensor(clean, np.random.default_rng(sensor_seed))
    if distortion in OPTICAL and rng.random() < 0.5:
        image = distort(clean, distortion, severity, rng)
        return sensor(image, np.random.default_rng(sensor_seed))
    image = distort(sensor(clean, np.random.default_rng(sensor_seed)), distortion, severity, rng)
    return jpeg(image, rng.integers(75, 98)) if rng.random() < 0.15 else image
