"""The frames of a span of one camera → rows of scores; the costly part, done by the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fliqe_ros.errors import FrameError, one_line, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.remote import fetched
from fliqe_ros.frame_io.spans import Span, SplitError
from fliqe_ros.frame_io.streams import narrowed, open_recording, Recording
from fliqe_ros.imaging.borders import Borders
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.monitoring.picture_changes import compare, PictureLevels
from fliqe_ros.profiles.measures import gray_picture, measure, windows
from fliqe_ros.recordings.journal import Ending, NO_STAMP, ROW
import numpy as np

#: Frames in one forward pass. More gain little on a CPU.
CPU_BATCH, GPU_BATCH = 4, 16


@dataclass(frozen=True)
class Reading:
    """How recordings are read (see ``open_recording``), and about how many frames a span has."""

    rate_hz: float = 10.0
    drawn: bool = False
    frames_each: int = 256


@dataclass(frozen=True)
class SpanOfCamera:
    """
    What is scored as one piece of work: frames of one camera, and by what.

    ``palette`` is what its ``PaletteReader`` is supposed to know before them. ``is_measured``
    tells that a profile may be asked about the frames.
    """

    recording: Recording
    camera: str
    span: Span
    reading: Reading
    gain: GainControl
    borders: Borders
    palette: str
    is_measured: bool = False

    def frames(self) -> Iterator[RecordedFrame]:
        """
        Yield its frames, and after them some that are beyond it.

        :raises SourceError: where they cannot be read.
        """
        reading = self.reading
        with fetched(self.recording) as here:
            recording, span = narrowed(here, self.span)
            with open_recording(recording, reading.rate_hz, reading.drawn) as streams:
                for stream in streams:
                    if stream.camera == self.camera:
                        yield from stream.frames(span)


def batch_size(fliqe: FLIQE) -> int:
    """Return how many frames are scored together."""
    return GPU_BATCH if fliqe.device.startswith('cuda') else CPU_BATCH


def score_span(fliqe: FLIQE, part: SpanOfCamera, keep: Callable[[np.ndarray], None],
               done: int = 0) -> Ending:
    """
    Score the frames of a span.

    Frames are scored together in the same batches whether it is interrupted or not, and whoever
    scores them, so that the scores are the same to the last bit. Those that are done are decoded
    again, because palettes and frozen pictures are seen over time, but not scored.

    :param keep: is called with the rows of each batch.
    :param done: how many frames were scored before.
    """
    camera = FramePreparation(fliqe, part)
    batch = batch_size(fliqe)
    waiting: list[tuple[np.ndarray, Prepared | None]] = []

    def flush() -> None:
        if waiting:
            keep(scored_rows(fliqe, waiting))
            waiting.clear()

    try:
        for index, frame in enumerate(part.frames()):
            if frame.is_beyond:
                if camera.look_beyond(frame):
                    break
                continue
            row, prepared = camera.look(frame)
            if index < done:
                continue
            waiting.append((row, prepared))
            if (index + 1) % batch == 0:
                flush()
    except SplitError:
        return Ending(whole=True)
    except (SourceError, OSError) as error:
        camera.broken = one_line(error)
    flush()
    return camera.ending()


class FramePreparation:
    """What is seen of a camera over time, before its frames are scored."""

    def __init__(self, fliqe: FLIQE, part: SpanOfCamera) -> None:
        self.broken = ''
        self._fliqe, self._part = fliqe, part
        self._palette = PaletteReader.of(part.palette)
        self._errors: dict[str, str] = {}
        self._last: np.ndarray | None = None
        self._next = PictureLevels(0.0)

    def look(self, frame: RecordedFrame) -> tuple[np.ndarray, Prepared | None]:
        """Return the row of a frame, without its score, and the frame as the model takes it."""
        row = np.zeros((), ROW)
        row['time_ns'] = frame.time_ns
        row['stamp_ns'] = NO_STAMP if frame.stamp_ns is None else frame.stamp_ns
        try:
            pixels = self._part.borders.cut(frame.read())
            last, self._last = self._last, pixels
            levels = compare(last, pixels)
            row['unchanged'], row['grid'] = levels.unchanged, levels.grid
            row['contrast'], row['has_picture'] = levels.contrast, True
            row['cells'] = levels.cells
            prepared = self._fliqe.prepare(pixels, self._part.gain, self._palette)
            if self._part.is_measured:
                picture = gray_picture(pixels, prepared)
                row['size'], row['measures'] = picture.shape, measure(windows(picture))
            return row, prepared
        except FrameError as error:
            cause, sentence = error.cause, one_line(error)
        except Exception as error:  # whatever a codec raises, the next frame may be whole
            cause, sentence = 'undecodable', one_line(error)
        row['error'] = cause.encode()[:24]
        self._errors.setdefault(cause, sentence)
        return row, None

    def look_beyond(self, frame: RecordedFrame) -> bool:
        """Note what changes to a frame of the next span; return whether it could be read."""
        try:
            pixels = self._part.borders.cut(frame.read())
            self._next = compare(self._last, pixels)
        except Exception:  # it will be told where it belongs
            return False
        return True

    def ending(self) -> Ending:
        """Return how it ended."""
        return Ending(self.broken, self._errors, self._part.palette, self._palette.memory,
                      self._next.unchanged, self._next.cells.tolist())


def scored_rows(fliqe: FLIQE, frames: list[tuple[np.ndarray, Prepared | None]]) -> np.ndarray:
    """Return the rows of frames, which ``FramePreparation`` has looked at, with their scores."""
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


def joined(parts: list[tuple[np.ndarray, Ending]], rate_hz: float | None,
           ) -> tuple[np.ndarray, Ending]:
    """
    Return the rows of a whole camera, and how it ended, from those of its spans.

    :param rate_hz: how fast frames follow whose files tell no times, else None.
    """
    errors: dict[str, str] = {}
    broken: list[str] = []
    memories: list[str] = []
    lengths: list[tuple[int, int]] = []
    pieces: list[np.ndarray] = []
    before = Ending()
    for rows, ending in parts:
        rows = rows.copy()
        pictures = np.flatnonzero(rows['has_picture'])
        if len(pictures) and pieces:
            rows['unchanged'][pictures[0]] = before.next_unchanged
            rows['cells'][pictures[0]] = before.next_cells
        before = ending
        pieces.append(rows)
        if ending.palette_before not in memories[-1:]:
            memories.append(ending.palette_before)
        lengths.append((len(rows), len(memories) - 1))
        errors = {**ending.errors, **errors}
        if ending.broken not in ['', *broken]:
            broken.append(ending.broken)
    whole = np.concatenate(pieces)
    if rate_hz is not None:
        whole['time_ns'] = np.rint(np.arange(len(whole)) / rate_hz * 1e9)
    return whole, Ending('; '.join(broken), errors, parts=lengths, memories=memories)
