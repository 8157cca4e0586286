"""Recordings that lie elsewhere → scores, by one worker, which fetches them once."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

from fliqe_ros.errors import one_line, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.remote import fetched, renamed
from fliqe_ros.frame_io.spans import Span, WHOLE
from fliqe_ros.frame_io.streams import Recording
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.recordings.journal import Ending, NO_ROWS
from fliqe_ros.recordings.planning import CameraPlan, Survey, survey
from fliqe_ros.recordings.scoring import Reading, score_span, SpanOfCamera
from fliqe_ros.recordings.settings import ScoringSettings
import numpy as np

#: What a camera's spans gave, in their order.
Parts = list[tuple[np.ndarray, Ending]]


def score_whole(fliqe: FLIQE, recording: Recording, reading: Reading,
                settings: ScoringSettings) -> tuple[Survey, list[Parts]]:
    """Fetch a recording, look into it and score all its cameras, span by span."""
    plans, scored = [], []
    try:
        with fetched(recording) as here:
            found, = survey([here], reading)
            for plan in found.cameras:
                own = settings.of_camera(plan.camera)
                part = SpanOfCamera(here, plan.camera, WHOLE, reading, own.gain, own.borders,
                                    PaletteReader(own.palette).memory,
                                    own.profile is not None)
                parts = _scored(fliqe, part, plan.spans)
                if parts is None:  # it cannot be parted
                    plan = replace(plan, spans=(WHOLE,))
                    parts = _scored(fliqe, part, plan.spans) or []
                plans.append(plan)
                scored.append([(rows, _renamed(ending, recording, here))
                               for rows, ending in parts])
            failure = renamed(found.failure, recording, here)
    except (SourceError, OSError) as error:
        failure = one_line(error)
    if failure:
        return Survey(failure=failure), []
    return Survey(tuple(plans), stated(recording)), scored


def _renamed(ending: Ending, recording: Recording, here: Recording) -> Ending:
    return replace(ending, broken=renamed(ending.broken, recording, here), errors={
        cause: renamed(sentence, recording, here) for cause, sentence in ending.errors.items()})


def _scored(fliqe: FLIQE, part: SpanOfCamera, spans: tuple[Span, ...]) -> Parts | None:
    parts: Parts = []
    palette = part.palette
    for span in spans:
        rows = [NO_ROWS]
        ending = score_span(fliqe, replace(part, span=span, palette=palette), rows.append)
        if ending.whole:
            return None
        palette = ending.palette_after
        parts.append((np.concatenate(rows), ending))
    return parts


def stated(recording: Recording) -> tuple[tuple[str, int, int], ...]:
    """Return what tells a version of a remote recording, in the form of ``Survey.files``."""
    return tuple((f'{file.url} {file.version}', 0, 0) for file in recording.remote)


def keep_survey(found: Survey, path: Path) -> None:
    """Write what a recording is made of, so that it need not be fetched to be known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    part.write_text(json.dumps([
        [plan.camera, plan.length, [(span.start, span.stop) for span in plan.spans], plan.rate_hz]
        for plan in found.cameras]), encoding='utf-8')
    part.replace(path)


def kept_survey(recording: Recording, path: Path) -> Survey | None:
    """Return what ``keep_survey`` wrote; None if it did not."""
    try:
        plans = json.loads(path.read_text(encoding='utf-8'))
        return Survey(tuple(
            CameraPlan(camera, length, tuple(Span(*ends) for ends in spans), rate_hz)
            for camera, length, spans, rate_hz in plans), stated(recording))
    except (OSError, ValueError, TypeError):
        return None
