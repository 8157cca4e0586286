"""Fits what stands on a frozen backbone, whose features of every view are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fliqe_ros.data.sources import Source
from fliqe_ros.evaluation.baselines.efficientnet_lite import EfficientNetLite0
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.training.batches import SPOILT_PER_VIEW
from fliqe_ros.training.config import default_config, TrainingConfig
from fliqe_ros.training.encoder import load_batches
from fliqe_ros.training.heads import train_heads
from fliqe_ros.training.losses import supervised_contrastive_loss
import torch
from torch import Tensor
from tqdm import tqdm

#: Of the projection: passes over the features, and how many of them make a step.
EPOCHS, BATCH = 40, 256


def fit_efficientnet_lite(sources: Sequence[Source], images: int, seed: int = 0,
                          progress: bool = False) -> NetworkMethod:
    """
    Return the baseline, its projection and heads fitted to views of the training frames.

    Settings are those of resnet50. Two thirds of the images are for the projection, the others
    for the heads, which have to see views that the projection has not learned.

    :param images: how many to use, clean and spoilt together; at least three batches are.
    :param progress: show a progress bar on standard error.
    :raises ImportError: if its packages are missing.
    """
    torch.manual_seed(seed)
    network = EfficientNetLite0()
    config = replace(default_config(ResNet50.architecture), seed=seed)
    batches = max(3, images // (config.views * (1 + SPOILT_PER_VIEW)))
    config = replace(config, steps=batches - batches // 3, head_steps=batches // 3)
    with tqdm(total=batches, unit='batch', disable=not progress) as bar:
        _fit_projection(network, list(sources), config, bar)
        train_heads(network, list(sources), config, 'cpu', 0, bar)
    return NetworkMethod(network.architecture, network)


def _fit_projection(network: EfficientNetLite0, sources: list[Source], config: TrainingConfig,
                    progress: tqdm) -> None:
    """Minimise the supervised contrastive loss of the embeddings."""
    features, labels = _features(network, sources, config, progress)
    torch.manual_seed(config.seed)
    encoder = network.iqa_encoder
    encoder.train()
    steps = -(-len(features) // BATCH)
    optimizer = torch.optim.AdamW(
        encoder.projection_head.parameters(), config.learning_rate,
        weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=EPOCHS * steps)
    progress.set_description('projection')
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(features)).tensor_split(steps):
            loss = supervised_contrastive_loss(
                encoder.project(features[chosen]), labels[chosen], config.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _features(network: EfficientNetLite0, sources: list[Source], config: TrainingConfig,
              progress: tqdm) -> tuple[Tensor, Tensor]:
    """Return the backbone's features of the views, (N, 1280), and their labels, (N,)."""
    progress.set_description('features')
    features, labels = [], []
    for batch in load_batches(config.batches(sources, network, config.steps, 0), 0, 'cpu'):
        features.append(network.features(batch.images))
        labels.append(batch.labels)
        progress.update()
    return torch.cat(features), torch.cat(labels)
