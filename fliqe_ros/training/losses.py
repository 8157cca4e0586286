"""The losses: of the embedding, of the order by severity, and of the quality map."""

import torch
from torch import Tensor
import torch.nn.functional as F

#: Of the quality map of a frame of which a part is spoilt.
LOCAL_WEIGHT = 4.0


def supervised_contrastive_loss(embeddings: Tensor, labels: Tensor,
                                temperature: float = 0.1) -> Tensor:
    """
    Return the supervised contrastive loss.

    It is L_out of Khosla et al., NeurIPS 2020 (arXiv:2004.11362), eq. 2.

    :param embeddings: (N, D) unit vectors.
    :param labels: (N,) integer classes.
    :param temperature: by which similarities are divided.
    :return: a scalar, the mean over the samples that have at least one other sample of their
        class; 0 if there is none.
    """
    similarity = (embeddings @ embeddings.T / temperature).float()
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    log_prob = F.log_softmax(similarity.masked_fill(itself, float('-inf')), dim=1)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    count = positive.sum(1)
    total = log_prob.masked_fill(~positive, 0.0).sum(1)
    anchors = count > 0
    return -(total[anchors] / count[anchors]).sum() / anchors.sum().clamp_min(1)


def ranking_loss(values: Tensor, kinds: Tensor, severities: Tensor) -> Tensor:
    """
    Ask for higher values where a fault is more severe; RankNet (Burges et al., ICML 2005).

    :param values: (N,).
    :param kinds: (N,) integers; only samples of one kind are compared.
    :param severities: (N,), NaN where a sample cannot be compared.
    :return: a scalar, the mean over all pairs of different severity; 0 if there is none.
    """
    pairs = (severities[:, None] > severities[None, :]) & (kinds[:, None] == kinds[None, :])
    losses = F.softplus(values[None, :] - values[:, None])
    return losses.masked_fill(~pairs, 0.0).sum() / pairs.sum().clamp_min(1)


def score_loss(logits: Tensor, targets: Tensor, weights: Tensor, kinds: Tensor,
               severities: Tensor, ranking_weight: float) -> Tensor:
    """
    Return the cross-entropy of scores with what people would say, and that of their order.

    The ranking loss keeps the more severe of two frames with the same kind of fault below the
    other, however near zero both are.

    :param logits: (N,) float, of "distorted".
    :param targets: (N,) float, 0 to 1: how likely people call it fair or worse.
    :param weights: (N,) float, of the samples; see ``class_weights``.
    :param kinds: see ``ranking_loss``; so are ``severities``.
    :return: a scalar, the mean.
    """
    loss = F.binary_cross_entropy_with_logits(logits, targets, weights)
    return loss + ranking_weight * ranking_loss(logits, kinds, severities)


def class_weights(labels: Tensor, clean_share: float) -> Tensor:
    """
    Weigh samples as if so many of them were clean.

    :param labels: (N,) integer classes, 0 is clean.
    :return: (N,) float; their mean is 1.
    """
    distorted = (labels != 0).float()
    share = distorted.mean().clamp(0.05, 0.95)
    return torch.where(distorted > 0, (1 - clean_share) / share, clean_share / (1 - share))


def type_loss(logits: Tensor, labels: Tensor, targets: Tensor,
              weights: Tensor | float = 1.0) -> Tensor:
    """
    Return the cross-entropy of types with what people would say: the fault, or that there is none.

    :param logits: (N, classes) float.
    :param labels: (N,) integer classes, 0 is clean.
    :param targets: (N,) float, 0 to 1: how likely the fault is seen; 0 of clean ones.
    :param weights: (N,) float, of the samples; their mean is 1.
    :return: a scalar, the mean.
    """
    fault = F.cross_entropy(logits, labels, reduction='none')
    none = F.cross_entropy(logits, torch.zeros_like(labels), reduction='none')
    return (weights * (targets * fault + (1 - targets) * none)).mean()


def map_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """
    Return the cross-entropy of a quality map with what its blocks should say.

    :param logits: (N, rows, columns) float.
    :param targets: (N, at least so many rows and columns) float, 0 to 1; NaN where it cannot be
        told.
    :return: a scalar, the mean over all blocks with a target; 0 if there is none. Frames of which
        a part is spoilt weigh ``LOCAL_WEIGHT`` times: they alone teach where.
    """
    targets = targets[:, :logits.shape[1], :logits.shape[2]]
    known = ~targets.isnan()
    losses = F.binary_cross_entropy_with_logits(
        logits.float(), targets.nan_to_num(), reduction='none')
    in_part = (targets > 0.5).any(2).any(1) & (targets < 0.5).any(2).any(1)
    weights = known * (1 + (LOCAL_WEIGHT - 1) * in_part.float())[:, None, None]
    return (losses * weights).sum() / weights.sum().clamp_min(1)
