"""What the command lines that evaluate models share: options, cameras, models."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fliqe_ros.data.frame_store import FrameStore
from fliqe_ros.data.sources import load_sources, Source, synthetic_source
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.tools.data_options import at_least_one, data_options
import torch

#: Seed of the generated pictures; no training uses it.
SYNTHETIC_SEED = 2**31


def evaluation_options() -> argparse.ArgumentParser:
    """Return a parent parser with the options that choose data, cameras and frames."""
    options = argparse.ArgumentParser(add_help=False, parents=[data_options()])
    options.add_argument('--only', nargs='+', metavar='NAME',
                         help='subfolders (cameras) to evaluate, default: all')
    options.add_argument('--all-frames', action='store_true',
                         help='evaluate also the frames that training would use; meaningful only '
                              'for cameras that no model was trained on')
    options.add_argument('--synthetic', type=at_least_one, metavar='N',
                         help='evaluate also on N generated pictures')
    return options


def read_cameras(root: Path, exclude: tuple[str, ...] = (),
                 only: tuple[str, ...] = ()) -> list[Source]:
    """
    Read subfolders of ``root`` as sources.

    :param exclude: names of subfolders to leave out.
    :param only: names of the subfolders to read; empty for all.
    :raises ValueError: if a folder is missing or there are no usable frames.
    :raises OSError: if a folder cannot be read.
    """
    if not root.is_dir():
        raise ValueError(f'There is no folder {root}.')
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    unknown = sorted(set(only) - folders)
    if unknown:
        raise ValueError(f'There is no {", ".join(unknown)} in {root}; it has '
                         f'{", ".join(sorted(folders)) or "no subfolders"}.')
    others = folders - set(only) if only else set()
    return load_sources(root, (*exclude, *others))


def evaluation_sources(options: argparse.Namespace) -> list[Source]:
    """Read the sources to evaluate on; their ``validation`` has the frames to use."""
    sources = read_cameras(options.data, tuple(options.exclude), tuple(options.only or ()))
    if options.all_frames:
        for source in sources:
            source.validation = source.training + source.validation
    if options.synthetic:
        generated = synthetic_source(options.synthetic, SYNTHETIC_SEED, store=FrameStore())
        sources.append(Source(generated.name, [], generated.training + generated.validation))
    return sources


def read_models(paths: Sequence[str], device: str) -> list[NetworkMethod]:
    """
    Load checkpoints as methods.

    :raises CheckpointError: if one cannot be used.
    :raises ValueError: if the device is missing.
    """
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f'Device {device!r} is not there: this machine has no CUDA device.')
    return [NetworkMethod(name, load_model(path).to(device), device)
            for name, path in zip(model_names(paths), paths)]


def model_names(paths: Sequence[str | Path]) -> list[str]:
    """Name checkpoints after their files; if two names are equal, add those of their folders."""
    files = [Path(path) for path in paths]
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        names = ['/'.join((*file.parent.parts[-1:], file.stem)) for file in files]
    counts = Counter(names)
    return [name if counts[name] == 1 else f'{name} {number}'
            for number, name in enumerate(names, 1)]
