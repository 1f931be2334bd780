"""The workshop: work done side by side in processes of their own, each piece as soon as what it needs is there.

Product and judge never share a process. Each has as many as the machine has cores, of one thread each, started once a
session; they step back for the originals and the tests, so that no processor waits and none is waited for. What a test
asks for itself goes before what was begun for later ones.
"""

import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from typing import TypeVar

from parity_tests.timekeeping import Clock, timed

Answer = TypeVar("Answer")

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
CORES = os.cpu_count() or 1
WAITING = 4096
"""Threads, more than are ever asked for: they wait for work done elsewhere, some for that of others."""
STEP_BACK = 5
"""How much nicer product and judge are than what they wait for."""


class Workshop:
    """Originals in the order told, as many at a time as there are cores; all else whenever a processor is free.

    Attributes:
        clock: where the time goes.
        preparing: held by whoever makes requests, which several witnesses share.
    """

    def __init__(self) -> None:
        self.clock, self.preparing = Clock(), threading.Lock()
        self._originals, self._waiting = ThreadPoolExecutor(CORES), ThreadPoolExecutor(WAITING)
        self._pools: dict[str, ProcessPoolExecutor] = {}
        self._turns: dict[str, threading.Semaphore] = {}
        self._begun: dict[Hashable, Future[object]] = {}
        self._lock = threading.Lock()

    def original(self, work: Callable[..., Answer], *arguments: object) -> Future[Answer]:
        """Work of an original's process, after what was told before."""
        return self._originals.submit(work, *arguments)

    def later(self, work: Callable[..., Answer], *arguments: object) -> Future[Answer]:
        """Work in a thread of this process, which may wait for any that was told before."""
        return self._waiting.submit(work, *arguments)

    def once(self, key: Hashable, work: Callable[..., object], *arguments: object) -> Future[object]:
        """Work as `later`, but for the first who asks for it; the others get the same."""
        with self._lock:
            if key not in self._begun:
                self._begun[key] = self.later(work, *arguments)
            return self._begun[key]

    def port(self, kind: str, work: Callable[..., Answer], *arguments: object) -> Answer:
        """What work gives in a process of the product's; counted as that kind."""
        return self._in("port", kind, work, *arguments)

    def judge(self, kind: str, work: Callable[..., Answer], *arguments: object) -> Answer:
        """What work gives in a process of the judge's; counted as that kind."""
        return self._in("judge", kind, work, *arguments)

    def _in(self, pool: str, kind: str, work: Callable[..., Answer], *arguments: object) -> Answer:
        with self._lock:
            if pool not in self._pools:
                os.environ.update(ONE_THREAD)  # inherited by the pool
                context = get_context("spawn")
                self._pools[pool] = ProcessPoolExecutor(CORES, context, initializer=os.nice, initargs=(STEP_BACK,))
                self._turns[pool] = threading.Semaphore(CORES + 1)
        ahead = threading.current_thread() is threading.main_thread()
        with nullcontext() if ahead else self._turns[pool]:
            answer, seconds = self._pools[pool].submit(timed, work, *arguments).result()
        self.clock.add(kind, seconds)
        return answer

    def close(self) -> None:
        """Drop what has not begun, and end all processes."""
        for executor in (self._originals, *self._pools.values(), self._waiting):
            executor.shutdown(wait=True, cancel_futures=True)
