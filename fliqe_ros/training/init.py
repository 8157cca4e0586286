"""The networks that training starts from."""

from fliqe_ros.models.checkpoint import load_backbone, load_encoder, load_model
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.models.thermal_s7 import ThermalS7
from fliqe_ros.models.thermal_trunk import Trunk
from torchvision.models import ResNet50_Weights

IMAGENET, PACKAGED, RANDOM = 'imagenet', 'packaged', 'random'


def initial_network(architecture: str = '', backbone: str = '', encoder: str = '',
                    init: str = '') -> QualityNetwork:
    """
    Return a network in training mode, random where nothing is loaded.

    :param architecture: a name in ``registry.ARCHITECTURES``; empty is that of the files, else the
        default one.
    :param backbone: the frozen layers. Of thermal_s: ``packaged`` (the default: those of the
        packaged model), ``random``, or a checkpoint of a thermal_s7. Of resnet50: ``imagenet``
        (the default: torchvision's weights, downloaded once), ``random``, or a file with a
        torchvision state dict.
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
    elif architecture == ThermalS7.architecture:
        if backbone:
            raise ValueError(f'{architecture} has no backbone to choose')
        network = ThermalS7()
    else:
        network = ThermalS()
        _fill_trunk(network, backbone or PACKAGED)
    if architecture and network.architecture != architecture:
        raise ValueError(f'{init or encoder} is a {network.architecture}, not a {architecture}')
    return network.train()


def _fill_trunk(network: ThermalS, backbone: str) -> None:
    if backbone == RANDOM:
        return
    trained = load_model(None if backbone == PACKAGED else backbone)
    trunk = trained.trunk if isinstance(trained, ThermalS) else trained
    if not isinstance(trunk, Trunk):
        raise ValueError(f'{backbone} is a {trained.architecture}, not a {ThermalS7.architecture}')
    learned = trunk.state_dict()
    network.trunk.load_state_dict({key: learned[key] for key in network.trunk.state_dict()})


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
