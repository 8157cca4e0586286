"""The executor of the node's process, which lets frames of several cameras share a wait set."""

from collections.abc import Callable, Sequence
import time

from rclpy.executors import SingleThreadedExecutor

# Longest time that a frame waits for others, where cameras are slow.
_MOST_S = 0.02
# Share of the time in forward passes from which on frames have to wait for them anyway.
_BUSY = 0.7


class GatheringExecutor(SingleThreadedExecutor):
    """
    Lets messages gather for a moment before it looks for them.

    rclpy builds a wait set of all that a node has whenever it has run what was ready. With several
    cameras that takes longer than all else it does for a frame, unless a few frames share one.

    :param pause_s: returns how long to let messages gather, 0 for not at all.
    """

    def __init__(self, pause_s: Callable[[], float], **kwargs):
        super().__init__(**kwargs)
        self._pause_s = pause_s

    # Where an rclpy has no such method, nothing is gathered.
    def _wait_for_ready_callbacks(self, *args, **kwargs):
        if (pause_s := self._pause_s()) > 0:
            time.sleep(pause_s)
        yield from super()._wait_for_ready_callbacks(*args, **kwargs)


def gathering_time_s(rates_hz: Sequence[float], load: float) -> float:
    """
    Return how long frames may gather: half of the fastest camera's period.

    So no camera gets ahead of its scores. One camera has nobody to wait for, and a busy node no
    time to wait.

    :param rates_hz: at which the frames of each camera come.
    :param load: share of the time that the node spends in forward passes, 0 to 1.
    """
    if len(rates_hz) < 2 or load > _BUSY or max(rates_hz) == 0:
        return 0.0
    return min(_MOST_S, 0.5 / max(rates_hz))
