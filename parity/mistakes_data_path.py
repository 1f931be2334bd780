"""Known mistakes from masks to patches, and of what is compared: regions, grids, lists, orders, valid pixels."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from parity.data_operations import covered_pixels, patch_grid
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_precision import ANY

SEEDS = 64
"""Seeds from 0 on that are tried for an order."""
Change = Callable[[np.ndarray], np.ndarray]


def _exactly(change: Change, call: Call) -> Call:
    """The same call whose result, which may not err, is changed."""

    def step(result: np.ndarray, _: np.ndarray) -> Outcome:
        changed = np.asarray(change(result))
        return changed, np.zeros(changed.shape)

    return call.then(step)


def _fed(change: Change, positions: tuple[int, ...], call: Call) -> Call:
    for position in positions:
        call = call.fed(position, change(call.inputs[position]))
    return call


def _telling(attribute: str, value: object, call: Call) -> Call:
    return call.telling(**{attribute: value})


def _inverted(mask: np.ndarray) -> np.ndarray:
    return np.asarray((mask == 0).astype(mask.dtype))


def _where(mask: np.ndarray, value: int) -> np.ndarray:
    return np.asarray((mask == value).astype(mask.dtype))


def masks(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """One mask read as none, inverted, by one value, or that of another date."""
    first = (0,)
    yield Mistake("mask-ignored", "the mask is not read", partial(_fed, np.zeros_like, first))
    yield Mistake("mask-inverted", "the mask is inverted", partial(_fed, _inverted, first))
    yield Mistake("mask-inverted", "mask and region are inverted", partial(_exactly, _inverted))
    for value in np.unique(call.inputs[0])[:8]:
        if value:
            told = f"masked only where the mask is {value}"
            yield Mistake("mask-value", told, partial(_fed, partial(_where, value=int(value)), first))
    for node in call.graph:
        if node.operation == call.node.operation and node.inputs[0] != call.node.inputs[0]:
            other = call.values[node.inputs[0]]
            told = f"{node.inputs[0]} is read for {call.node.inputs[0]}"
            yield Mistake("other-mask", told, partial(_reading, other))


def _reading(value: np.ndarray, call: Call) -> Call:
    return call.fed(0, value)


def regions(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """The region left out, closed at its end, counted from another number, or with its axes exchanged."""
    row0, row1, col0, col1 = call.node.attributes["region"]
    rows, cols = call.inputs[0].shape
    for name, told, region in (
        ("region-not-excluded", "the region is not excluded", (0, 0, 0, 0)),
        ("region-closed", "the region's last row and column belong to it", (row0, row1 + 1, col0, col1 + 1)),
        ("region-open", "the region's first row and column do not belong to it", (row0 + 1, row1, col0 + 1, col1)),
        ("region-shifted", "the region is counted from 1", (row0 - 1, row1 - 1, col0 - 1, col1 - 1)),
        ("region-shifted", "the region is counted from -1", (row0 + 1, row1 + 1, col0 + 1, col1 + 1)),
        ("region-transposed", "the region's rows are taken for its columns", (col0, col1, row0, row1)),
        ("region-inverted", "all but the region is excluded", None),
    ):
        if region is None:
            yield Mistake(name, told, partial(_all_but, (row0, row1, col0, col1)))
        else:
            ends = [max(0, min(end, most)) for end, most in zip(region, (rows, rows, cols, cols), strict=True)]
            yield Mistake(name, told, partial(_telling, "region", ends))


def _all_but(region: tuple[int, ...], call: Call) -> Call:
    def kept(result: np.ndarray) -> np.ndarray:
        found = np.ones_like(result)
        window = (slice(region[0], region[1]), slice(region[2], region[3]))
        found[window] = call.inputs[0][window] != 0
        return found

    return _exactly(kept, call)


def grids(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Corners on another grid, in another order, or without the last."""
    told, half = call.node.attributes, int(call.node.attributes["side"]) // 2
    for name, most in (("origin", told["stride"] + 1), ("stride", 2 * told["stride"] + 1), ("side", 2 * told["side"])):
        for value in range(int(name != "origin"), most):
            if value != told[name]:
                words = f"{name} is {value} for {told[name]}"
                yield Mistake(name, words, partial(_telling, name, value), float(value))
    for axis, line in enumerate(("row", "column")):
        lost = f"the last {line} of patches is left out"
        yield Mistake("last-row-or-column-lost", lost, partial(_without_last_line, axis))
    by_columns = "patches are listed column by column"
    yield Mistake("other-order", by_columns, partial(_exactly, lambda corners: corners[np.lexsort(corners.T)]))
    yield Mistake("other-order", "patches are listed backwards", partial(_exactly, lambda corners: corners[::-1]))
    exchanged = "rows and columns of the corners are exchanged"
    yield Mistake("transposed", exchanged, partial(_exactly, lambda corners: corners[:, ::-1]))
    for by in (-1, 1):
        yield Mistake("shifted", f"corners are counted from {-by}", partial(_exactly, partial(np.add, by)))
    for margin in range(1, half):
        told_inner = f"patches need be clear only {margin} pixels inside"
        yield Mistake("margin", told_inner, partial(_clear_inside, margin), float(margin))


def _without_last_line(axis: int, call: Call) -> Call:
    """Without the corners of the grid's last row, or column, whether they are clear or not."""
    told = call.node.attributes
    last = patch_grid(call.inputs[0], side=told["side"], stride=told["stride"], origin=told["origin"])[axis][-1:]
    return _exactly(lambda corners: corners[~np.isin(corners[:, axis], last)], call)


def _clear_inside(margin: int, call: Call) -> Call:
    def computed(call: Call) -> Outcome:
        told = call.node.attributes
        rows, cols = patch_grid(call.inputs[0], side=told["side"], stride=told["stride"], origin=told["origin"])
        inner = told["side"] - 2 * margin
        covered = sum(covered_pixels(mask, rows + margin, cols + margin, (inner, inner)) for mask in call.inputs)
        row, col = np.nonzero(np.asarray(covered) == 0)
        found = np.stack([rows[row], cols[col]], axis=1)
        return found, np.zeros(found.shape)

    return Call(call.node, call.values, call.dtype, call.entry, call.graph, computed, call.afterwards)


def asked(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Of several masks some alone, none, or all inverted."""
    names = call.node.inputs
    every = tuple(range(len(names)))
    yield Mistake("mask-ignored", "no mask is asked", partial(_fed, np.zeros_like, every))
    yield Mistake("mask-inverted", "the masks are inverted", partial(_fed, _inverted, every))
    for one in every if len(every) > 1 else ():
        others = tuple(place for place in every if place != one)
        yield Mistake("only-one-mask", f"{names[one]} alone is asked", partial(_fed, np.zeros_like, others))
        if len(every) > 2:
            yield Mistake("mask-ignored", f"{names[one]} is not asked", partial(_fed, np.zeros_like, (one,)))


def shuffles(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Corners as they stood, or by the permutation in another way."""
    corners, numbers = call.inputs
    order = numbers[numbers < len(corners)]
    for name, told, other in (
        ("not-shuffled", "the list is not shuffled", np.arange(len(corners))),
        ("other-order", "the permutation is applied the other way", np.argsort(order)),
        ("other-order", "the permutation is read backwards", order[::-1]),
        ("other-order", "the permutation is only ranked", np.argsort(np.argsort(numbers[: len(corners)]))),
        ("other-order", "the permutation's remainders are read", numbers[: len(corners)] % max(1, len(corners))),
    ):
        yield Mistake(name, told, partial(_being, corners[other]))


def splits(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Another stretch of the list of corners."""
    (listed,), told = call.inputs, call.node.attributes
    if listed.ndim != 2 or listed.shape[1:] != recorded.shape[1:] or not len(recorded):
        return
    for start in range(len(listed) - len(recorded) + 1):
        stop = start + len(recorded)
        if (start, stop) != (told["start"], told["stop"]) and np.array_equal(listed[start:stop], recorded):
            words = f"patches {start} to {stop - 1} of the list for {told['start']} to {told['stop'] - 1}"
            yield Mistake("other-split", words, partial(_stretch, start, stop))


def _stretch(start: int, stop: int, call: Call) -> Call:
    return call.telling(start=start, stop=stop)


def orders(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Batches with the incomplete last one, of an order that is drawn, or taken from the list in another way."""
    told, count = call.node.attributes, len(call.inputs[0])
    size, epochs = int(told["batch_size"]), int(told["epochs"])
    length = count // size * size
    found: list[Mistake] = []
    if not told.get("keep"):
        found.append(
            Mistake("partial-batch-kept", "the incomplete last batch is kept", partial(_telling, "keep", True))
        )
    for seed in range(SEEDS):
        drawn = f"patches are shuffled anew each epoch, by NumPy's generator of ({seed}, epoch)"
        found.append(Mistake("reshuffled", drawn, partial(_drawn, seed)))
    for words, other in (
        (
            "batches are taken from the last to the first",
            np.tile(np.arange(length).reshape(-1, size)[::-1], (epochs, 1)),
        ),
        ("an epoch begins where the one before it ended", np.arange(epochs * length).reshape(-1, size) % count),
    ):
        found.append(Mistake("other-order", words, partial(_being, other)))
    named = [mistake for mistake in found if np.array_equal(mistake.change(call).outcome()[0], recorded)]
    if not named and _reshuffled(recorded, epochs, length, count):
        named = [Mistake("reshuffled", "each epoch has an order of its own", partial(_being, recorded))]
    yield from named


def _reshuffled(recorded: np.ndarray, epochs: int, length: int, count: int) -> bool:
    """Whether each epoch has patches of the list, none twice, in an order of its own."""
    if epochs < 2 or not length or recorded.size != epochs * length:
        return False
    each = recorded.reshape(epochs, length)
    once = all(len(np.unique(rows)) == length for rows in each)
    return bool(once and (each >= 0).all() and (each < count).all() and len(np.unique(each, axis=0)) == epochs)


def _drawn(seed: int, call: Call) -> Call:
    return call.operating("reshuffled", seed=seed)


def _being(value: np.ndarray, call: Call) -> Call:
    return _exactly(lambda _: value, call)


def border(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """A region that is not moved by the border, or by it once more; patches without another margin."""
    sizes = [int(call.values[node.stage]) for node in call.graph if node.operation == "border"]
    for by in (sign * size for size in sizes for sign in (-1, 1)):
        row0, row1, col0, col1 = call.node.attributes["region"]
        for words, moved in (
            ("", (by, by, by, by)),
            (", its size apart", (by, -by, by, -by)),
        ):
            region = [end + step for end, step in zip((row0, row1, col0, col1), moved, strict=True)]
            told = f"the region begins {by} pixels from where it should{words}"
            yield Mistake("shifted-by-border", told, partial(_telling, "region", region))


def region_shifts(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """The region a pixel off."""
    row0, row1, col0, col1 = call.node.attributes["region"]
    for rows, cols in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1)):
        region = [row0 + rows, row1 + rows, col0 + cols, col1 + cols]
        yield Mistake("shifted", f"shifted by {rows} rows and {cols} columns", partial(_telling, "region", region))


def margins(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Another margin."""
    margin, side = int(call.node.attributes["margin"]), int(call.node.attributes["side"])
    for other in range((side + 1) // 2):
        if other != margin:
            told = f"margin is {other} for {margin}"
            yield Mistake("margin", told, partial(_telling, "margin", other), float(other))


def valid_pixels(_: Call, __: np.ndarray) -> Iterator[Mistake]:
    """Clouded pixels for clear ones."""
    yield Mistake("mask-inverted", "clouded pixels for clear ones", partial(_exactly, _inverted))


def chosen(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """All pixels, those that are not valid, or the valid ones in another order."""
    values, valid = call.inputs
    flat = values.reshape(-1, *valid.shape)[0]
    yield Mistake("mask-ignored", "all pixels are compared", partial(_fed, np.ones_like, (1,)))
    yield Mistake("mask-inverted", "the pixels that are not valid are compared", partial(_fed, _inverted, (1,)))
    by_columns = flat.T[valid.T != 0]
    yield Mistake("other-order", "pixels are listed column by column", partial(_being, by_columns))


SUSPECTS: Suspected = {
    "exclude": (masks, regions, *ANY),
    "clear_patches": (grids, asked, *ANY),
    "shuffle": (shuffles, *ANY),
    "rows": (splits,),
    "batch_order": (orders, *ANY),
    "reshuffled": (orders, *ANY),
    "cut": (margins,),
    "crop": (border,),
    "valid": (asked, valid_pixels, border, region_shifts, *ANY),
    "masked": (chosen, *ANY),
}
