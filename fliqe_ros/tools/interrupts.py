"""SIGINT and SIGTERM in a program that runs ROS nodes: noted, and heeded where it is safe."""

from collections.abc import Iterator
from contextlib import contextmanager
import signal
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_signals(ends_process: bool = False) -> Iterator[list[int]]:
    """
    Only note SIGINT and SIGTERM while the block runs.

    The program looks at the list where it can end safely. An exception out of a signal handler
    (``KeyboardInterrupt`` is one) may come up anywhere: during the conversion of a message rclpy
    turns it into another exception, and a second one cuts a clean-up short. rclpy's own handlers
    shut the context down during a callback, so pass it ``SignalHandlerOptions.NO``.

    :param ends_process: True where the process ends after the block: its signals are then
        ignored, since Python would first restore the handlers that kill it. False gives the
        caller its handlers back.
    :return: the numbers of the signals received so far.
    """
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            # None: a handler that was not installed from Python, and cannot be from there
            signal.signal(number, signal.SIG_IGN if ends_process else handler or signal.SIG_DFL)
