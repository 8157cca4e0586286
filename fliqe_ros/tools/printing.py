"""What commands print: words for people, or JSON for programs, or nothing."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any


def add_printing(arguments: argparse.ArgumentParser, content: str = 'the result',
                 ) -> argparse._MutuallyExclusiveGroup:
    """
    Add ``--json`` and ``--quiet`` to a command line.

    :param content: what is printed as JSON.
    :return: the group of options that ``--quiet`` belongs to, for others that contradict it.
    """
    group = arguments.add_argument_group('printing')
    group.add_argument('--json', action='store_true', help=f'print {content} as JSON')
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument('-q', '--quiet', action='store_true',
                          help='print nothing but what went wrong')
    return loudness


def shows_progress(options: argparse.Namespace) -> bool:
    """Tell whether progress may be shown to people."""
    return not (options.quiet or options.json)


def tell(options: argparse.Namespace, sentence: str, facts: object) -> None:
    """Print the result of a command, as its options say."""
    if options.json:
        print(json_line(facts), flush=True)
    elif not options.quiet:
        print(sentence, flush=True)


def json_line(facts: object) -> str:
    """Return facts as a line of JSON; a number that is none is null."""
    return json.dumps(_known(facts), allow_nan=False)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
