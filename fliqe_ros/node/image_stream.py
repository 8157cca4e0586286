"""What is odd about the images of one camera as they come: their stamps, size and rate."""

from __future__ import annotations

from collections import deque

from fliqe_ros.node.timing import NS_PER_S, Throughput
from sensor_msgs.msg import CompressedImage, Image

# Clocks of two machines differ by less where they are synchronised at all.
_AHEAD_S = 0.5
_TOLD_FOR_NS = 10 * NS_PER_S
# A rate has settled once so many samples differ by less than this share of their mean; it has
# changed if it then differs by more than the second share from what it was.
_SETTLED_SAMPLES, _SETTLED_SHARE, _CHANGED_SHARE = 5, 0.2, 0.3


class SettledRate:
    """The rate at which a count grows, once it has settled, and whether it has changed."""

    def __init__(self) -> None:
        self._throughput = Throughput()
        self._rates_hz: deque[float] = deque(maxlen=_SETTLED_SAMPLES)
        self._settled_hz = 0.0

    def sample(self, now_ns: int, count: int) -> str:
        """Take a sample, about once a second; return one sentence if the rate has changed."""
        self._throughput.sample(now_ns, count)
        self._rates_hz.append(self._throughput.rate_hz)
        mean_hz = sum(self._rates_hz) / len(self._rates_hz)
        spread_hz = max(self._rates_hz) - min(self._rates_hz)
        if len(self._rates_hz) < _SETTLED_SAMPLES or spread_hz >= _SETTLED_SHARE * mean_hz:
            return ''
        before_hz = self._settled_hz
        if abs(mean_hz - before_hz) <= _CHANGED_SHARE * before_hz:
            return ''
        self._settled_hz = mean_hz
        return (f'images came at {before_hz:.1f} Hz and now come at {mean_hz:.1f} Hz'
                if before_hz else '')


class ImageStream:
    """Notices stamps that are zero, ahead or run backwards, and a size or rate that changes."""

    def __init__(self) -> None:
        self._stamp_ns: int | None = None
        self._shape: tuple[int, int, str] | None = None
        self._seen: dict[str, tuple[int, str]] = {}
        self._received = 0
        self._rate = SettledRate()

    def record(self, message: Image | CompressedImage, now_ns: int) -> None:
        """
        Look at a message as it comes.

        :param now_ns: the node's clock.
        """
        self._received += 1
        stamp = message.header.stamp
        self._record_stamp(stamp.sec * NS_PER_S + stamp.nanosec, now_ns)
        if isinstance(message, Image):
            shape = (message.width, message.height, message.encoding)
            if self._shape not in (None, shape):
                self._note('size', now_ns, f'images change from {_words(self._shape)} to '
                                           f'{_words(shape)}')
            self._shape = shape

    def _record_stamp(self, stamp_ns: int, now_ns: int) -> None:
        last_ns, self._stamp_ns = self._stamp_ns, stamp_ns
        ahead_s = (stamp_ns - now_ns) / NS_PER_S
        if stamp_ns == 0:
            self._note('zero', now_ns, 'stamps are zero: let the driver stamp its images')
        elif ahead_s > _AHEAD_S:
            self._note('future', now_ns, f'stamps are {ahead_s:.1f} s ahead of the clock of this '
                       'node: synchronise the clocks, or set use_sim_time for all')
        if last_ns is not None and 0 < stamp_ns < last_ns:
            back_s = (last_ns - stamp_ns) / NS_PER_S
            self._note('backwards', now_ns, f'stamps run backwards, by {back_s:.3f} s: is there '
                       'a second publisher, or was a clock set back?')

    def faults(self, now_ns: int) -> dict[str, str]:
        """Return what was odd within the last 10 s, by kind; call it about once a second."""
        if changed := self._rate.sample(now_ns, self._received):
            self._note('rate', now_ns, changed)
        return {kind: sentence for kind, (seen_ns, sentence) in self._seen.items()
                if now_ns - seen_ns <= _TOLD_FOR_NS}

    def restart(self) -> None:
        """Forget everything: the clock jumped, or images only begin now."""
        self._stamp_ns = None
        self._shape = None
        self._seen.clear()
        self._rate = SettledRate()

    def _note(self, kind: str, now_ns: int, sentence: str) -> None:
        self._seen[kind] = (now_ns, sentence)


def _words(shape: tuple[int, int, str] | None) -> str:
    return f'{shape[0]}x{shape[1]} {shape[2]}' if shape else 'nothing'
