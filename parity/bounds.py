"""Error bounds derived from what each operation sums, never chosen.

A sum of n products in unit round-off u errs by at most n u times the sum of magnitudes; rounding errors that do not all
point one way grow with the square root, so an element is allowed min(6 sqrt(n), n) u (sum of magnitudes). Layout,
selection, correctly rounded division and rectifying leave no room: their bound is 0.

`rounding` is what one operation may add on given inputs (teacher-forced); `free_running` adds what errors of the inputs
become (`parity.propagation`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parity import layer_bounds, operations, reference
from parity.graph import Node
from parity.propagation import propagated
from parity.properties import PROPERTIES
from parity.round_off import repeated_sum_factor as repeated_sum_factor
from parity.round_off import sum_factor as sum_factor

Bound = np.ndarray
Rounding = Callable[..., Bound]

SEMANTIC_TOLERANCE = 1e-12
"""In float64 two programs that mean the same agree to this part of a tensor's maximum, over hundreds of steps too."""


def unit_roundoff(dtype: np.dtype[Any]) -> float:
    """Half the distance from 1 to the next larger number: 2^-24 for float32, 2^-53 for float64."""
    return float(np.finfo(dtype).eps) / 2


ILL_CONDITIONED = frozenset(
    {
        "correlation",
        "peak_signal_to_noise_ratio",
        "bias_gradient",
        *(
            f"{layer}_gradient_{of}"
            for layer in ("convolution_valid", "correlation_valid", "dense")
            for of in ("weights", "input")
        ),
    }
)
"""Operations whose rounding may exceed the semantic tolerance: of numbers that hardly differ, or of signs that cancel,
little is left; a logarithm near 0 errs by what its argument does."""


def _convolution(node: Node, images: np.ndarray, W: np.ndarray, b: np.ndarray) -> Bound:
    return np.asarray(
        sum_factor(W[0].size + 1) * reference.OPERATIONS[node.operation](np.abs(images), np.abs(W), np.abs(b))
    )


def _gradient_weights(node: Node, images: np.ndarray, delta: np.ndarray) -> Bound:
    return np.asarray(
        sum_factor(delta[:, 0].size) * reference.OPERATIONS[node.operation](np.abs(images), np.abs(delta))
    )


def _gradient_input(node: Node, W: np.ndarray, delta: np.ndarray) -> Bound:
    return np.asarray(sum_factor(W[:, 0].size) * reference.OPERATIONS[node.operation](np.abs(W), np.abs(delta)))


def _bias_gradient(_: Node, delta: np.ndarray) -> Bound:
    factors = [repeated_sum_factor(delta[:, out]) for out in range(delta.shape[1])]
    return np.asarray(factors * operations.bias_gradient(np.abs(delta)))


def _add_interpolation(
    _: Node, computed: np.ndarray, images: np.ndarray, *, indices: Sequence[int], border: int
) -> Bound:
    # the sum of all, and one rounding of the division
    magnitude = operations.add_interpolation(np.abs(computed), np.abs(images), indices=indices, border=border)
    return np.asarray(sum_factor(len(indices) + 2) * magnitude)


def _mean_absolute_error(_: Node, prediction: np.ndarray, target: np.ndarray) -> Bound:
    # one rounding of each difference, one of the division, besides the sum
    return np.asarray(sum_factor(prediction.size + 2) * operations.mean_absolute_error(prediction, target))


def _mean_absolute_error_gradient(_: Node, prediction: np.ndarray, _target: np.ndarray) -> Bound:
    # the reciprocal of the count and its product with the sign
    return np.full(prediction.shape, 2.0 / prediction.size)


def _root_mean_square_error(_: Node, prediction: np.ndarray, target: np.ndarray) -> Bound:
    # of the mean square: the sum, two of each difference, one of its square, one of the division; halved by the root
    relative = (sum_factor(prediction.size) + 4) / 2 + 1
    return np.asarray(relative * operations.root_mean_square_error(prediction, target))


def _peak_signal_to_noise_ratio(_: Node, prediction: np.ndarray, target: np.ndarray, *, peak: float) -> Bound:
    """In dB: what its argument errs by, as a part of itself, times 20 / ln 10; and what the logarithms are rounded by.

    A program may subtract the logarithms of peak and error, which errs by a part of either, not of what is left.
    """
    error = operations.root_mean_square_error(prediction, target)
    relative = (sum_factor(prediction.size) + 4) / 2 + 2  # of the root mean square; one of the quotient or the square
    with np.errstate(divide="ignore"):
        logarithms = 20 * (abs(np.log10(peak)) + np.abs(np.log10(error)))
    # two of each logarithm, two of another base's, one of its product with 20, one of the difference
    return np.asarray(20 / np.log(10) * relative + 6 * logarithms)


def _correlation(node: Node, prediction: np.ndarray, target: np.ndarray) -> Bound:
    """Of r = A / sqrt(B C), sums of products of what is left by subtracting each mean, in units of round-off.

    An error of a mean moves all that is left alike, so that it counts in the square only: n times the product of both.
    """
    u, length = unit_roundoff(np.dtype(reference.entry_dtype(node))), prediction.size
    left = [np.abs(values - values.mean()).ravel() for values in (prediction, target)]
    moved = [sum_factor(length + 1) * u * np.abs(values).mean() for values in (prediction, target)]
    spread = [np.sqrt(values @ values) for values in left]
    summed = sum_factor(length + 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        products = summed * (left[0] @ left[1]) / (spread[0] * spread[1])
        squares = sum(summed + length * (mean / size) ** 2 / u for mean, size in zip(moved, spread, strict=True)) / 2
        together = length * (moved[0] / spread[0]) * (moved[1] / spread[1]) / u
    return np.asarray(
        products + squares + together + 4
    )  # the product, its root, the quotient, a program's own clipping


_ROUNDINGS: Mapping[str, Rounding] = {
    "convolution_valid": _convolution,
    "convolution_valid_gradient_weights": _gradient_weights,
    "convolution_valid_gradient_input": _gradient_input,
    "correlation_valid": _convolution,
    "correlation_valid_gradient_weights": _gradient_weights,
    "correlation_valid_gradient_input": _gradient_input,
    "bias_gradient": _bias_gradient,
    "add_interpolation": _add_interpolation,
    "mean_absolute_error": _mean_absolute_error,
    "mean_absolute_error_gradient": _mean_absolute_error_gradient,
    "root_mean_square_error": _root_mean_square_error,
    "peak_signal_to_noise_ratio": _peak_signal_to_noise_ratio,
    "correlation": _correlation,
    **layer_bounds.ROUNDINGS,
}


def rounding(node: Node, values: reference.Values, dtype: np.dtype[Any]) -> Bound:
    """Per element, what computing this stage from these inputs may err by, in its entry's dtype or else the trace's.

    It is 0 for exact operations, and for those of many right values, which two sides must choose alike.
    """
    if node.operation in reference.EXACT or node.operation in PROPERTIES:
        return np.zeros(values[node.stage].shape)
    inputs = [values[name].astype(np.float64) for name in node.inputs]
    own = np.dtype(reference.entry_dtype(node) or dtype)
    told = replace(node, attributes={**node.attributes, "dtype": own.name})
    return np.asarray(unit_roundoff(own) * _ROUNDINGS[node.operation](told, *inputs, **reference.attributes(node)))


def free_running(
    node: Node, expected: reference.Values, actual: reference.Values, errors: reference.Values, alone: Bound
) -> Bound:
    """Per element, what two programs may differ by at this stage when each ran on its own results so far.

    `alone` is what computing the stage errs by on the expected inputs: `rounding` of them.
    """
    return np.asarray(np.hypot(propagated(node, expected, actual, errors), alone))


def semantic(expected: np.ndarray) -> Bound:
    """The float64 tolerance of a whole tensor: 1e-12 of its maximum."""
    return np.full(expected.shape, SEMANTIC_TOLERANCE * float(np.abs(expected).max(initial=0.0)))
