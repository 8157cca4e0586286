"""The buffer in which frames wait to be scored: the newest one of each camera, and no other."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

FrameT = TypeVar('FrameT')

#: Who waits longest is passed over at most so many times in a row: every tenth turn of two
#: cameras under load is that of the one of lower priority.
MOST_PASSED_OVER = 8


class LatestFrameBuffer(Generic[FrameT]):
    """
    Holds at most one frame of each camera, between the executor thread and the worker.

    A frame replaces the one of its camera that waits, so memory does not grow. The camera that
    was served longest ago is served first. So each waits for at most one frame of every other
    camera, however fast those come.

    Where cameras differ in priority, only those of the highest that wait are served together, so
    that the others are the first to skip frames. About one turn in ten goes to who waits longest
    all the same, so that no camera is forgotten.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[str, FrameT] = {}
        # All cameras as an ordered set: the one that was served longest ago is first.
        self._turns: dict[str, None] = {}
        self._priorities: dict[str, int] = {}
        self._passed_over = 0
        self._closed = False

    def put(self, camera: str, frame: FrameT, priority: int = 0) -> bool:
        """
        Leave a frame; return whether it replaced one that was never taken.

        :param priority: of the camera; higher ones are served first.
        """
        with self._changed:
            replaced = camera in self._waiting
            self._waiting[camera] = frame
            self._priorities[camera] = priority
            self._turns.setdefault(camera)
            self._changed.notify()
            return replaced

    def take(self, limit: int) -> list[FrameT]:
        """Wait for frames and return those of up to ``limit`` cameras; [] once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            served = self._next()[:limit]
            for camera in served:
                del self._turns[camera]
                self._turns[camera] = None  # at the end
            return [self._waiting.pop(camera) for camera in served]

    def _next(self) -> list[str]:
        """Return the cameras whose turn it is, who waits longest first."""
        waiting = [camera for camera in self._turns if camera in self._waiting]
        highest = max(self._priorities[camera] for camera in waiting)
        chosen = self._priorities[waiting[0]]
        if chosen < highest and self._passed_over < MOST_PASSED_OVER:
            self._passed_over += 1
            chosen = highest
        else:
            self._passed_over = 0
        return [camera for camera in waiting if self._priorities[camera] == chosen]

    def close(self) -> None:
        """Drop what waits, and let ``take`` return [] from now on."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
