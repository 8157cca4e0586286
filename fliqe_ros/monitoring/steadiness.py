"""Whether a camera is steady: brightness that swings from frame to frame, a rate that sags."""

from __future__ import annotations

from collections import deque
from statistics import median

# Frames over which brightness is watched, and how many have to be there.
_FRAMES, _ENOUGH_FRAMES = 30, 10
#: Gain control that swings the brightness by this share of the contrast hunts ...
HUNTING_SWING = 0.15
# ... if it turns round at least in this share of the frames. What moves on is the scene.
_TURNS = 0.25
# Samples of the rate, one a second, that make it usual, and how many have to be there.
_SAMPLES, _ENOUGH_SAMPLES = 300, 30
#: A rate below this share of the usual one sags.
SAGGING_SHARE = 0.7


class BrightnessWatch:
    """Notices gain control that hunts, which no single frame shows."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, float]] = deque(maxlen=_FRAMES)

    def push(self, brightness: float, contrast: float) -> None:
        """
        Add a frame.

        :param brightness: mean of its pixels.
        :param contrast: their standard deviation.
        """
        self._frames.append((brightness, contrast))

    @property
    def swing(self) -> float:
        """Return by which share of the contrast the brightness swings; 0 if it is steady."""
        if len(self._frames) < _ENOUGH_FRAMES:
            return 0.0
        contrast = median(contrast for _, contrast in self._frames)
        levels = [brightness for brightness, _ in self._frames]
        steps = [after - before for before, after in zip(levels, levels[1:])]
        turns = sum(one * next_ < 0 for one, next_ in zip(steps, steps[1:]))
        if contrast <= 0 or turns < _TURNS * len(steps):
            return 0.0
        return median(map(abs, steps)) / contrast  # single bad frames do not count

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()


class RateWatch:
    """Knows the usual rate of a camera, and notices if it sags."""

    def __init__(self) -> None:
        self._rates_hz: deque[float] = deque(maxlen=_SAMPLES)

    def sample(self, rate_hz: float) -> None:
        """Add the rate of the last seconds, once a second; 0 is left out, that is a silence."""
        if rate_hz > 0:
            self._rates_hz.append(rate_hz)

    @property
    def usual_hz(self) -> float | None:
        """Return the median rate of the last minutes; None while it is not known."""
        return median(self._rates_hz) if len(self._rates_hz) >= _ENOUGH_SAMPLES else None

    def clear(self) -> None:
        """Forget all samples, after the clock jumped."""
        self._rates_hz.clear()


def sags(rate_hz: float, usual_hz: float | None) -> bool:
    """Return whether a rate is far below the usual one."""
    return usual_hz is not None and 0 < rate_hz < SAGGING_SHARE * usual_hz
