"""A failing request becomes the smallest that still fails at the same stage, within the time there is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from parity.reduction import A_ROUND, Reduced, Request, reduce
from parity.trace import read_request

STAGE = "conv2/pre"


def request(**counts: int) -> Request:
    """A request that has just sizes: so many rows, so many steps."""
    sizes = {"rows": 40, "columns": 30, "steps": 200} | counts
    return Request({"steps": sizes["steps"]}, {"image": np.arange(sizes["rows"] * sizes["columns"]).reshape(
        sizes["rows"], sizes["columns"])})  # fmt: skip


def rows(one: Request) -> Iterator[Request]:
    """Two rows, or half of them."""
    count = len(one.arrays["image"])
    for kept in (2, count // 2):
        if 2 <= kept < count:
            yield Request(one.manifest, {"image": one.arrays["image"][:kept]})


def columns(one: Request) -> Iterator[Request]:
    """One column less."""
    if one.arrays["image"].shape[1] > 1:
        yield Request(one.manifest, {"image": one.arrays["image"][:, 1:]})


def steps(one: Request) -> Iterator[Request]:
    """One step, or half of them."""
    for count in sorted({1, one.manifest["steps"] // 2}):
        if 1 <= count < one.manifest["steps"]:
            yield Request({"steps": count}, one.arrays)


class Court:
    """Both sides: fails at the stage while there are as many rows, columns and steps as the mistake takes."""

    def __init__(self, *, rows: int = 0, columns: int = 0, steps: int = 0, seconds: float = 0.0) -> None:
        self.least, self.seconds = (rows, columns, steps), seconds
        self.rounds: list[int] = []
        self.now = 100.0

    def judge(self, requests: Sequence[Request]) -> list[str | None]:
        """The stage to blame, for each; another one where there are too few rows."""
        self.rounds.append(len(requests))
        self.now += self.seconds
        return [self.blamed(one) for one in requests]

    def blamed(self, one: Request) -> str | None:
        """What one request shows."""
        height, width = one.arrays["image"].shape
        if height < self.least[0]:
            return "conv1/pre"
        return STAGE if width >= self.least[1] and one.manifest["steps"] >= self.least[2] else None

    def reduce(self, one: Request, *shrinks, seconds: float = 1e9) -> Reduced:
        """The reduction of a request before this court."""
        return reduce(one, STAGE, judge=self.judge, shrinks=shrinks, seconds=seconds, clock=lambda: self.now)


def sizes(one: Request) -> tuple[int, int, int]:
    """Rows, columns and steps."""
    return (*one.arrays["image"].shape, one.manifest["steps"])


def test_what_fails_always_becomes_as_small_as_it_can_be() -> None:
    """All directions at once are tried first, so that one round does it."""
    court = Court()
    found = court.reduce(request(columns=1), rows, columns, steps)
    assert (sizes(found.request), found.complete) == ((2, 1, 1), True)
    assert len(court.rounds) == 1


@pytest.mark.parametrize(
    ("least", "left"),
    [((3, 0, 0), (5, 1, 1)), ((0, 28, 0), (2, 28, 1)), ((0, 0, 3), (2, 1, 3)), ((11, 29, 60), (20, 29, 100))],
    ids=["rows", "columns", "steps", "all"],
)
def test_what_the_mistake_takes_is_left(least: tuple[int, int, int], left: tuple[int, int, int]) -> None:
    """Each direction is as small as its steps lead, the others are not held up by it."""
    court = Court(rows=least[0], columns=least[1], steps=least[2])
    found = court.reduce(request(), rows, columns, steps)
    assert (sizes(found.request), found.complete) == (left, True)


def test_failure_at_another_stage_is_another_failure() -> None:
    """With fewer rows something else is to blame: that request is not the one."""
    assert sizes(Court(rows=40).reduce(request(), rows).request) == (40, 30, 200)


def test_what_cannot_be_smaller_is_not_judged() -> None:
    """Without a smaller request there is nothing to run."""
    court = Court()
    found = court.reduce(request(rows=2), rows)
    assert (sizes(found.request), found.tried, found.complete, court.rounds) == ((2, 30, 200), 0, True, [])


def test_rounds_are_small_and_no_request_is_judged_twice() -> None:
    """Each candidate runs once, a few together."""
    court = Court(columns=30)
    found = court.reduce(request(), rows, columns, steps)
    assert max(court.rounds) <= A_ROUND
    assert sum(court.rounds) == found.tried
    judged: list[Request] = []

    def judge(requests: Sequence[Request]) -> list[str | None]:
        judged.extend(requests)
        return [court.blamed(one) for one in requests]

    reduce(request(), STAGE, judge=judge, shrinks=[rows, columns, steps])
    assert len({sizes(one) for one in judged}) == len(judged)


def test_no_round_begins_that_would_end_too_late() -> None:
    """A round takes ten seconds; in 35 there is time for three."""
    court = Court(columns=1, seconds=10.0)
    found = court.reduce(request(), columns, seconds=35.0)
    assert len(court.rounds) == 3
    assert not found.complete
    assert sizes(found.request) == (40, 27, 200)


def test_reduction_is_the_same_each_time() -> None:
    """Nothing is drawn."""
    found = [Court(rows=3, steps=7).reduce(request(), rows, columns, steps) for _ in range(2)]
    assert sizes(found[0].request) == sizes(found[1].request)
    assert found[0].tried == found[1].tried


def test_request_is_written_as_it_was_read(tmp_path: Path) -> None:
    """What the writer adds to a manifest is no part of what is asked."""
    asked = request(rows=3, columns=2)
    asked.write(tmp_path / "asked.npz")
    record = read_request(tmp_path / "asked.npz")
    again = Request.of(record)
    assert (again.manifest, again.size) == (asked.manifest, 6)
    assert np.array_equal(again.arrays["image"], asked.arrays["image"])
    assert set(record.manifest) > set(again.manifest)
