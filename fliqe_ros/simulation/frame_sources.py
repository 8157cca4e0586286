"""Where frames come from: synthetic scenes, images, videos, bags, folders of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, count
import logging
from pathlib import Path

import cv2
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.files import find_files, read_frames
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np

SYNTHETIC = 'synthetic'
SCENE_SIZE = (640, 512)

_log = logging.getLogger(__name__)


def open_source(source: str | Path, *, size: tuple[int, int] | None = None, loop: bool = True,
                start: float = 0.0, rate_hz: float = 10.0, seed: int = 0) -> Iterator[np.ndarray]:
    """
    Open a source and make sure that it has a frame.

    :param source: ``synthetic``, an image, a video, a ROS bag (its image topics one after the
        other), or a folder that holds any of these at any depth; a folder's files come in the
        order of their paths.
    :param size: (width, height) of the frames in pixels; ``None`` is the source's own size,
        640×512 for ``synthetic``. Files of another size are resized.
    :param loop: start over at the end; ``synthetic`` has no end.
    :param start: where in a folder to begin, 0 to 1; the files before that come last.
    :param rate_hz: frames per second of scene time; ``synthetic`` only.
    :param seed: which scene and which noise; ``synthetic`` only.
    :return: iterator of gray frames: (H, W) uint8, or uint16 raw counts. Unreadable files are
        skipped, with a warning for each.
    :raises SourceError: if there is no such source, or nothing in it can be read.
    """
    if str(source) == SYNTHETIC:
        return synthetic_frames(size or SCENE_SIZE, rate_hz, seed)
    files = find_files(source)
    first = int(start * len(files))
    frames = _resized(_replay(files[first:] + files[:first], loop), size)
    try:
        return chain([next(frames)], frames)
    except StopIteration:
        raise SourceError(f'{source}: not one readable frame in {len(files)} file(s)') from None


def synthetic_frames(size: tuple[int, int], rate_hz: float, seed: int) -> Iterator[np.ndarray]:
    """Film a synthetic scene for ever: 14-bit counts with sensor noise, uint16 (H, W)."""
    width, height = size
    try:
        scene = ThermalScene(seed, height, width)
    except ValueError as error:
        raise SourceError(str(error)) from error
    rng = np.random.default_rng(seed)
    return (scene.sensor_counts(scene.render(n / rate_hz), rng) for n in count())


def _replay(files: list[Path], loop: bool) -> Iterator[np.ndarray]:
    """Read file after file, without those that proved unreadable; end when none is left."""
    readable = list(files)
    while readable:
        for file in list(readable):
            try:
                yield from read_frames(file)
            except SourceError as error:
                _log.warning('skipped: %s', error)
                readable.remove(file)
        if not loop:
            return


def _resized(frames: Iterable[np.ndarray], size: tuple[int, int] | None) -> Iterator[np.ndarray]:
    for frame in frames:
        if size is not None and frame.shape != (size[1], size[0]):
            shrink = size[0] * size[1] < frame.size
            frame = cv2.resize(frame, size,
                               interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
        yield frame
