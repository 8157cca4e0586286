"""Where frames wait to be scored: the newest one of each camera, and no other."""

from threading import Condition


class LatestFrameBuffer:
    """
    One slot per camera between the executor thread and the worker.

    A frame replaces the one that waits in its slot, so memory does not grow. The camera that was
    served longest ago is served first, so each waits for at most one frame of every other one,
    however fast those come.
    """

    def __init__(self):
        self._changed = Condition()
        self._waiting = {}
        self._turns = {}  # all cameras, as an ordered set: who was served longest ago is first
        self._closed = False

    def put(self, camera: str, frame) -> bool:
        """Leave a frame; return whether it replaced one that was never taken."""
        with self._changed:
            replaced = camera in self._waiting
            self._waiting[camera] = frame
            self._turns.setdefault(camera)
            self._changed.notify()
            return replaced

    def take(self, limit: int) -> list:
        """Wait for frames and return those of up to ``limit`` cameras; [] once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            served = [camera for camera in self._turns if camera in self._waiting][:limit]
            for camera in served:
                self._turns[camera] = self._turns.pop(camera)  # to the end
            return [self._waiting.pop(camera) for camera in served]

    def close(self) -> None:
        """Drop what waits and let ``take`` return [] for ever."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
