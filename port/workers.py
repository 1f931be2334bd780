"""Workers are threads that compute one item each; what they give comes in the items' order, however many they are."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")
_AHEAD = 4  # results that may wait for the caller, for each worker but the first


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Generator[tuple[Item, Result], None, None]:
    """Each item with what `work` makes of it, in the items' order.

    PyTorch computes an item on one thread, whatever number it is set to: no worker waits for another, and an item's
    numbers cannot depend on how many there are. Few items are begun before the caller takes what is done; a single
    worker begins none, so that it and the caller never compute at once. Threads end with the generator: when it is
    used up, closed, or given up for an error, of which that of the first item counts.
    """
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    pending: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(work, item)))
            if len(pending) > _AHEAD * (workers - 1):
                yield _first(pending)
        while pending:
            yield _first(pending)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)  # a worker's number is kept for threads that start later


def _first(pending: "deque[tuple[Item, Future[Result]]]") -> tuple[Item, Result]:
    """The longest begun item, once it is done."""
    item, future = pending.popleft()
    return item, future.result()
