"""Recordings elsewhere (s3://, gs://, https:// and what else fsspec knows), fetched to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
import re
from tempfile import TemporaryDirectory
from typing import Any

from fliqe_ros.errors import one_line, SourceError
from fliqe_ros.frame_io.bags import BAG_SUFFIXES
from fliqe_ros.frame_io.live import is_live
from fliqe_ros.frame_io.pages import PAGE_SUFFIXES
from fliqe_ros.frame_io.streams import natural_order, Recording, RemoteFile
from fliqe_ros.frame_io.videos import VIDEO_SUFFIXES

_METADATA = 'metadata.yaml'


def is_remote(path: str) -> bool:
    """Tell whether a path is an address of files elsewhere."""
    return '://' in path and not is_live(path)


def find_remote(url: str) -> tuple[list[Recording], Counter[str]]:
    """
    List the recordings of an address, as ``find_recordings`` does of a path.

    :param url: a file, a folder or a pattern, such as ``s3://bucket/drives/*.mcap``.
    :raises SourceError: if there is nothing, or what it takes to read it is missing.
    """
    filesystem, root = _filesystem(url)
    try:
        filesystem.invalidate_cache()  # of a listing before, in this process
        files = filesystem.glob(root) if '*' in root else filesystem.find(root)
        folders: dict[str, list[str]] = {}
        for file in sorted(files, key=natural_order):
            folders.setdefault(str(PurePosixPath(file).parent), []).append(file)
        recordings, aside = [], Counter[str]()
        for inside in folders.values():
            found, left = _in_folder(filesystem, inside)
            recordings += found
            aside += left
    except Exception as error:  # of any network
        raise SourceError(f'{url}: cannot be listed ({one_line(error)})') from error
    if not files:
        raise SourceError(f'{url}: no such file or folder')
    return sorted(recordings, key=lambda each: natural_order(each.name)), aside


def _filesystem(url: str) -> tuple[Any, str]:
    try:
        import fsspec  # optional
    except ImportError as error:
        raise SourceError(f'{url}: reading it needs the Python package fsspec') from error
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise SourceError(f'{url}: {one_line(error)}') from error


def _in_folder(filesystem: Any, files: list[str]) -> tuple[list[Recording], Counter[str]]:
    recordings, aside = [], Counter[str]()
    if _METADATA in (PurePosixPath(file).name for file in files) and any(
            file.endswith(BAG_SUFFIXES) for file in files):
        folder = str(PurePosixPath(files[0]).parent)
        return [_recording(filesystem, folder, files)], aside
    sequences: dict[str, list[str]] = {}
    for file in files:
        suffix = PurePosixPath(file).suffix.lower()
        if suffix in BAG_SUFFIXES + VIDEO_SUFFIXES:
            recordings.append(_recording(filesystem, file, [file]))
        elif suffix in PAGE_SUFFIXES:
            path = PurePosixPath(file)
            pattern = str(path.with_name(re.sub(r'\d+', '*', path.name)))
            sequences.setdefault(pattern, []).append(file)
        else:
            aside[suffix or PurePosixPath(file).name] += 1
    for pattern, images in sequences.items():
        name = images[0] if len(images) == 1 else pattern
        recordings.append(_recording(filesystem, name, images))
    return recordings, aside


def _recording(filesystem: Any, name: str, files: list[str]) -> Recording:
    addresses = tuple(filesystem.unstrip_protocol(file) for file in files)
    remote = tuple(RemoteFile(url, str(filesystem.ukey(file)))
                   for url, file in zip(addresses, files))
    # what they are called below the folder that they are fetched into
    return Recording(filesystem.unstrip_protocol(name),
                     tuple(Path(PurePosixPath(file).name) for file in files), remote)


@contextmanager
def fetched(recording: Recording) -> Iterator[Recording]:
    """
    Have the files of a recording on this machine for the time of a ``with`` block.

    :raises SourceError: if they cannot be fetched.
    """
    if not recording.remote:
        yield recording
        return
    with TemporaryDirectory(prefix='fliqe_') as scratch:
        for file, name in zip(recording.remote, recording.files):
            filesystem, path = _filesystem(file.url)
            try:
                filesystem.get_file(path, str(Path(scratch, name)))
            except Exception as error:  # of any network
                raise SourceError(f'{file.url}: cannot be fetched ({one_line(error)})') from error
        is_folder = Path(_METADATA) in recording.files
        files = (Path(scratch),) if is_folder else tuple(
            Path(scratch, name) for name in recording.files)
        yield replace(recording, files=files, remote=())


def renamed(sentence: str, recording: Recording, here: Recording) -> str:
    """Return a sentence on fetched files with the names by which people know them."""
    if not recording.remote:
        return sentence
    folder = here.files[0] if here.files[0].is_dir() else here.files[0].parent
    return sentence.replace(str(folder), recording.remote[0].url.rpartition('/')[0])
