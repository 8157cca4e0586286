"""The front door of the library: ``FLIQE`` scores single frames."""

from dataclasses import dataclass, field
import hashlib
from typing import Optional, Sequence

import cv2
from fliqe_ros.backends.base import Outputs
from fliqe_ros.backends.loading import load_backend
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.errors import FrameError
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.preprocessing import Prepared
import numpy as np


@dataclass(frozen=True)
class Assessment:
    """What the model says of one frame."""

    score: float                  #: 0 (distorted) to 1 (clean)
    distortion: Distortion        #: most probable type; UNKNOWN without a type head
    probabilities: tuple          #: 9 floats in the order of ``CLASSES``; zeros if unknown
    #: (h, w) float32 scores in [0, 1] of a coarse grid over the frame; None if it was not wanted
    #: or the model has none
    quality_map: Optional[np.ndarray] = field(default=None, repr=False)


class FLIQE:
    """
    No-reference quality of single thermal frames.

    quality_model_path: a checkpoint, or an ONNX file that ``tools.export`` made of one; None is
    the packaged default model.
    device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``.
    precision: of the convolutions: ``float32``, ``bfloat16``, on a GPU ``float16``, or ``auto``,
    which is ``float16`` on a GPU, else ``float32``.
    backend: ``torch``, ``onnxruntime``, or ``auto``: what the file's suffix says, and for the
    default model ONNX Runtime on the CPU if it is installed, else PyTorch.
    threads: CPU threads to use; 0 is all cores but one, at least one.
    Raises CheckpointError (names file and reason), or ValueError for the other arguments.
    """

    def __init__(self, quality_model_path=None, device: str = 'auto', precision: str = 'auto',
                 backend: str = 'auto', threads: int = 0):
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
        self._gain_control = GainControl()

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:N``."""
        return self._backend.device

    @property
    def gpu_memory_bytes(self) -> int:
        """Memory this process holds on the GPU; 0 on the CPU."""
        return self._backend.gpu_memory_bytes

    def estimate_image_quality(self, image: np.ndarray) -> float:
        """
        Score of one frame in [0, 1], higher is better.

        image: (H, W) or (H, W, 3|4) uint8, BGR as OpenCV gives it; (H, W) uint16 or float32 goes
        through percentile gain control. Raises FrameError.
        """
        return self.estimate_batch([image])[0]

    def estimate_batch(self, images: Sequence[np.ndarray]) -> list:
        """Scores of several frames; see ``estimate_image_quality``."""
        return [assessment.score for assessment in self.assess_batch(images, quality_maps=False)]

    def assess(self, image: np.ndarray) -> Assessment:
        """Score, distortion type and quality map of one frame. Raises FrameError."""
        return self.assess_batch([image])[0]

    def assess_batch(self, images: Sequence[np.ndarray], quality_maps: bool = True) -> list:
        """
        One Assessment per frame, in order; frames may differ in size.

        Frames of one kind share a forward pass: on a CPU those that the network sees at the same
        size, on a GPU those of the same size and type.
        quality_maps: False leaves the maps out, which take a sixth of the time.
        Raises FrameError if any frame is bad, and RuntimeError after ``release``.
        """
        return self.assess_prepared([self.prepare(image) for image in images], quality_maps)

    def prepare(self, image: np.ndarray, gain: Optional[GainControl] = None) -> Prepared:
        """
        Do the first half of the work on one frame, for ``assess_prepared``.

        image: see ``estimate_image_quality``; ``gain`` is another gain control than its usual.
        Raises FrameError for a bad frame.
        """
        return self._backend.prepare(_checked(image), gain or self._gain_control)

    def assess_prepared(self, frames: Sequence[Prepared], quality_maps: bool = True) -> list:
        """Do the other half, see ``assess_batch``; the frames are those of ``prepare``."""
        if self._is_released:
            raise RuntimeError('This FLIQE was released; make a new one.')
        groups = {}
        for index, frame in enumerate(frames):
            groups.setdefault(frame.kind, []).append(index)
        assessments = [None] * len(frames)
        for indices in groups.values():
            outputs = self._backend.predict([frames[index] for index in indices], quality_maps)
            for index, assessment in zip(indices, _assessments(outputs)):
                assessments[index] = assessment
        return assessments

    def warm_up(self, height: int = 512, width: int = 640, batch: int = 1) -> None:
        """Run on blank frames, so that the first real ones are not slower than the rest."""
        for dtype in (np.uint8, np.uint16):
            for _ in range(2):  # a GPU does it otherwise from the second time on
                self.estimate_batch([np.zeros((height, width), dtype)] * batch)

    def release(self) -> None:
        """Let go of the model and of the GPU memory it held."""
        self._is_released = True
        self._backend.release()


def _checked(image: np.ndarray) -> np.ndarray:
    """Return the frame in native byte order and without alpha channel."""
    image = np.asarray(image)
    image = image.astype(image.dtype.newbyteorder('='), copy=False)
    colour = image.ndim == 3 and image.shape[2] in (3, 4) and image.dtype == np.uint8
    if image.ndim != 2 and not colour:
        raise FrameError('unsupported_shape',
                         f'a frame is (H, W), or (H, W, 3|4) uint8, not {image.shape} '
                         f'{image.dtype.name}')
    if image.size == 0:
        raise FrameError('zero_size', f'the frame of shape {image.shape} has no pixels')
    return cv2.cvtColor(image, cv2.COLOR_BGRA2BGR) if colour and image.shape[2] == 4 else image


def _assessments(outputs: Outputs) -> list:
    count = len(outputs.scores)
    probabilities = [(0.0,) * len(CLASSES)] * count
    distortions = [Distortion.UNKNOWN] * count
    if outputs.probabilities is not None:
        probabilities = [tuple(row) for row in outputs.probabilities.tolist()]
        distortions = [CLASSES[index] for index in outputs.probabilities.argmax(1)]
    maps = [None] * count if outputs.quality_maps is None else outputs.quality_maps
    return [Assessment(*each) for each in zip(
        outputs.scores.tolist(), distortions, probabilities, maps)]
