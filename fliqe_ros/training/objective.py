"""What embeddings are trained for: to tell types, to be scored, and to be near their like."""

from __future__ import annotations

from typing import Protocol

from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.losses import (
    class_weights, score_loss, supervised_contrastive_loss, type_loss)
from torch import Tensor


class Views(Protocol):
    """What is known of N views; see ``fliqe_ros.training.batches.Batch``."""

    @property
    def labels(self) -> Tensor: ...  # noqa: D102

    @property
    def kinds(self) -> Tensor: ...  # noqa: D102

    @property
    def severities(self) -> Tensor: ...  # noqa: D102

    @property
    def targets(self) -> Tensor: ...  # noqa: D102


def embedding_losses(network: QualityNetwork, embedding: Tensor, views: Views,
                     config: TrainingConfig) -> dict[str, tuple[float, Tensor]]:
    """
    Return weight and loss of each aim.

    :param embedding: (N, D) float, unit vectors of the views.
    """
    told = (views.labels == 0) | (views.targets > 0.5)  # what hardly shows is of no class
    losses = {'contrastive': (config.contrastive_weight, supervised_contrastive_loss(
        embedding[told], views.labels[told], config.temperature))}
    type_logits = network.type_logits(embedding)
    if type_logits is not None:
        losses['type'] = (config.type_weight, type_loss(
            type_logits, views.labels, views.targets))
    if config.score_weight:
        losses['score'] = (config.score_weight, score_loss(
            network.logit(embedding), views.targets,
            class_weights(views.labels, config.clean_share), views.kinds, views.severities,
            config.ranking_weight))
    return losses


def total_loss(losses: dict[str, tuple[float, Tensor]]) -> Tensor:
    """Return the weighted sum."""
    (weight, loss), *others = losses.values()
    return sum((weight * loss for weight, loss in others), start=weight * loss)
