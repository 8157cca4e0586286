"""
The lists of single frames that come with the package.

Each row of a CSV file names a frame's repository, commit, path, licence and SHA-256, and the
folder and file that ``fliqe_ros.tools.download`` makes of it.
"""

from pathlib import Path

_TABLES = Path(__file__).with_name('tables')
#: Name → list. ``native``: natively bad frames of many cameras, sorted by eye, and good ones of
#: the same cameras. ``rated``: frames of LWIR-IQA (doi 10.2478/jee-2022-0011) with their mean
#: opinion scores. No model was trained on either.
FRAME_TABLES = {name: _TABLES / f'{name}.csv' for name in ('native', 'rated')}


def frame_table(name: str) -> Path:
    """Return the list of a name in ``FRAME_TABLES``, or else the name as a path."""
    return FRAME_TABLES.get(name, Path(name))
