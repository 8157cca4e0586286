"""The options that every command line working on folders of thermal frames has."""

import argparse
from pathlib import Path

import torch


def data_options() -> argparse.ArgumentParser:
    """Return a parser to be used as a parent: ``--data``, ``--exclude``, ``--device``."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument('--data', type=Path, required=True,
                         help='folder with one subfolder of thermal images or videos per camera')
    options.add_argument('--exclude', nargs='*', default=(), metavar='NAME',
                         help='subfolders to leave out, such as cameras that are never clean')
    options.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    return options
