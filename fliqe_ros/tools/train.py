"""Train a FLIQE model: encoder by supervised contrastive learning, then the heads."""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields, replace
import datetime
import math
from pathlib import Path
import sys
from typing import Any

from fliqe_ros.data.frame_store import FrameStore
from fliqe_ros.data.sources import load_sources, Source, synthetic_source
from fliqe_ros.evaluation.evaluate import evaluate_network
from fliqe_ros.evaluation.metrics import metrics
from fliqe_ros.models.checkpoint import save_checkpoint
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.registry import ARCHITECTURES, DEFAULT_ARCHITECTURE
from fliqe_ros.tools.data_options import data_options
from fliqe_ros.training.amp import deterministic, PRECISIONS
from fliqe_ros.training.config import default_config, TrainingConfig
from fliqe_ros.training.encoder import EncoderTraining
from fliqe_ros.training.heads import train_heads
from fliqe_ros.training.init import IMAGENET, initial_network, PACKAGED, RANDOM
from fliqe_ros.training.kept_views import train_glance
from fliqe_ros.training.quality_map import train_map
from fliqe_ros.training.thumbnail import train_thumbnail
import torch
from tqdm import tqdm

EXPLANATION = """
The frames should be clean: distorted versions are made while training. About a fifth of the
groups of frames (clips, flights, topics of a bag) of each camera is held out to validate.

example: two cameras in thermal/road and thermal/drone
  fliqe train --data thermal --run runs/first
  fliqe score picture.png --model runs/first/model.pt

A run that was killed goes on where it was when the same command is given again, with the same
result. In the folder of the run:
  model.pt     the finished model
  metrics.csv  a row per epoch: losses, balanced accuracy of the worst and of each camera on
               validation frames, learning rate, seconds
  tensorboard  the same for TensorBoard, where it is installed
  state.pt     what an unfinished run goes on from
While the run lasts, the decoded frames take room on the disk of that folder: 0.65 MB for a raw
frame of 640x512, 6.5 GB for 10,000 of them.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line; every setting of the config is an option."""
    arguments = argparse.ArgumentParser(
        prog='fliqe train', description=__doc__, epilog=EXPLANATION,
        usage='%(prog)s --data FOLDER --run FOLDER [options]', parents=[data_options()],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_run_options(arguments.add_argument_group('run'))
    _add_start_options(arguments.add_argument_group('what to train'))
    _add_config_options(arguments.add_argument_group(
        'config', 'With the data and what training starts from, these determine the result.'))
    return arguments


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--run', type=Path, required=True, metavar='FOLDER',
                       help='folder of the run, see below')
    group.add_argument('--scenes', type=Path, metavar='FOLDER',
                       help='folder with one subfolder for each collection of pictures of '
                            'anything, beside --data, for the thumbnail of thermal_s')
    group.add_argument('--licence', nargs='*', default=(), metavar='NAME=LICENCE',
                       help='licences of the subfolders, to be kept in the checkpoint')
    group.add_argument('--version', type=int, default=1, metavar='N',
                       help='number of the model, to be kept in the checkpoint; '
                            'default %(default)s')
    group.add_argument('--workers', type=int, default=1, metavar='N',
                       help='processes that make batches; default %(default)s')
    group.add_argument('--threads', type=int, metavar='N',
                       help='threads of torch, which the last digits of the result depend '
                            'on; default: all cores')
    group.add_argument('--precision', choices=PRECISIONS, default='auto',
                       help='arithmetic of the encoder; auto, the default, is half precision '
                            'on a GPU and float32 on the CPU')


def _add_start_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--architecture', choices=ARCHITECTURES,
                       help=f'default {DEFAULT_ARCHITECTURE}, or that of --init or --encoder')
    group.add_argument('--backbone', metavar=f'{PACKAGED}|{IMAGENET}|{RANDOM}|FILE', default='',
                       help='frozen layers: of thermal_s those of the packaged model (default), '
                            'random ones, or those of a checkpoint of thermal_s7; of resnet50 '
                            'torchvision weights, downloaded once (default), random ones, or a '
                            'torchvision state dict')
    group.add_argument('--encoder', metavar='FILE', default='',
                       help='train only the heads, on the encoder of this checkpoint or on a '
                            'published resnet50 encoder; thermal_s needs --head-steps for it')
    group.add_argument('--init', metavar='MODEL', default='',
                       help='start from this checkpoint: to adapt it to another camera')


def _add_config_options(group: argparse._ArgumentGroup) -> None:
    """Add an option for each field; what is not given depends on the architecture."""
    for setting in fields(TrainingConfig):
        defaults = [getattr(default_config(name), setting.name) for name in ARCHITECTURES]
        told = str(defaults[0]) if len(set(defaults)) == 1 else ', '.join(
            f'{value} for {name}' for name, value in zip(ARCHITECTURES, defaults))
        flags = ['--' + name.replace('_', '-')
                 for name in (setting.name, setting.metadata.get('old_name')) if name]
        kind: Any = setting.type  # a class, as nothing postpones the annotations there
        group.add_argument(*flags, dest=setting.name, type=kind,
                           default=argparse.SUPPRESS, metavar=kind.__name__.upper(),
                           help=f'{setting.metadata.get("help", "")}; default {told}'.lstrip('; '))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(argv)
    try:
        train(options)
    except (ValueError, OSError) as error:
        print(f'train: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'train: interrupted; the same command goes on in {options.run}', file=sys.stderr)
        return 130
    return 0


def train(options: argparse.Namespace) -> None:
    """
    Train as the options say and write the checkpoint.

    :raises ValueError: if the options or files do not fit together.
    :raises OSError: if a file cannot be read or written.
    """
    torch.set_flush_denormal(True)  # of sure heads; CPUs compute with them many times slower
    try:
        with nullcontext() if options.device == 'cpu' else deterministic():
            _train(options)
    finally:
        torch.set_flush_denormal(False)


def _train(options: argparse.Namespace) -> None:
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.device != 'cpu':
        _check_device(options.device)
    given = {setting.name: getattr(options, setting.name) for setting in fields(TrainingConfig)
             if hasattr(options, setting.name)}
    torch.manual_seed(given.get('seed', TrainingConfig.seed))
    network = initial_network(options.architecture, options.backbone, options.encoder,
                              options.init)
    config = replace(default_config(network.architecture), **given)
    if options.encoder and not config.head_steps:
        raise ValueError('with --encoder the heads are trained, so give --head-steps')
    sources = read_sources(options, config)
    scenes = read_scenes(options, config)
    batches = config.head_steps + (0 if options.encoder else config.epochs * config.steps)
    batches += config.kept_steps if config.kept_epochs and not options.encoder else 0
    batches += config.thumbnail_steps if config.thumbnail_epochs and not options.encoder else 0
    batches += 0 if network.map_head is None else config.map_steps
    # smoothing 0: the rest of the run goes on at the mean pace so far, validation included;
    # delay: no bar above what is wrong with the folder of the run
    with tqdm(total=batches, unit='batch', smoothing=0, delay=0.1) as progress:
        if not options.encoder:
            training = EncoderTraining(network, config, options.device, options.precision)
            network = training.run(sources, options.run, options.workers, progress)
            network = train_glance(network, sources, config, options.device, options.workers,
                                   options.precision, progress)
            network = train_thumbnail(network, sources + scenes, config, options.device,
                                      options.workers, progress)
        train_heads(network, sources, config, options.device, options.workers, progress)
        train_map(network, sources, config, options.device, options.workers, progress)
    finish(network, sources, scenes, config, options)


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise ValueError(f'there is no device {device!r} to train on '
                         f'({str(error).splitlines()[0]})') from error


def read_sources(options: argparse.Namespace, config: TrainingConfig) -> list[Source]:
    """
    Read the frames into the folder of the run, not into memory, and print how many there are.

    :raises ValueError: if there are none.
    :raises OSError: if the folder cannot be read, or the disk is full.
    """
    store = FrameStore(options.run)
    sources = load_sources(options.data, tuple(options.exclude), store)
    if config.synthetic:
        sources.append(synthetic_source(config.synthetic, config.seed, store=store))
    for source in sources:
        print(f'{source.name}: {len(source.training)} frames to train on, '
              f'{len(source.validation)} to validate, {source.noisy} too noisy')
    return sources


def read_scenes(options: argparse.Namespace, config: TrainingConfig) -> list[Source]:
    """
    Read ``--scenes``, if something learns from them; how noisy they are does not matter.

    :raises ValueError: if there are none.
    :raises OSError: if the folder cannot be read, or the disk is full.
    """
    if options.scenes is None or not config.thumbnail_epochs:
        return []
    return load_sources(options.scenes, store=FrameStore(options.run), most_noise=math.inf)


def finish(network: QualityNetwork, sources: list[Source], scenes: list[Source],
           config: TrainingConfig, options: argparse.Namespace) -> None:
    """Evaluate the network on the validation frames and write ``model.pt``."""
    licences = dict(entry.partition('=')[::2] for entry in options.licence)
    found = metrics(evaluate_network(network, sources, options.device))
    path = options.run / 'model.pt'
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, network.cpu(), {
        'version': options.version,
        'classes': [distortion.label for distortion in network.types],
        'training_data': {source.name: licences.get(source.name, '')
                          for source in (*sources, *scenes)},
        'config': asdict(config),
        'metrics': {'balanced_accuracy': found.balanced_accuracy,
                    'type_accuracy': found.type_accuracy, 'auroc': found.auroc},
        'date': datetime.date.today().isoformat(),
    })
    types = f', types {found.type_accuracy:.3f}' if network.tells_types else ''
    print(f'{path}: balanced accuracy {found.balanced_accuracy:.3f}{types} on validation groups '
          'at reference severities')


if __name__ == '__main__':
    sys.exit(main())
