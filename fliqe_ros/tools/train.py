"""Train a FLIQE model: encoder by supervised contrastive learning, then the heads."""

import argparse
from dataclasses import asdict, fields
import datetime
from pathlib import Path
import sys

from fliqe_ros.distortion import CLASSES
from fliqe_ros.model import load_model, save_checkpoint, ThermalS
from fliqe_ros.tools.data_options import data_options
from fliqe_ros.training.data import load_sources, synthetic_source
from fliqe_ros.training.encoder import EncoderTraining, Recipe
from fliqe_ros.training.evaluation import judge, metrics
from fliqe_ros.training.heads import train_heads
import torch


def parser() -> argparse.ArgumentParser:
    """Return the command line; every setting of the recipe is an option."""
    arguments = argparse.ArgumentParser(prog='python -m fliqe_ros.tools.train',
                                        description=__doc__, parents=[data_options()])
    arguments.add_argument('--licence', nargs='*', default=(), metavar='NAME=LICENCE',
                           help='licences of the subfolders, to be kept in the checkpoint')
    arguments.add_argument('--run', type=Path, required=True,
                           help='folder for state, metrics.csv and the checkpoint model.pt; '
                                'an unfinished run in it is continued')
    arguments.add_argument('--init', metavar='MODEL',
                           help='start from this checkpoint instead of from nothing: to adapt it '
                                'to another camera')
    arguments.add_argument('--workers', type=int, default=1, help='processes that make batches')
    arguments.add_argument('--threads', type=int, help='threads of torch, default all cores')
    for setting in fields(Recipe):
        arguments.add_argument('--' + setting.name.replace('_', '-'), type=setting.type,
                               default=setting.default, help='default %(default)s')
    return arguments


def main(argv=None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(argv)
    licences = dict(entry.partition('=')[::2] for entry in options.licence)
    recipe = Recipe(**{setting.name: getattr(options, setting.name) for setting in fields(Recipe)})
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(recipe.seed)
    try:
        sources = load_sources(options.data, tuple(options.exclude))
        if recipe.synthetic:
            sources.append(synthetic_source(recipe.synthetic, recipe.seed))
        for source in sources:
            print(f'{source.name}: {len(source.training)} frames to train on, '
                  f'{len(source.validation)} to validate, {source.noisy} too noisy')
        network = load_model(options.init).train() if options.init else ThermalS()
        training = EncoderTraining(network, recipe, options.device)
        network = training.run(sources, options.run, options.workers)
    except (ValueError, OSError) as error:
        print(f'train: {error}', file=sys.stderr)
        return 1
    train_heads(network, sources, recipe, options.device, options.workers)
    found = metrics(judge(network, sources, options.device))
    save_checkpoint(options.run / 'model.pt', network.cpu(), {
        'version': 1,
        'classes': [distortion.label for distortion in CLASSES],
        'training_data': {source.name: licences.get(source.name, '') for source in sources},
        'recipe': asdict(recipe),
        'metrics': {'balanced_accuracy': found.balanced_accuracy,
                    'type_accuracy': found.type_accuracy, 'auroc': found.auroc},
        'date': datetime.date.today().isoformat(),
    })
    print(f'{options.run / "model.pt"}: balanced accuracy {found.balanced_accuracy:.3f}, '
          f'types {found.type_accuracy:.3f} on validation groups at reference severities')
    return 0


if __name__ == '__main__':
    sys.exit(main())
