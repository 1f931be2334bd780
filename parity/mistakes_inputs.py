"""Known mistakes of what is read and cut: shifted, turned, channels or patches in another order, scaled."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product

import numpy as np

from parity.fitting import factor, moved, of_twins, order_of, plain, told_order
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_precision import ANY

PATCHES, CHANNELS = 0, 1
"""Axes of (patch, channel, row, col)."""
FARTHEST_PX = 2
"""How far a shift is sought."""
MULTIPLIED = (2, 10, 100, 1000, 10000)
"""By what programs multiply integers, to divide them again."""
Change = Callable[[np.ndarray], np.ndarray]


def _on_result(change: Change, call: Call) -> Call:
    """The same call with its result, and its bound alike, laid out otherwise."""
    return call.then(lambda result, bound: (change(result), change(bound)))


def _is_image(values: np.ndarray) -> bool:
    """Whether the last two axes are rows and columns, not a list of corners."""
    return values.ndim in (2, 4) and min(values.shape[-2:]) > 2


def geometry(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Rows and columns shifted, exchanged or reversed."""
    if not _is_image(recorded):
        return
    for rows, cols in product(range(-FARTHEST_PX, FARTHEST_PX + 1), repeat=2):
        if rows or cols:
            yield from _shifts(call, rows, cols)
    for told, axes in (("rows", (-2,)), ("columns", (-1,)), ("rows and columns", (-2, -1))):
        yield Mistake("mirrored", f"{told} mirrored", partial(_on_result, partial(np.flip, axis=axes)))
    transposed = partial(np.swapaxes, axis1=-1, axis2=-2)
    yield Mistake("transposed", "rows and columns exchanged", partial(_on_result, transposed))
    for turns in (1, 3):
        turned = partial(np.rot90, k=turns, axes=(-2, -1))
        yield Mistake("rotated", f"turned by {turns} quarters", partial(_on_result, turned))


def _shifts(call: Call, rows: int, cols: int) -> Iterator[Mistake]:
    """One shift, by what comes in at the edge: the other edge, zeros, the edge itself, or what lies there."""
    told = f"shifted by {rows} rows and {cols} columns"
    for detail, change in SHIFTS.items():
        yield Mistake("shifted", told, partial(_on_result, partial(change, by=(rows, cols))), detail=detail)
    if call.node.operation == "cut":
        yield Mistake("shifted", told, partial(_corners_moved, by=(-rows, -cols)))
    if call.node.operation == "crop":
        yield Mistake("shifted", told, partial(_region_moved, by=(-rows, -cols)))


def _rolled(values: np.ndarray, by: tuple[int, int]) -> np.ndarray:
    return np.roll(values, by, axis=(-2, -1))


def _padded(values: np.ndarray, by: tuple[int, int], mode: str) -> np.ndarray:
    """Moved, with what `numpy.pad` puts at the edge."""
    edges = [(0, 0)] * (values.ndim - 2) + [(max(0, step), max(0, -step)) for step in by]
    filled = np.pad(values, edges, mode=mode)  # type: ignore[call-overload]
    starts = [max(0, -step) for step in by]
    rows, cols = (slice(start, start + length) for start, length in zip(starts, values.shape[-2:], strict=True))
    return np.asarray(filled[..., rows, cols])


SHIFTS: Mapping[str, Callable[..., np.ndarray]] = {
    "round the edge": _rolled,
    "zeros moved in": partial(_padded, mode="constant"),
    "the edge repeated": partial(_padded, mode="edge"),
}


def _corners_moved(call: Call, by: tuple[int, int]) -> Call:
    return call.fed(len(call.node.inputs) - 1, call.inputs[-1] + np.array(by))


def _region_moved(call: Call, by: tuple[int, int]) -> Call:
    row0, row1, col0, col1 = call.node.attributes["region"]
    return call.telling(region=[row0 + by[0], row1 + by[0], col0 + by[1], col1 + by[1]])


def channels(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Channels in another order, or one of them read for another, as each is found among the sound ones."""
    result, _ = call.outcome()
    if recorded.ndim != 4 or result.ndim != 4 or result.shape[1] < 2:
        return
    sound = np.moveaxis(result, CHANNELS, 0)
    for found in _orders(sound, np.moveaxis(recorded, CHANNELS, 0)):
        for order in (found, of_twins(sound, found, range(len(sound)))):
            yield Mistake(*told_channels(order), partial(_taken, order, CHANNELS), fitted=moved(order))


def told_channels(order: list[int]) -> tuple[str, str]:
    """Name and words for channels in an order that is not straight."""
    places = [place for place, number in enumerate(order) if place != number]
    if sorted(order) != list(range(len(order))):
        return "other-channel", f"channels read for others ({told_order(order)})"
    if len(places) == 2:
        return "channels-exchanged", f"channels {places[0]} and {places[1]} exchanged"
    return "channels-permuted", f"channels permuted ({told_order(order)})"


def _taken(order: list[int], axis: int, call: Call) -> Call:
    return _on_result(partial(np.take, indices=order, axis=axis), call)


def _orders(expected: np.ndarray, actual: np.ndarray) -> Iterator[list[int]]:
    """The orders in which arrays may stand: each by all its numbers, and by its numbers wherever they lie in it."""
    told: list[list[int]] = []
    for arranged in (np.asarray, _sorted):
        if expected[0].size == actual[0].size:
            order = order_of(arranged(expected), arranged(actual))
            if (moved(order) or len(actual) != len(expected)) and order not in told:
                told.append(order)
                yield order


def _sorted(values: np.ndarray) -> np.ndarray:
    return np.sort(values.reshape(len(values), -1), axis=1)


def patches(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Patches in another order, left out, or others of the list, as each is found among those that there are."""
    if recorded.ndim != 4 or not len(recorded):
        return
    result, _ = call.outcome()
    source = call.inputs[0] if call.node.operation == "rows" else result
    if source.ndim != recorded.ndim or source.shape[1:] != recorded.shape[1:]:
        return
    start = int(call.node.attributes.get("start", 0)) if call.node.operation == "rows" else 0
    for order in _orders(source, recorded):
        if order != list(range(start, start + len(result))):
            yield Mistake(*_told_patches(order, start, len(result)), partial(_chosen, order), fitted=len(order))


def _told_patches(order: list[int], start: int, count: int) -> tuple[str, str]:
    """Name and words for patches in an order."""
    left = sorted(set(range(start, start + count)) - set(order))
    if left and order == sorted(order):
        return "patch-dropped", f"patch {', '.join(map(str, left))} left out"
    shown = ", ".join(map(str, order[:6])) + (", ..." if len(order) > 6 else "")
    return "patches-reordered", f"patches {shown} in place of {start} to {start + count - 1}"


def _chosen(order: list[int], call: Call) -> Call:
    if call.node.operation != "rows":
        return _taken(order, PATCHES, call)
    start, stop = 0, len(call.inputs[0])
    return _taken(order, PATCHES, call.telling(start=start, stop=stop))


def values(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Numbers that are others: no NaN, wrapped round, of another sign, by a factor."""
    if np.isnan(recorded).sum() < np.isnan(call.outcome()[0]).sum():
        yield Mistake("nan-as-zero", "NaN read as 0", partial(_on_result, partial(np.nan_to_num, nan=0.0)))
    yield from _wrapped(call, recorded)
    yield from _overflown(call)
    yield from _scaled(call, recorded)


def _wrapped(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Integers of 8 or 16 bits read as the other kind, or too large for them."""
    result, _ = call.outcome()
    told_unsigned = str(call.node.attributes.get("dtype", "")).startswith("u")
    for bits in (8, 16):
        half, whole = 2 ** (bits - 1), 2**bits
        if recorded.shape == result.shape and (result >= half).any():
            name, told = (
                ("unsigned-as-signed", f"unsigned integers of {bits} bits read as signed")
                if told_unsigned
                else ("int16-overflow", f"overflown integers of {bits} bits")
            )
            yield Mistake(name, told, partial(_as_integers, recorded.dtype, half, whole))
        if (result < 0).any():
            told = f"signed integers of {bits} bits read as unsigned"
            yield Mistake("unsigned-as-signed", told, partial(_as_integers, recorded.dtype, 0, whole))


def _overflown(call: Call) -> Iterator[Mistake]:
    """Multiplied in 16 bits, and divided again."""
    result, _ = call.outcome()
    for by in MULTIPLIED:
        if call.entry.kind == "i" and (np.abs(result.astype(np.float64)) * by >= 2**15).any():
            told = f"overflown when multiplied by {by} in 16 bits"
            yield Mistake("int16-overflow", told, partial(_on_result, partial(_there_and_back, by=by)))


def _there_and_back(values: np.ndarray, by: int) -> np.ndarray:
    return (np.mod(values.astype(np.int64) * by + 2**15, 2**16) - 2**15) // by


def _as_integers(entry: np.dtype[np.generic], offset: int, whole: int, call: Call) -> Call:
    """Each number brought by whole turns into the range of so many numbers, from -offset on."""

    def step(result: np.ndarray, bound: np.ndarray) -> Outcome:
        return np.mod(result.astype(np.float64) + offset, whole) - offset, bound

    return call.recorded_as(entry).then(step)


def _scaled(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """All, or some channels, by one factor."""
    result, _ = call.outcome()
    if result.shape != recorded.shape or recorded.dtype.kind != "f":
        return
    axis = CHANNELS if recorded.ndim == 4 else None
    places = range(recorded.shape[1]) if axis else [0]
    found: dict[int, float] = {}
    for place in places:
        one, other = (side[:, place] if axis else side for side in (result, recorded))
        by = None if np.array_equal(one, other, equal_nan=True) else factor(one, other)
        if by is not None:
            found[place] = plain(by, recorded.dtype)
    if found and len(set(found.values())) == 1:
        by = next(iter(found.values()))
        which = "" if len(found) == len(places) else f"channels {', '.join(map(str, found))} "
        yield Mistake(
            "scaled", f"{which}scaled by {by:.7g}", partial(_multiplied, by, sorted(found) if which else None), by, 1
        )


def _multiplied(by: float, which: list[int] | None, call: Call) -> Call:
    """Some channels, or all, by a factor, that one may have rounded otherwise."""

    def step(result: np.ndarray, bound: np.ndarray) -> Outcome:
        factors = np.full(result.shape[1] if which else 1, by if which is None else 1.0)
        if which:
            factors[which] = by
            factors = factors[:, None, None]
        product = result.astype(np.float64) * factors
        return product, bound + 2 * np.finfo(call.entry).eps * np.abs(product) * (factors != 1)

    return call.then(step)


IMAGES = (geometry, channels, patches, values, *ANY)
SUSPECTS: Suspected = dict.fromkeys(("given", "decode", "rows", "cut", "crop"), IMAGES)
