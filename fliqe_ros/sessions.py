"""Smoothed scores of several cameras or clips with one model."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fliqe_ros.estimator import Assessment, FLIQE
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.monitoring.status import Thresholds
from fliqe_ros.profiles.camera_profile import CameraProfile
from fliqe_ros.profiles.files import load_profile
from fliqe_ros.profiles.learning import ProfileLearner
from fliqe_ros.profiles.measures import gray_picture
from fliqe_ros.smoothing import SmoothingWindow
import numpy as np

# Those of the node, by which a profile judges.
_THRESHOLDS = Thresholds(warn_below=0.6, error_below=0.3, hysteresis=0.05, min_frames=5)


@dataclass
class _Session:
    window: SmoothingWindow
    palette: PaletteReader = field(default_factory=PaletteReader)
    profile: CameraProfile | None = None
    reason: str = ''


class OnlineFLIQE:
    """
    Smoothed quality of several sessions (cameras, clips) with one model.

    A session keeps the palette in which its camera colours frames, and its profile, if one was
    learnt or loaded: frames are judged against that too.

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
        picture, assessment = self._assess(image, session)
        session.reason = ''
        if session.profile is not None:
            judgement = session.profile.judge(
                picture, assessment, self._fliqe.model_id, _THRESHOLDS)
            assessment, session.reason = judgement.assessment, judgement.reason
        return session.window.push(assessment.score)

    def learn(self, images: Iterable[np.ndarray], session_id: Hashable) -> CameraProfile:
        """
        Learn from good frames of a session's camera what is normal for it, and judge by that.

        Take frames of all that the camera usually sees, a minute or more of them. The profile can
        be kept with ``fliqe_ros.profiles.files.save_profile``.

        :raises ValueError: for an unknown session.
        :raises FrameError: for a bad image.
        :raises ProfileError: if there are too few frames, or ones that are not good.
        """
        session = self._session(session_id)
        learner = ProfileLearner(self._fliqe.model_id)
        for image in images:
            learner.add(*self._assess(image, session))
        session.profile = learner.profile()
        return session.profile

    def load_profile(self, path: str | Path, session_id: Hashable) -> None:
        """
        Judge a session's frames against a profile from ``save_profile`` or ``fliqe learn``.

        With another model than that of the profile, scores stay as they are, and only sharpness,
        noise and pattern are judged.

        :raises ValueError: for an unknown session.
        :raises ProfileError: if the file is no profile.
        :raises OSError: if it cannot be read.
        """
        self._session(session_id).profile = load_profile(path)

    def get_reason(self, session_id: Hashable) -> str:
        """
        Return in words how the newest frame falls short of the session's profile; else ''.

        :raises ValueError: for an unknown session.
        """
        return self._session(session_id).reason

    def get_smoothed_quality(self, session_id: Hashable) -> float:
        """Return the newest smoothed score; raise ValueError for an unknown or empty session."""
        return self._session(session_id).window.mean

    def get_raw_quality(self, session_id: Hashable) -> float:
        """Return the newest frame's score; raise ValueError for an unknown or empty session."""
        return self._session(session_id).window.last

    def release(self) -> None:
        """Let go of the model and of the GPU memory it held; scores stay readable."""
        self._fliqe.release()

    def _assess(self, image: np.ndarray, session: _Session) -> tuple[np.ndarray, Assessment]:
        frame = self._fliqe.prepare(image, palette=session.palette)
        assessment, = self._fliqe.assess_prepared([frame])
        return gray_picture(image, frame), assessment

    def _session(self, session_id: Hashable) -> _Session:
        if session_id not in self._sessions:
            known = ', '.join(repr(known) for known in self._sessions) or 'none'
            raise ValueError(f'There is no session {session_id!r}; known sessions: {known}.')
        return self._sessions[session_id]
