"""Dense layers, pooling, squashing and softmax against nested loops, their gradients against finite differences.

Inputs are 64ths of small integers, so that sums of their products are exact in float64: loops and arrays must agree to
the last bit, and central differences of linear functions too. Of curved functions differences err by the square of
their step.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest

from parity import layer_operations as layers
from parity import reference
from parity.errors import ParityError
from parity.graph import Node

POOLS = {
    "two by two": ((2, 3, 6, 4), (2, 2), (2, 2), True),
    "border ignored": ((2, 2, 7, 5), (2, 2), (2, 2), True),
    "border kept": ((2, 2, 7, 5), (2, 2), (2, 2), False),
    "overlapping": ((1, 2, 7, 6), (3, 2), (2, 1), True),
    "overlapping, border kept": ((1, 2, 8, 6), (3, 3), (2, 2), False),
    "with gaps": ((2, 1, 8, 7), (2, 1), (3, 2), True),
    "with gaps, border kept": ((2, 1, 8, 7), (2, 2), (3, 3), False),
    "whole image": ((3, 2, 4, 5), (4, 5), (4, 5), True),
}
Pool = tuple[np.ndarray, dict, dict]


def sixty_fourths(*shape: int, seed: int = 0) -> np.ndarray:
    """Random 64ths between -1 and 1."""
    return np.random.default_rng([seed, *shape]).integers(-64, 65, shape) / 64


def differences(
    function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, delta: np.ndarray, step: float = 1 / 64
) -> np.ndarray:
    """The gradient of sum(function * delta) by central differences."""
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        moved = np.zeros(at.shape)
        moved[index] = step
        gradient[index] = ((function(at + moved) - function(at - moved)) * delta).sum() / (2 * step)
    return gradient


def starts(length: int, size: int, stride: int, ignore_border: bool) -> Iterator[int]:
    """Where windows start along an axis, one after the other as long as each brings something new."""
    start, end = 0, 0
    while start < length and (start + size <= length if ignore_border else end < length or start == 0 or stride > size):
        yield start
        end = start + size
        start += stride


@pytest.fixture(params=POOLS.values(), ids=POOLS)
def pool(request: pytest.FixtureRequest) -> Pool:
    """Images without equal numbers, the attributes of a pool, and the pixels of each of its windows."""
    shape, size, stride, ignore_border = request.param
    images = np.random.default_rng(shape).permutation(np.prod(shape)).reshape(shape) / 4096
    rows, cols = (list(starts(shape[2 + a], size[a], stride[a], ignore_border)) for a in (0, 1))
    pixels = {
        (y, x): [*product(range(row, min(row + size[0], shape[2])), range(col, min(col + size[1], shape[3])))]
        for (y, row), (x, col) in product(enumerate(rows), enumerate(cols))
    }
    return images, {"size": size, "stride": stride, "ignore_border": ignore_border}, pixels


def planes(images: np.ndarray) -> Iterator[tuple[int, int]]:
    """All (batch, channel)."""
    return product(*map(range, images.shape[:2]))


def deltas(images: np.ndarray, pixels: dict) -> np.ndarray:
    """A gradient of a pool's result."""
    rows, cols = max(pixels)
    return sixty_fourths(*images.shape[:2], rows + 1, cols + 1, seed=3)


def test_maxima_are_those_of_nested_loops(pool: Pool) -> None:
    """The largest pixel of every window, to the bit, also where it sticks out."""
    images, attributes, pixels = pool
    found = layers.max_pool(images, **attributes)
    assert found.shape == deltas(images, pixels).shape
    for (n, c), (window, inside) in product(planes(images), pixels.items()):
        assert found[(n, c, *window)] == max(images[(n, c, *pixel)] for pixel in inside)


@pytest.mark.parametrize("ties", layers.TIES)
def test_gradient_of_maxima_is_that_of_nested_loops(pool: Pool, ties: str) -> None:
    """Each window's gradient goes to its largest pixel, and pixels of several windows sum theirs."""
    images, attributes, pixels = pool
    delta, expected = deltas(images, pixels), np.zeros(images.shape)
    for (n, c), (window, inside) in product(planes(images), pixels.items()):
        largest = max(inside, key=lambda pixel, n=n, c=c: images[(n, c, *pixel)])
        expected[(n, c, *largest)] += delta[(n, c, *window)]
    assert np.array_equal(layers.max_pool_gradient(images, delta, ties=ties, **attributes), expected)


def test_gradient_of_maxima_is_the_difference(pool: Pool) -> None:
    """Where no two pixels are equal it is what the maxima change by."""
    images, attributes, pixels = pool
    delta = deltas(images, pixels)
    expected = differences(lambda moved: layers.max_pool(moved, **attributes), images, delta, step=1 / 16384)
    assert np.array_equal(layers.max_pool_gradient(images, delta, ties="all", **attributes), expected)


def test_tied_maxima_get_the_gradient_all_or_the_first_alone() -> None:
    """Of a window 3, 1, 3, 3 three pixels get it whole under Theano, the first in reading order under PyTorch."""
    images, delta = np.array([[[[3.0, 1.0], [3.0, 3.0]]]]), np.array([[[[5.0]]]])
    given = {"size": (2, 2), "stride": (2, 2)}
    assert layers.max_pool_gradient(images, delta, ties="all", **given).tolist() == [[[[5, 0], [5, 5]]]]
    assert layers.max_pool_gradient(images, delta, ties="first", **given).tolist() == [[[[5, 0], [0, 0]]]]


@pytest.mark.parametrize("count", layers.COUNTS)
def test_means_are_those_of_nested_loops(pool: Pool, count: str) -> None:
    """The sum of every window over its pixels, or over the pool's size; gradients are the differences."""
    images, attributes, pixels = pool
    expected = np.empty(deltas(images, pixels).shape)
    for (n, c), (window, inside) in product(planes(images), pixels.items()):
        size = np.prod(attributes["size"]) if count == "inc_pad" else len(inside)
        expected[(n, c, *window)] = sum(images[(n, c, *pixel)] for pixel in inside) / size
    assert np.array_equal(layers.mean_pool(images, count=count, **attributes), expected)


@pytest.mark.parametrize("count", layers.COUNTS)
def test_gradient_of_means_is_the_difference(pool: Pool, count: str) -> None:
    """Every pixel gets its part of each window that it lies in; divided by 3 or 9 to a few roundings of it."""
    images, attributes, pixels = pool
    delta = deltas(images, pixels)
    expected = differences(lambda moved: layers.mean_pool(moved, count=count, **attributes), images, delta)
    found = layers.mean_pool_gradient(images, delta, count=count, **attributes)
    assert np.abs(found - expected).max() <= 64 * 2**-52  # a quotient by the step of 1/64 multiplies its rounding


@pytest.mark.parametrize(
    ("operation", "attributes", "message"),
    [
        ("max_pool", {"size": [9, 1], "stride": [1, 1]}, "has no window in"),
        ("max_pool", {"size": [2, 2], "stride": [0, 1]}, r"a pool of \(2, 2\), \(0, 1\) apart, is none"),
        ("mean_pool", {"size": [2, 2], "stride": [2, 2], "count": "exc"}, "count is 'exc', expected one of exc_pad"),
    ],
)
def test_pool_that_cannot_be_is_refused(operation: str, attributes: dict, message: str) -> None:
    """Larger than its image, nowhere, or divided by nobody knows what."""
    with pytest.raises(ParityError, match=message):
        reference.compute(Node("pool1", operation, ("x",), attributes), {"x": np.zeros((1, 1, 5, 5))})


def test_unknown_tie_is_refused() -> None:
    """Neither Theano's nor PyTorch's."""
    node = Node("grad/x", "max_pool_gradient", ("x", "d"), {"size": [1, 1], "stride": [1, 1], "ties": "last"})
    with pytest.raises(ParityError, match="ties is 'last', expected one of all, first"):
        reference.compute(node, {"x": np.zeros((1, 1, 1, 1)), "d": np.zeros((1, 1, 1, 1))})


FEATURES, W, B, DELTA = (sixty_fourths(*shape, seed=9) for shape in ((3, 5), (5, 4), (4,), (3, 4)))


def test_dense_is_that_of_nested_loops() -> None:
    """W is (in, out), as Lasagne stores it."""
    expected = np.zeros((3, 4)) + B
    for n, i, o in product(range(3), range(5), range(4)):
        expected[n, o] += FEATURES[n, i] * W[i, o]
    assert np.array_equal(layers.dense(FEATURES, W, B), expected)


def test_gradients_of_dense_are_the_differences() -> None:
    """Of W, of the features, of the bias, which is summed over the batch."""
    assert np.array_equal(
        layers.dense_gradient_weights(FEATURES, DELTA), differences(lambda w: layers.dense(FEATURES, w, B), W, DELTA)
    )
    assert np.array_equal(
        layers.dense_gradient_input(W, DELTA), differences(lambda x: layers.dense(x, W, B), FEATURES, DELTA)
    )
    bias = reference.OPERATIONS["bias_gradient"](DELTA)
    assert np.array_equal(bias, differences(lambda b: layers.dense(FEATURES, W, b), B, DELTA))


def test_flattening_is_in_reading_order() -> None:
    """Channel, row, col, and back."""
    images = np.arange(24.0).reshape(2, 2, 2, 3)
    assert layers.flatten(images).tolist() == [list(range(12)), list(range(12, 24))]
    assert np.array_equal(layers.flatten_gradient(images, layers.flatten(images)), images)


STEP = 2**-20
CURVED = 1e-9
"""Central differences of functions whose third derivatives are of order 1 err by STEP^2 and 2^-53 / STEP."""
LABEL = np.array([3, 0, 3])


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_gradient_of_squashing_is_the_difference(name: str) -> None:
    """From what came out, not from what went in."""
    function, gradient = reference.OPERATIONS[name], reference.OPERATIONS[f"{name}_gradient"]
    expected = differences(function, DELTA, W[:3], STEP)
    assert np.abs(gradient(function(DELTA), W[:3]) - expected).max() < CURVED


def test_sigmoid_neither_overflows_nor_cancels() -> None:
    """At -700 and +700 it is exp(-700) and 1."""
    assert layers.sigmoid(np.array([-700.0, 0.0, 700.0])).tolist() == [np.exp(-700.0), 0.5, 1.0]


def test_softmax_is_that_of_loops_and_does_not_overflow() -> None:
    """Powers over their sum; a constant added to a row changes nothing."""
    found = layers.softmax(DELTA)
    for row, values in zip(found, DELTA, strict=True):
        powers = [np.exp(value) for value in values]
        assert np.abs(row - np.array(powers) / sum(powers)).max() < 4 * 2**-53
    assert np.abs(layers.softmax(DELTA + 2.0**12) - found).max() == 0


def test_cross_entropy_is_that_of_a_loop() -> None:
    """The mean of -log of the label's probability; labels may be told in floating point."""
    probability = layers.softmax(DELTA)
    expected = -sum(np.log(probability[n, label]) for n, label in enumerate(LABEL)) / 3
    assert abs(layers.categorical_cross_entropy(probability, LABEL) - expected) < 4 * 2**-53
    assert layers.categorical_cross_entropy(probability, LABEL.astype(float)) == pytest.approx(expected, rel=1e-15)


def test_gradient_of_softmax_and_cross_entropy_is_the_difference() -> None:
    """Of both together, with respect to what the softmax read."""

    def loss(before: np.ndarray) -> np.ndarray:
        return layers.categorical_cross_entropy(layers.softmax(before), LABEL)

    found = layers.softmax_cross_entropy_gradient(layers.softmax(DELTA), LABEL)
    assert np.abs(found - differences(loss, DELTA, np.ones(()), STEP)).max() < CURVED


@pytest.mark.parametrize("label", [[0, 4, 1], [0, -1, 1], [0, 0.5, 1]], ids=["too large", "negative", "broken"])
def test_label_of_no_class_is_refused(label: list) -> None:
    """A label that is no class would count for nothing."""
    node = Node("loss", "categorical_cross_entropy", ("p", "y"))
    with pytest.raises(ParityError, match="a label is not one of 0 to 3"):
        reference.compute(node, {"p": layers.softmax(DELTA), "y": np.array(label)})
