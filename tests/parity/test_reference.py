"""Each operation of the third opinion against nested loops, each gradient against finite differences.

Tolerances are derived. Filters and images are 64ths of small integers, so sums of their products are exact in float64:
loops and arrays must agree to the last bit. The functions differentiated are linear or bilinear, of which central
differences with a step of 1/64 are exact too.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from judged_pair import NODES, PARAMETERS, TOLD, given_entries

from parity import operations, reference, steps
from parity.errors import ParityError
from parity.graph import Graph, Node
from parity.training import Training

STEP = 1 / 64
SHAPES = {
    "one by one": ((1, 1, 1, 1), (1, 1, 1, 1)),
    "wide filter": ((2, 3, 5, 6), (4, 3, 2, 3)),
    "tall filter": ((2, 2, 7, 4), (3, 2, 4, 1)),
    "filter as large as the image": ((3, 2, 4, 5), (2, 2, 4, 5)),
    "even": ((1, 4, 6, 8), (2, 4, 2, 4)),
}


def sixty_fourths(*shape: int, seed: int = 0) -> np.ndarray:
    """Random 64ths between -1 and 1."""
    return np.random.default_rng([seed, *shape]).integers(-64, 65, shape) / 64


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def layer(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images, filters, biases and a gradient of the result."""
    (batch, _, rows, cols), (out, _, height, width) = image_shape, filter_shape = request.param
    images, W, b = sixty_fourths(*image_shape), sixty_fourths(*filter_shape, seed=1), sixty_fourths(out, seed=2)
    return images, W, b, sixty_fourths(batch, out, rows - height + 1, cols - width + 1, seed=3)


def terms(images: np.ndarray, W: np.ndarray):
    """All (n, f, y, x), (f, c, i, j), (n, c, row, col) that a true convolution multiplies."""
    (batch, channels, rows, cols), (out, _, height, width) = images.shape, W.shape
    for n, f, y, x in product(*map(range, (batch, out, rows - height + 1, cols - width + 1))):
        for c, i, j in product(*map(range, (channels, height, width))):
            yield (n, f, y, x), (f, c, i, j), (n, c, y + height - 1 - i, x + width - 1 - j)


def differences(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """The gradient of sum(function * delta) by central differences."""
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = STEP
        gradient[index] = ((function(at + step) - function(at - step)) * delta).sum() / (2 * STEP)
    return gradient


def test_convolution_is_that_of_nested_loops(layer) -> None:
    """Every output is the bias and the sum over the flipped filter, to the last bit."""
    images, W, b, delta = layer
    expected = np.zeros(delta.shape) + b[:, None, None]
    for out, weight, pixel in terms(images, W):
        expected[out] += W[weight] * images[pixel]
    assert np.array_equal(operations.convolution_valid(images, W, b), expected)


def test_gradient_of_weights_is_that_of_nested_loops(layer) -> None:
    """Every weight collects the gradients that it was multiplied into, to the last bit."""
    images, W, _, delta = layer
    expected = np.zeros(W.shape)
    for out, weight, pixel in terms(images, W):
        expected[weight] += delta[out] * images[pixel]
    assert np.array_equal(operations.convolution_valid_gradient_weights(images, delta), expected)


def test_gradient_of_input_is_that_of_nested_loops(layer) -> None:
    """Every pixel collects the gradients that it was multiplied into, to the last bit."""
    images, W, _, delta = layer
    expected = np.zeros(images.shape)
    for out, weight, pixel in terms(images, W):
        expected[pixel] += W[weight] * delta[out]
    assert np.array_equal(operations.convolution_valid_gradient_input(W, delta), expected)


def test_gradient_of_weights_is_the_difference(layer) -> None:
    """The gradient is what the convolution changes by when a weight does."""
    images, W, b, delta = layer
    expected = differences(lambda moved: operations.convolution_valid(images, moved, b), W, delta)
    assert np.array_equal(operations.convolution_valid_gradient_weights(images, delta), expected)


def test_gradient_of_input_is_the_difference(layer) -> None:
    """The gradient is what the convolution changes by when a pixel does."""
    images, W, b, delta = layer
    expected = differences(lambda moved: operations.convolution_valid(moved, W, b), images, delta)
    assert np.array_equal(operations.convolution_valid_gradient_input(W, delta), expected)


def test_gradient_of_bias_is_the_difference(layer) -> None:
    """The gradient is what the convolution changes by when a bias does."""
    images, W, b, delta = layer
    expected = differences(lambda moved: operations.convolution_valid(images, W, moved), b, delta)
    assert np.array_equal(operations.bias_gradient(delta), expected)


def test_convolution_flips_its_filter() -> None:
    """A filter convolved with a single 1 in the middle stands there as it is; correlation would turn it about."""
    impulse = np.zeros((1, 1, 5, 3))
    impulse[0, 0, 2, 1] = 1
    W = np.arange(6.0).reshape(1, 1, 3, 2)
    assert operations.convolution_valid(impulse, W, np.zeros(1))[0, 0].tolist() == W[0, 0].tolist()


SIGNED = np.array([-2.0, -0.0, 0.0, 1e-300, 3.0])


def test_rectify_is_the_larger_of_the_value_and_zero() -> None:
    """Negative values become 0, others stay, however small."""
    assert operations.rectify(SIGNED).tolist() == [0, 0, 0, 1e-300, 3]


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_gradient_of_rectify_at_zero_is_the_attribute(at_zero: float) -> None:
    """Above 0 the gradient passes, below it does not; at 0 of either sign the attribute says."""
    actual = operations.rectify_gradient(SIGNED, np.full(5, 8.0), at_zero=at_zero)
    assert actual.tolist() == [0, 8 * at_zero, 8 * at_zero, 8, 8]


def test_gradient_of_rectify_is_the_difference() -> None:
    """Away from 0 the gradient is the change of the rectified value."""
    at, delta = np.array([-2.0, -0.5, 0.5, 3.0]), np.array([1.0, 2.0, 4.0, 8.0])
    expected = differences(operations.rectify, at, delta)
    assert operations.rectify_gradient(at, delta, at_zero=0.5).tolist() == expected.tolist()


PREDICTION = np.array([[1.0, -2.0], [0.5, 4.0]])
TARGET = np.array([[0.5, -1.0], [0.5, -4.0]])


def test_mean_absolute_error_is_the_mean_of_magnitudes() -> None:
    """Errors 0.5, 1, 0 and 8 have a mean of 9.5 / 4."""
    assert operations.mean_absolute_error(PREDICTION, TARGET) == 9.5 / 4


def test_gradient_of_mean_absolute_error_is_a_sign_over_the_number() -> None:
    """Above the target +1/n, below -1/n, at a tie 0."""
    assert operations.mean_absolute_error_gradient(PREDICTION, TARGET).tolist() == [[0.25, -0.25], [0, 0.25]]


def test_gradient_of_mean_absolute_error_is_the_difference() -> None:
    """The gradient is the change of the loss; at a tie the two sides' differences cancel."""
    expected = differences(lambda moved: operations.mean_absolute_error(moved, TARGET), PREDICTION, np.array(1.0))
    assert np.array_equal(operations.mean_absolute_error_gradient(PREDICTION, TARGET), expected)


def test_rows_are_those_from_start_to_stop() -> None:
    """The patch at stop is not among them."""
    assert operations.rows(np.arange(6).reshape(6, 1), start=2, stop=4).tolist() == [[2], [3]]


def test_selection_keeps_the_order_of_the_indices() -> None:
    """Channels come in the order asked for, twice if asked twice."""
    assert operations.select(np.array([[10, 20, 30]]), axis=1, indices=[2, 0, 2]).tolist() == [[30, 10, 30]]


def test_division_is_in_the_type_of_the_values() -> None:
    """In float32 the quotient is the correctly rounded one: 0.001 has no other nearest float32."""
    actual = operations.divide(np.array([1, 7], np.float32), divisor=1000.0)
    assert actual.dtype == np.float32
    assert actual.tolist() == [float(np.float32(0.001)), float(np.float32(0.007))]


def test_identity_is_the_value() -> None:
    """Nothing changes."""
    assert operations.identity(SIGNED) is SIGNED


def test_one_stage_is_summed_in_float64() -> None:
    """2^24 + 1 is no float32, but it is the sum that the judge finds of float32 numbers."""
    delta = np.array([2.0**24, 1], np.float32).reshape(1, 1, 1, 2)
    actual = reference.compute(Node("grad/b", "bias_gradient", ("delta",)), {"delta": delta})
    assert actual.tolist() == [2.0**24 + 1]


@pytest.mark.parametrize("operation", ["recurrent", "given", "decode", "trajectory", ""])
def test_unknown_operation_is_named(operation: str) -> None:
    """A stage without a formula cannot be judged, and the error says what can."""
    with pytest.raises(
        ParityError, match=f"pool1: unknown operation '{operation}'; the judge knows convolution_valid,"
    ):
        reference.compute(Node("pool1", operation), {})


def test_unknown_operation_is_named_in_a_whole_graph() -> None:
    """The same holds where all stages are computed."""
    with pytest.raises(ParityError, match="pool1: unknown operation 'recurrent'"):
        reference.evaluate([Node("pool1", "recurrent")], {})


ONE_LAYER = Graph(
    (
        *(Node(name, "given") for name in ("weight/conv1/W", "weight/conv1/b", "patches/raw", "targets/raw")),
        Node("batch/raw", "rows", ("patches/raw",), {"start": 0, "stop": 2}),
        Node("target/raw", "rows", ("targets/raw",), {"start": 0, "stop": 2}),
        Node("output", "convolution_valid", ("batch/raw", "weight/conv1/W", "weight/conv1/b")),
        Node("loss", "mean_absolute_error", ("output", "target/raw")),
        Node("grad/output", "mean_absolute_error_gradient", ("output", "target/raw")),
        Node("grad/conv1/W", "convolution_valid_gradient_weights", ("batch/raw", "grad/output")),
        Node("grad/conv1/b", "bias_gradient", ("grad/output",)),
        *(
            Node(f"step/{step:04d}/{of}", "trajectory", (), {"step": step, "of": of})
            for step in (1, 2, 7)
            for of in ("loss", "velocity/conv1/W", "velocity/conv1/b", "weight/conv1/W", "weight/conv1/b")
        ),
        Node("loss/curve", "trajectory", (), {"of": "loss"}),
    )
)
MANY_STEPS = Training(steps=7, batch_size=2, batches=2, learning_rate=1 / 16, momentum=0.5)


def written_out(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Seven steps of a 1 x 1 convolution of one channel by hand: w a slope, b an offset, the fifth patch never used."""
    w, b = given["weight/conv1/W"].item(), given["weight/conv1/b"].item()
    velocity_w = velocity_b = 0.0
    found: dict[str, np.ndarray] = {}
    losses = []
    for step in range(1, 8):
        chosen = [[0, 1], [2, 3]][(step - 1) % 2]
        x, target = given["patches/raw"][chosen], given["targets/raw"][chosen]
        error = w * x + b - target
        losses.append(np.abs(error).mean())
        velocity_w = 0.5 * velocity_w - (np.sign(error) * x).mean() / 16
        velocity_b = 0.5 * velocity_b - np.sign(error).mean() / 16
        w, b = w + velocity_w, b + velocity_b
        found[f"step/{step:04d}/loss"] = losses[-1]
        found[f"step/{step:04d}/velocity/conv1/W"], found[f"step/{step:04d}/velocity/conv1/b"] = velocity_w, velocity_b
        found[f"step/{step:04d}/weight/conv1/W"], found[f"step/{step:04d}/weight/conv1/b"] = w, b
    return found | {"loss/curve": np.array(losses)}


@pytest.fixture
def one_layer() -> dict[str, np.ndarray]:
    """Five patches of 2 x 4 pixels in 64ths, their targets, a weight and a bias."""
    images = {"patches/raw": sixty_fourths(5, 1, 2, 4), "targets/raw": sixty_fourths(5, 1, 2, 4, seed=1)}
    return images | {"weight/conv1/W": np.full((1, 1, 1, 1), 0.75), "weight/conv1/b": np.array([0.25])}


def test_trajectory_is_that_of_a_loop_written_out(one_layer: dict[str, np.ndarray]) -> None:
    """Losses, velocities and weights of seven steps over two batches; the numbers have few bits, so it is exact."""
    expected, actual = written_out(one_layer), steps.trajectory(ONE_LAYER, one_layer, MANY_STEPS)
    wanted = [node.stage for node in ONE_LAYER if node.operation == "trajectory"]
    assert list(actual) == wanted
    assert {name: actual[name].ravel().tolist() for name in wanted} == {
        name: np.ravel(expected[name]).tolist() for name in wanted
    }


def test_incomplete_last_batch_is_dropped(one_layer: dict[str, np.ndarray]) -> None:
    """The fifth of five patches, in batches of two, changes nothing."""
    other = {name: value.copy() for name, value in one_layer.items()}
    other["patches/raw"][4] += 1
    first, second = (steps.trajectory(ONE_LAYER, given, MANY_STEPS) for given in (one_layer, other))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_trajectory_leaves_the_given_weights(one_layer: dict[str, np.ndarray]) -> None:
    """Training a copy does not change what the trace holds."""
    steps.trajectory(ONE_LAYER, one_layer, MANY_STEPS)
    assert one_layer["weight/conv1/W"].item() == 0.75


def test_trajectory_is_computed_in_the_dtype_asked_for() -> None:
    """A float32 run is float32 in every stage and differs from the truth, but less than 1 % of it in length."""
    truth, rounded = (steps.trajectory(Graph(NODES), given_entries(), TOLD, dtype) for dtype in ("f8", "f4"))
    names = [f"step/0004/weight/{name}" for name in PARAMETERS]
    apart, size = (
        np.sqrt(sum(((values[name] - origin[name]) ** 2).sum() for name in names))
        for values, origin in ((rounded, truth), (truth, dict.fromkeys(names, 0.0)))
    )
    assert {rounded[name].dtype for name in names} == {np.dtype("f4")}
    assert 0 < apart < 0.01 * size


def test_stages_after_training_are_left_out() -> None:
    """They follow from many batches, not from the stages before them."""
    nodes = [
        Node("x", "given"),
        Node("y", "identity", ("x",)),
        Node("step/0001/loss", "trajectory", (), {"of": "loss"}),
    ]
    assert set(reference.evaluate(nodes, {"x": np.ones(3)})) == {"x", "y"}
