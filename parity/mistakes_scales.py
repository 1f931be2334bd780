"""Known mistakes of normalising and selecting: not divided, divided twice, by another number, other channels taken."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from parity import reference
from parity.fitting import factor, of_twins, order_of, plain
from parity.graph import Node
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_inputs import geometry, told_channels
from parity.mistakes_precision import ANY

BESIDE = [(rows, cols) for rows in range(-2, 3) for cols in range(-2, 3) if rows or cols]
"""Rows and columns by which a region is sought beside the right one."""
CHANNELS = 1
"""The axis of channels in (patch, channel, row, col)."""


@dataclass(frozen=True)
class _Divided:
    """By what each channel was divided, and by what it should have been."""

    actual: tuple[float, ...]
    told: tuple[float, ...]

    @property
    def wrong(self) -> list[int]:
        """The channels divided otherwise."""
        return [place for place, pair in enumerate(zip(self.actual, self.told, strict=True)) if len({*pair}) > 1]


def divisors(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Not divided, divided twice, all by one number, or by other numbers, as the quotients show."""
    values = call.inputs[0]
    if values.shape == recorded.shape:
        found = _read_off(call, recorded)
        if found.wrong:
            name, words = _named(call, found)
            yield Mistake(name, words, partial(_divided_by, found), _only(found), _fitted(found))
        yield Mistake("multiplied-by-reciprocal", "multiplied by the reciprocal", partial(_reciprocal, _told(call)))


def _told(call: Call) -> tuple[float, ...]:
    """The divisor of each channel; one for all where there are no channels."""
    attributes, values = call.node.attributes, call.inputs[0]
    if "divisors" in attributes:
        return tuple(float(divisor) for divisor in attributes["divisors"])
    return (float(attributes["divisor"]),) * (values.shape[CHANNELS] if values.ndim == 4 else 1)


def _axis(call: Call) -> int | None:
    return int(call.node.attributes.get("axis", CHANNELS)) if len(_told(call)) > 1 else None


def _read_off(call: Call, recorded: np.ndarray) -> _Divided:
    """What each channel was divided by; where nothing tells, or nothing is wrong, what it should be."""
    told, axis, found = _told(call), _axis(call), []
    sound, _ = call.outcome()
    for place, divisor in enumerate(told):
        before, after, right = (
            side if axis is None else side.take(place, axis) for side in (call.inputs[0], recorded, sound)
        )
        by = None if np.array_equal(after, right) else factor(after, before)
        found.append(divisor if by is None or not np.isfinite(by) else plain(by, recorded.dtype))
    return _Divided(tuple(found), told)


def _named(call: Call, found: _Divided) -> tuple[str, str]:
    """Name and words for what was divided otherwise."""
    wrong, everything = found.wrong, len(found.wrong) == len(found.told)
    if everything and all(by == 1 for by in found.actual):
        return "not-divided", "not divided"
    if everything and all(by == told**2 for by, told in zip(found.actual, found.told, strict=True)):
        return "divided-twice", "divided twice"
    if len({*found.actual}) == 1 and len({*found.told}) > 1:
        return "all-by-one-divisor", f"all channels divided by {found.actual[0]:.7g}"
    told = f"divided by {', '.join(f'{by:.7g}' for by in dict.fromkeys(found.actual[place] for place in wrong))}"
    if {found.actual[place] for place in wrong} == {1.0}:
        told = "not divided"
    right = ", ".join(f"{by:.7g}" for by in dict.fromkeys(found.told[place] for place in wrong))
    which = "" if everything else f"channels {', '.join(map(str, wrong))} "
    return "other-divisor", f"{which}{told}, not by {right}" if told != "not divided" else f"{which}{told} by {right}"


def _only(found: _Divided) -> float | None:
    """The one divisor of all that is wrong."""
    used = {found.actual[place] for place in found.wrong}
    return used.pop() if len(used) == 1 else None


def _fitted(found: _Divided) -> int:
    """One number for each divisor that is not 1, nor the right one twice."""
    return len({found.actual[place] for place in found.wrong} - {1.0} - {told**2 for told in found.told})


def _divided_by(found: _Divided, call: Call) -> Call:
    return replace(call, instead=partial(_quotients, found))


def _quotients(found: _Divided, call: Call) -> Outcome:
    """The values over each channel's own number; one more rounding where the number is not the right one."""
    values, axis = call.inputs[0].astype(np.float64), _axis(call)
    shape = [-1 if number == axis else 1 for number in range(values.ndim)]
    result = values / np.array(found.actual).reshape(shape)
    wrong = np.array([by not in (told, 1.0) for by, told in zip(found.actual, found.told, strict=True)]).reshape(shape)
    return result.astype(call.entry), 4 * np.finfo(call.entry).eps * np.abs(result) * wrong


def _reciprocal(told: tuple[float, ...], call: Call) -> Call:
    return replace(call, instead=partial(_products, told))


def _products(told: tuple[float, ...], call: Call) -> Outcome:
    values, axis = call.inputs[0], _axis(call)
    shape = [-1 if number == axis else 1 for number in range(values.ndim)]
    result = values * (1 / np.array(told, values.dtype)).reshape(shape)
    return result, np.zeros(result.shape)


def selection(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Other channels, or the right ones in another order, as each is found among all that there are."""
    axis, indices = int(call.node.attributes["axis"]), list(call.node.attributes["indices"])
    values = call.inputs[0]
    if recorded.ndim != values.ndim:
        return
    every, taken = np.moveaxis(values, axis, 0), np.moveaxis(recorded, axis, 0)
    if every.shape[1:] != taken.shape[1:]:
        return
    found = _preferring(indices, every, order_of(every, taken))
    for order in (found, of_twins(every, found, indices)):
        if order != indices:
            change = partial(Call.telling, indices=order)
            yield Mistake(*_told_selection(indices, order), change, fitted=len(order))


def _preferring(indices: list[int], every: np.ndarray, order: list[int]) -> list[int]:
    """The order with the channel that is meant wherever the one found is the same."""
    meant = [*indices, *order[len(indices) :]]
    return [
        right if np.array_equal(every[right], every[found]) else found
        for right, found in zip(meant, order, strict=False)
    ]


def _told_selection(indices: list[int], order: list[int]) -> tuple[str, str]:
    """Name and words for channels that are not those meant."""
    if sorted(order) == sorted(indices):
        return "other-channel", told_channels([indices.index(number) for number in order])[1]
    if len(order) != len(indices):
        return "other-channel", f"channels {', '.join(map(str, order))} for {', '.join(map(str, indices))}"
    apart = [f"{found} for {right}" for found, right in zip(order, indices, strict=True) if found != right]
    return "other-channel", f"channel {', '.join(apart)}"


def region_beside(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """What is selected read from beside the region that was cropped for it."""
    chain = [call.graph[name] for name in call.node.inputs if name in call.graph.stages]
    while chain and chain[0].operation in ("divide", "divide_channels"):
        chain.insert(0, call.graph[chain[0].inputs[0]])
    if not chain or chain[0].operation != "crop":
        return
    row0, row1, col0, col1 = chain[0].attributes["region"]
    for rows, cols in BESIDE:
        region = [row0 - rows, row1 - rows, col0 - cols, col1 - cols]
        cropped = replace(chain[0], attributes={**chain[0].attributes, "region": region})
        told = f"shifted by {rows} rows and {cols} columns"
        yield Mistake("shifted", told, partial(_computed_from, [cropped, *chain[1:]]))


def _computed_from(chain: list[Node], call: Call) -> Call:
    return replace(call, instead=partial(_outcome_from, chain))


def _outcome_from(chain: list[Node], call: Call) -> Outcome:
    values = dict(call.values)
    for node in chain:
        values[node.stage] = reference.compute(node, values, call.dtype)
    return replace(call, values=values, instead=None, afterwards=()).outcome()


SUSPECTS: Suspected = {
    "divide": (divisors, geometry, *ANY),
    "divide_channels": (divisors, geometry, *ANY),
    "select": (selection, geometry, region_beside, *ANY),
}
