"""The court's work goes to processes of its own: the product's, and the judge's, which never import the product."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from parity_tests.workshop import CORES, Workshop


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    """A workshop, closed in the end."""
    opened = Workshop()
    yield opened
    opened.close()


def test_product_and_judge_share_no_process(workshop: Workshop) -> None:
    """Each works in a process that is neither the other's nor the court's."""
    product, judge = workshop.port("a process", os.getpid), workshop.judge("a process", os.getpid)
    assert len({product, judge, os.getpid()}) == 3


def test_what_fails_there_fails_here(workshop: Workshop) -> None:
    """An error in a process is raised to who waits for it."""
    with pytest.raises(FileNotFoundError, match="no-such-folder"):
        workshop.judge("a listing", os.listdir, "no-such-folder")


def test_shared_work_is_done_once(workshop: Workshop) -> None:
    """Whoever asks for the same gets the same answer."""
    done: list[str] = []
    asked: list[Future[object]] = [workshop.once("truth", done.append, name) for name in ("first", "second")]
    assert [future.result(10) for future in asked] == [None, None]
    assert done == ["first"]


def test_what_a_test_asks_for_goes_before_what_was_begun(workshop: Workshop) -> None:
    """It waits for what is being done, not for all that is to be."""
    begun = [workshop.later(workshop.judge, "sleep", time.sleep, 0.2) for _ in range(20 * CORES)]
    workshop.judge("a process", os.getpid)
    assert sum(future.done() for future in begun) < len(begun) / 2
    assert [future.result(60) for future in begun] == [None] * len(begun)


def test_work_may_wait_for_later_work(workshop: Workshop) -> None:
    """However many threads wait, what they wait for is done."""

    def chain(length: int) -> int:
        return workshop.later(chain, length - 1).result(30) + 1 if length else 0

    assert workshop.later(chain, 200).result(60) == 200


def test_time_is_counted_by_kind(workshop: Workshop) -> None:
    """What a process takes is told as that kind of work."""
    workshop.judge("sums", sum, range(2_000_000))
    assert "sums (1 times)" in workshop.clock.lines(2)[1]


def test_judges_process_imports_no_product() -> None:
    """Nothing that the judge does there loads torch, or any of the port."""
    loaded = "[name for name in sys.modules if name.partition('.')[0] in ('torch', 'port')]"
    script = f"import sys; import parity_tests.judging; print({loaded})"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert answer.stdout.strip() == "[]"
