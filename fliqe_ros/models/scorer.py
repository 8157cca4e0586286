"""A network made ready to score and nothing else: what the torch backend and the export run."""

from copy import deepcopy
from typing import Union

from fliqe_ros.models.network import QualityNetwork
import torch
from torch import nn, Tensor
from torch.fx.experimental.optimization import fuse


class Scorer(nn.Module):
    """
    A copy of a network that gives scores instead of logits.

    Normalisation, of the input and by BatchNorm layers, is folded into the convolutions, which
    changes scores by about 1e-6. ``network`` must be in evaluation mode; it is left as it was.
    precision: of the convolutions; what is behind them is computed in float32.
    """

    def __init__(self, network: QualityNetwork, precision: torch.dtype = torch.float32):
        super().__init__()
        self.network = deepcopy(network).requires_grad_(False)
        for name in network.convolutions:
            parent, _, child = name.rpartition('.')
            # In float32 the folded weights would add errors of their own, three times as large
            # as those of the convolutions.
            convolutions = fuse(self.network.get_submodule(name).double())
            setattr(self.network.get_submodule(parent), child, convolutions.float())
        if precision is torch.float32:
            _fold_normalize(self.network)
        else:
            # Gray levels less their mean fit into 8 bits without loss; weights made for levels
            # as they are would not sum up to zero any more once they are rounded.
            for module in self.network.modules():
                if isinstance(module, nn.Conv2d):
                    module.to(precision)
        self.eval()

    def forward(self, batch: Tensor, maps: Union[bool, Tensor] = True) -> tuple:
        """
        (N, C, h, w) uint8 batch of prepared frames → scores, probabilities and quality maps.

        Scores are (N,), probabilities (N, 9) if it tells types, maps (N, rows, columns) if it has
        any and they are wanted; all in [0, 1]. What there is not is left out. maps: see
        ``QualityNetwork.forward``.
        """
        prediction = self.network(batch, maps)
        outputs = [prediction.score]
        if prediction.type_logits is not None:
            outputs.append(prediction.type_logits.softmax(1))
        if prediction.map_logits is not None:
            outputs.append(torch.sigmoid(-prediction.map_logits))
        return tuple(outputs)


def _fold_normalize(network: QualityNetwork) -> None:
    """Let the first convolution take gray levels as they are."""
    first, normalize = network.get_submodule(network.first_convolution), network.normalize
    weight = first.weight.double() / normalize.scale
    first.bias.sub_(normalize.mean * weight.sum((1, 2, 3)))
    first.weight.copy_(weight)
    network.normalize = nn.Identity()
