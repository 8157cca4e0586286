"""What is left to do for one camera of a recording, and what is done of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fliqe_ros.frame_io.spans import WHOLE
from fliqe_ros.frame_io.streams import Recording
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.recordings.events import find_events, summarise
from fliqe_ros.recordings.journal import Ending, Journal, NO_ROWS, stem_of
from fliqe_ros.recordings.planning import CameraPlan
from fliqe_ros.recordings.report.thumbnails import worst_events
from fliqe_ros.recordings.scoring import joined, Reading, SpanOfCamera
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.tables import ScoredCamera
from fliqe_ros.recordings.verdicts import by_profile, judge
import numpy as np

#: After so many spans that have to be scored again, because a palette was another one than was
#: supposed, a camera is scored one span after the other.
_MOST_WRONG = 2


class CameraWork:
    """
    Knows which spans of a camera can be scored next, and joins them in the end.

    Spans are independent but for the palette of coloured frames: what the reader of palettes
    knows before a span is supposed to be what it knew at the end of those that are done, which
    palettes that do not change make true. A span that was scored by a wrong supposition is scored
    again, so that the result is that of one go. Frames of 16 bits or gray have no palette.

    What a profile needs to know of frames is measured only if there is one. Another profile, or
    none, takes the same scores.

    :param settings: those of this camera.
    :param identity: everything that the scores depend on beside the spans and the settings.
    :param model: ``FLIQE.model_id``.
    :param batch: see ``Journal``.
    :param with_pictures: pictures of its worst frames are wanted.
    """

    def __init__(self, recording: Recording, plan: CameraPlan, settings: ScoringSettings,
                 reading: Reading, folder: Path, identity: list[Any], model: str,
                 batch: int, with_pictures: bool) -> None:
        self.recording, self.plan = recording, plan
        self._settings, self._reading = settings, reading
        self._folder, self._model, self._batch = folder, model, batch
        self._identity = [*identity, plan.camera, settings.of_scores]
        self._with_pictures = with_pictures
        self.scored: ScoredCamera | None = None
        self.failure = ''
        #: Spans to take pictures of, with the numbers of the frames in the span → in the
        #: recording; how many are being taken; and what was taken.
        self.wanted: list[tuple[SpanOfCamera, dict[int, int]]] = []
        self.taking = 0
        self.pictures: dict[int, str] = {}
        self.used: set[Path] = set()
        self._wrong = 0
        self._begin()

    def _begin(self) -> None:
        spans = [(span.start, span.stop) for span in self.plan.spans]
        measured, self.journal = (
            Journal(self._folder, stem_of([*self._identity, spans, self._batch, is_measured]),
                    self._batch) for is_measured in (True, self._settings.profile is not None))
        if measured.ending is not None:
            self.journal = measured
        self.used.update(self.journal.paths)
        self._palette = PaletteReader(self._settings.palette).memory
        self._joined = 0
        self._running: set[int] = set()
        ending = self.journal.ending
        if ending is not None and ending.whole:
            self._read_whole()
        elif ending is not None:
            self._join(self.journal.rows(), ending)
        else:
            self._advance()

    def _read_whole(self) -> None:
        """Give up spans for all frames in one go."""
        self.plan = replace(self.plan, spans=(WHOLE,))
        self._begin()

    @property
    def name(self) -> str:
        """Return the path, of a bag with its topic."""
        camera = self.plan.camera
        return f'{self.recording.name}:{camera}' if camera else self.recording.name

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to do."""
        return bool(self.failure) or (
            self.scored is not None and not self.wanted and not self.taking)

    def give_up(self, failure: str) -> None:
        """Note why it cannot be scored."""
        self.failure = failure

    def known_frames(self) -> int:
        """Return how many frames were scored before this run."""
        if self.scored is not None:
            return len(self.scored.rows)
        journals = map(self.journal.span, range(len(self.plan.spans)))
        return sum(len(each.rows()) for each in journals if each.ending is not None)

    @property
    def length(self) -> int:
        """Return about how many frames a span has."""
        return (self.plan.length or 1) // len(self.plan.spans)

    def next_span(self) -> int | None:
        """Return the number of a span that can be scored now; None if there is none."""
        in_turn = self._joined == 0 or self._wrong >= _MOST_WRONG
        if self.scored is not None or self.failure or in_turn and self._running:
            return None
        last = self._joined + 1 if in_turn else len(self.plan.spans)
        return next((number for number in range(self._joined, last)
                     if number not in self._running
                     and self.journal.span(number).ending is None), None)

    def start(self, number: int) -> SpanOfCamera:
        """Return a span to be scored; it counts as begun."""
        self._running.add(number)
        return self._part(number, self._palette)

    def _part(self, number: int, palette: str) -> SpanOfCamera:
        return SpanOfCamera(self.recording, self.plan.camera, self.plan.spans[number],
                            self._reading, self._settings.gain, self._settings.borders, palette,
                            self._settings.profile is not None)

    def finish(self, number: int, rows: np.ndarray | None, ending: Ending) -> None:
        """
        Take a span that was scored.

        :param rows: None if the journal of the span has them.
        """
        self._running.discard(number)
        if ending.whole:
            self.journal.store(NO_ROWS, ending)
            self.journal.remove_spans()
            self._read_whole()
            return
        if rows is not None:
            self.journal.span(number).store(rows, ending)
        self._advance()

    def _advance(self) -> None:
        """Go on over the spans that are done."""
        while self._joined < len(self.plan.spans):
            journal = self.journal.span(self._joined)
            ending = journal.ending
            if ending is None:
                return
            if ending.palette_before != self._palette:
                self._wrong += 1
                for number in range(self._joined, len(self.plan.spans)):
                    self._remove_wrong(self.journal.span(number))
                return
            self._palette = ending.palette_after
            self._joined += 1
        spans = map(self.journal.span, range(len(self.plan.spans)))
        rows, ending = joined([(each.rows(), each.ending or Ending()) for each in spans],
                              self.plan.rate_hz)
        self.journal.store(rows, ending)
        self.journal.remove_spans()
        self._join(rows, ending)

    def _remove_wrong(self, journal: Journal) -> None:
        ending = journal.ending
        if ending is not None and ending.palette_before != self._palette:
            journal.remove()

    def _join(self, rows: np.ndarray, ending: Ending) -> None:
        settings = self._settings
        if self.recording.is_still and len(rows) == 1:  # there will never be another frame
            thresholds = replace(settings.criteria.thresholds, min_frames=1)
            settings = replace(
                settings, criteria=replace(settings.criteria, thresholds=thresholds))
        reasons: Sequence[str] = ()
        if settings.profile is not None:
            rows, reasons = by_profile(rows, settings.profile.profile, self._model,
                                       settings.criteria.thresholds)
        verdicts = judge(rows, settings, reasons)
        self.scored = ScoredCamera(
            self.recording.name, self.plan.camera, rows, verdicts,
            summarise(rows, verdicts, settings), find_events(rows, verdicts), ending.broken,
            ending.errors, settings.profile, reasons)

        if self._with_pictures:
            self.wanted = self._wanted(self.scored, ending)

    def _wanted(self, scored: ScoredCamera,
                ending: Ending) -> list[tuple[SpanOfCamera, dict[int, int]]]:
        worst = sorted({event.worst for event in worst_events(scored.events)})
        found = []
        first = 0
        for number, (length, memory) in enumerate(ending.parts):
            here = {index - first: index for index in worst if first <= index < first + length}
            if here:
                found.append((self._part(number, ending.memories[memory]), here))
            first += length
        return found
