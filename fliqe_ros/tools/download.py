"""
Download the single frames that thermal_s was trained on from the public repositories they are in.

Each row of a table (CSV) makes FOLDER/folder/file from one file of a repository on GitHub at one
commit. Its column "path" may end in #raw, #t=N, #frame=N or #frame=channelN: counts of a
radiometric file, a frame of a video or recording, a channel of an array; these are stored as PNG.
What comes out must have the SHA-256 in the table. Files that are right already stay as they are;
what cannot be had is told, and the others are downloaded all the same. Needs git, and the Python
package cptv for .cptv files.
"""

import argparse
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
from fliqe_ros.data.radiometric import decode, decode_image, FAILURES
from fliqe_ros.models.packaged import DEFAULT_MODEL
import numpy as np

DEFAULT_TABLE = DEFAULT_MODEL.with_name('frames.csv')


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='python -m fliqe_ros.tools.download', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('folder', type=Path, metavar='FOLDER', help='where the frames go')
    arguments.add_argument('--table', type=Path, metavar='CSV', default=DEFAULT_TABLE,
                           help='list of the frames, default: that of the packaged model')
    arguments.add_argument('--cache', type=Path, metavar='FOLDER',
                           help='keep the repositories here, default: nowhere')
    return arguments


def main(argv=None) -> int:
    """Run the command line; returns the exit status: 1 if a frame is missing."""
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


def download_frame(row: dict, folder: Path, cache: Path) -> None:
    """Make the frame of one row of the table, unless it is there; raises one of FAILURES."""
    target = folder / row['folder'] / row['file']
    path, _, part = row['path'].partition('#')
    with suppress(OSError, ValueError):  # not there, not an image
        if digest(target.read_bytes(), part) == row['sha256']:
            return
    content = _read_file(row['repository'], row['commit'], path, cache)
    if part:
        content = _to_png(decode(content, PurePosixPath(path).suffix.lower(), part))
    if digest(content, part) != row['sha256']:
        raise ValueError('not what the table promises: SHA-256 differs')
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def digest(content: bytes, part: str) -> str:
    """Digest a file, or where ``part`` is set its pixels, however well PNG packs them."""
    if part:
        pixels = decode_image(content)
        content = f'{pixels.dtype} {pixels.shape} '.encode() + pixels.tobytes()
    return hashlib.sha256(content).hexdigest()


def _read_file(repository, commit, path, cache):
    """Get one file of a repository on GitHub, as bytes."""
    return _git(_fetch_commit(repository, commit, cache), 'show', f'{commit}:{path}')


@lru_cache(maxsize=None)
def _fetch_commit(repository, commit, cache):
    """Fetch a commit without its files, which git then gets one by one when asked for them."""
    folder = cache / f'{repository}.git'
    if not folder.exists():
        folder.mkdir(parents=True)
        _git(folder, 'init', '--quiet', '--bare')
        _git(folder, 'remote', 'add', 'origin', f'https://github.com/{repository}.git')
    _git(folder, 'fetch', '--quiet', '--depth=1', '--filter=blob:none', 'origin', commit)
    return folder


def _git(folder, *arguments):
    """Run git on a bare repository and return what it prints."""
    done = subprocess.run(['git', '--git-dir', folder, *arguments], capture_output=True,
                          env={**os.environ, 'GIT_TERMINAL_PROMPT': '0'})
    if done.returncode:
        raise OSError(' '.join(done.stderr.decode(errors='replace').split()))
    return done.stdout


def _to_png(pixels):
    """Encode (H, W) uint8 or uint16 as PNG."""
    return cv2.imencode('.png', np.ascontiguousarray(pixels))[1].tobytes()


if __name__ == '__main__':
    sys.exit(main())
