"""Trains the quality map on the features of a finished, frozen network."""

from __future__ import annotations

from fliqe_ros.data.sources import Source
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.training.batches import Batch, BLOCK_PX, BLOCK_STEP_PX, SPOILT_PER_VIEW
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.encoder import load_batches
from fliqe_ros.training.losses import map_loss
import torch
from torch import Tensor
from tqdm import tqdm

#: Stands behind the epochs of encoder and heads, so that the map sees views of its own.
MAP_VIEWS_EPOCH = 3_000_000
#: Share of the spoilt versions of which a part is replaced by the clean one.
PARTLY_SHARE = 0.8


def train_map(network: QualityNetwork, sources: list[Source], config: TrainingConfig,
              device: str, workers: int, progress: tqdm | None = None) -> QualityNetwork:
    """
    Fit the map head, if there is one; score and types do not change.

    Of most spoilt views a part is replaced by the clean one, cut along a line: only a frame of
    which a part is bad teaches where it is bad.

    :param progress: a bar that counts batches.
    """
    if network.map_head is None:
        return network
    torch.manual_seed(config.seed)
    network.to(device).eval().requires_grad_(False)
    head = network.map_head.requires_grad_().train()
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=config.map_steps + 1)
    progress = tqdm(disable=True) if progress is None else progress
    progress.set_description('quality map')
    batches = config.batches(sources, network, config.map_steps, MAP_VIEWS_EPOCH)
    for batch in load_batches(batches, workers, device):
        images, targets = partly_spoilt(batch)
        _, logits = network.encode(images)
        assert logits is not None
        loss = map_loss(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.update()
    return network.eval()


def partly_spoilt(batch: Batch) -> tuple[Tensor, Tensor]:
    """
    Put the clean view into a part of most spoilt ones.

    :return: images as those of the batch; targets of their blocks, NaN across the cut.
    """
    images, targets = batch.images.clone(), batch.block_targets.clone()
    for index in range(len(images)):
        clean = index - index % (1 + SPOILT_PER_VIEW)
        if index == clean or torch.rand(()) >= PARTLY_SHARE:
            continue
        axis = int(torch.randint(2, ()))
        side = images.shape[2 + axis]
        cut = int(torch.randint(side // 4, side - side // 4, ()))
        starts = torch.arange(targets.shape[1 + axis]) * BLOCK_STEP_PX
        before = bool(torch.rand(()) < 0.5)
        part = (1 + axis, 0, cut) if before else (1 + axis, cut, side - cut)
        images[index].narrow(*part).copy_(images[clean].narrow(*part))
        is_clean = starts + BLOCK_PX <= cut if before else starts >= cut
        is_cut = (starts < cut) & (starts + BLOCK_PX > cut)
        blocks = targets[index].transpose(0, axis)  # blocks along the axis first
        blocks[is_clean.to(blocks.device)] = 0.0
        blocks[is_cut.to(blocks.device)] = float('nan')
    return images, targets
