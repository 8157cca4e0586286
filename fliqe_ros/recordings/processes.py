"""Workers that are processes of this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from functools import partial
import multiprocessing
from multiprocessing.connection import Connection
import os
import signal
import threading
from typing import Any

from fliqe_ros.recordings.workers import CrashError, ModelSpec, RemoteWorkers

#: How often a piece of work may end the process that does it.
ATTEMPTS = 3


class Processes(RemoteWorkers):
    """
    Processes of this machine. One that dies is replaced, and what it did is done again.

    They end when this process does, however it ends.
    """

    def __init__(self, jobs: int, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.slots = jobs
        self._context = multiprocessing.get_context('spawn')
        # never written to: the workers notice that it is closed
        self._watched, self._held = self._context.Pipe(duplex=False)
        self._is_closed = False
        # a pool for each process, so that it is known whose work was lost
        self._idle = [self._pool() for _ in range(jobs)]
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function in a process, as soon as one has nothing to do."""
        outer: Future[Any] = Future()
        self._waiting.append((outer, partial(function, *arguments)))
        self._start_waiting()
        return outer

    def check(self) -> None:
        """Do nothing: processes that end are replaced anyway."""

    def close(self) -> None:
        """End the processes at once."""
        self._is_closed = True
        self._held.close()

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, _begin, (self._watched,))

    def _start_waiting(self) -> None:
        while True:
            with self._lock:
                if not (self._idle and self._waiting):
                    return
                pool, (outer, work) = self._idle.pop(), self._waiting.popleft()
            self._start(pool, outer, work, 1)

    def _start(self, pool: ProcessPoolExecutor, outer: Future[Any], work: Callable[[], Any],
               attempt: int) -> None:
        try:
            inner = pool.submit(_work, work)
        except BrokenExecutor:  # it died while it had nothing to do
            pool = self._pool()
            inner = pool.submit(_work, work)
        inner.add_done_callback(partial(self._ended, pool, outer, work, attempt))

    def _ended(self, pool: ProcessPoolExecutor, outer: Future[Any], work: Callable[[], Any],
               attempt: int, inner: Future[Any]) -> None:
        error = inner.exception()
        if self._is_closed:
            return
        if isinstance(error, BrokenExecutor):
            pool.shutdown(wait=False)
            pool = self._pool()
            if attempt < ATTEMPTS:
                self._start(pool, outer, work, attempt + 1)
                return
            error = CrashError(f'reading or scoring it ended {ATTEMPTS} processes one after the '
                               'other; memory may be short (fewer --jobs need less)')
        with self._lock:
            self._idle.append(pool)
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(error)
        self._start_waiting()


class _Ending:
    """
    When a process that is told to end may do so: not while it sends a result.

    Of half a result the process that reads it would wait for the rest for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_told = self._is_at_work = False

    def watch(self, watched: Connection) -> None:
        """Wait for the other end to be closed, then end at work, or when nobody is left."""
        watched.poll(None)
        with self._lock:
            self._is_told = True
            if self._is_at_work:
                os._exit(1)
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    def work(self, function: Callable[[], Any]) -> Any:
        """Call a function."""
        with self._lock:
            if self._is_told:
                os._exit(1)
            self._is_at_work = True
        try:
            return function()
        finally:
            with self._lock:
                self._is_at_work = False


_ending = _Ending()


def _begin(watched: Connection) -> None:
    """Prepare a process: Ctrl-C is for the one that started it, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_ending.watch, args=(watched,), daemon=True).start()


def _work(function: Callable[[], Any]) -> Any:
    return _ending.work(function)
