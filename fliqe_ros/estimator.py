"""The front door of the library: ``FLIQE`` scores single frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
from pathlib import Path

import cv2
from fliqe_ros.backends.base import Outputs
from fliqe_ros.backends.loading import load_backend
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.errors import FrameError
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.models.preprocessing import group_indices, Prepared
from fliqe_ros.models.registry import ARCHITECTURES
import numpy as np

#: Frames that ``assess_batch`` prepares before it scores them: a large batch of a GPU.
_PREPARED_AT_ONCE = 64
_DEFAULT_GAIN_CONTROL, _NO_GAIN_CONTROL = GainControl(), GainControl('none')


@dataclass(frozen=True)
class Assessment:
    """What the model says of one frame."""

    score: float                  #: 0 (distorted) to 1 (clean)
    distortion: Distortion        #: most probable type; UNKNOWN without a type head
    #: 13 floats in the order of ``CLASSES``; 0 for types that the model does not know
    probabilities: tuple[float, ...]
    #: (h, w) float32 scores in [0, 1] of a coarse grid over the frame; None if the
    #: model has none
    quality_map: np.ndarray | None = field(default=None, repr=False)

    @property
    def affected_share(self) -> float:
        """Return the share of the frame, 0 to 1, with a score below 0.5; 0 without a map."""
        return 0.0 if self.quality_map is None else float((self.quality_map < 0.5).mean())


class FLIQE:
    """
    No-reference quality of single thermal frames.

    :param quality_model_path: a checkpoint, or an ONNX file that ``tools.export`` made of one;
        None is the packaged default model.
    :param device: ``auto`` (CUDA if there is a GPU), ``cpu``, ``cuda`` or ``cuda:N``.
    :param precision: of the convolutions: ``float32``, ``bfloat16``, on a GPU ``float16``, or
        ``auto``: ``float16`` on a GPU, else ``float32``.
    :param backend: ``torch``, ``onnxruntime``, or ``auto``: the one that the file's suffix asks
        for; for the default model ONNX Runtime on a CPU if it is installed, else PyTorch.
    :param threads: CPU threads to use; 0 is all cores but one, at least one.
    :raises CheckpointError: if the model file cannot be used; it names the file and the reason.
    :raises BackendError: if the backend is missing or broken.
    :raises ValueError: if an argument is wrong.
    """

    def __init__(self, quality_model_path: str | Path | None = None, device: str = 'auto',
                 precision: str = 'auto', backend: str = 'auto', threads: int = 0) -> None:
        self._backend, path = load_backend(
            quality_model_path, device, precision, backend, threads)
        self.model_path = str(path)
        self.model_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        self.architecture = self._backend.architecture
        self.metadata = self._backend.metadata
        self.backend = self._backend.name
        self.precision = self._backend.precision
        self.threads = self._backend.threads
        self._is_released = False

    @property
    def device(self) -> str:
        """Return ``cpu`` or ``cuda:N``."""
        return self._backend.device

    @property
    def model_id(self) -> str:
        """Return architecture, version if any, and hash: ``thermal_s 7 0123456789ab``."""
        version = self.metadata.get('version')
        words = (self.architecture, '' if version is None else str(version), self.model_hash[:12])
        return ' '.join(filter(None, words))

    @property
    def gpu_memory_bytes(self) -> int:
        """Return the memory that this process holds on the GPU; 0 on the CPU."""
        return self._backend.gpu_memory_bytes

    def estimate_image_quality(self, image: np.ndarray) -> float:
        """
        Return the score of one frame in [0, 1]; higher is better.

        :param image: (H, W) or (H, W, 3|4), BGR as OpenCV gives it: uint8; uint16 or float goes
            through percentile gain control.
        :raises FrameError: for any other image.
        """
        return self.estimate_batch([image])[0]

    def estimate_batch(self, images: Sequence[np.ndarray]) -> list[float]:
        """Return the scores of several frames; see ``estimate_image_quality``."""
        return [assessment.score for assessment in self.assess_batch(images)]

    def assess(self, image: np.ndarray) -> Assessment:
        """Return score, distortion type and quality map; see ``estimate_image_quality``."""
        return self.assess_batch([image])[0]

    def assess_batch(self, images: Sequence[np.ndarray]) -> list[Assessment]:
        """
        Return one Assessment per frame, in order; frames may differ in size.

        Frames share forward passes: on a CPU those that the network sees at the same size, on a
        GPU those of the same size and type. Memory does not grow with the number of frames.

        :param images: see ``estimate_image_quality``.
        :raises FrameError: if any frame is bad.
        :raises RuntimeError: after ``release``.
        """
        assessments: list[Assessment] = []
        for start in range(0, len(images), _PREPARED_AT_ONCE):
            frames = [self.prepare(image) for image in images[start:start + _PREPARED_AT_ONCE]]
            assessments += self.assess_prepared(frames)
        return assessments

    def prepare(self, image: np.ndarray, gain: GainControl | None = None,
                palette: PaletteReader | None = None) -> Prepared:
        """
        Do the first half of the work on one frame, for ``assess_prepared``.

        :param image: see ``estimate_image_quality``.
        :param gain: gain control for frames of more than 8 bits; None is the default one.
        :param palette: what reads the colours of this camera, kept from frame to frame; None
            decides by this frame alone.
        :raises FrameError: for a bad frame.
        """
        image = _checked(image)
        if image.ndim == 3:  # the colours of a palette are read from 8 bits
            image = (gain or _DEFAULT_GAIN_CONTROL)(image)
        if palette is not None and ARCHITECTURES[self.architecture].reads_gray:
            image = palette.to_gray(image)
        if image.dtype == np.uint8:
            gain = _NO_GAIN_CONTROL  # so that 8-bit frames share batches whatever the setting
        return self._backend.prepare(image, gain or _DEFAULT_GAIN_CONTROL)

    def assess_prepared(self, frames: Sequence[Prepared]) -> list[Assessment]:
        """Do the second half, on frames from ``prepare``; see ``assess_batch``."""
        if self._is_released:
            raise RuntimeError('This FLIQE was released; make a new one.')
        assessments: dict[int, Assessment] = {}
        for indices in group_indices(frame.batch_key for frame in frames):
            outputs = self._backend.predict([frames[index] for index in indices])
            assessments.update(zip(indices, _assessments(outputs)))
        return [assessments[index] for index in range(len(frames))]

    def warm_up(self, height: int = 512, width: int = 640, batch: int = 1) -> None:
        """Run on blank frames, so that the first real ones are not slower than the rest."""
        for dtype in (np.uint8, np.uint16):
            for _ in range(2):  # a GPU captures a graph the second time
                self.estimate_batch([np.zeros((height, width), dtype)] * batch)

    def release(self) -> None:
        """Let go of the model and of the GPU memory it held."""
        self._is_released = True
        self._backend.release()


def _checked(image: np.ndarray) -> np.ndarray:
    """Return the frame in native byte order and without alpha channel."""
    image = np.asarray(image)
    image = image.astype(image.dtype.newbyteorder('='), copy=False)
    colour = image.ndim == 3 and image.shape[2] in (3, 4)
    if image.ndim != 2 and not colour:
        raise FrameError('unsupported_shape',
                         f'a frame is (H, W) or (H, W, 3|4), not {image.shape}')
    if image.size == 0:
        raise FrameError('zero_size', f'the frame of shape {image.shape} has no pixels')
    if colour and image.shape[2] == 4:
        return (cv2.cvtColor(image, cv2.COLOR_BGRA2BGR) if image.dtype == np.uint8
                else image[:, :, :3])
    return image


def _assessments(outputs: Outputs) -> list[Assessment]:
    count = len(outputs.scores)
    probabilities: list[tuple[float, ...]] = [(0.0,) * len(CLASSES)] * count
    distortions = [Distortion.UNKNOWN] * count
    if outputs.probabilities is not None:
        # Models made before there were thirteen types tell the first nine.
        missing = (0.0,) * (len(CLASSES) - outputs.probabilities.shape[1])
        probabilities = [(*row, *missing) for row in outputs.probabilities.tolist()]
        distortions = [CLASSES[index] for index in outputs.probabilities.argmax(1)]
    maps = [None] * count if outputs.quality_maps is None else outputs.quality_maps
    return [Assessment(*each) for each in zip(
        outputs.scores.tolist(), distortions, probabilities, maps)]
