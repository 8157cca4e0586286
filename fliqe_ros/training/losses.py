"""The loss that shapes the embedding, and which embeddings it may be computed on."""

import torch
from torch import Tensor
import torch.nn.functional as F


def supervised_contrastive_loss(embeddings: Tensor, labels: Tensor,
                                temperature: float = 0.1) -> Tensor:
    """
    Supervised contrastive loss, L_out of Khosla et al., NeurIPS 2020 (arXiv:2004.11362), eq. 2.

    embeddings: (N, D) unit vectors. labels: (N,) integer classes. Returns a scalar: the mean over
    the samples that have at least one other sample of their class (0 where there is none).
    """
    similarity = (embeddings @ embeddings.T / temperature).float()
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    log_prob = F.log_softmax(similarity.masked_fill(itself, float('-inf')), dim=1)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    count = positive.sum(1)
    total = log_prob.masked_fill(~positive, 0.0).sum(1)
    anchors = count > 0
    return -(total[anchors] / count[anchors]).sum() / anchors.sum().clamp_min(1)


def parts_of(embeddings: list, labels: Tensor, whole: Tensor) -> list:
    """
    Pair the embeddings that ``QualityNetwork.encode_views`` gives with the classes they show.

    embeddings: (N, D) each, the first of whole views, the others of parts of them. labels: (N,).
    whole: (N,) bool, False where a part may show nothing of what is wrong with its view; parts of
    these are left out. Returns (embedding, labels) pairs, embeddings as float32.
    """
    frames, *parts = embeddings
    return [(frames.float(), labels),
            *((part.float()[whole], labels[whole]) for part in parts)]
