"""Workers of a Dask cluster, which score spans wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
import logging
from pathlib import Path
import pickle
import time
from typing import Any

from fliqe_ros.errors import one_line
from fliqe_ros.recordings.workers import (
    CrashError, ModelSpec, RemoteWorkers, source_version, WorkerError)

#: How long to wait for the scheduler, for a first worker, and for a scheduler that went away, s.
_SCHEDULER_S, _WORKER_S, _GONE_S = 20.0, 60.0, 20.0
#: Pieces of work for each thread of the workers: one that it does, and the next one.
_AHEAD = 2
#: How often the workers are counted, in s.
_COUNT_S = 5.0

_log = logging.getLogger(__name__)


class Cluster(RemoteWorkers):
    """
    The workers of a Dask scheduler, through its ``concurrent.futures`` interface.

    Workers may come and go. What one did that died is done again by another one.

    :param address: ``tcp://HOST:PORT``, or the file that the scheduler wrote.
    :raises WorkerError: if there is no scheduler or no worker; the text says what to do.
    """

    def __init__(self, address: str, spec: ModelSpec) -> None:
        super().__init__(spec)
        try:
            import distributed  # optional
        except ImportError as error:
            raise WorkerError('a cluster needs the Python package distributed: pip install '
                              "'fliqe_ros[cluster]'") from error
        self._distributed, self._address = distributed, address
        self._client = self._connected()
        self._executor = self._client.get_executor(pure=False)
        self._slots, self._counted_s = 0, -_COUNT_S
        self._there_s, self._is_alone = time.monotonic(), False

    def _connected(self) -> Any:
        is_file = '://' not in self._address
        if is_file and not Path(self._address).is_file():
            raise WorkerError(f'{self._address}: no such scheduler file; an address is '
                              'tcp://HOST:PORT')
        try:
            client = self._distributed.Client(
                timeout=_SCHEDULER_S, set_as_default=False,
                **{'scheduler_file' if is_file else 'address': self._address})
        except (OSError, TimeoutError, ValueError) as error:
            raise WorkerError(f'{self._address}: no scheduler answers ({one_line(error)})') \
                from error
        try:
            client.wait_for_workers(1, timeout=_WORKER_S)
        except TimeoutError as error:
            client.close()
            raise WorkerError(f'{self._address}: the scheduler is there, but after '
                              f'{_WORKER_S:.0f} s not one worker; start some with `dask worker '
                              'ADDRESS`') from error
        return client

    @property
    def slots(self) -> int:
        """Return for how many pieces of work there is room."""
        now_s = time.monotonic()
        if now_s - self._counted_s > _COUNT_S and self._client.status == 'running':
            self._counted_s = now_s
            self._slots = max(2, _AHEAD * sum(self._client.nthreads().values()))
        return self._slots

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function on a worker."""
        outer: Future[Any] = Future()
        work = pickle.dumps((function, arguments))
        # unpickled in the task: what Dask itself cannot unpickle ends its workers
        inner = self._executor.submit(
            pickle.loads, pickle.dumps(_Call(source_version(), work)))
        inner.add_done_callback(partial(self._ended, outer))
        return outer

    def check(self) -> None:
        """
        See to it that the scheduler is there.

        :raises WorkerError: if it went away.
        """
        if self._client.status == 'running':
            self._there_s = time.monotonic()
            is_alone = not self._client.nthreads()
            if is_alone and not self._is_alone:
                _log.error('%s: no worker is left; waiting for one', self._address)
            self._is_alone = is_alone
        elif time.monotonic() - self._there_s > _GONE_S:
            raise WorkerError(self._gone())

    def close(self) -> None:
        """Cancel all work; the cluster stays."""
        self._executor.shutdown(wait=False)
        self._client.close(timeout=5)

    def _gone(self) -> str:
        return (f'{self._address}: the scheduler went away; all that is done is kept, and the '
                'same command goes on there')

    def _ended(self, outer: Future[Any], inner: Future[Any]) -> None:
        try:
            outer.set_result(inner.result())
        except self._distributed.KilledWorker:
            outer.set_exception(CrashError(
                'reading or scoring it ended several workers one '
                'after the other; their memory may be short'))
        except CancelledError:
            outer.set_exception(WorkerError(self._gone()))
        except (ImportError, AttributeError) as error:
            outer.set_exception(_other_version(error) or error)
        except Exception as error:
            outer.set_exception(error)


class _Call:
    """What becomes the result of a call when it is unpickled."""

    def __init__(self, version: str, work: bytes) -> None:
        self._arguments = version, work

    def __reduce__(self) -> tuple[Any, ...]:
        return _call, self._arguments


def _call(version: str, work: bytes) -> Any:
    """Call a function, on a worker that has the same code as the caller."""
    if source_version() != version:
        raise WorkerError(
            f'a worker has another version of fliqe_ros (its code is {source_version()}, here '
            f'{version}); install the same one on all')
    function, arguments = pickle.loads(work)
    return function(*arguments)


def _other_version(error: Exception) -> WorkerError | None:
    """Return what to tell where a worker does not know the code that is called; else None."""
    if 'fliqe_ros' not in str(error):
        return None
    return WorkerError(f'a worker has no fliqe_ros, or another version ({one_line(error)}); '
                       'install the same one on all')
