"""The moving average of a session's scores: O(1) per frame and free of drift."""

from collections import deque
import math

# Scores are summed as whole multiples of 2**-60. Integer sums are exact, so adding and removing
# scores for ever leaves no rounding error behind, as a running float sum would.
_UNITS = 2**60


def _units(score: float) -> int:
    return int(score * _UNITS)


class SmoothingWindow:
    """
    Mean of the last ``size`` scores; fewer at the start.

    The mean equals the plain mean of the same scores to 1e-15, however many were pushed before.

    :raises ValueError: if ``size`` is not a whole number of at least 1.
    """

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not hasattr(size, '__index__') or size < 1:
            raise ValueError(
                f'the smoothing window must be a whole number of frames, at least 1, not {size!r}')
        self._size = size.__index__()
        self._scores: deque[float] = deque(maxlen=self._size)
        self._sum = 0

    def __len__(self) -> int:
        """Return the number of scores in the window, 0 to ``size``."""
        return len(self._scores)

    @property
    def size(self) -> int:
        """Return the greatest number of scores the window holds."""
        return self._size

    def push(self, score: float) -> float:
        """
        Add a score, let the oldest go if the window is full, and return the new mean.

        :raises ValueError: if the score is not finite; the window is left as it was.
        """
        score = float(score)
        if not math.isfinite(score):
            raise ValueError(f'a score must be a finite number, not {score}')
        if len(self._scores) == self.size:
            self._sum -= _units(self._scores[0])
        self._scores.append(score)
        self._sum += _units(score)
        return self.mean

    @property
    def mean(self) -> float:
        """
        Return the mean of the scores in the window.

        :raises ValueError: if the window is empty.
        """
        self._require_scores()
        return self._sum / (len(self._scores) * _UNITS)

    @property
    def last(self) -> float:
        """
        Return the newest score.

        :raises ValueError: if the window is empty.
        """
        self._require_scores()
        return self._scores[-1]

    def clear(self) -> None:
        """Forget all scores."""
        self._scores.clear()
        self._sum = 0

    def _require_scores(self) -> None:
        if not self._scores:
            raise ValueError('the smoothing window is empty: no frame was scored yet')
