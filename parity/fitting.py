"""What a mistake must have been, read off what was recorded: a factor, an order, the one place that is off."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from parity.mistakes import Call

WINDOWED = ("convolution_valid", "correlation_valid")
"""Operations whose result in a place follows from a window of the first input alone, wherever that place is."""
DIGITS = 15
"""Significant digits of a float64."""


def corner(call: Call, recorded: np.ndarray, side: int) -> tuple[Call, np.ndarray] | None:
    """A few windows at the upper left of the liveliest image, and what was recorded of them; None where there are none.

    Args:
        call: a stage's computation.
        recorded: what was recorded of the stage.
        side: most rows and columns of the result to keep.
    """
    if call.node.operation not in WINDOWED:
        return None
    images, W = call.inputs[:2]
    valid = tuple(length - size + 1 for length, size in zip(images.shape[2:], W.shape[2:], strict=True))
    if recorded.shape != (len(images), len(W), *valid) or min(valid) < 1:
        return None
    image = int(np.argmax([np.abs(one).sum() for one in images]))
    rows, cols = (min(side, length) for length in valid)
    shown = images[image : image + 1, :, : rows + W.shape[2] - 1, : cols + W.shape[3] - 1]
    return call.fed(0, shown), recorded[image : image + 1, :, :rows, :cols]


def factor(expected: np.ndarray, actual: np.ndarray) -> float | None:
    """By what the expected numbers were multiplied, at most of the large ones; None where there is nothing large.

    None too where nothing is left of them: whatever silences a stage does that, so that 0 tells no cause.
    """
    if expected.shape != actual.shape or not expected.size:
        return None
    sizes = np.abs(np.nan_to_num(expected.astype(np.float64)))
    large = (sizes > 0.1 * sizes.max()) & np.isfinite(actual)
    if not large.any():
        return None
    return float(np.median(actual[large].astype(np.float64) / expected[large])) or None


def plain(number: float, dtype: DTypeLike) -> float:
    """The number of the fewest digits that a quotient of rounded numbers may stand for: 1000 for 999.9999999999999."""
    near = 4 * float(np.finfo(dtype).eps) * abs(number)
    shorter = (float(f"{number:.{digits}g}") for digits in range(1, DIGITS + 1))
    return next((found for found in shorter if abs(found - number) <= near), number)


def order_of(expected: np.ndarray, actual: np.ndarray) -> list[int]:
    """For each actual array of a list the place of the expected one nearest to it; its own place where that is as near.

    Args:
        expected: (place, ...).
        actual: (place, ...), of the same shape but perhaps another number of places.
    """
    places, others = (
        np.nan_to_num(one.reshape(len(one), -1).astype(np.float64), posinf=0.0, neginf=0.0)
        for one in (expected, actual)
    )
    apart = (places**2).sum(axis=1)[None] + (others**2).sum(axis=1)[:, None] - 2 * others @ places.T
    order = [int(place) for place in apart.argmin(axis=1)]
    same = min(len(places), len(others))
    return [
        place if place < same and np.array_equal(places[place], places[found]) else found
        for place, found in enumerate(order)
    ]


def of_twins(expected: np.ndarray, order: list[int], meant: Sequence[int]) -> list[int]:
    """The order with the last of equal arrays in place of each that was found: nothing tells which of them was taken.

    Args:
        expected: (place, ...).
        order: for each actual array the place of an expected one.
        meant: the right order; what stands in it where it should is left there.
    """
    last = {one.tobytes(): place for place, one in enumerate(expected)}
    right = {(place, found) for place, found in enumerate(meant)}
    return [found if (at, found) in right else last[expected[found].tobytes()] for at, found in enumerate(order)]


def assignment(terms: np.ndarray, total: np.ndarray) -> list[int]:
    """Which of several terms each part of a sum has taken: least squares over all, the largest share first.

    Args:
        terms: (source, part, number): what each part would add from each source.
        total: (number,): what was added up.

    Returns:
        For each part its source, each source once; straight where a number is not finite, of which nothing follows.
    """
    sources, parts = terms.shape[:2]
    if not (np.isfinite(terms).all() and np.isfinite(total).all()):
        return list(range(parts))
    shares = np.linalg.lstsq(terms.reshape(sources * parts, -1).T, total, rcond=None)[0].reshape(sources, parts)
    shares[np.diag_indices(min(sources, parts))] += 1e-6  # where nothing tells, as it should be
    order = [-1] * parts
    for place in np.argsort(-shares, axis=None):
        source, part = (int(one) for one in np.unravel_index(place, shares.shape))
        if order[part] < 0 and source not in order:
            order[part] = source
    return order


def nearest_order(terms: np.ndarray, total: np.ndarray) -> list[int]:
    """Likewise where parts are too many to solve for: straight, reversed, turned by one either way, or two exchanged.

    Args:
        terms: (source, part, number), as many sources as parts.
        total: (number,).
    """
    straight = np.arange(len(terms))
    orders = [straight[::-1], np.roll(straight, 1), np.roll(straight, -1)]
    left = total - terms[straight, straight].sum(axis=0)
    found = min(orders, key=lambda order: float(np.sum((total - terms[order, straight].sum(axis=0)) ** 2)))
    first, second = np.triu_indices(len(terms), 1)
    own = terms[straight, straight]
    gained = terms[first, second] + terms[second, first] - own[first] - own[second]
    apart = ((left - gained) ** 2).sum(axis=1)
    best = int(apart.argmin())
    if apart[best] < float(np.sum((total - terms[found, straight].sum(axis=0)) ** 2)):
        found = straight.copy()
        found[[first[best], second[best]]] = second[best], first[best]
    return [int(place) for place in found]


def told_order(order: list[int]) -> str:
    """The places where an order is not straight: "5 for 4, 4 for 5"."""
    moved = [f"{number} for {place}" for place, number in enumerate(order) if place != number]
    return ", ".join(moved[:4]) + (f" and {len(moved) - 4} more" if len(moved) > 4 else "")


def moved(order: list[int]) -> int:
    """How many places of an order are not straight."""
    return sum(place != number for place, number in enumerate(order))
