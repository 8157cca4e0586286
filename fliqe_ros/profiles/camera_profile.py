"""What is normal for one camera, and how its frames are judged by that."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.estimator import Assessment
from fliqe_ros.monitoring.status import Thresholds
from fliqe_ros.profiles.measures import measure, windows
import numpy as np

# A frame at the lowest normal score is lifted so far above where a status recovers.
_MARGIN = 0.02
# Scores below this share of the lowest normal one are not lifted.
_DOUBTFUL = 0.8
# How fast the score falls beyond a limit: half as far again it is bad.
_STEEPNESS = 2.0
# What a direction shows, in the order of ``_worst``.
_TROUBLES = (
    (Distortion.LENS_BLUR, 'softer'), (Distortion.GAUSSIAN_NOISE, 'noisier'),
    (Distortion.NON_UNIFORMITY, 'more striped'), (Distortion.NON_UNIFORMITY, 'more striped'),
    (Distortion.NON_UNIFORMITY, 'more speckled by bad pixels'))


@dataclass(frozen=True)
class Direction:
    """
    A sum of measures that grows with one kind of trouble.

    ``normal`` is its mean over good frames, ``limit`` the largest that counts as normal.
    """

    weights: tuple[float, ...]
    normal: float
    limit: float

    def excess(self, measures: np.ndarray) -> float:
        """Return how far measures are from normal, 1 at the limit; see ``measure``."""
        return (float(np.dot(self.weights, measures)) - self.normal) / (self.limit - self.normal)


@dataclass(frozen=True)
class Judgement:
    """What is said of a frame in the light of a profile; ``reason`` is '' if it is normal."""

    assessment: Assessment
    reason: str = ''


@dataclass(frozen=True)
class CameraProfile:
    """
    What is normal for one camera; ``ProfileLearner`` makes it of good frames.

    :param model: ``FLIQE.model_id`` of the model that gave the scores.
    :param frames: how many frames it was learnt from.
    :param shape: height and width of their pictures.
    :param lowest_score: the lowest score of that model that counts as normal.
    :param blur: what shows mild blur, ``strong_blur`` strong blur, ``noise`` noise.
    :param view: of a fixed camera, see ``views``; else None.
    :param least_alike: how alike another view must be, 0 to 1.
    :param patterns: what shows a new pattern of rows, of columns and of pixels; () in files that
        were stored before patterns were learnt.
    """

    model: str
    frames: int
    shape: tuple[int, int]
    lowest_score: float
    blur: Direction
    strong_blur: Direction
    noise: Direction
    view: np.ndarray | None = None
    least_alike: float = 0.0
    patterns: tuple[Direction, ...] = ()

    def judge(self, picture: np.ndarray, assessment: Assessment, model: str,
              thresholds: Thresholds) -> Judgement:
        """
        Return what is said of a frame of this camera.

        A score that is normal for the camera rises above where a status recovers. Frames that are
        softer or noisier than normal, or with another fixed pattern, get a lower score and that
        type. Bad scores stay as they are.

        :param picture: of the frame, see ``gray_picture``.
        :param assessment: what the model says of it.
        :param model: ``FLIQE.model_id`` of that model; the scores of another one are not judged.
        :param thresholds: by which the camera is judged.
        """
        measures = measure(windows(picture)) if picture.shape == self.shape else None
        return self.judge_measures(measures, assessment, model, thresholds)

    def judge_measures(self, measures: np.ndarray | None, assessment: Assessment, model: str,
                       thresholds: Thresholds) -> Judgement:
        """
        Return what ``judge`` says of a frame whose picture was measured before.

        :param measures: see ``measure``; None of a picture that has not the profile's ``shape``.
        """
        score = assessment.score
        if model == self.model:
            score = self._lifted(score, thresholds)
        reason, distortion = '', assessment.distortion
        if measures is not None:
            excess, (distortion, change) = self._worst(measures)
            if excess > 1:
                score = min(score, _score_beyond(excess, thresholds))
                reason = f'{change} than this camera was when it was learnt'
        if reason and assessment.score >= thresholds.warn_below:
            return Judgement(_with_type(assessment, score, distortion), reason)
        return Judgement(replace(assessment, score=score), reason)

    def remarks(self, shape: tuple[int, ...], model: str) -> tuple[str, ...]:
        """Return sentences on what of the profile cannot be used for such frames."""
        remarks = []
        if model != self.model:
            remarks.append(f'its scores must be learnt anew: they are of the model {self.model}, '
                           f'not {model}')
        if shape != self.shape:
            known, new = ('x'.join(map(str, each[::-1])) for each in (self.shape, shape))
            remarks.append(f'its sharpness, noise and pattern must be learnt anew: frames were '
                           f'{known} and are {new}')
        elif not self.patterns:
            remarks.append('its fixed pattern must be learnt anew: the file tells nothing of it')
        return tuple(remarks)

    def _lifted(self, score: float, thresholds: Thresholds) -> float:
        recovers = min(thresholds.warn_below + thresholds.hysteresis + _MARGIN, 1.0)
        if self.lowest_score >= recovers or score < thresholds.error_below:
            return score
        known = (_DOUBTFUL * self.lowest_score, self.lowest_score, 1.0)
        lifted = (thresholds.error_below, recovers, 1.0)
        return max(score, float(np.interp(score, known, lifted)))

    def _worst(self, measures: np.ndarray) -> tuple[float, tuple[Distortion, str]]:
        # What is as far from normal as strong blur is bad, as mild blur is not yet.
        blur = max(self.blur.excess(measures), 2 * self.strong_blur.excess(measures) - 1)
        excesses = (blur, *(each.excess(measures) for each in (self.noise, *self.patterns)))
        return max(zip(excesses, _TROUBLES), key=lambda each: each[0])


def _score_beyond(excess: float, thresholds: Thresholds) -> float:
    """Return the highest score of a frame so far beyond normal, ``warn_below`` at the limit."""
    warn, error = (_logit(each) for each in (thresholds.warn_below, thresholds.error_below))
    return 1 / (1 + math.exp(min(_STEEPNESS * (excess - 1) * (warn - error) - warn, 700.0)))


def _logit(score: float) -> float:
    score = min(max(score, 1e-3), 1 - 1e-3)
    return math.log(score / (1 - score))


def _with_type(assessment: Assessment, score: float, distortion: Distortion) -> Assessment:
    """Return the assessment with another score and a type that is the most probable one."""
    share = max(0.51, 1 - score)
    probabilities = [(1 - share) * each for each in assessment.probabilities]
    if any(assessment.probabilities):
        probabilities[CLASSES.index(distortion)] += share
    return replace(assessment, score=score, distortion=distortion,
                   probabilities=tuple(probabilities))
