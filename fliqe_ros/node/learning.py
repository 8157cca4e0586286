"""The profile of one camera in the node: it is loaded, learnt and judged by. No ROS calls."""

from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
from threading import Lock

from fliqe_ros.errors import one_line, ProfileError
from fliqe_ros.node.images import ScoredImage
from fliqe_ros.node.timing import NS_PER_S
from fliqe_ros.parameters.own_values import dotted
from fliqe_ros.profiles.camera_profile import CameraProfile
from fliqe_ros.profiles.files import load_profile, save_profile
from fliqe_ros.profiles.learning import ProfileLearner
from fliqe_ros.profiles.measures import gray_picture
from fliqe_ros.profiles.views import ViewWatch
import numpy as np

_LOOK_EVERY_NS = NS_PER_S
MOVED = 'the view is not the one that was learnt: the camera was moved or turned'


def profile_file(folder: str, camera: str) -> Path:
    """
    Return where the profile of a camera is stored.

    :param folder: '' is the folder fliqe in ROS_HOME, which is ~/.ros unless it is set.
    :param camera: its namespace.
    """
    home = Path(os.environ.get('ROS_HOME') or '~/.ros') / 'fliqe'
    return (Path(folder) if folder else home).expanduser() / f'{dotted(camera)}.json'


class CameraLearning:
    """
    The profile of one camera, shared by the executor thread and the worker.

    :param file: where it is stored.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = Lock()
        self._profile: CameraProfile | None = None
        self._watch: ViewWatch | None = None
        self._learner: ProfileLearner | None = None
        self._start_ns = self._end_ns = 0
        self._looked_ns: int | None = None
        self._is_moved = False
        self._problem = ''
        self._remarks: tuple[str, ...] = ()

    def load(self) -> str:
        """Read the profile, if there is one; return why it is ignored, or ''."""
        try:
            profile = load_profile(self.file)
        except FileNotFoundError:
            return ''
        except (ProfileError, OSError) as error:
            with self._lock:
                self._problem = f'no profile is used: {one_line(error)}'
                return self._problem
        with self._lock:
            self._use(profile)
        return ''

    def start(self, now_ns: int, duration_s: float) -> None:
        """Learn from the frames of so long from now on; what was learnt so far is in force."""
        with self._lock:
            self._learner = ProfileLearner('')
            self._start_ns, self._end_ns = now_ns, now_ns + int(duration_s * NS_PER_S)
            self._problem = ''

    def stop(self) -> None:
        """Learn no more, and forget what was not learnt to the end."""
        with self._lock:
            self._learner = None

    def judge(self, result: ScoredImage) -> ScoredImage:
        """Return the result in the light of the profile; learn from it while learning."""
        with self._lock:
            is_idle = self._profile is None and self._learner is None
            if is_idle or result.prepared is None:
                return result
            picture = gray_picture(result.pixels, result.prepared)
            received = result.received
            if self._learner and self._start_ns <= received.received_ns < self._end_ns:
                self._learn(picture, result)
            if self._profile is None:
                return result
            self._look(picture, received.received_ns)
            self._remarks = self._profile.remarks(picture.shape, result.model)
            judgement = self._profile.judge(
                picture, result.assessment, result.model, received.settings.criteria.thresholds)
            return replace(result, assessment=judgement.assessment,
                           misreading=result.misreading or judgement.reason)

    def finish(self, now_ns: int) -> str:
        """Use and store what was learnt once the time is over; return a sentence on it, or ''."""
        with self._lock:
            if self._learner is None or self._start_ns <= now_ns < self._end_ns:
                return ''
            learner, self._learner = self._learner, None
            try:
                profile = learner.profile()
                self._use(profile)
                save_profile(profile, self.file)
            except ProfileError as error:
                self._problem = f'nothing was learnt: {one_line(error)}'
                return self._problem
            except OSError as error:
                self._problem = f'the profile is in use but not stored: {one_line(error)}'
                return self._problem
            return f'learnt from {profile.frames} frames, stored in {self.file}'

    def state(self, now_ns: int) -> str:
        """Return in a few words what there is of a profile."""
        with self._lock:
            if self._learner is not None:
                left_s = max(self._end_ns - now_ns, 0) / NS_PER_S
                return f'learning, {self._learner.frames} frames, {left_s:.0f} s left'
            if self._profile is not None:
                return f'learnt from {self._profile.frames} frames'
            return 'none'

    @property
    def problems(self) -> tuple[str, ...]:
        """Return sentences on what is wrong with the profile, or with the camera's view."""
        with self._lock:
            remarks = tuple(f'profile: {remark}' for remark in self._remarks)
            return tuple(filter(None, (self._problem, *remarks, MOVED if self._is_moved else '')))

    def _learn(self, picture: np.ndarray, result: ScoredImage) -> None:
        assert self._learner is not None
        if self._learner.model != result.model:  # the first frame, or the model was exchanged
            self._learner = ProfileLearner(result.model)
        try:
            self._learner.add(picture, result.assessment)
        except ProfileError as error:
            self._learner, self._problem = None, f'nothing was learnt: {one_line(error)}'

    def _look(self, picture: np.ndarray, received_ns: int) -> None:
        """Compare the view once a second."""
        if self._watch is None:
            return
        if self._looked_ns is None or not 0 <= received_ns - self._looked_ns < _LOOK_EVERY_NS:
            self._looked_ns = received_ns
            self._is_moved = self._watch.look(picture)

    def _use(self, profile: CameraProfile) -> None:
        self._profile, self._is_moved, self._remarks, self._problem = profile, False, (), ''
        self._watch = None if profile.view is None else ViewWatch(
            profile.view, profile.least_alike)
