"""
Trains the glance of ``ThermalS``, and what judges it, on views that are kept.

The glance sees a small picture alone, whose convolutions take a tenth of the time in which a view
is simulated and looked at by the rest. So that is done once for many views, and what comes of it
is shown again and again.
"""

from __future__ import annotations

from typing import NamedTuple

from fliqe_ros.data.sources import Source
from fliqe_ros.models.glance import CELL_FEATURES, made_small
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.training.amp import MixedPrecision
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.ema import ema_copy
from fliqe_ros.training.encoder import load_batches, parameter_groups
from fliqe_ros.training.losses import map_loss
from fliqe_ros.training.objective import embedding_losses, total_loss
import torch
from torch import nn, Tensor
from tqdm import tqdm

BATCH = 256
#: How far the weights go from what they were to what is learnt. Between the two, frames of other
#: cameras are judged better than at either end (Wortsman et al., CVPR 2022, arXiv:2109.01903).
LEARNT_SHARE = 0.6
#: Stands behind the epochs of encoder, heads and map, so that these are views of their own.
KEPT_VIEWS_EPOCH = 4_000_000


class KeptViews(NamedTuple):
    """What is kept of N views; what is not said here is as in ``training.batches.Batch``."""

    features: Tensor      #: (N, …) float, of ``Observation``
    pictures: Tensor      #: (N, 1, 96, 128) uint8, what the glance sees
    cell_targets: Tensor  #: (N, 12, 16) half precision
    labels: Tensor
    kinds: Tensor
    severities: Tensor
    targets: Tensor


def train_glance(network: QualityNetwork, sources: list[Source], config: TrainingConfig,
                 device: str, workers: int, precision: str = 'auto',
                 progress: tqdm | None = None) -> QualityNetwork:
    """
    Train the glance, the projection to the embedding and the heads; the rest does not change.

    Without ``kept_epochs``, or if the network has no glance, it is returned as it is.

    :param precision: see ``fliqe_ros.training.amp.MixedPrecision``.
    :param progress: a bar that counts batches: those that are kept.
    """
    if not config.kept_epochs or not isinstance(network, ThermalS):
        return network
    progress = tqdm(disable=True) if progress is None else progress
    arithmetic = MixedPrecision(precision, device)
    network.to(device)
    views = keep_views(network, sources, config, device, workers, arithmetic, progress)
    return learn(network, views, config, device, arithmetic, progress)


@torch.no_grad()
def keep_views(network: ThermalS, sources: list[Source], config: TrainingConfig, device: str,
               workers: int, arithmetic: MixedPrecision, progress: tqdm) -> KeptViews:
    """Return what is to be kept of ``kept_steps`` batches, on the CPU."""
    network.eval()
    progress.set_description('views to keep')
    parts = []
    for batch in load_batches(config.batches(
            sources, network, config.kept_steps, KEPT_VIEWS_EPOCH), workers, device):
        with arithmetic.autocast():
            seen = network.observe(batch.images)
        pictures = made_small(seen.levels).round().to(torch.uint8)
        parts.append([each.cpu() for each in (
            seen.features.float(), pictures, batch.cell_targets.half(), batch.labels,
            batch.kinds, batch.severities, batch.targets)])
        progress.update()
    return KeptViews._make(torch.cat(each) for each in zip(*parts))


def learn(network: ThermalS, views: KeptViews, config: TrainingConfig, device: str,
          arithmetic: MixedPrecision, progress: tqdm) -> ThermalS:
    """
    Show the views ``kept_epochs`` times; return a network between what it was and what it learnt.

    The cells of the glance learn where the fault is, beside what it is: an answer for each
    of 192 cells says more of a drop than one for the frame.

    Between the two, the network is less sure than it is right. So the score's logit is multiplied
    by ``kept_certainty``: temperature scaling (Guo et al., ICML 2017, arXiv:1706.04599). What lies
    at 0.5, where people begin to call a picture fair, stays there.
    """
    torch.manual_seed(config.seed)
    network.eval().requires_grad_(False)
    learning = (network.glance, network.projection, *network.heads)
    for module in learning:
        module.train().requires_grad_()
    where = nn.Conv2d(CELL_FEATURES, 1, 1).to(device)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    averaged = ema_copy(network, config.ema_decay)
    optimizer = torch.optim.AdamW([
        *parameter_groups(network, config.weight_decay), {'params': [*where.parameters()]}])
    count = len(views.labels)
    steps = -(-count // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.kept_epochs * steps + 1)
    for epoch in range(config.kept_epochs):
        progress.set_description(f'glance, epoch {epoch + 1}/{config.kept_epochs}')
        for chosen in torch.randperm(count).tensor_split(steps):
            shown = KeptViews._make(each[chosen].to(device) for each in views)
            with arithmetic.autocast():
                glance, cells = network.glance(shown.pictures.float())
                cell_logits = where(cells).squeeze(1)
            embedding = network.embed(shown.features, glance.float())
            losses = embedding_losses(network, embedding, shown, config)
            losses['cells'] = (config.map_weight, map_loss(
                cell_logits.float(), shown.cell_targets.float()))
            arithmetic.descend(total_loss(losses), optimizer)
            schedule.step()
            averaged.update_parameters(network)
            progress.set_postfix(
                {name: float(loss.detach()) for name, (_, loss) in losses.items()}, refresh=False)
    learnt = averaged.module.state_dict()
    network.load_state_dict({
        key: value.lerp(learnt[key], LEARNT_SHARE) if value.is_floating_point() else learnt[key]
        for key, value in before.items()})
    with torch.no_grad():
        for parameter in [*network.classifier.parameters()][-2:]:  # of its last layer
            parameter.mul_(config.kept_certainty)
    return network.eval()
