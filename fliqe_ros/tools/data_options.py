"""The options that every command line working on folders of thermal frames has."""

import argparse
from pathlib import Path

import torch


def at_least_one(text: str) -> int:
    """Read a whole number from 1, as argparse wants its types to do."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


at_least_one.__name__ = 'whole number from 1'  # what argparse calls it where it is wrong


def data_options() -> argparse.ArgumentParser:
    """Return a parser to be used as a parent: ``--data``, ``--exclude``, ``--device``."""
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group('frames')
    group.add_argument('--data', type=Path, required=True, metavar='FOLDER',
                       help='folder with one subfolder for each camera; in it, at any depth, '
                            'thermal images (8 or 16 bits), videos or ROS bags')
    group.add_argument('--exclude', nargs='*', default=(), metavar='NAME',
                       help='subfolders to leave out, such as cameras that are never clean')
    group.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu',
                       help='cpu, cuda or cuda:N; default here: %(default)s')
    return options
