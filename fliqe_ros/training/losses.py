"""The loss that shapes the embedding, and which embeddings it may be computed on."""

import torch
from torch import Tensor
import torch.nn.functional as F


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


def ranking_loss(values: Tensor, labels: Tensor, severities: Tensor) -> Tensor:
    """
    Ask for higher values where a distortion is more severe; RankNet (Burges et al., ICML 2005).

    :param values: (N,).
    :param labels: (N,) integer classes; only samples of one class are compared.
    :param severities: (N,), NaN where a sample cannot be compared.
    :return: a scalar, the mean over all pairs of different severity; 0 if there is none.
    """
    pairs = (severities[:, None] > severities[None, :]) & (labels[:, None] == labels[None, :])
    losses = F.softplus(values[None, :] - values[:, None])
    return losses.masked_fill(~pairs, 0.0).sum() / pairs.sum().clamp_min(1)


def parts_of(embeddings: list[Tensor], whole: Tensor, *truths: Tensor) -> list[tuple]:
    """
    Group the embeddings that ``QualityNetwork.encode_views`` returns with their labels.

    :param embeddings: (N, D) each, the first of whole views, the others of parts of them.
    :param whole: (N,) bool, False if a part may show nothing of what is wrong with its view; the
        parts of such views are left out.
    :param truths: (N,) each, such as classes.
    :return: tuples of an embedding, as float32, and its truths.
    """
    frames, *parts = embeddings
    return [(frames.float(), *truths),
            *((part.float()[whole], *(truth[whole] for truth in truths)) for part in parts)]
