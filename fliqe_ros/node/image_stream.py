"""What is odd about the images of one camera as they come: their stamps and size."""

from __future__ import annotations

from fliqe_ros.node.timing import NS_PER_S
from sensor_msgs.msg import CompressedImage, Image

# Clocks of two machines differ by less where they are synchronised at all.
_AHEAD_S = 0.5
_TOLD_FOR_NS = 10 * NS_PER_S


class ImageStream:
    """Notices stamps that are zero, ahead or run backwards, and a size that changes."""

    def __init__(self) -> None:
        self._stamp_ns: int | None = None
        self._shape: tuple[int, int, str] | None = None
        self._seen: dict[str, tuple[int, str]] = {}

    def record(self, message: Image | CompressedImage, now_ns: int) -> None:
        """
        Look at a message as it comes.

        :param now_ns: the node's clock.
        """
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
        """Return what was odd within the last 10 s, by kind."""
        return {kind: sentence for kind, (seen_ns, sentence) in self._seen.items()
                if now_ns - seen_ns <= _TOLD_FOR_NS}

    def restart(self) -> None:
        """Forget everything: the clock jumped, or images only begin now."""
        self._stamp_ns = None
        self._shape = None
        self._seen.clear()

    def _note(self, kind: str, now_ns: int, sentence: str) -> None:
        self._seen[kind] = (now_ns, sentence)


def _words(shape: tuple[int, int, str] | None) -> str:
    return f'{shape[0]}x{shape[1]} {shape[2]}' if shape else 'nothing'
