"""What SIGINT and SIGTERM do to a program that runs ROS nodes."""

from contextlib import contextmanager
import signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_signals():
    """
    Only note SIGINT and SIGTERM, for the program to end where it is safe.

    An exception out of a signal handler, ``KeyboardInterrupt`` too, comes up in the midst of
    anything: rclpy makes another of it when that is the conversion of a message, and a second
    one cuts a clean-up short. rclpy's own handlers shut the context down during a callback, so
    it needs ``SignalHandlerOptions.NO``. Use it once, round all that the program does.

    :return: the list of the numbers of the signals received so far.
    """
    received = []
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        # While it ends, Python would put back the handlers that kill it.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
