"""Batches of clean and spoilt views; the same for a seed, however often training restarts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
from fliqe_ros.data.sources import Frame, Source
from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.models.glance import CELLS
from fliqe_ros.simulation.artifacts.registry import apply_artifact, ARTIFACTS
from fliqe_ros.simulation.degradations import degrade, TYPICAL_ARTIFACTS
from fliqe_ros.simulation.distortions import RANGES
from fliqe_ros.simulation.severity import LEAST_SEVERITY, Range
from fliqe_ros.training.augmentation import CameraAugmentation, random_view, SOFTNESS
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

#: A frame is enlarged by this at most to fill a view; tries to find one that is large enough.
MOST_ENLARGED, MOST_FRAMES = 1.3, 50
SPOILT_PER_VIEW = 2
FEWEST_VIEWS = 4
REFERENCE_SHARE = 0.3
#: Root mean square difference, 8-bit levels, that a fault has to make; tries to find a view.
LEAST_DIFFERENCE, MOST_DRAWS = 1.0, 4
#: The two that need the widest view are the hardest to learn and come twice as often; those that
#: are of many kinds come as often as it takes to see all of them.
DEAL = (*DISTORTIONS, Distortion.GHOSTING, Distortion.MOTION_BLUR,
        *2 * (Distortion.NON_UNIFORMITY,), *3 * (Distortion.OBSTRUCTION,),
        *3 * (Distortion.CORRUPTION,))
#: Artifacts that are hard to see come twice as often as others of their type: those of a single
#: line or spot, faint ones of the whole frame, and codecs that hide what they leave out.
HARD = ('torn', 'rolled', 'half_frame', 'lost_rows', 'dead_lines', 'dead_pixels', 'sun_burn',
        'drops', 'dirt', 'covered', 'ice', 'shading', 'ghost_of_nuc', 'fixed_pattern', 'sheared',
        'vignetting', 'hevc', 'jpeg2000', 'dead_clusters', 'rime', 'patch')
#: These happen before the sensor reads the picture out; the others after.
OPTICAL = (Distortion.LENS_BLUR, Distortion.MOTION_BLUR, Distortion.GHOSTING)
#: Kinds of fault that severities are compared among.
KINDS = (*(distortion.label for distortion in CLASSES), *ARTIFACTS)
#: Blocks that the quality map tells of: side of what is looked at, and of the step, px.
BLOCK_PX, BLOCK_STEP_PX = 96, 32
#: Of a block or another place: a pixel is touched from so many 8-bit levels on; shares of touched
#: pixels from which the place is spoilt, and below which it is clean.
TOUCHED_LEVELS, SPOILT_SHARE, CLEAN_SHARE = 5.0, 0.2, 0.01


@dataclass(frozen=True)
class ViewSize:
    """A size of views, and how many batches have it."""

    rows: int
    columns: int
    share: float = 1.0

    def views(self, usual: int, usual_px: int) -> int:
        """Return how many take as much room as ``usual`` views of ``usual_px`` pixels."""
        fitting = usual * usual_px // (self.rows * self.columns)
        return min(usual, max(FEWEST_VIEWS, fitting))


class Batch(NamedTuple):
    """Versions of views, and what there is to learn of them."""

    images: Tensor      #: (N, C, h, w) uint8
    labels: Tensor      #: (N,) indices in ``CLASSES``
    kinds: Tensor       #: (N,) indices in ``KINDS``
    severities: Tensor  #: (N,) float; NaN of clean versions
    targets: Tensor     #: (N,) float, 0 to 1: how likely people call it fair or worse
    #: (N, rows, columns) float, the same of blocks of the view; NaN where nobody could tell
    block_targets: Tensor
    cell_targets: Tensor        #: (N, 12, 16) float, the same of equal cells of the view


class Batches(Dataset):
    """
    One epoch; item ``i`` is batch ``i``, a ``Batch``.

    Every view comes clean and in ``SPOILT_PER_VIEW`` spoilt versions, types dealt from ``DEAL``,
    so that nothing but the fault tells them apart.

    :param sizes: of the views, the usual one first; larger ones are fewer in a batch.
    :param views: in a batch of the usual size.
    :param artifacts: share of the spoilt versions that are one of ``ARTIFACTS`` of the type
        dealt, where the type has distortions too.
    :param augment: share of the views that are seen through a randomly drawn camera.
    :param softness: see ``augmentation.random_view``.
    :param types: those that are dealt, where the network does not know all of them.
    :param deal: types, each as often as it is to come.
    """

    def __init__(self, sources: list[Source], prepare: Callable[[np.ndarray], Tensor],
                 sizes: Sequence[ViewSize], views: int, steps: int, seed: int, epoch: int,
                 artifacts: float = 0.25, augment: float = 1.0,
                 softness: float = SOFTNESS, types: Sequence[Distortion] = CLASSES,
                 deal: Sequence[Distortion] = DEAL):
        self.sources, self.prepare, self.sizes = sources, prepare, sizes
        self.views, self.steps, self.seed, self.epoch = views, steps, seed, epoch
        self.artifacts, self.augment, self.softness = artifacts, augment, softness
        self.deal = [distortion for distortion in deal if distortion in types]
        weights = np.array([source_weight(source) for source in sources])
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, self.epoch, step))
        shares = np.array([each.share for each in self.sizes])
        chosen_size = self.sizes[rng.choice(len(shares), p=shares / shares.sum())]
        size = chosen_size.rows, chosen_size.columns
        views = chosen_size.views(self.views, self.sizes[0].rows * self.sizes[0].columns)
        count = views * SPOILT_PER_VIEW
        dealt = np.resize(rng.permutation(self.deal), count)
        types = rng.permutation(dealt).reshape(views, -1)
        images: list[Tensor] = []
        faults: list[Fault] = []
        blocks: list[np.ndarray] = []
        cells: list[np.ndarray] = []
        for row in types:
            chosen = [CLEAN, *(self._draw_fault(Distortion(each), rng) for each in row)]
            versions = self._versions(chosen, size, rng)
            images += [self.prepare(image) for image in versions]
            faults += chosen
            for fault, image in zip(chosen, versions):
                blocks.append(fault.places(versions[0], image, block_means))
                cells.append(fault.places(versions[0], image, cell_means))
        return Batch(
            torch.stack(images),
            torch.tensor([CLASSES.index(fault.distortion) for fault in faults]),
            torch.tensor([KINDS.index(fault.kind) for fault in faults]),
            torch.tensor([fault.comparable_severity for fault in faults]),
            torch.tensor([fault.perceived for fault in faults]),
            torch.from_numpy(np.stack(blocks)), torch.from_numpy(np.stack(cells)))

    def _versions(self, faults: list[Fault], size: tuple[int, int],
                  rng: np.random.Generator) -> list[np.ndarray]:
        """Draw a view whose versions differ visibly: a blurred empty sky teaches nothing."""
        for _ in range(MOST_DRAWS):
            varied = rng.random() < self.augment
            camera = CameraAugmentation.draw(rng) if varied else CameraAugmentation()
            view = random_view(self._draw_frame(size, rng), size, camera, rng, self.softness)
            versions = [version(view, fault, camera, rng) for fault in faults]
            clean = versions[0].astype(np.float32)
            differences = [np.square(other - clean).mean() for other in versions[1:]]
            if min(differences) > LEAST_DIFFERENCE**2:
                break
        return versions

    def _draw_frame(self, size: tuple[int, int], rng: np.random.Generator) -> Frame:
        """Draw a frame that is large enough, where one can be found."""
        for _ in range(MOST_FRAMES):
            source = self.sources[rng.choice(len(self.sources), p=self.weights)]
            frame = source.training[rng.integers(len(source.training))]
            if all(wanted <= MOST_ENLARGED * side
                   for wanted, side in zip(size, frame.content.shape)):
                break
        return frame

    def _draw_fault(self, distortion: Distortion, rng: np.random.Generator) -> Fault:
        names = [name for name, kind in ARTIFACTS.items() if kind.distortion == distortion]
        names += [name for name in names if name in HARD]
        always = distortion in TYPICAL_ARTIFACTS
        least = 0.0
        artifact = ''
        if always or names and rng.random() < self.artifacts:
            artifact = str(rng.choice(names))
        else:
            least = LEAST_SEVERITY
        severity = None if rng.random() < REFERENCE_SHARE else rng.uniform(least, 1.0)
        return Fault(distortion, severity, artifact)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one version of a view: a distortion, or an artifact."""

    distortion: Distortion
    severity: float | None = None  #: None is the reference
    artifact: str = ''             #: name in ``ARTIFACTS``; '' is the distortion itself

    @property
    def kind(self) -> str:
        """Return its name in ``KINDS``."""
        return self.artifact or self.distortion.label

    @property
    def comparable_severity(self) -> float:
        """Return the severity among faults of the kind; NaN of none."""
        if self.distortion == Distortion.CLEAN:
            return float('nan')
        if self.severity is None:
            return self._strength.reference_severity
        return self.severity

    @property
    def perceived(self) -> float:
        """Return how likely people call it fair or worse."""
        if self.distortion == Distortion.CLEAN:
            return 0.0
        return self._strength.perceived(self.severity)

    @property
    def _strength(self) -> Range:
        return ARTIFACTS[self.artifact].strength if self.artifact else RANGES[self.distortion]

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W) uint8, or uint16 before gain control → (H, W) uint8 with the fault."""
        if self.artifact:
            return apply_artifact(image, self.artifact, self.severity, rng)
        return degrade(image, self.distortion, self.severity, rng)

    def places(self, clean: np.ndarray, spoilt: np.ndarray,
               means: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """
        Return what a quality map should say of the places of a version.

        A fault of the whole frame counts wherever it can be seen, one of a part where it is.

        :param clean: (H, W) uint8, the view without the fault.
        :param spoilt: (H, W) uint8, with it.
        :param means: (H, W) float32 → means of the places.
        :return: (rows, columns) float32, 0 clean to 1; NaN where it cannot be told.
        """
        difference = cv2.absdiff(clean, spoilt).astype(np.float32)
        if self.distortion == Distortion.CLEAN:
            return np.zeros_like(means(difference))
        if not self.artifact or ARTIFACTS[self.artifact].whole:
            seen = means(difference) > 0.7
            return np.where(seen, np.float32(self.perceived), np.float32(np.nan))
        touched = (cv2.blur(difference, (5, 5)) > TOUCHED_LEVELS).astype(np.float32)
        share = means(touched)
        return np.select([share >= SPOILT_SHARE, share <= CLEAN_SHARE],
                         [np.float32(self.perceived), np.float32(0.0)], np.float32(np.nan))


CLEAN = Fault(Distortion.CLEAN)


def block_means(image: np.ndarray) -> np.ndarray:
    """(H, W) float32 → means of blocks of ``BLOCK_PX``, one every ``BLOCK_STEP_PX``."""
    sums = cv2.integral(image)
    tops, lefts = (np.arange(0, max(side - BLOCK_PX, 0) + 1, BLOCK_STEP_PX)
                   for side in image.shape)
    bottoms, rights = tops + BLOCK_PX, lefts + BLOCK_PX
    total = (sums[np.ix_(bottoms, rights)] - sums[np.ix_(tops, rights)]
             - sums[np.ix_(bottoms, lefts)] + sums[np.ix_(tops, lefts)])
    return (total / BLOCK_PX**2).astype(np.float32)


def cell_means(image: np.ndarray) -> np.ndarray:
    """(H, W) float32 → means of ``CELLS`` equal cells."""
    return cv2.resize(image, CELLS[::-1], interpolation=cv2.INTER_AREA)


def source_weight(source: Source) -> float:
    """Share of a source among the views: large ones count more, but far from in proportion."""
    return len(source.training) ** 0.3


def version(view: np.ndarray, fault: Fault, camera: CameraAugmentation,
            rng: np.random.Generator) -> np.ndarray:
    """One version of a view, with a fault or without, through the same camera."""
    optical = fault.distortion in OPTICAL and not fault.artifact
    if optical and rng.random() < 0.5:
        view, fault = fault.apply(view, rng), CLEAN
    return camera.show(fault.apply(camera.sense(view), rng))
