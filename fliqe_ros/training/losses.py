"""The loss that shapes the embedding."""

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
