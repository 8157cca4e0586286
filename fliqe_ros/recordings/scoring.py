"""The frames of one camera → rows of scores; the costly part, which can be interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fliqe_ros.errors import FrameError, one_line, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.streams import CameraStream
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.monitoring.picture_changes import PictureChange, PictureWatch
from fliqe_ros.monitoring.shutter import ShutterWatch
from fliqe_ros.recordings.journal import Ending, Journal, NO_STAMP, ROW
from fliqe_ros.recordings.settings import ScoringSettings
import numpy as np

#: Frames in one forward pass. More gain little on a CPU.
CPU_BATCH, GPU_BATCH = 4, 16


def batch_size(fliqe: FLIQE) -> int:
    """Return how many frames are scored together."""
    return GPU_BATCH if fliqe.device.startswith('cuda') else CPU_BATCH


def score_camera(fliqe: FLIQE, stream: CameraStream, settings: ScoringSettings, journal: Journal,
                 tell: Callable[[int], None]) -> None:
    """
    Score the frames of a camera into its journal, from where the journal ends.

    Frames are scored together in the same batches whether it is interrupted or not, so that the
    scores are the same to the last bit. Frames before the end of the journal are decoded again,
    because palettes and frozen pictures are seen over time, but not scored.

    :param tell: is called with the number of frames that were done.
    """
    done = journal.begin()
    tell(done)
    camera = _Camera(fliqe, settings)
    batch = batch_size(fliqe)
    broken = ''
    waiting: list[tuple[np.ndarray, Prepared | None]] = []

    def flush() -> None:
        if waiting:
            journal.append(_scored(fliqe, waiting))
            tell(len(waiting))
            waiting.clear()

    for index, frame in _until_broken(stream):
        if isinstance(frame, str):
            broken = frame
            break
        row, prepared = camera.look(frame)
        if index < done:
            continue
        waiting.append((row, prepared))
        if (index + 1) % batch == 0:
            flush()
    flush()
    journal.finish(Ending(broken, camera.errors))


def _until_broken(stream: CameraStream) -> Iterator[tuple[int, RecordedFrame | str]]:
    """Yield the frames of a stream and, if it breaks, why."""
    index = 0
    try:
        for frame in stream.frames():
            yield index, frame
            index += 1
    except SourceError as error:
        yield index, one_line(error)


class _Camera:
    """What is seen of a camera over time, before its frames are scored."""

    def __init__(self, fliqe: FLIQE, settings: ScoringSettings) -> None:
        self.errors: dict[str, str] = {}
        self._fliqe, self._settings = fliqe, settings
        self._palette = PaletteReader(settings.palette)
        self._watch, self._shutter = PictureWatch(), ShutterWatch()

    def look(self, frame: RecordedFrame) -> tuple[np.ndarray, Prepared | None]:
        """Return the row of a frame, without its score, and the frame as the model takes it."""
        row = np.zeros((), ROW)
        row['time_ns'] = frame.time_ns
        row['stamp_ns'] = NO_STAMP if frame.stamp_ns is None else frame.stamp_ns
        try:
            pixels = self._settings.borders.cut(frame.read())
            change = self._change(pixels, frame.time_ns / 1e9)
            row['unchanged'], row['is_blank'] = change.unchanged, change.is_blank
            return row, self._fliqe.prepare(pixels, self._settings.gain, self._palette)
        except FrameError as error:
            cause, sentence = error.cause, one_line(error)
        except Exception as error:  # whatever a codec raises, the next frame may be whole
            cause, sentence = 'undecodable', one_line(error)
        row['error'] = cause.encode()[:24]
        self.errors.setdefault(cause, sentence)
        return row, None

    def _change(self, pixels: np.ndarray, time_s: float) -> PictureChange:
        change = self._watch.look(pixels)
        longest_s = self._settings.criteria.shutter_time_s
        closed_s = self._shutter.record(change.is_repeated or change.is_blank, time_s, longest_s)
        if change.is_blank and closed_s is not None and closed_s > longest_s:
            self._watch.accept()  # no shutter correction takes so long
        return change


def _scored(fliqe: FLIQE, frames: list[tuple[np.ndarray, Prepared | None]]) -> np.ndarray:
    rows = np.stack([row for row, _ in frames])
    places = [index for index, (_, prepared) in enumerate(frames) if prepared is not None]
    assessments = fliqe.assess_prepared(
        [prepared for _, prepared in frames if prepared is not None])
    for index, assessment in zip(places, assessments):
        if not np.isfinite([assessment.score, *assessment.probabilities]).all():
            rows[index]['error'] = b'not_finite'
            continue
        rows[index]['score'] = assessment.score
        rows[index]['probabilities'] = assessment.probabilities
        rows[index]['distortion'] = assessment.distortion
        rows[index]['affected_share'] = assessment.affected_share
    return rows
