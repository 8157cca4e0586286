"""Whether a camera is steady: brightness that swings from frame to frame, a rate that sags."""

from __future__ import annotations

from collections import deque
from statistics import fmean, median

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
# A rate has settled once so many samples differ by less than this share of their mean; it has
# changed if it then differs by more than the second share from what it was. For so many samples
# a change is news.
_SETTLED_SAMPLES, _SETTLED_SHARE, _CHANGED_SHARE, _NEWS_SAMPLES = 5, 0.2, 0.3, 10


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
    """
    Knows the usual rate of a camera, and notices if it sags or changes.

    ``change`` is one sentence for some seconds after the rate has settled at another one, else ''.
    """

    def __init__(self) -> None:
        self.change = ''
        self._rates_hz: deque[float] = deque(maxlen=_SAMPLES)
        self._last_hz: deque[float] = deque(maxlen=_SETTLED_SAMPLES)
        self._settled_hz = 0.0
        self._news = 0

    def sample(self, rate_hz: float) -> None:
        """Add the rate of the last seconds, once a second; 0 is a silence, not a rate."""
        if rate_hz > 0:
            self._rates_hz.append(rate_hz)
        self._last_hz.append(rate_hz)
        self._news -= 1
        if self._news <= 0:
            self.change = ''
        self._look_for_change()

    @property
    def usual_hz(self) -> float | None:
        """Return the median rate of the last minutes; None while it is not known."""
        return median(self._rates_hz) if len(self._rates_hz) >= _ENOUGH_SAMPLES else None

    def clear(self) -> None:
        """Forget all samples, after the clock jumped."""
        self._rates_hz.clear()
        self._last_hz.clear()
        self._settled_hz, self._news, self.change = 0.0, 0, ''

    def _look_for_change(self) -> None:
        mean_hz = fmean(self._last_hz)
        spread_hz = max(self._last_hz) - min(self._last_hz)
        if len(self._last_hz) < _SETTLED_SAMPLES or spread_hz >= _SETTLED_SHARE * mean_hz:
            return
        before_hz = self._settled_hz
        if abs(mean_hz - before_hz) <= _CHANGED_SHARE * before_hz:
            return
        self._settled_hz = mean_hz
        if before_hz:
            self._news = _NEWS_SAMPLES
            self.change = f'images came at {before_hz:.1f} Hz and now come at {mean_hz:.1f} Hz'


def sags(rate_hz: float, usual_hz: float | None) -> bool:
    """Return whether a rate is far below the usual one."""
    return usual_hz is not None and 0 < rate_hz < SAGGING_SHARE * usual_hz
