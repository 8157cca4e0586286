"""
Download the single frames that thermal_s was trained on from their public repositories.

Each row of a table (CSV) makes FOLDER/folder/file from one file of a repository on GitHub at one
commit. Its column "path" may end in #raw, #t=N, #frame=N, #frame=channelN or #width=N: counts of a
radiometric file, a frame of a video or recording, a channel of an array, a picture in gray and so
many pixels wide; these are stored as PNG.
Each frame must have the SHA-256 in the table. Files that have it already are not downloaded again.
A frame that cannot be downloaded is reported, and the others are downloaded all the same. This
needs git, and the Python package cptv for .cptv files.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
import csv
from functools import lru_cache
import hashlib
import os
from pathlib import Path, PurePosixPath
import subprocess
import sys
import tempfile

import cv2
from fliqe_ros.data.frame_tables import frame_table
from fliqe_ros.frame_io.radiometric import decode, decode_image, FAILURES
from fliqe_ros.models.packaged import DEFAULT_MODEL
import numpy as np

DEFAULT_TABLE = DEFAULT_MODEL.with_name('frames.csv')


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe download', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('folder', type=Path, metavar='FOLDER', help='where the frames go')
    arguments.add_argument('--table', type=frame_table, metavar='CSV', default=DEFAULT_TABLE,
                           help='list of the frames: native, rated (frames that people have '
                                'judged) or a file; default: the one of the packaged model')
    arguments.add_argument('--cache', type=Path, metavar='FOLDER',
                           help='keep the repositories here; by default they are removed')
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 1 if a frame is missing."""
    options = parser().parse_args(argv)
    try:
        with options.table.open(encoding='utf-8', newline='') as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        print(f'download: {error}', file=sys.stderr)
        return 1
    missing = 0
    with tempfile.TemporaryDirectory() as scratch:
        for row in rows:
            try:
                download_frame(row, options.folder, options.cache or Path(scratch))
            except FAILURES as error:
                missing += 1
                print(f'download: {row["folder"]}/{row["file"]}: {str(error) or repr(error)}',
                      file=sys.stderr)
    print(f'{len(rows) - missing} of {len(rows)} frames are in {options.folder}')
    return int(missing > 0)


def download_frame(row: dict[str, str], folder: Path, cache: Path) -> None:
    """
    Make the frame of one row of the table, unless it is there.

    :param folder: where the frames go.
    :param cache: where the repositories go.
    :raises: one of ``radiometric.FAILURES`` if the frame cannot be had.
    """
    target = folder / row['folder'] / row['file']
    path, _, part = row['path'].partition('#')
    with suppress(OSError, ValueError):  # no such file, or not an image
        if digest(target.read_bytes(), part) == row['sha256']:
            return
    content = _read_file(row['repository'], row['commit'], path, cache)
    if part:
        content = _to_png(decode(content, PurePosixPath(path).suffix.lower(), part))
    if digest(content, part) != row['sha256']:
        raise ValueError('its SHA-256 is not the one in the table')
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def digest(content: bytes, part: str) -> str:
    """
    Return the SHA-256 of a file; if ``part`` is set, that of its pixels.

    So a PNG has the same digest whatever its compression.
    """
    if part:
        pixels = decode_image(content)
        content = f'{pixels.dtype} {pixels.shape} '.encode() + pixels.tobytes()
    return hashlib.sha256(content).hexdigest()


def _read_file(repository: str, commit: str, path: str, cache: Path) -> bytes:
    """Read one file of a repository on GitHub."""
    return _git(_fetch_commit(repository, commit, cache), 'show', f'{commit}:{path}')


@lru_cache(maxsize=None)
def _fetch_commit(repository: str, commit: str, cache: Path) -> Path:
    """Fetch a commit without its files; git fetches each of them when it is read."""
    folder = cache / f'{repository}.git'
    if not folder.exists():
        folder.mkdir(parents=True)
        _git(folder, 'init', '--quiet', '--bare')
        _git(folder, 'remote', 'add', 'origin', f'https://github.com/{repository}.git')
    _git(folder, 'fetch', '--quiet', '--depth=1', '--filter=blob:none', 'origin', commit)
    return folder


def _git(folder: Path, *arguments: str) -> bytes:
    """Run git on a bare repository and return its standard output."""
    done = subprocess.run(['git', '--git-dir', folder, *arguments], capture_output=True,
                          env={**os.environ, 'GIT_TERMINAL_PROMPT': '0'})
    if done.returncode:
        raise OSError(' '.join(done.stderr.decode(errors='replace').split()))
    return done.stdout


def _to_png(pixels: np.ndarray) -> bytes:
    """Encode (H, W) uint8 or uint16 as PNG."""
    return cv2.imencode('.png', np.ascontiguousarray(pixels))[1].tobytes()


if __name__ == '__main__':
    sys.exit(main())
