"""Batches of clean and distorted views; the same for a seed, however often training restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fliqe_ros.data.sources import Frame, Source
from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.distortions import degrade, RANGES
from fliqe_ros.training.augmentation import CameraAugmentation, random_view, SOFTNESS
import numpy as np
import torch
from torch import Tensor
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


class Batch(NamedTuple):
    """
    Versions of views, and their labels.

    The severities of clean versions and of artifacts are NaN: artifacts have other scales.
    """

    images: Tensor      #: (N, C, h, w) uint8
    labels: Tensor      #: (N,) indices in ``CLASSES``
    whole: Tensor       #: (N,) bool, False where a part of the view may be clean
    severities: Tensor  #: (N,) float of the distortions, 0 to 1


class Batches(Dataset):
    """
    One epoch; item ``i`` is batch ``i``, a ``Batch``.

    Every view comes clean and in ``DISTORTED_PER_VIEW`` of its distorted versions, types dealt
    from ``DEAL``, so that nothing but the distortion tells them apart.

    :param artifacts: share of the distorted versions that are one of ``ARTIFACTS`` of the type
        dealt, where it has any.
    :param augment: share of the views that are seen through a randomly drawn camera.
    :param softness: see ``augmentation.random_view``.
    """

    def __init__(self, sources: list[Source], prepare: Callable[[np.ndarray], Tensor],
                 view_size: tuple[int, int], views: int, steps: int, seed: int, epoch: int,
                 artifacts: float = 0.25, augment: float = 1.0,
                 softness: float = SOFTNESS):
        self.sources, self.prepare, self.view_size = sources, prepare, view_size
        self.views, self.steps, self.seed, self.epoch = views, steps, seed, epoch
        self.artifacts, self.augment, self.softness = artifacts, augment, softness
        weights = np.array([source_weight(source) for source in sources])
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, self.epoch, step))
        size = self.view_size if rng.random() < 1 - SMALL_VIEW_SHARE else SMALL_VIEW
        count = self.views * DISTORTED_PER_VIEW
        types = rng.permutation(np.resize(DEAL, count)).reshape(self.views, -1)
        images, degradations = [], []
        for row in types:
            versions = [CLEAN, *(self._draw_degradation(Distortion(each), rng) for each in row)]
            images += [self.prepare(image) for image in self._versions(versions, size, rng)]
            degradations += versions
        return Batch(
            torch.stack(images),
            torch.tensor([CLASSES.index(degradation.distortion) for degradation in degradations]),
            torch.tensor([degradation.whole for degradation in degradations]),
            torch.tensor([degradation.comparable_severity for degradation in degradations]))

    def _versions(self, degradations: list[Degradation], size: tuple[int, int],
                  rng: np.random.Generator) -> list[np.ndarray]:
        """Draw a view whose versions differ visibly: a blurred empty sky teaches nothing."""
        for _ in range(MOST_DRAWS):
            varied = rng.random() < self.augment
            camera = CameraAugmentation.draw(rng) if varied else CameraAugmentation()
            view = random_view(self._draw_frame(rng), size, camera, rng, self.softness)
            versions = [version(view, degradation, camera, rng) for degradation in degradations]
            clean = versions[0].astype(np.float32)
            differences = [np.square(other - clean).mean() for other in versions[1:]]
            if min(differences) > LEAST_DIFFERENCE**2:
                break
        return versions

    def _draw_frame(self, rng: np.random.Generator) -> Frame:
        source = self.sources[rng.choice(len(self.sources), p=self.weights)]
        return source.training[rng.integers(len(source.training))]

    def _draw_degradation(self, distortion: Distortion, rng: np.random.Generator) -> Degradation:
        names = [name for name, kind in ARTIFACTS.items() if kind.distortion == distortion]
        if names and rng.random() < self.artifacts:
            return Degradation.of_artifact(str(rng.choice(names)), rng.uniform(0.0, 1.0))
        severity = None if rng.random() < REFERENCE_SHARE else rng.uniform(0.0, 1.0)
        return Degradation(distortion, severity)


@dataclass(frozen=True)
class Degradation:
    """What is wrong with one version of a view: a distortion, or an artifact counted as one."""

    distortion: Distortion
    severity: float | None = None  # of a distortion, None is the reference
    artifact: str = ''
    whole: bool = True

    @classmethod
    def of_artifact(cls, name: str, severity: float) -> 'Degradation':
        """Describe one of ``ARTIFACTS``."""
        return cls(ARTIFACTS[name].distortion, severity, name, ARTIFACTS[name].whole)

    @property
    def comparable_severity(self) -> float:
        """Severity among distortions of the type; NaN where there is no such scale."""
        if self.artifact or self.distortion == Distortion.CLEAN:
            return float('nan')
        if self.severity is None:
            return RANGES[self.distortion].reference_severity
        return self.severity

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W) uint8, or uint16 before gain control → (H, W) uint8 with the degradation."""
        if self.artifact:
            return apply_artifact(GainControl()(image), self.artifact, self.severity, rng)
        return degrade(image, self.distortion, self.severity, rng)


CLEAN = Degradation(Distortion.CLEAN)


def source_weight(source: Source) -> float:
    """Share of a source among the views: large ones count more, but far from in proportion."""
    return len(source.training) ** 0.4


def version(view: np.ndarray, degradation: Degradation, camera: CameraAugmentation,
            rng: np.random.Generator) -> np.ndarray:
    """One version of a view, with a degradation or without, through the same camera."""
    optical = degradation.distortion in OPTICAL and not degradation.artifact
    if optical and rng.random() < 0.5:
        view, degradation = degradation.apply(view, rng), CLEAN
    return camera.show(degradation.apply(camera.sense(view), rng))
