"""The buffer in which frames wait to be scored: the newest one of each camera, and no other."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

FrameT = TypeVar('FrameT')


class LatestFrameBuffer(Generic[FrameT]):
    """
    Holds at most one frame of each camera, between the executor thread and the worker.

    A frame replaces the one of its camera that waits, so memory does not grow. The camera that
    was served longest ago is served first. So each waits for at most one frame of every other
    camera, however fast those come.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[str, FrameT] = {}
        # All cameras as an ordered set: the one that was served longest ago is first.
        self._turns: dict[str, None] = {}
        self._closed = False

    def put(self, camera: str, frame: FrameT) -> bool:
        """Leave a frame; return whether it replaced one that was never taken."""
        with self._changed:
            replaced = camera in self._waiting
            self._waiting[camera] = frame
            self._turns.setdefault(camera)
            self._changed.notify()
            return replaced

    def take(self, limit: int) -> list[FrameT]:
        """Wait for frames and return those of up to ``limit`` cameras; [] once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            served = [camera for camera in self._turns if camera in self._waiting][:limit]
            for camera in served:
                del self._turns[camera]
                self._turns[camera] = None  # at the end
            return [self._waiting.pop(camera) for camera in served]

    def close(self) -> None:
        """Drop what waits, and let ``take`` return [] from now on."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
