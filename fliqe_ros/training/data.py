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
from fliqe_ros.agc import GainControl
from fliqe_ros.bags import is_bag, open_bag
from fliqe_ros.files import find_files, read_frames, SourceError, VIDEO_SUFFIXES
from fliqe_ros.training.scenes import ThermalScene
from fliqe_ros.training.textures import close_up, dead_leaves
import numpy as np

#: 8-bit levels; frames that are natively noisier are no clean frames to start from.
MAX_NATIVE_NOISE = 4.0
VALIDATION_SHARE = 0.2
FRAMES_PER_CLIP = 4

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


def load_sources(root: Path, exclude: tuple = ()) -> list:
    """
    Read every subfolder of ``root`` that holds images, videos or bags as one source.

    exclude: names of subfolders to leave out. Natively noisy frames are counted and left out.
    Raises ValueError where nothing usable is found.
    """
    folders = sorted(path for path in Path(root).iterdir() if path.is_dir())
    sources = []
    for folder in folders:
        with suppress(SourceError):  # a folder without any of them
            if folder.name not in exclude:
                sources.append(load_source(folder))
    sources = [source for source in sources if source.training]
    if not sources:
        raise ValueError(f'There are no folders with thermal images, videos or bags in {root}.')
    return sources


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

    An image's group is its name without the running number; a video's group is its name, and
    ``FRAMES_PER_CLIP`` frames are taken from it, evenly spaced. Each image topic of a ROS bag is
    like a video, its group ``bag:topic``.
    """
    for path in find_files(folder):
        if is_bag(path):
            yield from _bag(path)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            yield from _clip(path)
        else:
            with suppress(SourceError):
                yield from (Frame(pixels, re.sub(r'[_-]?\d+$', '', path.stem))
                            for pixels in read_frames(path))


def _clip(path: Path) -> Iterator[Frame]:
    video = cv2.VideoCapture(str(path))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    for position in np.linspace(0.1, 0.9, FRAMES_PER_CLIP) * count:
        video.set(cv2.CAP_PROP_POS_FRAMES, int(position))
        done, image = video.read()
        if done:
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), path.stem)
    video.release()


def _bag(path: Path) -> Iterator[Frame]:
    name = path.name if path.is_dir() else path.stem
    try:
        with open_bag(path) as bag:
            for topic, count in bag.topics.items():
                chosen = {int(position * count)
                          for position in np.linspace(0.1, 0.9, FRAMES_PER_CLIP)}
                yield from (Frame(pixels, f'{name}:{topic}')
                            for pixels in bag.frames(topic, chosen))
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
