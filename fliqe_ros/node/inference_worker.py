"""The inference worker: one thread that scores the waiting images of all cameras."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
import math
from threading import Event, Thread
from typing import Protocol

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.errors import FrameError, one_line
from fliqe_ros.estimator import Assessment, FLIQE
from fliqe_ros.frame_io.image_messages import decompress, NativeConverter
from fliqe_ros.frame_io.misreading import misreading
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.node.images import ReceivedImage, ScoredImage
from fliqe_ros.node.inference_statistics import InferenceTimes
from fliqe_ros.node.latest_frames import LatestFrameBuffer
import numpy as np
from sensor_msgs.msg import CompressedImage


#: Most frames in one forward pass if ``max_batch`` is 0. On a CPU more frames gain little, and
#: the first frame would wait for the last (docs/performance.md).
CPU_BATCH, GPU_BATCH = 4, 16


class ResultListener(Protocol):
    """What the worker tells about images; every method is called from the worker's thread."""

    def on_picture(self, image: ReceivedImage, pixels: np.ndarray) -> None:
        """Take the pixels of an image, before its result."""

    def on_result(self, result: ScoredImage) -> None:
        """Take the result of an image."""

    def on_failure(self, image: ReceivedImage, cause: str, sentence: str) -> None:
        """Take why an image cannot be scored: a short key to count by, and a sentence."""


@dataclass(frozen=True)
class _PreparedImage:
    """An image, its pixels, and the same as the model takes it."""

    received: ReceivedImage
    pixels: np.ndarray
    prepared: Prepared


class InferenceWorker:
    """
    Scores the images that wait in a buffer, those of several cameras in one forward pass.

    No exception ends its thread: a failure is told to the listener and the next images are
    scored. If the thread ends all the same, ``restart_if_dead`` notices it.

    :param model: scores the images.
    :param converter: turns raw image messages into arrays.
    :param buffer: where images wait.
    :param listener: is told the results.
    :param max_batch: returns the most frames in one forward pass; 0 is 4 on a CPU, 16 on a GPU.
    :param warn: logs a sentence; called from the worker's thread.
    """

    def __init__(
        self, model: FLIQE, converter: NativeConverter, buffer: LatestFrameBuffer[ReceivedImage],
        listener: ResultListener, max_batch: Callable[[], int], warn: Callable[[str], None],
    ) -> None:
        self.times = InferenceTimes()
        self._model = model
        self._converter = converter
        self._buffer = buffer
        self._listener = listener
        self._max_batch = max_batch
        self._warn = warn
        self._stop = Event()
        self._death = ''
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to take images, in a new thread."""
        # A daemon: a forward pass cannot be interrupted and must not delay the process's exit.
        self._thread = Thread(target=self._run, name='fliqe_inference', daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """
        Hand over no more results and end the thread.

        A forward pass that still runs after the timeout ends by itself. Its result is discarded.
        """
        self._stop.set()
        self._buffer.close()
        if self._thread:
            self._thread.join(timeout_s)

    def restart_if_dead(self) -> str:
        """
        Start a new thread if the thread has ended although nobody stopped it.

        :return: one sentence on what happened; '' if the thread is alive or was stopped.
        """
        if self._stop.is_set() or self._thread is None or self._thread.is_alive():
            return ''
        try:
            self.start()
        except RuntimeError as error:
            return f'the inference thread ended: {self._death}; no new one: {one_line(error)}'
        return f'the inference thread ended: {self._death}; a new one was started'

    def _run(self) -> None:
        try:
            self._take_and_score()
        except BaseException as error:  # not only Exception: a library may raise SystemExit
            self._death = one_line(error)

    def _take_and_score(self) -> None:
        default = GPU_BATCH if self._model.device.startswith('cuda') else CPU_BATCH
        while batch := self._buffer.take(self._max_batch() or default):
            try:
                self._score(batch)
            except Exception as error:
                for image in batch:
                    self._fail(image, error)

    def _score(self, batch: list[ReceivedImage]) -> None:
        images = [image for image in map(self._prepare, batch) if image]
        if not images:
            return
        for image, assessment in self._assess(images):
            # While stopping, the publishers may already be gone.
            if self._stop.is_set():
                return
            try:
                _require_finite(assessment)
                self._listener.on_result(ScoredImage(
                    image.received, image.pixels, assessment, self._model.model_id,
                    _misreading(image.received, assessment), image.prepared))
            except Exception as error:
                self._fail(image.received, error)

    def _prepare(self, image: ReceivedImage) -> _PreparedImage | None:
        """Return the image as the model takes it, or None if it cannot be scored."""
        message, settings = image.message, image.settings
        try:
            compressed = isinstance(message, CompressedImage)
            pixels = decompress(message) if compressed else self._converter.to_array(message)
            pixels = settings.borders.cut(pixels)
            self._listener.on_picture(image, pixels)
            return _PreparedImage(
                image, pixels, self._model.prepare(pixels, settings.gain, image.palette))
        except Exception as error:
            self._fail(image, error)
            return None

    def _assess(
        self, images: list[_PreparedImage],
    ) -> list[tuple[_PreparedImage, Assessment]]:
        """Score images in one forward pass; if it fails, score each by itself."""
        self.times.start()
        assessments: list[Assessment] = []
        try:
            assessments = self._model.assess_prepared([image.prepared for image in images])
        except Exception as error:
            if len(images) == 1:
                self._fail(images[0].received, error, cause='inference')
                return []
        finally:
            self.times.finish(len(assessments))
        if not assessments:
            return [result for image in images for result in self._assess([image])]
        return list(zip(images, assessments))

    def _fail(self, image: ReceivedImage, error: Exception, cause: str = 'unexpected') -> None:
        if self._stop.is_set():
            return
        try:
            self._listener.on_failure(image, getattr(error, 'cause', cause), one_line(error))
        except Exception as failure:
            with suppress(Exception):
                self._warn(f'{image.camera}: a frame is skipped: {one_line(error)}; '
                           f'it could not be counted: {one_line(failure)}')


def _misreading(image: ReceivedImage, assessment: Assessment) -> str:
    """Return what to check in the driver of a bad image; see ``frame_io.misreading``."""
    # Whatever its type: to a model, misread bytes may look like noise.
    if assessment.distortion == Distortion.CLEAN or isinstance(image.message, CompressedImage):
        return ''
    return misreading(image.message)


def _require_finite(assessment: Assessment) -> None:
    numbers = (assessment.score, *assessment.probabilities)
    if not all(map(math.isfinite, numbers)):
        raise FrameError('not_finite', f'the model gave the score {assessment.score} with '
                         f'probabilities {assessment.probabilities}')
