"""A network made ready to score and nothing else: what the torch backend and the export run."""

from __future__ import annotations

from copy import deepcopy

from fliqe_ros.models.network import Normalize, QualityNetwork
import torch
from torch import nn, Tensor
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Scorer(nn.Module):
    """
    A copy of a network that gives scores instead of logits.

    Normalisation, of the input and by BatchNorm layers, is folded into the convolutions, which
    changes scores by about 1e-6.

    :param network: a network in evaluation mode; it is left as it was.
    :param precision: the floating-point type of the convolutions; everything behind them is
        computed in float32.
    """

    def __init__(self, network: QualityNetwork, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network = deepcopy(network).requires_grad_(False)
        _fold_batch_norms(self.network)
        if precision is torch.float32:
            _fold_normalize(self.network)
        else:
            # Gray levels minus their mean fit into 8 bits without loss. Weights for levels with
            # their mean would no longer sum to zero once they are rounded.
            for module in self.network.modules():
                if isinstance(module, nn.Conv2d):
                    module.to(precision)
        self.eval()

    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        """
        Score a batch of preprocessed frames.

        :param batch: (N, C, h, w) uint8.
        :return: scores, (N,); probabilities, (N, 13), if the network tells types; quality maps,
            (N, rows, columns), if it has them. All in [0, 1].
        """
        prediction = self.network(batch)
        outputs = [prediction.score]
        if prediction.type_logits is not None:
            outputs.append(prediction.type_logits.softmax(1))
        if prediction.map_logits is not None:
            outputs.append(torch.sigmoid(-prediction.map_logits))
        return tuple(outputs)


def _fold_batch_norms(network: nn.Module) -> None:
    """Fold every BatchNorm that directly follows a convolution into it, in place."""
    for parent in network.modules():
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in zip(children, children[1:]):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                # Folding in float32 would add errors three times as large as those of the
                # convolutions.
                setattr(parent, conv_name, fuse_conv_bn_eval(conv.double(), norm.double()).float())
                setattr(parent, norm_name, nn.Identity())


def _fold_normalize(network: QualityNetwork) -> None:
    """Let the first convolution take gray levels as they are."""
    first, normalize = network.get_submodule(network.first_convolution), network.normalize
    assert isinstance(first, nn.Conv2d) and first.bias is not None
    assert isinstance(normalize, Normalize)
    weight = first.weight.double() / normalize.scale
    first.bias.sub_(normalize.mean * weight.sum((1, 2, 3)))
    first.weight.copy_(weight)
    network.normalize = nn.Identity()
