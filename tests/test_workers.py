"""Workers give results in order, few ahead, each on one thread of PyTorch, and end with the generator."""

import threading
from contextlib import closing

import pytest
import torch

from port.workers import in_order


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_the_items_order(workers: int) -> None:
    """An item that takes longer holds up those after it."""
    waits = {0: threading.Event()}

    def work(item: int) -> int:
        if item == 3:
            waits[0].set()
        if item == 0 and workers > 1:
            assert waits[0].wait(10) or workers == 1
        return item * item

    assert list(in_order(work, range(20), workers=workers)) == [(item, item * item) for item in range(20)]


def test_a_single_worker_begins_nothing_ahead() -> None:
    """What was begun when a result is taken is that item, and no further one."""
    begun: list[int] = []
    for item, _ in in_order(begun.append, range(5), workers=1):
        assert begun == list(range(item + 1))


def test_few_items_are_begun_ahead() -> None:
    """Items are drawn as results are taken: a long list is never begun whole."""
    drawn: list[int] = []
    items = (drawn.append(item) or item for item in range(1000))
    with closing(in_order(lambda item: item, items, workers=3)) as done:
        next(done)
        assert len(drawn) <= 10


def test_a_worker_computes_on_one_thread() -> None:
    """PyTorch's number is 1 within, and what it was without."""
    torch.set_num_threads(2)
    within = {count for _, count in in_order(lambda _: torch.get_num_threads(), range(8), workers=2)}
    assert (within, torch.get_num_threads()) == ({1}, 2)


def test_the_first_item_s_error_counts() -> None:
    """Later ones are not told, and no thread stays."""
    before = set(threading.enumerate())

    def work(item: int) -> int:
        if item in (4, 5):
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 4"):
        list(in_order(work, range(9), workers=3))
    assert set(threading.enumerate()) == before
