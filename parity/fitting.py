"""What a mistake must have been, read off what was recorded: a factor, an order, the one place that is off."""

import numpy as np

from parity.mistakes import Call

WINDOWED = ("convolution_valid", "correlation_valid")
"""Operations whose result in a place follows from a window of the first input alone, wherever that place is."""
DIGITS = 12
"""Significant digits of a factor: programs hold 1000 and 1.001, not what a division leaves of them."""


def middle(call: Call, recorded: np.ndarray, side: int) -> tuple[Call, np.ndarray] | None:
    """A few windows in the middle of the liveliest image, and what was recorded of them; None where there are none.

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
    starts = [max(0, (length - side) // 2) for length in valid]
    kept = [slice(start, min(start + side, length)) for start, length in zip(starts, valid, strict=True)]
    seen = [slice(one.start, one.stop + size - 1) for one, size in zip(kept, W.shape[2:], strict=True)]
    return call.fed(0, images[image : image + 1, :, *seen]), recorded[image : image + 1, :, *kept]


def factor(expected: np.ndarray, actual: np.ndarray) -> float | None:
    """By what the expected numbers were multiplied, at most of the large ones; None where there is nothing large."""
    if expected.shape != actual.shape or not expected.size:
        return None
    sizes = np.abs(np.nan_to_num(expected.astype(np.float64)))
    large = (sizes > 0.1 * sizes.max()) & np.isfinite(actual)
    if not large.any():
        return None
    return float(np.median(actual[large].astype(np.float64) / expected[large]))


def rounded(number: float) -> float:
    """The number to 12 significant digits."""
    return float(f"{number:.{DIGITS}g}")


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


def assignment(terms: np.ndarray, total: np.ndarray) -> list[int]:
    """Which of several terms each part of a sum has taken: least squares over all, the largest share first.

    Args:
        terms: (source, part, number): what each part would add from each source.
        total: (number,): what was added up.

    Returns:
        For each part its source, each source once.
    """
    sources, parts = terms.shape[:2]
    shares = np.linalg.lstsq(terms.reshape(sources * parts, -1).T, total, rcond=None)[0].reshape(sources, parts)
    shares[np.diag_indices(min(sources, parts))] += 1e-6  # where nothing tells, as it should be
    order = [-1] * parts
    for place in np.argsort(-shares, axis=None):
        source, part = (int(one) for one in np.unravel_index(place, shares.shape))
        if order[part] < 0 and source not in order:
            order[part] = source
    return order


def told_order(order: list[int]) -> str:
    """The places where an order is not straight: "5 for 4, 4 for 5"."""
    moved = [f"{number} for {place}" for place, number in enumerate(order) if place != number]
    return ", ".join(moved[:4]) + (f" and {len(moved) - 4} more" if len(moved) > 4 else "")


def moved(order: list[int]) -> int:
    """How many places of an order are not straight."""
    return sum(place != number for place, number in enumerate(order))
