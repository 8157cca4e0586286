"""Scores of a live source, a line for each frame, until Ctrl-C."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime
import sys
import time
from typing import Any

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.live import LiveSource
from fliqe_ros.frame_io.spans import WHOLE
from fliqe_ros.frame_io.streams import Recording
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Status
from fliqe_ros.recordings.scoring import FramePreparation, Reading, scored_rows, SpanOfCamera
from fliqe_ros.recordings.settings import ScoringSettings
from fliqe_ros.recordings.verdicts import verdicts_in_turn
from fliqe_ros.tools.printing import tell
import numpy as np


def score_live(options: argparse.Namespace, fliqe: FLIQE, settings: ScoringSettings) -> int:
    """
    Print the score of each frame and the verdict on the camera until Ctrl-C, which ends it well.

    :raises SourceError: if PyAV is missing.
    """
    address, = options.paths
    live = _Live(options, fliqe, settings, address)
    try:
        with LiveSource(address, _tell_source) as source:
            for _, verdict in verdicts_in_turn(live.rows(source), settings):
                live.tell_verdict(verdict, source.missed)
    except KeyboardInterrupt:
        pass
    return 0


class _Live:
    """Scores frames one by one, and tells of them."""

    def __init__(self, options: argparse.Namespace, fliqe: FLIQE, settings: ScoringSettings,
                 address: str) -> None:
        self._options, self._fliqe, self._address = options, fliqe, address
        self._stale_s = settings.criteria.stale_after_s
        self._preparation = FramePreparation(fliqe, SpanOfCamera(
            Recording(address, ()), '', WHOLE, Reading(), settings.gain, settings.borders,
            PaletteReader(settings.palette).memory))
        self._row: Any = None  # of journal.ROW, the last one

    def rows(self, source: LiveSource) -> Iterator[np.ndarray]:
        """Yield the row of each frame for ever."""
        is_silent = False
        while True:
            frame = source.newest(self._stale_s or None)
            if frame is None:
                if not is_silent:
                    self._tell(time.time_ns(), Status.SILENT.label,
                               {'status': Status.SILENT.label})
                is_silent = True
                continue
            is_silent = False
            self._row, = scored_rows(self._fliqe, [self._preparation.look(frame)])
            if self._row['error']:
                cause = self._row['error'].decode()
                self._tell(frame.time_ns, f'cannot be read: {cause}', {'error': cause})
            yield self._row

    def tell_verdict(self, verdict: Verdict, missed: int) -> None:
        """Tell of the frame that was scored last, and of the camera after it."""
        row, distortion = self._row, Distortion(self._row['distortion'])
        score = float(row['score'])
        probabilities = dict(zip((each.label for each in CLASSES), row['probabilities'].tolist()))
        self._tell(
            int(row['time_ns']),
            f'{score:.3f}  smoothed {verdict.smoothed:.3f}  {verdict.status.label:<8}  '
            f'{distortion.label}',
            {'score': score, 'smoothed': verdict.smoothed, 'status': verdict.status.label,
             'reason': verdict.reason, 'type': distortion.label,
             'affected_share': float(row['affected_share']), 'probabilities': probabilities,
             'missed': missed})

    def _tell(self, time_ns: int, sentence: str, facts: dict[str, object]) -> None:
        clock = datetime.fromtimestamp(time_ns / 1e9).strftime('%H:%M:%S.%f')[:-3]
        tell(self._options, f'{clock}  {sentence}',
             {'source': self._address, 'time_ns': time_ns, **facts})


def _tell_source(sentence: str) -> None:
    print(f'score: {sentence}', file=sys.stderr, flush=True)
