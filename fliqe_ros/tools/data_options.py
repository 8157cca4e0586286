"""Options of the command lines that work on folders of thermal frames."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def at_least_one(text: str) -> int:
    """
    Read an option that is a whole number from 1.

    :raises argparse.ArgumentTypeError: for any other text.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 1')
    return int(text)


def data_options() -> argparse.ArgumentParser:
    """Return a parent parser with ``--data``, ``--exclude`` and ``--device``."""
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
