"""What the command lines that judge models have in common: options, cameras, models."""

import argparse
from collections import Counter
from pathlib import Path

from fliqe_ros.data.frame_store import FrameStore
from fliqe_ros.data.sources import load_sources, Source, synthetic_source
from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.tools.data_options import at_least_one, data_options
import torch

SYNTHETIC_SEED = 2**31  # no training's


def evaluation_options() -> argparse.ArgumentParser:
    """Return a parser to be used as a parent: data, cameras, frames."""
    options = argparse.ArgumentParser(add_help=False, parents=[data_options()])
    options.add_argument('--only', nargs='+', metavar='NAME',
                         help='subfolders (cameras) to judge, default: all')
    options.add_argument('--all-frames', action='store_true',
                         help='judge also the frames that training would use: right only for '
                              'cameras that no model was trained on')
    options.add_argument('--synthetic', type=at_least_one, metavar='N',
                         help='judge also on N generated pictures')
    return options


def read_cameras(root: Path, exclude: tuple = (), only: tuple = ()) -> list:
    """Read the chosen subfolders of ``root`` as sources. Raises ValueError or OSError."""
    if not root.is_dir():
        raise ValueError(f'There is no folder {root}.')
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    unknown = sorted(set(only) - folders)
    if unknown:
        raise ValueError(f'There is no {", ".join(unknown)} in {root}; it has '
                         f'{", ".join(sorted(folders)) or "no subfolders"}.')
    others = folders - set(only) if only else set()
    return load_sources(root, (*exclude, *others))


def evaluation_sources(options) -> list:
    """Read what the options say is to be judged; the frames are in each one's ``validation``."""
    sources = read_cameras(options.data, tuple(options.exclude), tuple(options.only or ()))
    if options.all_frames:
        for source in sources:
            source.validation = source.training + source.validation
    if options.synthetic:
        generated = synthetic_source(options.synthetic, SYNTHETIC_SEED, store=FrameStore())
        sources.append(Source(generated.name, [], generated.training + generated.validation))
    return sources


def read_models(paths: list, device: str) -> list:
    """Load checkpoints as methods. Raises CheckpointError, or ValueError for the device."""
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f'Device {device!r} is not there: this machine has no CUDA device.')
    return [NetworkMethod(name, load_model(path).to(device), device)
            for name, path in zip(model_names(paths), paths)]


def model_names(paths: list) -> list:
    """Name checkpoints after their files, and after their folders too where that is not enough."""
    paths = [Path(path) for path in paths]
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = ['/'.join((*path.parent.parts[-1:], path.stem)) for path in paths]
    counts = Counter(names)
    return [name if counts[name] == 1 else f'{name} {number}'
            for number, name in enumerate(names, 1)]
