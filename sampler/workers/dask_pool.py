"""Running tasks on the workers of a dask scheduler.

Futures are used rather than joblib's dask backend, because a future tells which task lost its worker, where joblib
would give up the whole batch. Results travel through the scheduler: its workers need the same packages as this
process, but no shared file system.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import InputError, MissingDependency, NoWorkers
from ..version import __version__
from .worker import Died, prepare_worker

_ADDRESS = re.compile(r"dask://((\[[0-9a-fA-F:]+\]|[^\[\]:/\s]+):(\d{1,5}))/?")
_AHEAD = 2
_PATIENCE = 30.0
_CONNECT = 30.0
_ANSWER = 60.0
_one_at_a_time = threading.Lock()


def address_of(text: str) -> str:
    """``dask://host:8786`` -> ``tcp://host:8786``.

    Raises:
        InputError: not such an address.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if not match or not 0 < int(match[3]) < 65536:
        raise InputError(f"{text!r} is not the address of a dask scheduler; expected dask://HOST:PORT")
    return f"tcp://{match[1]}"


def unordered(
    function: Callable[[Any], Any], tasks: Iterable[Any], address: str, say: Callable[[str], None]
) -> Iterator[tuple[int, Any]]:
    """As :func:`sampler.workers.pool.unordered`, on the scheduler at ``address`` (``dask://host:port``).

    A task whose worker dies is given to other workers by the scheduler; when that has happened more often than its
    ``distributed.scheduler.allowed-failures`` (3 by default), it is tried once more when no other task of this run is
    under way, so that a neighbour's crash is not taken for its own.

    Raises:
        MissingDependency: ``distributed`` is not installed. InputError: not an address.
        NoWorkers: the scheduler cannot be reached or is gone; its workers have more than one thread, another version of
            sampler, or lack something. And what ``function`` raises.
    """
    source = enumerate(tasks)
    first = next(source, None)
    if first is None:
        return
    with _connect(address) as client:
        flight = _Flight(client, function, address, say)
        _check_threads(flight.workers(), address)
        try:
            suspects = []
            waiting: tuple[int, Any] | None = first
            while waiting or flight.tasks:
                while waiting and len(flight.tasks) < max(1, _AHEAD * len(flight.workers())):
                    flight.submit(*waiting)
                    waiting = next(source, None)
                index, task, died, result = flight.land()
                if died:
                    suspects.append((index, task))
                else:
                    yield index, result
            for index, task in suspects:
                flight.submit(index, task)
                index, task, died, result = flight.land()
                yield index, Died(died) if died else result
        finally:
            flight.cancel()


class _Flight:
    """The tasks that the scheduler has, and their results as they come."""

    def __init__(self, client, function, address, say):
        self.client, self.function, self.address, self.say = client, function, address, say
        self.tasks: dict[Any, tuple[int, Any]] = {}
        self._landed: queue.SimpleQueue = queue.SimpleQueue()

    def submit(self, index: int, task: Any) -> None:
        future = self.client.submit(_call, __version__, self.function, task, pure=False)
        self.tasks[future] = (index, task)
        future.add_done_callback(self._landed.put)

    def land(self) -> tuple[int, Any, str, Any]:
        """The next finished task: its number, itself, how its workers died ('' if they did not), its result."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        told = False
        while True:
            try:
                future = self._landed.get(timeout=_PATIENCE)
                break
            except queue.Empty:
                if not self.workers() and not told:
                    self.say(f"no dask worker is at {self.address}; waiting for one")
                    told = True
        index, task = self.tasks.pop(future)
        try:
            return index, task, "", future.result()
        except KilledWorker as error:
            return index, task, f"{error.allowed_failures + 1} dask workers died on it", None
        except FutureCancelledError as error:
            raise self._gone() from error
        except ImportError as error:
            raise NoWorkers(
                f"the dask workers at {self.address} lack something that this process has ({error}); start them in the "
                "same environment"
            ) from error

    def workers(self) -> dict[str, int]:
        """Address -> threads of every worker that is there now."""
        try:
            return self.client.nthreads(
                callback_timeout=_ANSWER
            )  # a client that tries to reconnect would wait for ever
        except (OSError, RuntimeError, ValueError) as error:  # no answer in time, a closed client, a lost connection
            raise self._gone() from error

    def cancel(self) -> None:
        """Give up what is under way; its results are not taken any more."""
        if self.tasks and self.client.status == "running":
            with contextlib.suppress(Exception):  # the scheduler may be gone
                self.client.cancel(list(self.tasks), force=True)

    def _gone(self) -> NoWorkers:
        return NoWorkers(
            f"the dask scheduler at {self.address} is gone or has dropped the tasks; finished work is kept, the same "
            "command goes on from here with a new scheduler"
        )


@contextlib.contextmanager
def _connect(address: str) -> Iterator[Any]:
    where = address_of(address)
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependency("distributed", "--workers dask://", "dask") from error
    try:
        client = Client(where, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoWorkers(f"no dask scheduler answers at {address}: {error}; start one with: dask scheduler") from error
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=5)


def _check_threads(workers: dict[str, int], address: str) -> None:
    many = set(workers.values()) - {1}
    if many:
        raise NoWorkers(
            f"the dask workers at {address} have {max(many)} threads each, and the engines need processes of one "
            "thread; start them with: dask worker --nworkers N --nthreads 1"
        )


def _call(version: str, function: Callable[[Any], Any], task: Any) -> Any:
    """On a worker. One task at a time even where a worker that came later has several threads."""
    if version != __version__:
        raise NoWorkers(
            f"a dask worker has sampler {__version__}, this process {version}; results could differ: install the same "
            "version on both sides"
        )
    with _one_at_a_time:
        prepare_worker()
        return function(task)
