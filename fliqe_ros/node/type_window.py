"""Which type of distortion has lowered a smoothed score."""

from __future__ import annotations

from collections.abc import Sequence

from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
import numpy as np

# No frame of a camera in trouble lowers its score by less.
_NOTHING = 1e-6


class TypeWindow:
    """
    The types of the last frames, each weighed by how much the frame lowered the smoothed score.

    :param size: of the smoothing window, in frames.
    """

    def __init__(self, size: int) -> None:
        self._shares = np.zeros((size, len(CLASSES)), np.float32)
        self._sum = np.zeros(len(CLASSES))
        self._next = 0

    def push(self, score: float, probabilities: Sequence[float]) -> None:
        """
        Add a frame and let the oldest go if the window is full.

        :param score: 0 to 1.
        :param probabilities: of ``CLASSES``; all 0 if the model tells no types.
        """
        self._sum -= self._shares[self._next]
        self._shares[self._next] = probabilities
        self._shares[self._next] *= 1.0 - score
        self._sum += self._shares[self._next]
        self._next = (self._next + 1) % len(self._shares)
        if self._next == 0:  # rounding errors do not gather
            self._sum = self._shares.sum(0, np.float64)

    def clear(self) -> None:
        """Forget all frames."""
        self._shares = np.zeros_like(self._shares)
        self._sum[:] = 0.0

    @property
    def worst(self) -> Distortion:
        """Return the type that lowered the score most; UNKNOWN if no type did."""
        lowered = self._sum[1:]
        worst = int(lowered.argmax())
        return DISTORTIONS[worst] if lowered[worst] > _NOTHING else Distortion.UNKNOWN
