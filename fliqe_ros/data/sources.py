"""
Thermal frames to train and evaluate on: read from folders and split by group, or generated.

A source is one camera: a folder of images, videos and bags. Frames of a group (a clip, a flight, a
sequence) are alike, so the whole group lies either in the training split or in the validation
split.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
import hashlib
import logging
from pathlib import Path
import re

import cv2
from fliqe_ros.data.frame_store import FrameStore, StoredPixels
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.bags import is_bag, open_bag
from fliqe_ros.frame_io.files import find_files, read_frames, VIDEO_SUFFIXES
from fliqe_ros.frame_io.videos import count_frames, read_positions
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.scenes.textures import close_up, dead_leaves
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np

#: 8-bit levels; frames with more noise of their own cannot serve as clean ones.
MAX_NATIVE_NOISE = 4.0
VALIDATION_SHARE = 0.2
FRAMES_PER_CLIP = 4
#: The end of an image's name that differs within a sequence: a running number, perhaps after a
#: time (nine digits or more) or before a letter for the camera; or a video's frame number and a
#: code after it.
_NUMBER = re.compile(r'[_-]?frame[_-]?\d+[_-]\w+$|([_-]?\d{9,}[._-]?)?[_-]?\d+([_-][A-Z])?$')

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """One frame, in memory or in a ``FrameStore``, and the group it belongs to."""

    content: np.ndarray | StoredPixels
    group: str

    @property
    def pixels(self) -> np.ndarray:
        """Return (H, W) uint8 or uint16; a stored frame is read anew each time."""
        return self.content.read() if isinstance(self.content, StoredPixels) else self.content

    def stored_in(self, store: FrameStore) -> Frame:
        """Return the same frame with its pixels in the store."""
        return Frame(store.add(self.pixels), self.group)

    def to_8bit(self, gain_control: GainControl = GainControl()) -> np.ndarray:
        """Return (H, W) uint8."""
        return gain_control(self.pixels)


@dataclass
class Source:
    """The usable frames of one camera."""

    name: str
    training: list[Frame] = field(default_factory=list)
    validation: list[Frame] = field(default_factory=list)
    noisy: int = 0  #: frames left out

    def digest(self) -> str:
        """Return a SHA-256 of the frames and how they are split."""
        content = hashlib.sha256()
        for split in (self.training, self.validation):
            for frame in split:
                pixels = frame.pixels
                content.update(f'{frame.group} {pixels.shape} {pixels.dtype}'.encode())
                content.update(pixels.tobytes())
            content.update(b'end')
        return content.hexdigest()


def load_sources(root: Path, exclude: tuple[str, ...] = (), store: FrameStore | None = None,
                 most_noise: float = MAX_NATIVE_NOISE) -> list[Source]:
    """
    Read every subfolder of ``root`` that holds images, videos or bags as one source.

    Frames that are noisy by nature are counted and left out. A warning names each camera that has
    no others.

    :param exclude: names of subfolders to leave out.
    :param store: takes the decoded frames; the default is one in the system's temporary folder.
    :param most_noise: see ``load_source``.
    :raises ValueError: if nothing usable is found.
    """
    store = FrameStore() if store is None else store
    folders = sorted(path for path in Path(root).iterdir() if path.is_dir())
    sources = []
    for folder in folders:
        with suppress(SourceError):  # a folder without any of them
            if folder.name not in exclude:
                sources.append(load_source(folder, store, most_noise))
    for source in sources:
        if source.noisy and not source.training:
            _log.warning('left out: %s: all %d frames have noise above %g levels', source.name,
                         source.noisy, most_noise)
    usable = [source for source in sources if source.training]
    if not usable:
        raise ValueError(f'There are no folders with clean thermal images, videos or bags in '
                         f'{root}.')
    return usable


def load_source(folder: Path, store: FrameStore,
                most_noise: float = MAX_NATIVE_NOISE) -> Source:
    """
    Read one folder; see ``load_sources``.

    :param most_noise: 8-bit levels; a frame with more is left out. It is not measured, which
        takes longer than to read the frame, where infinity is asked for.
    """
    source = Source(folder.name)
    frames: list[Frame] = []
    for frame in grouped_frames(folder):
        if most_noise < np.inf and noise_level(frame.to_8bit()) > most_noise:
            source.noisy += 1
        else:
            frames.append(frame.stored_in(store))
    held_out = validation_groups({frame.group for frame in frames})
    if held_out:
        source.training = [frame for frame in frames if frame.group not in held_out]
        source.validation = [frame for frame in frames if frame.group in held_out]
    else:  # one sequence: its end is held out
        count = round(len(frames) * (1 - VALIDATION_SHARE))
        source.training, source.validation = frames[:count], frames[count:]
    return source


def grouped_frames(folder: Path) -> Iterator[Frame]:
    """
    Yield the frames of a folder in the order of their paths; unreadable files are left out.

    The group of an image is its path in the folder without the number at its end. The group of a
    video is its name, and ``FRAMES_PER_CLIP`` evenly spaced frames are taken from it. Each image
    topic of a ROS bag is treated like a video; its group is ``bag:topic``.
    """
    for path in find_files(folder):
        if is_bag(path):
            yield from _bag(path)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            yield from _clip(path)
        else:
            with suppress(SourceError):
                *parents, _ = path.relative_to(folder).parts
                group = '/'.join((*parents, _NUMBER.sub('', path.stem)))
                yield from (Frame(pixels, group) for pixels in read_frames(path))


def _clip(path: Path) -> Iterator[Frame]:
    count = count_frames(path)
    if count:
        # Closed at once after an error, not only when its traceback is gone.
        with closing(read_positions(path, _positions(count))) as frames:
            for pixels in frames:
                yield Frame(pixels, path.stem)
    else:  # not stored, as by a recorder that was killed
        yield from _clip_of_unknown_length(path)


def _clip_of_unknown_length(path: Path) -> Iterator[Frame]:
    try:
        chosen = _positions(sum(1 for _ in read_frames(path)))
        with closing(read_frames(path)) as frames:
            for index, pixels in enumerate(frames):
                if index in chosen:
                    yield Frame(pixels, path.stem)
    except SourceError as error:
        _log.warning('left out: %s', error)


def _positions(count: int) -> list[int]:
    """Return the indices of the frames to take from ``count`` frames."""
    return [int(position * count) for position in np.linspace(0.1, 0.9, FRAMES_PER_CLIP)]


def _bag(path: Path) -> Iterator[Frame]:
    name = path.name if path.is_dir() else path.stem
    try:
        with open_bag(path) as bag:
            for topic, count in bag.topics.items():
                yield from (Frame(pixels, f'{name}:{topic}')
                            for pixels in bag.frames(topic, _positions(count)))
    except SourceError as error:  # worth a warning: perhaps rosbags is not installed
        _log.warning('left out: %s', error)


def validation_groups(groups: set[str]) -> set[str]:
    """Choose about a fifth of the groups by hash of their names; none if there is only one."""
    if len(groups) < 2:
        return set()
    ranked = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
    return set(ranked[:max(1, round(len(groups) * VALIDATION_SHARE))])


def noise_level(image: np.ndarray) -> float:
    """
    Estimate the standard deviation of white noise, in 8-bit levels.

    Immerkaer's operator (Fast Noise Variance Estimation, CVIU 1996), but with the median of its
    response instead of the mean, so that edges and texture do not count as noise.
    """
    operator = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = cv2.filter2D(image.astype(np.float32), -1, operator)
    return float(np.median(np.abs(response))) / (6 * 0.6745)


def synthetic_source(count: int, seed: int, height: int = 512, width: int = 640,
                     store: FrameStore | None = None) -> Source:
    """
    Return generated pictures: half moving scenes, a quarter dead leaves, a quarter close-ups.

    :param store: takes the pictures; without it they stay in memory.
    """
    source = Source('synthetic')
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        if index % 4 < 2:
            scene = ThermalScene(int(rng.integers(2**31)), height, width)
            counts = scene.sensor_counts(scene.render(rng.uniform(0, 60)), rng,
                                         netd_k=rng.uniform(0.01, 0.05))
            frame = Frame(counts, f'scene{index}')
        else:
            draw = (dead_leaves, close_up)[index % 2]
            frame = Frame(draw(rng, height, width), f'{draw.__name__}{index}')
        if store is not None:
            frame = frame.stored_in(store)
        held_out = index >= count * (1 - VALIDATION_SHARE)
        (source.validation if held_out else source.training).append(frame)
    return source
