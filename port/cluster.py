"""A cluster is Dask's: a scheduler, workers of one thread that run this very code, and this process as their client.

Dask is the extra `cluster`; it is loaded when a cluster is used, not before. What a worker that died had done or was
doing is done again by another.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import uuid4

from port.errors import ClusterError, Sar2NdviError
from port.interrupts import unheard
from port.observer import Observer, Silent

LOCAL = "local"
"""In place of a scheduler's address: processes of this computer, for as long as the command runs."""
WAIT_S = 60.0
"""How long a cluster may be without any worker, at first or later."""
_POLL_S = 0.5  # how often it is asked who works
_LOST = (OSError, CancelledError, TimeoutError)  # what Dask raises where the scheduler does not answer

Task = TypeVar("Task", bound=Callable[[], Any])


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a cluster is: the scheduler's address, or "local" for one of `jobs` processes of this computer.

    It may be without any worker for `wait_s` seconds, at first and later.
    """

    address: str = LOCAL
    jobs: int = 1
    wait_s: float = WAIT_S


class Cluster:
    """Runs tasks on workers, a bounded number at a time; made by `connected`."""

    def __init__(self, client: Any, place: Place, observer: Observer) -> None:
        self._client, self._place, self._observer = client, place, observer
        self._workers: frozenset[str] = frozenset()
        self._seen_s = monotonic()

    def check(self) -> None:
        """Wait for a first worker, then see that all are as this process.

        Raises:
            ClusterError: none came in time, or one has another code, other libraries or more than one thread.
        """
        from port.cluster_worker import identity, told, unlike

        with self._answering():
            while not self._present():
                sleep(_POLL_S)
            answers = self._client.run(unlike, identity(), on_error="return")
            self._present()
        answers = {address: answer for address, answer in answers.items() if address in self._workers}  # not died since
        if absent := {address: answer for address, answer in answers.items() if isinstance(answer, Exception)}:
            first = next(iter(absent))
            raise ClusterError(
                f"{len(absent)} of the cluster's workers cannot run this program; first {first}: {absent[first]}; "
                "install it there, start the workers again"
            )
        if found := {address: answer for address, answer in answers.items() if answer}:
            raise ClusterError(told(found))

    @contextmanager
    def sharing(self, content: object) -> Iterator[str]:
        """A name by which tasks find this content (`port.cluster_worker.shared`) on every worker."""
        from port.cluster_worker import Shared

        name = f"sar2ndvi-{uuid4()}"
        with self._answering():
            self._client.register_plugin(Shared(content), name=name)
        try:
            yield name
        finally:
            if self._client.status == "running":
                self._client.unregister_worker_plugin(name)

    def each(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """What each task gives where it is called, in the order they end; an error of ours in place of a result.

        Not more than two tasks a worker, and two, are given out or wait to be fetched at a time, so memory does not
        grow with their number.

        Raises:
            ClusterError: no worker for too long, the scheduler is gone, or a task ended each process that tried it.
        """
        from port.cluster_worker import checked, identity

        coming, waiting = iter(tasks), dict[Any, Task]()
        self._seen_s = monotonic()
        try:
            while True:
                with self._answering():
                    self._present()
                    for task in islice(coming, max(0, 2 * len(self._workers) + 2 - len(waiting))):
                        waiting[self._client.submit(checked, task, identity(), pure=False)] = task
                    if not waiting:
                        return
                    future = self._ended(waiting)
                    result = self._fetched(future, waiting[future])
                task = waiting.pop(future)
                del future  # its last name: the worker may forget the result
                yield task, result
                del result
        finally:
            if self._client.status == "running":
                self._client.cancel(list(waiting))

    def _ended(self, waiting: Iterable[Any]) -> Any:
        """The first future that is over."""
        from distributed import wait

        while True:
            try:
                return next(iter(wait(list(waiting), timeout=_POLL_S, return_when="FIRST_COMPLETED").done))
            except TimeoutError:
                self._present()

    def _fetched(self, future: Any, task: object) -> Any:
        """A task's result or error of ours, computed again should its worker die before it is fetched."""
        from distributed import KilledWorker

        while True:
            error = future.exception(timeout=_POLL_S) if future.status == "error" else None
            if isinstance(error, KilledWorker):
                raise ClusterError(
                    f"{task} ended each of the {error.allowed_failures + 1} workers that tried it, as happens where "
                    "memory is short; give each worker more, or choose smaller tiles, and go on with the same command"
                ) from error
            if isinstance(error, Sar2NdviError):
                return error
            if error is not None:
                raise ClusterError(f"{task} failed on a worker: {error!r}; --debug shows where") from error
            try:
                return future.result(timeout=_POLL_S)
            except TimeoutError:
                self._present()

    def _present(self) -> bool:
        """Whether there are workers now; tells of those that are gone.

        Raises:
            ClusterError: there has been none for too long.
        """
        now = frozenset(self._client.nthreads())
        for address in sorted(self._workers - now):
            self._observer.remark(f"worker {address} is gone; what it had is done by another")
        self._workers = now
        if now:
            self._seen_s = monotonic()
        elif monotonic() - self._seen_s > self._place.wait_s:
            raise ClusterError(
                f"the cluster at {self._place.address} has had no worker for {self._place.wait_s:g} s; start workers "
                "(`dask worker ADDRESS --nthreads 1`), or have this command wait longer, and give it again"
            )
        return bool(now)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Tell that the scheduler does not answer."""
        try:
            yield
        except _LOST as problem:
            why = str(problem) or type(problem).__name__
            raise ClusterError(
                f"the scheduler at {self._place.address} does not answer any more ({why}); "
                "start it again, and give the same command again"
            ) from problem


@contextmanager
def connected(place: Place, observer: Observer | None = None) -> Iterator[Cluster]:
    """A cluster whose workers are known to be as this process.

    Raises:
        ClusterError: Dask is not installed, the scheduler is not reached, or see `Cluster.check`.
    """
    with ExitStack() as stack:
        client = _client(place, stack)
        stack.enter_context(client.as_current())  # what `distributed.wait` waits on
        cluster = Cluster(client, place, observer or Silent())
        cluster.check()
        yield cluster


def _client(place: Place, stack: ExitStack) -> Any:
    """Dask's own client, closed with the stack; its log is silent, errors tell what is wrong."""
    try:
        from distributed import Client
        from distributed.utils import silence_logging_cmgr
    except ImportError as problem:
        raise ClusterError(
            f"a cluster needs Dask, which is not here ({problem}); install this program's extra `cluster`, or "
            "run python -m pip install 'dask>=2025.1' 'distributed>=2025.1'"
        ) from problem
    stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
    address = stack.enter_context(_processes(place.jobs)) if place.address == LOCAL else place.address
    try:
        if isinstance(address, str) and not address.rpartition(":")[2].isdigit():
            raise ValueError("it ends in no port")  # Dask's own client would leave a traceback behind
        return stack.enter_context(Client(address, timeout=place.wait_s, set_as_default=False))
    except (OSError, TimeoutError, ValueError, TypeError) as problem:  # TypeError: tls:// without a certificate
        raise ClusterError(
            f"no scheduler at {address!r} ({problem}); start one with `dask scheduler` and give the address it prints, "
            "such as tcp://10.0.0.1:8786"
        ) from problem


def _processes(jobs: int) -> Any:
    """A scheduler and workers of this computer, which it starts again should they die; Ctrl-C is left to us."""
    from distributed import LocalCluster

    with unheard():
        return LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: several commands may run side by side
            silence_logs=logging.CRITICAL,
        )
