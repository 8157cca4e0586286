"""Learns what is normal for one camera from frames that somebody says are good."""

from __future__ import annotations

from collections.abc import Sequence

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.errors import ProfileError
from fliqe_ros.estimator import Assessment
from fliqe_ros.profiles.camera_profile import CameraProfile, Direction
from fliqe_ros.profiles.measures import DETAILS, measure, measure_trouble, MEASURES, windows
from fliqe_ros.profiles.views import count_scenes, fixed_view, view
import numpy as np

#: Fewest frames to learn from.
LEAST_FRAMES = 4
#: Frames with a lower score are not learnt, and no score below it becomes normal. If more than
#: this share of the frames is so bad, nothing is learnt.
BAD_SCORE, MOST_BAD = 0.3, 0.25
# Frames that are looked at closely: with trouble put on, and for the view.
_CLOSE_LOOKS = 128
# How the measures scatter within a camera as its scenes change: the mean covariance over 44
# cameras, for the last three over 31 (docs/profiles.md). It counts as much as so many scenes of
# the camera's own.
_SCATTER = np.array([
    [.25, .23, .11, .085, .07, .08, .095, .085], [.23, .25, .11, .09, .075, .085, .095, .08],
    [.11, .11, .16, .145, .12, .03, .05, .105], [.085, .09, .145, .16, .15, .03, .05, .08],
    [.07, .075, .12, .15, .16, .025, .04, .055], [.08, .085, .03, .03, .025, .085, .045, .025],
    [.095, .095, .05, .05, .04, .045, .1, .05], [.085, .08, .105, .08, .055, .025, .05, .16]])
# Patterns of rows, columns and pixels show in these. Detail tells bad pixels from noise; stripes
# are told without it: learnt from one scene, it would take others for striped.
_SHOWN_BY = ((DETAILS,), (DETAILS + 1,), (*range(DETAILS), DETAILS + 2))
_SCATTER_SCENES = 4
_SCATTER_SHARE = 0.7
# A limit is so many standard deviations from normal, and at least this share of the way to where
# trouble would be.
_DEVIATIONS, _WAY = 2.2, 0.75
# The lowest normal score is so far below the mean of the logits.
_SCORE_DEVIATIONS, _SCORE_MARGIN = 4.0, 0.3
# How many scenes are few: what they have in common says little about others.
_FEW = 2
_TINY = 1e-3


class ProfileLearner:
    """
    Learns what is normal for one camera.

    :param model: ``FLIQE.model_id`` of the model that scores the frames.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._shape: tuple[int, ...] = ()
        self._scores: list[float] = []
        self._distortions: list[Distortion] = []
        self._measures: list[np.ndarray] = []
        self._troubled: list[np.ndarray] = []
        self._views: list[np.ndarray] = []
        self._looked_at: list[int] = []
        self._look_every = 1
        self._bad = 0
        self._rng = np.random.default_rng(0)

    @property
    def frames(self) -> int:
        """Return how many frames it was given."""
        return len(self._scores) + self._bad

    def add(self, picture: np.ndarray, assessment: Assessment) -> None:
        """
        Add a frame.

        :param picture: see ``gray_picture``.
        :param assessment: what the model says of it.
        :raises ProfileError: if it is of another size than those before.
        """
        if self._shape not in ((), picture.shape):
            raise ProfileError(f'frames of {_size(self._shape)} and of {_size(picture.shape)} '
                               'cannot be learnt together')
        self._shape = picture.shape
        self._distortions.append(assessment.distortion)
        if assessment.score < BAD_SCORE:
            self._bad += 1
            return
        self._scores.append(assessment.score)
        self._measures.append(measure(windows(picture)))
        if (len(self._scores) - 1) % self._look_every == 0:
            self._looked_at.append(len(self._scores) - 1)
            self._troubled.append(measure_trouble(picture, self._rng))
            self._views.append(view(picture))
            if len(self._views) > _CLOSE_LOOKS:
                self._look_every *= 2
                for kept in (self._looked_at, self._troubled, self._views):
                    del kept[1::2]

    def profile(self) -> CameraProfile:
        """
        Return what is normal for the camera.

        :raises ProfileError: if there were too few frames, or bad ones among them.
        """
        if self._bad > MOST_BAD * self.frames:
            worst = max(set(self._distortions), key=self._distortions.count)
            raise ProfileError(
                f'{self._bad} of {self.frames} frames are bad and cannot be learnt as normal, '
                f'most of them {worst.label}: {worst.advice}')
        if len(self._scores) < LEAST_FRAMES:
            raise ProfileError(f'{len(self._scores)} good frames are too few to learn from, '
                               f'{LEAST_FRAMES} are needed')
        scenes = min(count_scenes(self._views), len(self._scores))
        fixed, least_alike = fixed_view(self._views) or (None, 0.0)
        height, width = self._shape
        return CameraProfile(
            self.model, self.frames, (height, width), self._lowest_score(),
            self._direction(0, scenes), self._direction(2, scenes), self._direction(1, scenes),
            fixed, least_alike, tuple(
                self._direction(3 + each, scenes, used) for each, used in enumerate(_SHOWN_BY)))

    def _lowest_score(self) -> float:
        scores = np.clip(self._scores, _TINY, 1 - _TINY)
        logits = np.log(scores / (1 - scores))
        below = _SCORE_MARGIN + _SCORE_DEVIATIONS * logits.std(ddof=1)
        return max(float(1 / (1 + np.exp(below - logits.mean()))), BAD_SCORE)

    def _direction(self, trouble: int, scenes: int,
                   used: Sequence[int] = tuple(range(DETAILS))) -> Direction:
        """
        Return the direction that tells good frames best from those with trouble.

        :param trouble: its index in what ``measure_trouble`` returns.
        :param used: the measures that count.
        """
        measures, scatter = np.array(self._measures), _SCATTER[np.ix_(used, used)]
        moved = np.array(self._troubled)[:, trouble] - measures[self._looked_at]
        own = np.atleast_2d(np.cov(measures[:, used].T))
        covariance = (1 - _SCATTER_SHARE) * own + _SCATTER_SHARE * scatter
        solved = np.linalg.solve(covariance, moved.mean(0)[list(used)])
        weights = np.zeros(MEASURES)
        weights[list(used)] = solved / np.sqrt(solved @ scatter @ solved)
        values = measures @ weights
        way = float(np.median(moved @ weights))
        limit = max(_DEVIATIONS * _spread(values, scenes), _WAY * way)
        normal = float(values.mean())
        return Direction(tuple(weights.tolist()), normal, normal + limit)


def _spread(values: np.ndarray, scenes: int) -> float:
    """Return the standard deviation to expect over many scenes, of which a few were seen."""
    variance = (scenes * values.var() + _SCATTER_SCENES) / (scenes + _SCATTER_SCENES)
    return float(np.sqrt(variance * (1 + _FEW / scenes)))


def _size(shape: tuple[int, ...]) -> str:
    return 'x'.join(map(str, shape[::-1]))
