"""The networks that training starts from."""

from fliqe_ros.models.checkpoint import load_backbone, load_encoder, load_model
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import ThermalS
from torchvision.models import ResNet50_Weights

IMAGENET, RANDOM = 'imagenet', 'random'


def initial_network(architecture: str = '', backbone: str = '', encoder: str = '',
                    init: str = '') -> QualityNetwork:
    """
    Return a network in training mode, random where nothing is loaded.

    :param architecture: a name in ``registry.ARCHITECTURES``; empty is that of the files, else the
        default one.
    :param backbone: of resnet50: ``imagenet`` (the default: torchvision's weights, downloaded
        once), ``random``, or a file with a torchvision state dict.
    :param encoder: a checkpoint, or a published encoder-only file, whose heads are to be trained.
    :param init: a checkpoint to go on from.
    :raises ValueError: if these do not go together, or imagenet cannot be downloaded.
    :raises CheckpointError: if a file cannot be used.
    """
    if bool(backbone) + bool(encoder) + bool(init) > 1:
        raise ValueError('backbone, encoder and init exclude each other')
    if init:
        network = load_model(init)
    elif encoder:
        network = load_encoder(encoder)
    elif architecture == ResNet50.architecture:
        network = ResNet50()
        _fill_backbone(network, backbone or IMAGENET)
    elif backbone:
        raise ValueError(f'only {ResNet50.architecture} has a backbone to choose')
    else:
        network = ThermalS()
    if architecture and network.architecture != architecture:
        raise ValueError(f'{init or encoder} is a {network.architecture}, not a {architecture}')
    return network.train()


def _fill_backbone(network: ResNet50, backbone: str) -> None:
    if backbone == RANDOM:
        return
    if backbone != IMAGENET:
        load_backbone(network.iqa_encoder, backbone)
        return
    try:
        state = ResNet50_Weights.IMAGENET1K_V2.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network, or a damaged download
        raise ValueError(f"torchvision's ImageNet weights cannot be downloaded ({error}); give "
                         'a file of them as backbone instead') from error
    state = {key: value for key, value in state.items() if not key.startswith('fc.')}
    network.iqa_encoder.encoder.load_state_dict(state)
