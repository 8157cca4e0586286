# PYTHON_ARGCOMPLETE_OK
"""Quality of thermal images and recordings: score them, train and compare models."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
import os
import shlex
import sys
from typing import Any

#: Name of each command, which is a module beside this one, and what it does. Only the one that
#: is called is imported: some of them take seconds.
COMMANDS = {
    'score': 'score images, videos and bags; tables and a report of recordings',
    'learn': 'learn what is normal for a camera from good frames of it',
    'fleet': 'put the tables of many runs together: robots by trouble, trends over weeks',
    'train': 'train a model on your own frames',
    'evaluate': 'tell how good a model is on frames that it was not trained on',
    'report': 'hold models and the usual baselines against each other',
    'export': 'write a model as ONNX, to run without PyTorch',
    'download': 'get the frames that the packaged model was trained on',
}
EXPLANATION = """
examples:
  fliqe score recordings/ --out scores     # frames, cameras, events and a page to read
  fliqe learn good_minute.mcap --camera /flir_front/image_raw --out front.json
  fliqe train --data thermal --run runs/mine
  fliqe COMMAND --help                     # the options of a command

score, learn, fleet, evaluate and export print their result as JSON with --json, nothing with -q.

Completion for bash and zsh, with the Python package argcomplete:
  eval "$(register-python-argcomplete fliqe)"

Exit status: 0 if all went well, 1 if something failed, 2 for a wrong command line, 130 if it was
interrupted.
"""


def parser(complete: str = '') -> argparse.ArgumentParser:
    """
    Return the command line.

    :param complete: the command whose own options are wanted too; they belong to its module.
    """
    arguments = argparse.ArgumentParser(
        prog='fliqe', description=__doc__, epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(metavar='COMMAND', required=True, title='commands')
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose, add_help=False)
        if name == complete:
            commands.choices[name] = _module(name).parser()
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if '_ARGCOMPLETE' in os.environ:
        _complete()
    if not words or words[0] not in COMMANDS:
        parser().parse_args(words or ['--help'])  # ends the program
    try:
        return _module(words[0]).main(words[1:])
    except KeyboardInterrupt:
        print(f'{words[0]}: interrupted', file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('fliqe_ros'):
            raise
        print(f'{words[0]}: the Python package {error.name} is missing', file=sys.stderr)
        return 1


def _complete() -> None:
    """Print what the shell can complete the line with, and end the program."""
    try:
        from argcomplete import autocomplete  # optional
    except ImportError:
        return
    line = os.environ.get('COMP_LINE', '')
    try:
        words = shlex.split(line)
    except ValueError:  # a quotation that is not closed yet
        words = line.split()
    autocomplete(parser(next((word for word in words[1:] if word in COMMANDS), '')))


def _module(command: str) -> Any:
    return import_module(f'fliqe_ros.tools.{command}')


if __name__ == '__main__':
    sys.exit(main())
