"""
Thermal frames to train on: folders of images, videos and bags, split by group, and generated ones.

A source is one camera (one folder). Frames of a group (a clip, a flight, a sequence) are alike, so
a group lies in the training split or in the validation split as a whole.
"""

from contextlib import suppress
from dataclasses import dataclass, field
import hashlib
import logging
from pathlib import Path
import re
from typing import Iterator

import cv2
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.bags import is_bag, open_bag
from fliqe_ros.frame_io.files import find_files, read_frames, VIDEO_SUFFIXES
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palettes import to_gray
from fliqe_ros.simulation.scenes.textures import close_up, dead_leaves
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np

#: 8-bit levels; frames that are natively noisier are no clean frames to start from.
MAX_NATIVE_NOISE = 4.0
VALIDATION_SHARE = 0.2
FRAMES_PER_CLIP = 4
#: The end of an image's name that only tells it from others of its sequence: a running number,
#: perhaps behind a time (nine digits or more) or before a letter for the camera, or the number of
#: a video's frame and a code behind it.
_NUMBER = re.compile(r'[_-]?frame[_-]?\d+[_-]\w+$|([_-]?\d{9,}[._-]?)?[_-]?\d+([_-][A-Z])?$')

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """One frame, (H, W) uint8 or uint16, and the group it belongs to."""

    pixels: np.ndarray
    group: str

    def to_8bit(self, gain_control: GainControl = GainControl()) -> np.ndarray:
        """(H, W) uint8."""
        return gain_control(self.pixels)


@dataclass
class Source:
    """The usable frames of one camera."""

    name: str
    training: list = field(default_factory=list)
    validation: list = field(default_factory=list)
    noisy: int = 0

    def digest(self) -> str:
        """Return a SHA-256 of the frames and how they are split."""
        content = hashlib.sha256()
        for split in (self.training, self.validation):
            for frame in split:
                content.update(f'{frame.group} {frame.pixels.shape} {frame.pixels.dtype}'.encode())
                content.update(np.ascontiguousarray(frame.pixels))
            content.update(b'end')
        return content.hexdigest()


def load_sources(root: Path, exclude: tuple = ()) -> list:
    """
    Read every subfolder of ``root`` that holds images, videos or bags as one source.

    exclude: names of subfolders to leave out. Natively noisy frames are counted and left out; a
    warning names a camera that has no others. Raises ValueError where nothing usable is found.
    """
    folders = sorted(path for path in Path(root).iterdir() if path.is_dir())
    sources = []
    for folder in folders:
        with suppress(SourceError):  # a folder without any of them
            if folder.name not in exclude:
                sources.append(load_source(folder))
    for source in sources:
        if source.noisy and not source.training:
            _log.warning('left out: %s: all %d frames have noise above %g levels', source.name,
                         source.noisy, MAX_NATIVE_NOISE)
    usable = [source for source in sources if source.training]
    if not usable:
        raise ValueError(f'There are no folders with clean thermal images, videos or bags in '
                         f'{root}.')
    return usable


def load_source(folder: Path) -> Source:
    """Read one folder; see ``load_sources``."""
    source = Source(Path(folder).name)
    frames = []
    for frame in grouped_frames(folder):
        if noise_level(frame.to_8bit()) > MAX_NATIVE_NOISE:
            source.noisy += 1
        else:
            frames.append(frame)
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

    An image's group is its path in the folder without what numbers it (see ``_NUMBER``); a
    video's group is its name, and ``FRAMES_PER_CLIP`` frames are taken from it, evenly spaced.
    Each image topic of a ROS bag is like a video, its group ``bag:topic``.
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
    video = cv2.VideoCapture(str(path))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    if count < 1:  # not stored, as by a recorder that was killed
        video.release()
        yield from _clip_of_unknown_length(path)
        return
    for position in _positions(count):
        video.set(cv2.CAP_PROP_POS_FRAMES, position)
        done, image = video.read()
        if done:
            yield Frame(to_gray(image), path.stem)
    video.release()


def _clip_of_unknown_length(path: Path) -> Iterator[Frame]:
    try:
        chosen = _positions(sum(1 for _ in read_frames(path)))
        yield from (Frame(pixels, path.stem)
                    for index, pixels in enumerate(read_frames(path)) if index in chosen)
    except SourceError as error:
        _log.warning('left out: %s', error)


def _positions(count: int) -> list:
    """Return the numbers of the frames to take of so many."""
    return [int(position * count) for position in np.linspace(0.1, 0.9, FRAMES_PER_CLIP)]


def _bag(path: Path) -> Iterator[Frame]:
    name = path.name if path.is_dir() else path.stem
    try:
        with open_bag(path) as bag:
            for topic, count in bag.topics.items():
                yield from (Frame(pixels, f'{name}:{topic}')
                            for pixels in bag.frames(topic, _positions(count)))
    except SourceError as error:  # told, because rosbags may not be installed
        _log.warning('left out: %s', error)


def validation_groups(groups: set) -> set:
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
    operator = np.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    response = cv2.filter2D(image.astype(np.float32), -1, operator)
    return float(np.median(np.abs(response))) / (6 * 0.6745)


def synthetic_source(count: int, seed: int, height: int = 512, width: int = 640) -> Source:
    """Return ``count`` generated pictures: half moving scenes, dead leaves, close-ups."""
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
        held_out = index >= count * (1 - VALIDATION_SHARE)
        (source.validation if held_out else source.training).append(frame)
    return source
