"""Smoothed scores of several cameras or clips with one model."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

from fliqe_ros.estimator import FLIQE
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.smoothing import SmoothingWindow
import numpy as np


@dataclass
class _Session:
    window: SmoothingWindow
    palette: PaletteReader = field(default_factory=PaletteReader)


class OnlineFLIQE:
    """
    Smoothed quality of several sessions (cameras, clips) with one model.

    A session keeps the palette in which its camera colours frames.

    The other arguments are those of ``FLIQE``.

    :param smoothing_window_size: frames in the moving average.
    """

    def __init__(self, quality_model_path: str | Path | None = None,
                 smoothing_window_size: int = 300, device: str = 'auto', precision: str = 'auto',
                 backend: str = 'auto', threads: int = 0) -> None:
        SmoothingWindow(smoothing_window_size)  # a wrong size is told here, not at the first frame
        self._smoothing_window_size = smoothing_window_size
        self._fliqe = FLIQE(quality_model_path, device, precision, backend, threads)
        self._sessions: dict[Hashable, _Session] = {}

    def create_session(self, session_id: Hashable) -> None:
        """Start a session; one that exists starts afresh."""
        self._sessions[session_id] = _Session(SmoothingWindow(self._smoothing_window_size))

    def remove_session(self, session_id: Hashable) -> None:
        """End a session; raise ValueError for an unknown one."""
        self._session(session_id)
        del self._sessions[session_id]

    def estimate_smoothed_quality(self, image: np.ndarray, session_id: Hashable) -> float:
        """
        Score ``image`` and return the mean of the session's last scores, in [0, 1].

        The mean is over ``smoothing_window_size`` scores, or fewer at the start.

        :raises ValueError: for an unknown session.
        :raises FrameError: for a bad image.
        """
        session = self._session(session_id)
        frame = self._fliqe.prepare(image, palette=session.palette)
        assessment, = self._fliqe.assess_prepared([frame])
        return session.window.push(assessment.score)

    def get_smoothed_quality(self, session_id: Hashable) -> float:
        """Return the newest smoothed score; raise ValueError for an unknown or empty session."""
        return self._session(session_id).window.mean

    def get_raw_quality(self, session_id: Hashable) -> float:
        """Return the newest frame's score; raise ValueError for an unknown or empty session."""
        return self._session(session_id).window.last

    def release(self) -> None:
        """Let go of the model and of the GPU memory it held; scores stay readable."""
        self._fliqe.release()

    def _session(self, session_id: Hashable) -> _Session:
        if session_id not in self._sessions:
            known = ', '.join(repr(known) for known in self._sessions) or 'none'
            raise ValueError(f'There is no session {session_id!r}; known sessions: {known}.')
        return self._sessions[session_id]
