"""Known mistakes of convolutions, forward: filters laid down otherwise, maps exchanged, biases, fewer bits, doses."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from parity import operations
from parity.data_operations import transformed
from parity.fitting import assignment, corner, factor, moved, nearest_order, order_of, told_order
from parity.mistakes import Call, Mistake, Suspected
from parity.mistakes_precision import ANY
from parity.precision import ROUNDINGS, Rounding, tf32, tf32_cut
from parity.symmetries import symmetries

IMAGES, FILTERS, BIASES = 0, 1, 2
"""Positions of a convolution's inputs."""
MOST_MAPS = 12
"""Input maps up to which any permutation is found; of more, exchanges, turns by one and the reverse."""
SOLVED_SIDE = 6
"""Rows and columns of the result from which a permutation is solved for."""
LIKELIEST = 5
"""How many weights are tried as the one that is off."""
FLIPPED: Mapping[int, tuple[str, str]] = {
    1: ("filters-rotated", "filters turned a quarter"),
    2: ("filters-not-flipped", "filters not flipped"),
    3: ("filters-rotated", "filters turned three quarters"),
    4: ("filters-flipped-in-rows-only", "filters flipped in rows only"),
    5: ("filters-transposed", "filters transposed instead of flipped"),
    6: ("filters-flipped-in-cols-only", "filters flipped in columns only"),
    7: ("filters-transposed-and-flipped", "filters flipped and transposed"),
}
"""Of a true convolution, which flips: the mistake by the symmetry that its filters show beyond that."""
UNFLIPPED: Mapping[int, tuple[str, str]] = {
    **FLIPPED,
    2: ("filters-flipped", "filters flipped"),
    4: ("filters-flipped-in-cols-only", "filters flipped in columns only"),
    5: ("filters-transposed-and-flipped", "filters flipped and transposed"),
    6: ("filters-flipped-in-rows-only", "filters flipped in rows only"),
    7: ("filters-transposed", "filters transposed"),
}
"""Likewise of a correlation, which does not."""


def changed(call: Call, change: Rounding, positions: tuple[int, ...] = (FILTERS,)) -> Call:
    """The same call with inputs at some positions changed."""
    for position in positions:
        call = call.fed(position, change(call.inputs[position].astype(np.float64)))
    return call


def orientations(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Filters in each other symmetry that their shape allows."""
    told = FLIPPED if call.node.operation.startswith("convolution") else UNFLIPPED
    for number in symmetries(*call.inputs[FILTERS].shape[2:]):
        yield Mistake(*told[number], partial(changed, change=partial(transformed, symmetry=number)))


def output_maps(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The filters in another order, as the map of each is found among the sound ones."""
    result, _ = call.outcome()
    if result.shape != recorded.shape:
        return
    b = call.inputs[BIASES][:, None, None]
    for detail, positions, held in (("", (FILTERS, BIASES), 0 * b), ("biases are not", (FILTERS,), b)):
        order = order_of(np.moveaxis(result - held, 1, 0), np.moveaxis(recorded - held, 1, 0))
        if len(set(order)) == len(order) and moved(order):
            change = partial(changed, change=partial(np.take, indices=order, axis=0), positions=positions)
            told = f"filters permuted ({told_order(order)})"
            yield Mistake("filters-permuted", told, change, fitted=moved(order), detail=detail)


def input_maps(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The maps read in another order: solved for where they are few, else of the orders that programs confuse."""
    images, W = call.inputs[:BIASES]
    part = corner(call, recorded, SOLVED_SIDE)
    if part is not None and images.shape[1] == W.shape[1]:
        terms, total = _under_each_plane(*part)
        order = assignment(terms, total) if len(terms) <= MOST_MAPS else nearest_order(terms, total)
        if moved(order):
            told = f"input maps permuted ({told_order(order)})"
            yield Mistake("input-maps-permuted", told, partial(_maps_in, order=order), fitted=moved(order))


def _maps_in(call: Call, order: list[int]) -> Call:
    return call.fed(IMAGES, call.inputs[IMAGES][:, order])


def _under_each_plane(call: Call, recorded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each map would give under each plane of the filters, (map, plane, number), and what was given in all."""
    images, W, b = (values.astype(np.float64) for values in call.inputs)
    laid = transformed(W, 2) if call.node.operation.startswith("convolution") else W
    windows = np.lib.stride_tricks.sliding_window_view(images[0], W.shape[2:], axis=(1, 2))
    terms = np.einsum("myxhw,fphw->mpfyx", windows, laid, optimize=True)
    return terms.reshape(*terms.shape[:2], -1), (recorded.astype(np.float64) - b[:, None, None]).ravel()


def biases(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """No bias, or twice."""
    if call.inputs[BIASES].any():
        yield Mistake("bias-dropped", "bias dropped", partial(changed, change=np.zeros_like, positions=(BIASES,)))
        yield Mistake("bias-twice", "bias added twice", partial(changed, change=_doubled, positions=(BIASES,)))


def _doubled(values: np.ndarray) -> np.ndarray:
    return 2 * values


def padding(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The images padded with zeros so that the result has their size; cut back at the lower right only."""
    images, W = call.inputs[:BIASES]
    if recorded.shape[2:] == images.shape[2:]:
        yield Mistake("padding-same", "images padded", _padded, detail="with zeros, to their own size")
    elif min(W.shape[2:]) > 1:
        yield Mistake("padding-same", "images padded", _padded_and_cut, detail="with zeros, and cut at the lower right")


def _padded(call: Call) -> Call:
    images, W = call.inputs[:BIASES]
    over = [((size - 1) // 2, size // 2) for size in W.shape[2:]]
    return call.fed(IMAGES, np.pad(images, [(0, 0), (0, 0), *over]))


def _padded_and_cut(call: Call) -> Call:
    rows, cols = call.inputs[IMAGES].shape[2:]
    padded = _padded(call)
    return padded.fed(IMAGES, padded.inputs[IMAGES][:, :, :rows, :cols])


def fewer_bits(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Weights, with or without biases, or all that is multiplied, in fewer bits."""
    for name, rounding in ROUNDINGS.items():
        for detail, positions in (
            ("", (FILTERS,)),
            ("biases too", (FILTERS, BIASES)),
            ("biases and inputs too", (FILTERS, BIASES, IMAGES)),
        ):
            change = partial(changed, change=rounding, positions=positions)
            yield Mistake(f"weights-{name}", f"weights rounded to {name}", change, detail=detail)
    for detail, rounding in (("", tf32), ("cut off, not rounded", tf32_cut)):
        change = partial(changed, change=rounding, positions=(FILTERS, IMAGES))
        yield Mistake("tf32", "multiplied in TF32", change, detail=detail)


def doses(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """All weights, or all of the layer, by a factor; or one weight off: those that fit best."""
    result, bound = call.outcome()
    if result.shape != recorded.shape:
        return
    b = call.inputs[BIASES][:, None, None]
    scale = factor(result - b, recorded - b)
    if scale is not None:
        told = f"weights scaled by {scale:.7g}"
        yield Mistake("layer-scaled", told, partial(changed, change=partial(np.multiply, scale)), scale, fitted=1)
    scale = factor(result, recorded)
    if scale is not None and b.any():
        told = f"weights and biases scaled by {scale:.7g}"
        change = partial(changed, change=partial(np.multiply, scale), positions=(FILTERS, BIASES))
        yield Mistake("layer-scaled", told, change, scale, fitted=1)
    yield from _one_off(call, recorded - result, np.abs(recorded - result) > bound)


def _one_off(call: Call, left: np.ndarray, wrong: np.ndarray) -> Iterator[Mistake]:
    """Where only one map is wrong: the weights of its filter, and its bias, that explain most of what is left."""
    maps = np.flatnonzero(wrong.any(axis=(0, 2, 3)))
    if len(maps) != 1:
        return
    (number,) = (int(one) for one in maps)
    images, delta = call.inputs[IMAGES].astype(np.float64), left[:, [number]]
    gradient = getattr(operations, f"{call.node.operation}_gradient_weights")
    sums, squares = gradient(images, delta)[0], gradient(images**2, np.ones(delta.shape))[0]
    explained = np.where(squares > 0, sums**2 / np.where(squares > 0, squares, 1), 0)
    for flat in np.argsort(-explained, axis=None)[:LIKELIEST]:
        place = tuple(int(one) for one in np.unravel_index(flat, explained.shape))
        yield _off(call, FILTERS, (number, *place), float(sums[place] / squares[place]) if squares[place] else 0.0)
    yield _off(call, BIASES, (number,), float(delta.mean()))


def _off(call: Call, position: int, place: tuple[int, ...], by: float) -> Mistake:
    """One weight, or bias, off by an amount."""
    value = float(call.inputs[position][place])
    dose = by / value if value else by
    what = f"{call.node.inputs[position].removeprefix('weight/')}{list(place)}"
    told = f"{what} off by {100 * dose:.4g} %" if value else f"{what} {by:.4g}, not 0"
    return Mistake("one-weight-off", told, partial(_with_off, position, place, by), dose, fitted=2)


def _with_off(position: int, place: tuple[int, ...], by: float, call: Call) -> Call:
    values = call.inputs[position].astype(np.float64)
    values[place] += by
    return call.fed(position, values)


FORWARD = (orientations, input_maps, output_maps, biases, padding, fewer_bits, doses, *ANY)
SUSPECTS: Suspected = {"convolution_valid": FORWARD, "correlation_valid": FORWARD}
