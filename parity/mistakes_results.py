"""Known mistakes of scores and of the file that is written."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from parity import bounds, operations
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_inputs import geometry, values
from parity.mistakes_precision import ANY

PARTS = 16
"""Into how many parts a list may have been cut before its parts' scores were averaged."""
PEAKS = (1, 2, 255, 1000, 10_000, 65_535)
"""Peaks of signals stored in the usual ways."""
FIELDS = ("bands", "bits", "EPSG", "no-data", "x0", "dx/dcol", "dx/drow", "y0", "dy/dcol", "dy/drow")
"""What a header's numbers are, in order."""
Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]


def scores(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Another score than the one that is asked, or its mean over parts."""
    if "dtype" not in call.node.attributes:
        return
    for name, told, formula in FORMULAS:
        yield Mistake(name, told, partial(_scored, formula))
    for parts in range(2, PARTS + 1):
        told = f"the score is the mean of those of {parts} parts"
        yield Mistake("parts-averaged", told, partial(_in_parts, parts))
    yield Mistake("scored-in-float32", "both are rounded to float32 before they are compared", _in_float32)


def peaks(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """Decibels under another peak, a usual one or of the numbers at hand; or counted otherwise."""
    estimate, truth = call.inputs
    told = {f"{peak:g}": float(peak) for peak in PEAKS}
    told |= {
        f"the largest of {name}": float(one.max())
        for name, one in zip(call.node.inputs, (estimate, truth), strict=True)
    }
    told |= {"the range of the truth": float(np.ptp(truth))}
    for words, peak in told.items():
        if peak > 0 and peak != call.node.attributes["peak"]:
            yield Mistake("other-peak", f"the peak is {words}", partial(_under, peak))
    yield Mistake("power-as-amplitude", "10 for 20 times the logarithm of amplitudes", partial(_times, 0.5))
    yield Mistake("power-as-amplitude", "20 for 10 times the logarithm of powers", partial(_times, 2.0))
    yield Mistake("natural-logarithm", "the logarithm is natural", partial(_times, float(np.log(10))))


def _under(peak: float, call: Call) -> Call:
    return call.telling(peak=peak)


def _times(factor: float, call: Call) -> Call:
    return call.then(
        lambda result, bound: (result * factor, (bound + 2 * np.finfo(np.float64).eps * abs(result)) * factor)
    )


def _apart(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(prediction - target)


def _over_one_less(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((_apart(prediction, target) ** 2).sum() / (prediction.size - 1)))


def _standard_deviation(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(_apart(prediction, target).std())


FORMULAS: tuple[tuple[str, str, Formula], ...] = (
    ("signs-cancel", "errors of opposite signs cancel", lambda p, t: np.asarray(_apart(p, t).mean())),
    ("signs-cancel", "errors of opposite signs cancel", lambda p, t: np.asarray(-_apart(p, t).mean())),
    ("sum-for-mean", "errors are summed, not averaged", lambda p, t: np.asarray(np.abs(_apart(p, t)).sum())),
    ("median-for-mean", "the median of errors is taken", lambda p, t: np.asarray(np.median(np.abs(_apart(p, t))))),
    ("largest-for-mean", "the largest error is taken", lambda p, t: np.asarray(np.abs(_apart(p, t)).max())),
    ("mean-absolute-error", "the mean absolute error is taken", operations.mean_absolute_error),
    ("root-mean-square-error", "the root of the mean square is taken", operations.root_mean_square_error),
    ("rmse-without-root", "the root is not taken", lambda p, t: np.asarray((_apart(p, t) ** 2).mean())),
    ("rmse-of-a-sample", "the mean of squares is over one less", _over_one_less),
    ("mean-removed", "the mean error is removed before squares are taken", _standard_deviation),
    ("correlation", "the correlation is taken", operations.correlation),
    ("correlation-squared", "the square of the correlation is given", lambda p, t: operations.correlation(p, t) ** 2),
)


def _scored(formula: Formula, call: Call) -> Call:
    """Another formula of the same two lists; what a sum of so many may err by of the largest that is summed."""

    def computed(call: Call) -> Outcome:
        prediction, target = (values.astype(np.float64) for values in call.inputs)
        result = np.asarray(formula(prediction, target))
        size = max(float(np.abs(result)), float(np.abs(prediction).mean() + np.abs(target).mean()))
        allowed = (bounds.sum_factor(prediction.size) + 8) * bounds.unit_roundoff(np.dtype(np.float64)) * size
        return result, np.asarray(allowed)

    return replace(call, instead=computed)


def _in_parts(parts: int, call: Call) -> Call:
    lists = [np.array_split(values, parts) for values in call.inputs]

    def computed(call: Call) -> Outcome:
        found = [
            replace(call, values={**call.values, **dict(zip(call.node.inputs, pair, strict=True))}, instead=None)
            for pair in zip(*lists, strict=True)
        ]
        outcomes = [replace(one, afterwards=()).outcome() for one in found]
        result, bound = (np.mean([outcome[side] for outcome in outcomes]) for side in (0, 1))
        return np.asarray(result), np.asarray(bound + 4 * np.finfo(np.float64).eps * abs(result))

    return replace(call, instead=computed)


def _in_float32(call: Call) -> Call:
    for position in (0, 1):
        call = call.fed(position, call.inputs[position].astype(np.float32).astype(np.float64))
    return call


def placed(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """The image in a larger one, of which it leaves the rest as it was."""
    result, _ = call.outcome()
    if recorded.ndim != 2 or result.ndim != 2 or recorded.shape == result.shape:
        return
    if any(longer < length for longer, length in zip(recorded.shape, result.shape, strict=True)):
        return
    rest = [longer - length for longer, length in zip(recorded.shape, result.shape, strict=True)]
    for told, corner in (
        ("at the corner of an image of the whole region", (0, 0)),
        ("at the end of an image of the whole region", (rest[0], rest[1])),
    ):
        for fill in (0.0, np.nan):
            words = f"the image stands {told}, {fill:g} elsewhere"
            yield Mistake("shifted-by-border", words, partial(_within, recorded.shape, corner, fill))
    middle = (rest[0] // 2, rest[1] // 2)
    for fill in (0.0, np.nan):
        words = f"the border is written too, as {fill:g}"
        yield Mistake("border-written", words, partial(_within, recorded.shape, middle, fill))


def _within(shape: tuple[int, ...], corner: tuple[int, int], fill: float, call: Call) -> Call:
    def step(result: np.ndarray, _: np.ndarray) -> Outcome:
        image = np.full(shape, fill, result.dtype)
        image[corner[0] : corner[0] + result.shape[0], corner[1] : corner[1] + result.shape[1]] = result
        return image, np.zeros(shape)

    return call.then(step)


def blanked(call: Call, _: np.ndarray) -> Iterator[Mistake]:
    """No-data as a number, or numbers of one sign left out."""
    result, _ = call.outcome()
    if np.isnan(result).any():
        yield Mistake("nodata-as-zero", "no-data is written as 0", partial(_changed, partial(np.nan_to_num, nan=0.0)))
    for node in call.graph:
        valid = call.values.get(node.stage)
        if node.operation == "valid" and valid is not None and valid.shape == result.shape:
            for name, value in (("nodata-as-zero", 0.0), ("masked-as-nan", np.nan)):
                change = partial(_where, valid != 0, value)
                yield Mistake(name, f"masked pixels are written as {value:g}", partial(_changed, change))
    yield Mistake(
        "clipped", "numbers below 0 are written as 0", partial(_changed, partial(np.clip, a_min=0, a_max=None))
    )
    clipped = partial(np.clip, a_min=-1, a_max=1)
    yield Mistake("clipped", "numbers are clipped to -1 and 1", partial(_changed, clipped))


def _where(kept: np.ndarray, value: float, result: np.ndarray) -> np.ndarray:
    return np.where(kept, result, np.asarray(value, result.dtype))


def _changed(change: Callable[[np.ndarray], np.ndarray], call: Call) -> Call:
    return call.then(lambda result, bound: (change(result), bound))


def fields(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """Some fields of a header other than told."""
    result, _ = call.outcome()
    if recorded.shape != result.shape or len(result) != len(FIELDS):
        return
    other = [place for place, (one, two) in enumerate(zip(result, recorded, strict=True)) if one != two]
    words = ", ".join(f"{FIELDS[place]} is {recorded[place]:g} for {result[place]:g}" for place in other)
    if other:
        yield Mistake("header-field", words, partial(_changed, lambda _: recorded.copy()))


SUSPECTS: Suspected = {
    "mean_absolute_error": (scores,),
    "root_mean_square_error": (scores, *ANY),
    "correlation": (scores, *ANY),
    "peak_signal_to_noise_ratio": (peaks, scores, *ANY),
    "to_image": (placed, blanked, geometry, values, *ANY),
    "header": (fields,),
}
