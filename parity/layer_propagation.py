"""What errors of the inputs of dense layers, pooling, squashing and softmax become, in squares, to first order.

Given are a node, the legacy's and the port's values, and the squares of what each input may differ by; as in
`parity.propagation`, of the port's values only the decisions are used: which pixel of a window is its maximum.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from parity import layer_operations as layers
from parity.graph import Node
from parity.reference import attributes

Values = Mapping[str, np.ndarray]
Arrays = Sequence[np.ndarray]


def _in_float64(node: Node, values: Values) -> list[np.ndarray]:
    return [values[name].astype(np.float64) for name in node.inputs]


def _after_max_pool_gradient(node: Node, expected: Values, actual: Values, given: Arrays) -> np.ndarray:
    """An error of delta goes where it goes on either side."""
    here, there = (layers.winners(side[node.inputs[0]], **attributes(node)) for side in (expected, actual))
    squares = (here | there) * given[1][..., None, None]
    return layers.scattered(squares, expected[node.inputs[0]].shape, node.attributes["stride"])


def _after_mean_pool(node: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    """A mean of squares, divided once more."""
    size, stride, ignored, count = _pool(node)
    return np.asarray(
        layers.mean_pool(given[0], **attributes(node)) / layers.divisors(given[0], size, stride, ignored, count)
    )


def _after_mean_pool_gradient(node: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    size, stride, ignored, count = _pool(node)
    shared = given[1] / layers.divisors(given[0], size, stride, ignored, count)
    return layers.mean_pool_gradient(given[0], shared, **attributes(node))


def _pool(node: Node) -> tuple[Sequence[int], Sequence[int], bool, str]:
    told = node.attributes
    return told["size"], told["stride"], told.get("ignore_border", True), told.get("count", "exc_pad")


def _after_tanh(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    return np.asarray((1 - np.tanh(_in_float64(node, expected)[0]) ** 2) ** 2 * given[0])


def _after_tanh_gradient(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    after, delta = _in_float64(node, expected)
    return np.asarray((1 - after**2) ** 2 * given[1] + (2 * after * delta) ** 2 * given[0])


def _after_sigmoid(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    after = layers.sigmoid(_in_float64(node, expected)[0])
    return np.asarray((after * (1 - after)) ** 2 * given[0])


def _after_sigmoid_gradient(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    after, delta = _in_float64(node, expected)
    return np.asarray((after * (1 - after)) ** 2 * given[1] + (delta * (1 - 2 * after)) ** 2 * given[0])


def _after_softmax(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    """By the derivatives, dp_i / dx_j = p_i (1 if i = j else 0) - p_i p_j."""
    p = layers.softmax(_in_float64(node, expected)[0])
    all_of_row = (p**2 * given[0]).sum(axis=1, keepdims=True)
    return np.asarray(p**2 * (all_of_row + (1 - 2 * p) * given[0]))


def _after_cross_entropy(node: Node, expected: Values, _: Values, given: Arrays) -> np.ndarray:
    """By the derivative, -1 / (n p) at each label."""
    probability, label = _in_float64(node, expected)
    at_label = layers.one_hot(probability, label) == 1
    return np.asarray((given[0][at_label] / probability[at_label] ** 2).sum() / len(label) ** 2)


def _after_softmax_cross_entropy_gradient(_: Node, _expected: Values, _actual: Values, given: Arrays) -> np.ndarray:
    return np.asarray(given[0] / len(given[0]) ** 2)


PROPAGATED: Mapping[str, Callable[[Node, Values, Values, Arrays], np.ndarray]] = {
    "max_pool_gradient": _after_max_pool_gradient,
    "mean_pool": _after_mean_pool,
    "mean_pool_gradient": _after_mean_pool_gradient,
    "tanh": _after_tanh,
    "tanh_gradient": _after_tanh_gradient,
    "sigmoid": _after_sigmoid,
    "sigmoid_gradient": _after_sigmoid_gradient,
    "softmax": _after_softmax,
    "categorical_cross_entropy": _after_cross_entropy,
    "softmax_cross_entropy_gradient": _after_softmax_cross_entropy_gradient,
}
"""Max_pool, which errs by the largest error in a window at most, and flattening move the squares as they do values."""
