"""
Trains the thumbnail of ``ThermalS`` on small views of thermal frames and of anything else.

A view of 192×256 px is shown as 96×128, so that a picture serves which is neither sharp nor free
of noise: thousands of scenes, of which thermal cameras have shown us hundreds. Views are simulated
once and shown many times, each time in another tone.
"""

from __future__ import annotations

from typing import NamedTuple

from fliqe_ros.data.sources import Source
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.glance import COLUMNS, made_small, ROWS
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.models.thumbnail import HIDDEN, Thumbnail
from fliqe_ros.simulation.distortions import RANGES
from fliqe_ros.training.batches import Batches, ViewSize
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.ema import ema_copy
from fliqe_ros.training.encoder import load_batches, parameter_groups
from fliqe_ros.training.losses import type_loss
import torch
from torch import nn, Tensor
import torch.nn.functional as F
from tqdm import tqdm

BATCH = 192
VIEW = ViewSize(2 * ROWS, 2 * COLUMNS)
#: More than half of what is spoilt has something on the lens; most of the rest has a shape too.
DEAL = (*64 * (Distortion.OBSTRUCTION,), *20 * (Distortion.NON_UNIFORMITY,),
        *20 * (Distortion.CORRUPTION,), *4 * (Distortion.BLANK,), *RANGES)
#: Stands behind all other epochs, so that these are views of their own.
THUMBNAIL_EPOCH = 5_000_000
#: Of the losses; that of the whole is 1. Types are asked for as what tells them apart helps all.
CELLS_WEIGHT, TYPES_WEIGHT = 3.0, 0.5
#: Of clean views, and of those with other faults, beside that of obstructed ones: a false alarm
#: harms most, and what is bad otherwise may well be called obstructed.
CLEAN_WEIGHT, OTHER_WEIGHT = 2.0, 0.5
#: Of evidence for an obstruction, so much does not count: logits.
CAUTION = 0.25


class SmallViews(NamedTuple):
    """What is kept of N views; what is not said here is as in ``training.batches.Batch``."""

    pictures: Tensor      #: (N, 1, 96, 128) uint8
    cell_targets: Tensor  #: (N, 12, 16) half precision
    labels: Tensor
    targets: Tensor


def train_thumbnail(network: QualityNetwork, sources: list[Source], config: TrainingConfig,
                    device: str, workers: int, progress: tqdm | None = None) -> QualityNetwork:
    """
    Train the thumbnail; the rest does not change.

    Without ``thumbnail_epochs``, or if the network has none, it is returned as it is.

    :param sources: of pictures of any kind.
    :param progress: a bar that counts batches: those that are kept.
    """
    if not config.thumbnail_epochs or not isinstance(network, ThermalS):
        return network
    progress = tqdm(disable=True) if progress is None else progress
    views = keep_small_views(network, sources, config, workers, progress)
    learn(network.thumbnail, views, config, device, progress)
    return network.eval()


def keep_small_views(network: ThermalS, sources: list[Source], config: TrainingConfig,
                     workers: int, progress: tqdm) -> SmallViews:
    """Return what is to be kept of ``thumbnail_steps`` batches, on the CPU."""
    progress.set_description('small views')
    batches = Batches(
        sources, network.preprocess, (VIEW,), config.views, config.thumbnail_steps, config.seed,
        THUMBNAIL_EPOCH, 0.0, config.augment, config.softness, deal=DEAL)
    parts = []
    for batch in load_batches(batches, workers, 'cpu'):
        parts.append((made_small(batch.images.float()).round().to(torch.uint8),
                      batch.cell_targets.half(), batch.labels, batch.targets))
        progress.update()
    return SmallViews._make(torch.cat(each) for each in zip(*parts))


def learn(thumbnail: Thumbnail, views: SmallViews, config: TrainingConfig, device: str,
          progress: tqdm) -> Thumbnail:
    """Show the views ``thumbnail_epochs`` times; return it with the averaged weights."""
    torch.manual_seed(config.seed)
    thumbnail = thumbnail.to(device).train().requires_grad_()
    types = nn.Linear(HIDDEN, len(CLASSES)).to(device)
    averaged = ema_copy(thumbnail, config.ema_decay)
    optimizer = torch.optim.AdamW([
        *parameter_groups(thumbnail, config.weight_decay), {'params': [*types.parameters()]}])
    count = len(views.labels)
    steps = -(-count // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.thumbnail_epochs * steps + 1)
    for epoch in range(config.thumbnail_epochs):
        progress.set_description(f'thumbnail, epoch {epoch + 1}/{config.thumbnail_epochs}')
        for chosen in torch.randperm(count).tensor_split(steps):
            shown = SmallViews._make(each[chosen].to(device) for each in views)
            summary, cells = thumbnail.summarize(in_another_tone(shown.pictures.float()))
            loss = _loss(thumbnail.whole(summary).squeeze(1), cells, types(summary), shown)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            averaged.update_parameters(thumbnail)
            progress.set_postfix({'loss': float(loss.detach())}, refresh=False)
    thumbnail.load_state_dict(averaged.module.state_dict())
    with torch.no_grad():
        thumbnail.whole.bias.sub_(CAUTION)
    return thumbnail.requires_grad_(False).eval()


def in_another_tone(pictures: Tensor) -> Tensor:
    """
    Change gamma, contrast, level, polarity and noise, of each at random.

    :param pictures: (N, 1, h, w) float, 0 to 255.
    """
    def drawn(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(
            len(pictures), 1, 1, 1, device=pictures.device)

    def in_half(changed: Tensor, unchanged: Tensor) -> Tensor:
        return torch.where(drawn(0, 1) < 0.5, changed, unchanged)

    pictures = in_half(255 * (pictures / 255) ** drawn(-0.5, 0.5).exp(), pictures)
    pictures = in_half(
        (pictures - 127.5) * drawn(0.5, 1.1) + 127.5 + drawn(-30, 30), pictures)
    pictures = in_half(255 - pictures, pictures)
    return (pictures + 4 * drawn(0, 1).square() * torch.randn_like(pictures)).clamp(0, 255)


def _loss(whole: Tensor, cells: Tensor, type_logits: Tensor, views: SmallViews) -> Tensor:
    """Cross-entropy of frame, cells and types; but for obstructions nothing lies anywhere."""
    obstructed = views.labels == CLASSES.index(Distortion.OBSTRUCTION)
    weights = torch.where(obstructed, 1.0, OTHER_WEIGHT)
    weights = torch.where(views.labels == 0, CLEAN_WEIGHT, weights)
    of_whole = F.binary_cross_entropy_with_logits(
        whole, torch.where(obstructed, views.targets, 0.0), weights)
    targets = torch.where(obstructed[:, None, None], views.cell_targets.float(), 0.0)
    of_cells = F.binary_cross_entropy_with_logits(
        cells, targets.nan_to_num(), weights[:, None, None] * ~targets.isnan())
    return (of_whole + CELLS_WEIGHT * of_cells
            + TYPES_WEIGHT * type_loss(type_logits, views.labels, views.targets))
