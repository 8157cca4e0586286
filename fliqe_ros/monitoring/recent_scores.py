"""The scores of the last moments, by which a camera is judged."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
import math

from fliqe_ros.distortion_types import Distortion, DISTORTIONS
import numpy as np

#: Most scores that are kept: those of a second at the highest rate.
MOST_FRAMES = 1000
# One frame in so many may be an outlier, to either side.
_OUTLIER_EVERY = 10
# No frame of a camera in trouble lowers its score by less.
_NOTHING = 1e-6


class RecentScores:
    """
    The scores of the last moments with their types, whatever the frame rate.

    Times are in s, of any clock.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[float, float, Sequence[float]]] = deque(maxlen=MOST_FRAMES)

    def __len__(self) -> int:
        """Return how many scores count."""
        return len(self._frames)

    def push(self, time_s: float, score: float, probabilities: Sequence[float], period_s: float,
             least: int) -> None:
        """
        Add a frame, and let go of those that are older than a period.

        :param score: 0 to 1.
        :param probabilities: of ``CLASSES``; all 0 if the model tells no types.
        :param period_s: how long a score counts.
        :param least: frames that count however old they are.
        """
        self._frames.append((time_s, score, probabilities))
        while len(self._frames) > least and self._frames[0][0] <= time_s - period_s:
            self._frames.popleft()

    @property
    def score(self) -> float:
        """
        Return the trimmed mean of the scores, 0 if there is none.

        A tenth of the frames, rounded up, is left out at either end, and never all of them. So
        neither a single frame nor every tenth one changes anything.
        """
        if not self._frames:
            return 0.0
        scores = sorted(score for _, score, _ in self._frames)
        cut = min(math.ceil(len(scores) / _OUTLIER_EVERY), (len(scores) - 1) // 2)
        kept = scores[cut:len(scores) - cut]
        return math.fsum(kept) / len(kept)

    @property
    def worst(self) -> Distortion:
        """Return the type that lowered the scores most; UNKNOWN if no type did."""
        if not self._frames:
            return Distortion.UNKNOWN
        lost = 1.0 - np.array([score for _, score, _ in self._frames])
        lowered = lost @ np.array([probabilities[1:] for _, _, probabilities in self._frames])
        worst = int(lowered.argmax())
        return DISTORTIONS[worst] if lowered[worst] > _NOTHING else Distortion.UNKNOWN

    def restart_times(self) -> None:
        """Let what is there count as old, after the clock jumped."""
        self._frames = deque(
            ((-math.inf, *frame[1:]) for frame in self._frames), maxlen=MOST_FRAMES)

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()
