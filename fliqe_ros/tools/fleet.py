"""
Put the tables of many runs of `fliqe score --out` together, for all cameras of a fleet.

Writes a page, fleet.html, and a table, fleet.csv: robots and cameras by trouble, and what changes
from week to week, such as a lens that fogs or a fixed pattern that grows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
import json
from pathlib import Path
import re
import sys

from fliqe_ros.errors import SourceError
from fliqe_ros.recordings.fleet import (
    find_tables, FLEET_COLUMNS, fleet_row, read_fleet, write_fleet)
from fliqe_ros.recordings.report.fleet_page import write_page
from fliqe_ros.tools.printing import add_printing, json_line

EXPLANATION = """
tables: cameras.csv of runs, or folders of runs. The clocks of the recordings tell the weeks.

examples:
  fliqe fleet scores/ --out fleet                        # scores/ROBOT/…/cameras.csv
  fliqe fleet scores/ --robot 'robots/(\\w+)/' --out fleet

Exit status: 0; 1 if a table cannot be read.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe fleet', description=__doc__, epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('tables', nargs='+', metavar='TABLE',
                           help='cameras.csv, or a folder with such tables in it or below')
    arguments.add_argument('--out', type=Path, required=True, metavar='FOLDER',
                           help='write fleet.html and fleet.csv there')
    arguments.add_argument('--robot', type=_pattern, metavar='REGEX',
                           help="finds a robot's name in the path of a recording, as its first "
                                'group; default: the first folder in which the tables differ')
    add_printing(arguments, 'an object for each camera')
    return arguments


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f'not a regular expression: {error}') from error
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args(argv)
    try:
        tables = find_tables(options.tables)
        cameras = read_fleet(tables, options.robot)
        options.out.mkdir(parents=True, exist_ok=True)
        write_fleet(cameras, options.out)
        write_page(cameras, len(tables), _models(tables), options.out)
    except (SourceError, OSError) as error:
        print(f'fleet: {error}', file=sys.stderr)
        return 1
    worse = sum(bool(each.worse) for each in cameras)
    if options.json:
        for camera in cameras:
            print(json_line(dict(zip(FLEET_COLUMNS, fleet_row(camera)))))
    elif not options.quiet:
        print(f'{len(cameras)} cameras, {worse} of them get worse: {options.out / "fleet.html"}')
    return 0


def _models(tables: Sequence[Path]) -> list[str]:
    """Return the models by which the runs beside tables were scored, as far as these tell."""
    models = set()
    for path in tables:
        with suppress(OSError, ValueError, KeyError):
            models.add(str(json.loads(path.with_name('run.json').read_text('utf-8'))['model']))
    return sorted(models)


if __name__ == '__main__':
    sys.exit(main())
