"""What errors of a stage's inputs become at the stage, to first order.

Errors of different elements are independent, so their squares add, by the same reasoning as the square root of n in
`parity.bounds`. A gate passes them where either side's is open. What follows from gates, signs and maxima that fell
differently is no error of their inputs: see `parity.decisions`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from parity import layer_propagation, operations
from parity.graph import Node
from parity.reference import OPERATIONS, Values, attributes

Arrays = Sequence[np.ndarray]


def propagated(node: Node, expected: Values, actual: Values, errors: Values) -> np.ndarray:
    """Per element, what two programs may differ by at this stage because its inputs differ, to first order.

    Args:
        node: the stage.
        expected: the legacy's values.
        actual: the port's, of which only the decisions (gates, maxima) are used.
        errors: what the inputs may differ by, in their shapes.
    """
    given = [errors[name] ** 2 for name in node.inputs]
    if not any(square.any() for square in given):
        return np.zeros(expected[node.stage].shape)
    return np.asarray(np.sqrt(_PROPAGATED.get(node.operation, _moved)(node, expected, actual, given)), np.float64)


def _squares(node: Node, expected: Values) -> list[np.ndarray]:
    return [expected[name].astype(np.float64) ** 2 for name in node.inputs]


def _after_convolution(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    (images, W, _b), (images_error, W_error, b_error) = _squares(node, expected), given
    squares = OPERATIONS[node.operation](images_error, W, b_error)
    return squares + OPERATIONS[node.operation](images, W_error, 0 * b_error) if W_error.any() else squares


def _after_product(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    (first, second), (first_error, second_error) = _squares(node, expected), given
    squares = OPERATIONS[node.operation](first, second_error)
    return squares + OPERATIONS[node.operation](first_error, second) if first_error.any() else squares


def _after_gate(node: Node, expected: Values, actual: Values, given: Arrays) -> np.ndarray:
    gate, other = (_gate(side[node.inputs[0]], **attributes(node)) for side in (expected, actual))
    return np.asarray(np.maximum(gate, other) ** 2 * given[1])


def _after_mean(_: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    return np.asarray((given[0] + given[1]).sum() / given[0].size ** 2)


def _after_sign(_: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    return np.zeros(given[0].shape)


def _after_root(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    """By the derivatives, difference / (n rmse) and 1 / (n rmse); what is not larger than its error is as far off.

    The second tells where the prediction is nearly its target: what its errors add to the square has one sign.
    """
    prediction, target = (expected[name].astype(np.float64) for name in node.inputs)
    squares, size = given[0] + given[1], prediction.size
    mean = float(((prediction - target) ** 2).mean())
    if not mean > squares.mean():
        return np.asarray(squares.mean())
    first = ((prediction - target) ** 2 * squares).sum() / (size**2 * mean)
    return np.asarray(first + squares.mean() ** 2 / (4 * mean))


def _after_decibels(node: Node, expected: Values, actual: Values, given: Arrays) -> np.ndarray:
    """The root's by the logarithm's derivative, 20 / (ln 10 rmse); anything where the error may as well be none."""
    prediction, target = (expected[name].astype(np.float64) for name in node.inputs)
    mean = float(((prediction - target) ** 2).mean())
    if not mean > float((given[0] + given[1]).mean()):
        return np.asarray(np.inf)
    return np.asarray((20 / np.log(10)) ** 2 / mean * _after_root(node, expected, actual, given))


def _after_correlation(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    """By the derivatives, dr/dx = (y' / sqrt(C) - r x' / sqrt(B)) / sqrt(B) of x' and y', less their means."""
    centred = [expected[name].astype(np.float64) for name in node.inputs]
    centred = [values - values.mean() for values in centred]
    spread = [np.sqrt((values**2).sum()) for values in centred]
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (values / size for values, size in zip(centred, spread, strict=True))
        r = (x * y).sum()
        by_x, by_y = (y - r * x) / spread[0], (x - r * y) / spread[1]
    return np.asarray((by_x**2 * given[0] + by_y**2 * given[1]).sum())


def _after_division(node: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    return np.asarray(given[0] / float(node.attributes["divisor"]) ** 2)


def _after_channel_division(node: Node, _e: Values, _a: Values, given: Arrays) -> np.ndarray:
    divisors = [float(divisor) ** 2 for divisor in node.attributes["divisors"]]
    return operations.divide_channels(given[0], axis=node.attributes["axis"], divisors=divisors)


def _after_choice(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    """Where the last input says which elements there are: a mask, or corners."""
    return OPERATIONS[node.operation](*given[:-1], expected[node.inputs[-1]], **attributes(node))


def _after_rounding(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    """In fewer bits, or whole numbers, one place more where the input may differ at all: it may round otherwise."""
    error = np.nan_to_num(np.sqrt(_moved(node, expected, {}, given)), nan=0.0)  # where there is no prediction
    image, source = expected[node.stage], expected[node.inputs[0]]
    whole = image.dtype.kind in "iu"
    if whole or image.dtype.itemsize < source.dtype.itemsize:
        place = 1.0 if whole else np.spacing((np.abs(image) + error).astype(image.dtype)).astype(np.float64)
        error = error + np.where(error > 0, place, 0.0)
    return np.asarray(error**2)


def _moved(node: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    """Sums or choices of the elements themselves (rows, select, crop, identity, bias_gradient)."""
    return OPERATIONS[node.operation](*given, **attributes(node))


def _after_interpolation(node: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    computed, images = given
    shared = images / len(node.attributes["indices"])  # a mean of squares, divided once more
    return OPERATIONS[node.operation](computed, shared, **attributes(node))


def _passed(_: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    return given[0]


_PROPAGATED: Mapping[str, Callable[[Node, Values, Values, Arrays], np.ndarray]] = {
    "convolution_valid": _after_convolution,
    "convolution_valid_gradient_weights": _after_product,
    "convolution_valid_gradient_input": _after_product,
    "correlation_valid": _after_convolution,
    "correlation_valid_gradient_weights": _after_product,
    "correlation_valid_gradient_input": _after_product,
    "add_interpolation": _after_interpolation,
    "rectify": _passed,
    "rectify_gradient": _after_gate,
    "mean_absolute_error": _after_mean,
    "mean_absolute_error_gradient": _after_sign,
    "root_mean_square_error": _after_root,
    "peak_signal_to_noise_ratio": _after_decibels,
    "correlation": _after_correlation,
    "divide": _after_division,
    "divide_channels": _after_channel_division,
    "masked": _after_choice,
    "cut": _after_choice,
    "to_image": _after_rounding,
    "dense": _after_convolution,
    "dense_gradient_weights": _after_product,
    "dense_gradient_input": _after_product,
    **layer_propagation.PROPAGATED,
}


def _gate(before: np.ndarray, *, at_zero: float) -> np.ndarray:
    """The factor that a rectifier's gradient is multiplied by."""
    return operations.rectify_gradient(before.astype(np.float64), np.ones(before.shape), at_zero=at_zero)
