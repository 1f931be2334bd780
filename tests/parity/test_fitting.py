"""What is read off a record: a factor where there is one, an order where parts are too many to solve for."""

import numpy as np
import pytest

from parity.fitting import assignment, factor, moved, nearest_order, told_order

COUNT = 14
RANDOM = np.random.default_rng(2)
TERMS = RANDOM.normal(size=(COUNT, COUNT, 30))
STRAIGHT = list(range(COUNT))


def summed(order: list[int]) -> np.ndarray:
    """What all parts add where each has taken the source that the order gives it."""
    return np.sum([TERMS[source, part] for part, source in enumerate(order)], axis=0)


def exchanged(one: int, other: int) -> list[int]:
    """The straight order with two places exchanged."""
    order = STRAIGHT.copy()
    order[one], order[other] = other, one
    return order


ORDERS = {
    "reversed": STRAIGHT[::-1],
    "turned on": [COUNT - 1, *STRAIGHT[:-1]],
    "turned back": [*STRAIGHT[1:], 0],
    "first two": exchanged(0, 1),
    "any two": exchanged(4, 11),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_order_that_programs_confuse_is_found(order: list[int]) -> None:
    """Of many parts just the order that was taken."""
    assert nearest_order(TERMS, summed(order)) == order


def test_nearest_order_ignores_what_rounding_leaves() -> None:
    """A sum that is a little off has the same order."""
    order = exchanged(2, 13)
    assert nearest_order(TERMS, summed(order) + 1e-6 * RANDOM.normal(size=30)) == order


@pytest.mark.parametrize("where", ["terms", "total"])
def test_nothing_follows_from_what_overflows(where: str) -> None:
    """No order is solved for where a number is infinite."""
    few = TERMS[:3, :3].copy()
    total = np.sum([few[source, part] for part, source in enumerate([2, 0, 1])], axis=0)
    assert assignment(few, total) == [2, 0, 1]
    (few[0, 0] if where == "terms" else total)[0] = np.inf
    assert assignment(few, total) == [0, 1, 2]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [(np.ones(3), np.ones(4)), (np.ones(0), np.ones(0)), (np.ones(3), np.full(3, np.inf)), (np.ones(3), np.zeros(3))],
    ids=["other shape", "nothing", "infinite", "nothing left"],
)
def test_no_factor_where_none_can_be_told(expected: np.ndarray, actual: np.ndarray) -> None:
    """Of another shape, of no number, of none that is finite, or where all is 0."""
    assert factor(expected, actual) is None


def test_factor_is_that_of_most_large_numbers() -> None:
    """Small numbers, whose quotients are rounding, do not count, nor does one that is off by itself."""
    expected = np.array([5.0, -4.0, 3.0, 1e-9, 0.0])
    assert factor(expected, np.array([10.0, -8.0, 7.0, 5e-9, 3.0])) == 2.0


def test_order_is_told_by_its_first_places() -> None:
    """Four of them, and how many there are besides."""
    assert told_order(exchanged(4, 5)) == "5 for 4, 4 for 5"
    assert told_order(STRAIGHT[::-1]) == "13 for 0, 12 for 1, 11 for 2, 10 for 3 and 10 more"
    assert (moved(STRAIGHT), moved(exchanged(4, 5))) == (0, 2)
