"""Trains the heads on the embeddings of a finished, frozen encoder."""

from __future__ import annotations

from fliqe_ros.data.sources import Source
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.encoder import load_batches
from fliqe_ros.training.losses import class_weights, score_loss, type_loss
import torch
from torch import Tensor
from tqdm import tqdm

HEAD_BATCH = 256
HEAD_EPOCHS = 30
#: Stands behind the encoder's epochs, so that the heads see views of their own.
HEAD_VIEWS_EPOCH = 1_000_000


def train_heads(network: QualityNetwork, sources: list[Source], config: TrainingConfig,
                device: str, workers: int, progress: tqdm | None = None) -> QualityNetwork:
    """
    Fit binary head and type head, if any; the encoder and its statistics do not change.

    With ``head_steps`` of 0 the heads stay those that the encoder learnt with.

    The score is the probability that people call a frame good: ``Batch.targets`` are soft. Clean
    and spoilt frames weigh as the config's share of clean ones says.

    :param progress: a bar that counts batches.
    """
    if not config.head_steps:
        return network.eval()
    torch.manual_seed(config.seed)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.to(device).eval()
    progress = tqdm(disable=True) if progress is None else progress
    embedded = _embed(network, sources, config, device, workers, progress)
    heads = network.heads
    parameters = [p.requires_grad_() for head in heads for p in head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.02)
    count = len(embedded[0])
    steps = -(-count // HEAD_BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=HEAD_EPOCHS * steps)
    for head in heads:
        head.train()
    progress.set_description('heads')
    for _ in range(HEAD_EPOCHS):
        for chosen in torch.randperm(count).tensor_split(steps):
            loss = _loss(network, config, *(each[chosen] for each in embedded))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.inference_mode()
def _embed(network: QualityNetwork, sources: list[Source], config: TrainingConfig, device: str,
           workers: int, progress: tqdm) -> list[Tensor]:
    batches = config.batches(sources, network, config.head_steps, HEAD_VIEWS_EPOCH)
    progress.set_description('embeddings')
    parts = []
    for batch in load_batches(batches, workers, device):
        embedding, _ = network.encode(batch.images)
        parts.append((embedding.float(), batch.labels, batch.kinds, batch.severities,
                      batch.targets))
        progress.update()
    return [torch.cat(each) for each in zip(*parts)]


def _loss(network: QualityNetwork, config: TrainingConfig, embeddings: Tensor, labels: Tensor,
          kinds: Tensor, severities: Tensor, targets: Tensor) -> Tensor:
    weights = class_weights(labels, config.clean_share)
    logit, type_logits = network.logit(embeddings), network.type_logits(embeddings)
    loss = score_loss(logit, targets, weights, kinds, severities, config.ranking_weight)
    if type_logits is not None:
        loss = loss + type_loss(type_logits, labels, targets, weights)
    return loss
