"""Error bounds derived from what each operation sums, never chosen.

A sum of n products in unit round-off u errs by at most n u times the sum of magnitudes; rounding errors that do not all
point one way grow with the square root, so an element is allowed min(6 sqrt(n), n) u (sum of magnitudes). Layout,
selection, correctly rounded division and rectifying leave no room: their bound is 0.

`rounding` is what one operation may add on given inputs (teacher-forced); `propagated` is what errors of the inputs
become (free-running): those of different elements are independent, so their squares add, by the same reasoning as the
square root of n. A gate or sign may fall differently in two sound programs where its argument is within its own error
of 0, which is judged where that argument is computed; what follows from the decisions that did differ is allowed.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from parity import reference
from parity.graph import Node

Bound = np.ndarray
Rounding = Callable[..., Bound]

SEMANTIC_TOLERANCE = 1e-12
"""In float64 two programs that mean the same agree to this part of a tensor's maximum, over hundreds of steps too."""


def unit_roundoff(dtype: np.dtype[Any]) -> float:
    """Half the distance from 1 to the next larger number: 2^-24 for float32, 2^-53 for float64."""
    return float(np.finfo(dtype).eps) / 2


def sum_factor(length: int) -> float:
    """How many round-offs the sum of so many terms may err by: min(6 sqrt(n), n)."""
    return min(6 * math.sqrt(length), float(length))


def _convolution(images: np.ndarray, W: np.ndarray, b: np.ndarray) -> Bound:
    magnitude = reference.convolution_valid(np.abs(images), np.abs(W), np.abs(b))
    return np.asarray(sum_factor(W[0].size + 1) * magnitude)


def _gradient_weights(images: np.ndarray, delta: np.ndarray) -> Bound:
    magnitude = reference.convolution_valid_gradient_weights(np.abs(images), np.abs(delta))
    return np.asarray(sum_factor(delta[:, 0].size) * magnitude)


def _gradient_input(W: np.ndarray, delta: np.ndarray) -> Bound:
    magnitude = reference.convolution_valid_gradient_input(np.abs(W), np.abs(delta))
    return np.asarray(sum_factor(W[:, 0].size) * magnitude)


def _bias_gradient(delta: np.ndarray) -> Bound:
    return np.asarray(sum_factor(delta[:, 0].size) * reference.bias_gradient(np.abs(delta)))


def _mean_absolute_error(prediction: np.ndarray, target: np.ndarray) -> Bound:
    # one rounding of each difference, one of the division, besides the sum
    return np.asarray(sum_factor(prediction.size + 2) * reference.mean_absolute_error(prediction, target))


def _mean_absolute_error_gradient(prediction: np.ndarray, target: np.ndarray) -> Bound:
    # the reciprocal of the count and its product with the sign
    return np.full(prediction.shape, 2.0 / prediction.size)


_ROUNDINGS: Mapping[str, Rounding] = {
    "convolution_valid": _convolution,
    "convolution_valid_gradient_weights": _gradient_weights,
    "convolution_valid_gradient_input": _gradient_input,
    "bias_gradient": _bias_gradient,
    "mean_absolute_error": _mean_absolute_error,
    "mean_absolute_error_gradient": _mean_absolute_error_gradient,
}


def rounding(node: Node, values: reference.Values, dtype: np.dtype[Any]) -> Bound:
    """Per element, what computing this stage in dtype from these inputs may err by; 0 for exact operations."""
    if node.operation in reference.EXACT:
        return np.zeros(values[node.stage].shape)
    inputs = [values[name].astype(np.float64) for name in node.inputs]
    return np.asarray(unit_roundoff(dtype) * _ROUNDINGS[node.operation](*inputs, **node.attributes))


def propagated(node: Node, expected: reference.Values, actual: reference.Values, errors: reference.Values) -> Bound:
    """Per element, what two programs may differ by at this stage because its inputs differ, to first order.

    Args:
        node: the stage.
        expected: the legacy's values.
        actual: the port's, of which only the decisions (gates, signs) are used.
        errors: what the inputs may differ by, in their shapes.
    """
    given = [errors[name] ** 2 for name in node.inputs]
    if not any(square.any() for square in given):
        return np.zeros(expected[node.stage].shape)
    inputs = [expected[name].astype(np.float64) ** 2 for name in node.inputs]
    operation = reference.OPERATIONS[node.operation]
    match node.operation:
        case "convolution_valid":
            (images, W, _), (images_error, W_error, b_error) = inputs, given
            squares = operation(images_error, W, b_error)
            if W_error.any():
                squares = squares + operation(images, W_error, 0 * b_error)
        case "convolution_valid_gradient_weights" | "convolution_valid_gradient_input":
            (first, second), (first_error, second_error) = inputs, given
            squares = operation(first, second_error)
            if first_error.any():
                squares = squares + operation(first_error, second)
        case "rectify_gradient":
            gate, other = (_gate(side[node.inputs[0]], **node.attributes) for side in (expected, actual))
            squares = np.maximum(gate, other) ** 2 * given[1] + (gate - other) ** 2 * inputs[1]
        case "mean_absolute_error":
            squares = (given[0] + given[1]).sum() / given[0].size ** 2
        case "mean_absolute_error_gradient":
            sign, other = (np.sign(side[node.inputs[0]] - side[node.inputs[1]]) for side in (expected, actual))
            squares = ((sign - other) / sign.size) ** 2
        case "rectify":
            squares = given[0]
        case "divide":
            squares = given[0] / node.attributes["divisor"] ** 2
        case _:  # rows, select, identity, bias_gradient: sums of the elements themselves
            squares = operation(*given, **node.attributes)
    return np.asarray(np.sqrt(squares), dtype=np.float64)


def _gate(before: np.ndarray, *, at_zero: float) -> np.ndarray:
    """The factor that a rectifier's gradient is multiplied by."""
    return reference.rectify_gradient(before.astype(np.float64), np.ones(before.shape), at_zero=at_zero)


def free_running(
    node: Node, expected: reference.Values, actual: reference.Values, errors: reference.Values, dtype: np.dtype[Any]
) -> Bound:
    """Per element, what two programs may differ by at this stage when each ran on its own results so far."""
    return np.asarray(np.hypot(propagated(node, expected, actual, errors), rounding(node, expected, dtype)))


def semantic(expected: np.ndarray) -> Bound:
    """The float64 tolerance of a whole tensor: 1e-12 of its maximum."""
    return np.full(expected.shape, SEMANTIC_TOLERANCE * float(np.abs(expected).max(initial=0.0)))
