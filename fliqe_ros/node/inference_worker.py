"""The inference worker: one thread that turns waiting frames into published scores."""

from collections.abc import Callable
from dataclasses import dataclass
import math
from threading import Event, Thread

from fliqe_ros.errors import FrameError, one_line
from fliqe_ros.frame_io.image_messages import crop_rows, decompress
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.node.camera_interface import CameraInterface
from fliqe_ros.node.inference_statistics import InferenceTimes
from fliqe_ros.node.latest_frames import LatestFrameBuffer
from fliqe_ros.node.messages import bgr_message, quality_message
from fliqe_ros.node.overlay import draw
from fliqe_ros.node.parameters import Settings
import numpy as np
from sensor_msgs.msg import CompressedImage, Image


#: Most frames in one forward pass where ``max_batch`` leaves it open. A CPU gains little from
#: more, and the first frame would wait for the last (docs/performance.md).
CPU_BATCH, GPU_BATCH = 4, 16


@dataclass(frozen=True)
class Arrival:
    """An image message, of which camera, and when it was received by the node's clock."""

    channel: CameraInterface
    message: Image | CompressedImage
    received_ns: int


@dataclass(frozen=True)
class Frame:
    """A frame, as it came and as the model wants it, and the message that brought it."""

    arrival: Arrival
    pixels: np.ndarray
    prepared: Prepared


class InferenceWorker:
    """
    Scores what waits in ``slots``, newest frames of all cameras in one forward pass.

    :param model: an ``estimator.FLIQE``.
    :param converter: of ``fliqe_ros.frame_io.image_messages``, for raw image messages.
    :param settings: gives the settings of the moment.
    :param now_ns: the node's clock.
    :param warn: logs a sentence; called from the worker's thread.
    """

    def __init__(
        self, model, converter, slots: LatestFrameBuffer, settings: Callable[[], Settings],
        now_ns: Callable[[], int], warn: Callable[[str], None],
    ):
        self.times = InferenceTimes()
        self._model = model
        self._converter = converter
        self._slots = slots
        self._settings = settings
        self._now_ns = now_ns
        self._warn = warn
        self._stop = Event()
        # A daemon: a forward pass cannot be interrupted and must not hold up the exit.
        self._thread = Thread(target=self._run, name='fliqe_inference', daemon=True)

    def start(self) -> None:
        """Begin to take frames."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """
        Publish nothing more and end the thread.

        A forward pass that still runs after the timeout ends by itself, its result discarded.
        """
        self._stop.set()
        self._slots.close()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        usual = GPU_BATCH if self._model.device.startswith('cuda') else CPU_BATCH
        while batch := self._slots.take(self._settings().max_batch or usual):
            self._score(batch)

    def _score(self, batch: list[Arrival]) -> None:
        settings = self._settings()
        frames = [self._frame(arrival, settings) for arrival in batch]
        frames = [frame for frame in frames if frame]
        # The map is for overlays only, which few watch.
        maps = any(frame.arrival.channel.is_watched for frame in frames)
        for frame, assessment in self._assess(frames, maps) if frames else ():
            # While stopping, the publishers may already be gone.
            if self._stop.is_set():
                return
            try:
                self._publish(frame, assessment, settings)
            except Exception as error:
                self._count(frame.arrival, error)

    def _frame(self, arrival: Arrival, settings: Settings) -> Frame | None:
        """Return the message's frame, or None if it has none that can be scored."""
        message = arrival.message
        try:
            camera, rows = arrival.channel.camera, settings.crop_bottom_rows
            if not rows:
                camera.see(message.data, arrival.received_ns)
            compressed = isinstance(message, CompressedImage)
            pixels = decompress(message) if compressed else self._converter.to_array(message)
            pixels = crop_rows(pixels, rows)
            if rows:  # telemetry goes on counting where the picture is frozen
                camera.see(pixels.tobytes(), arrival.received_ns)
            return Frame(arrival, pixels, self._model.prepare(pixels, settings.gain))
        except Exception as error:
            self._count(arrival, error)
            return None

    def _assess(self, frames: list[Frame], maps: bool) -> list:
        """Score frames in one forward pass; if that fails, each in its own."""
        self.times.start()
        assessments = []
        try:
            assessments = self._model.assess_prepared([frame.prepared for frame in frames], maps)
        except Exception as error:
            if len(frames) == 1:
                self._count(frames[0].arrival, error, cause='inference')
                return []
        finally:
            self.times.finish(len(assessments))
        if not assessments:
            return [result for frame in frames for result in self._assess([frame], maps)]
        return list(zip(frames, assessments))

    def _publish(self, frame: Frame, assessment, settings: Settings) -> None:
        arrival, channel = frame.arrival, frame.arrival.channel
        _require_finite(assessment)
        verdict = channel.camera.score(
            assessment.score, assessment.distortion, settings.thresholds)
        latency_ns = max(self._now_ns() - arrival.received_ns, 0)
        header = arrival.message.header
        channel.quality.publish(quality_message(
            header, channel.camera.namespace, assessment, verdict, latency_ns))
        channel.camera.published(latency_ns)
        if channel.is_watched:
            channel.overlay.publish(bgr_message(header, draw(
                settings.gain(frame.pixels), assessment.score, verdict, assessment.distortion,
                assessment.quality_map)))
            channel.camera.draw()

    def _count(self, arrival: Arrival, error: Exception, cause: str = 'unexpected') -> None:
        camera = arrival.channel.camera
        sentence = one_line(error)
        cause = getattr(error, 'cause', cause)
        if camera.fail(cause, sentence, self._now_ns()) and not self._stop.is_set():
            self._warn(f'{camera.namespace}: a frame is skipped: {sentence} '
                       '(counted in the diagnostics, logged once a minute)')


def _require_finite(assessment) -> None:
    numbers = (assessment.score, *assessment.probabilities)
    if not all(map(math.isfinite, numbers)):
        raise FrameError('not_finite', f'the model gave the score {assessment.score} with '
                         f'probabilities {assessment.probabilities}')
