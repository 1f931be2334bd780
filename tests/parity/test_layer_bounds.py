"""Bounds of dense layers, pools and softmax hold for float32 runs, are not loose, and let no planted mistake pass."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from parity import bounds, reference
from parity import layer_operations as layers
from parity.graph import Node

FLOAT32 = np.dtype("float32")
SEEDS = range(60)
Values = dict[str, np.ndarray]
POOL = {"size": [2, 2], "stride": [2, 2]}
OVERLAPPING = {"size": [3, 3], "stride": [1, 2]}


def inputs(operation: str, seed: int) -> Values:
    """Float32 inputs of an operation, by name in its order."""
    random = np.random.default_rng([seed, len(operation)])

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype("f4")

    def softmax(*shape: int) -> np.ndarray:
        return layers.softmax(normal(*shape) * 4)

    images = np.maximum(normal(3, 2, 7, 9), 0)  # half of it ties at 0
    match operation.removesuffix("_gradient"):
        case "dense":
            return {"x": normal(6, 30), "W": normal(30, 5), "b": normal(5)}
        case "dense_gradient_weights":
            return {"x": normal(40, 5), "delta": normal(40, 3)}
        case "dense_gradient_input":
            return {"W": normal(5, 30), "delta": normal(3, 30)}
        case "max_pool" | "mean_pool":
            return {"x": images, "delta": normal(3, 2, 5, 4)} if operation.endswith("gradient") else {"x": images}
        case "tanh":
            return (
                {"x": np.tanh(normal(50)), "delta": normal(50)} if operation.endswith("gradient") else {"x": normal(50)}
            )
        case "sigmoid":
            values = layers.sigmoid(normal(50) * 4)
            return {"x": values, "delta": normal(50)} if operation.endswith("gradient") else {"x": normal(50) * 4}
        case "softmax":
            return {"x": normal(6, 10) * 4}
    return {"p": softmax(6, 10), "y": random.integers(0, 10, 6)}


def attributes(operation: str) -> dict:
    """Those of an operation of a pool whose windows overlap."""
    return (OVERLAPPING if "pool" in operation else {}) | ({"ties": "all"} if operation == "max_pool_gradient" else {})


ROUNDED = (
    "dense", "dense_gradient_weights", "dense_gradient_input", "max_pool_gradient", "mean_pool", "mean_pool_gradient",
    "tanh", "tanh_gradient", "sigmoid", "sigmoid_gradient", "softmax", "categorical_cross_entropy",
    "softmax_cross_entropy_gradient",
)  # fmt: skip


def worst_share(operation: str) -> float:
    """The largest error of float32 arithmetic in units of its bound, over all seeds."""
    node_of = Node("stage", operation, tuple(inputs(operation, 0)), attributes(operation))
    worst = 0.0
    for seed in SEEDS:
        values = inputs(operation, seed)
        truth = reference.compute(node_of, values)
        rounded = reference.OPERATIONS[operation](*values.values(), **node_of.attributes)
        assert rounded.dtype == FLOAT32
        bound = bounds.rounding(node_of, values | {"stage": rounded}, FLOAT32)
        error = np.abs(rounded - truth)
        worst = max(worst, float(np.where(error == 0, 0, error / np.maximum(bound, 1e-300)).max()))
    return worst


@pytest.mark.parametrize("operation", ROUNDED)
def test_float32_is_within_its_bound_and_uses_some_of_it(operation: str) -> None:
    """No element of 60 runs leaves its bound, and the worst uses at least a hundredth of it."""
    assert 0.01 < worst_share(operation) <= 1


def test_softmax_without_the_largest_taken_off_is_within_the_bound() -> None:
    """A program that takes the powers as they are rounds less before them."""
    node = Node("output", "softmax", ("x",))
    for seed in SEEDS:
        values = inputs("softmax", seed)
        powers = np.exp(values["x"])
        error = np.abs(powers / powers.sum(axis=1, keepdims=True) - reference.compute(node, values))
        assert (error <= bounds.rounding(node, values, FLOAT32)).all()


def test_gradient_through_the_loss_and_then_the_softmax_is_within_the_bound() -> None:
    """A program that keeps the two apart cancels 1 / p at the label; the bound is of what it cancels."""
    node = Node("grad/pre", "softmax_cross_entropy_gradient", ("p", "y"))
    for seed in SEEDS:
        values = inputs(node.operation, seed)
        p, chosen = values["p"], layers.one_hot(values["p"], values["y"])
        above = -(np.float32(1) / np.float32(len(p))) / p * chosen
        apart = p * (above - (p * above).sum(axis=1, keepdims=True))
        assert apart.dtype == FLOAT32
        assert (np.abs(apart - reference.compute(node, values)) <= bounds.rounding(node, values, FLOAT32)).all()


def test_gradient_of_a_maximum_is_exact_where_windows_do_not_overlap() -> None:
    """It is moved, not summed."""
    node = Node("grad/x", "max_pool_gradient", ("x", "delta"), POOL | {"ties": "all"})
    values = {"x": inputs("max_pool", 0)["x"], "delta": np.ones((3, 2, 3, 4), "f4")}
    assert not bounds.rounding(node, values, FLOAT32).any()


Wrong = Callable[..., np.ndarray]
MISTAKES: dict[str, tuple[str, dict, Wrong]] = {
    "W transposed": ("dense", {}, lambda x, W, b: x @ W.T + b),
    "bias dropped": ("dense", {}, lambda x, W, b: x @ W),
    "gradient of W transposed": ("dense_gradient_weights", {}, lambda x, delta: (x.T @ delta).T),
    "gradient by W transposed": ("dense_gradient_input", {}, lambda W, delta: delta @ W),
    "first tie": (
        "max_pool_gradient", {**POOL, "ties": "all"},
        lambda x, delta: layers.max_pool_gradient(x, delta, ties="first", **POOL),
    ),
    "maximum for mean": ("mean_pool", POOL, lambda x: layers.max_pool(x, **POOL)),
    "padding counted": (
        "mean_pool", {**POOL, "ignore_border": False},
        lambda x: layers.mean_pool(x, ignore_border=False, count="inc_pad", **POOL),
    ),
    "over the batch": ("softmax", {}, lambda x: layers.softmax(x.T).T),
    "sum for mean": ("categorical_cross_entropy", {}, lambda p, y: len(p) * layers.categorical_cross_entropy(p, y)),
    "not by the batch": (
        "softmax_cross_entropy_gradient", {}, lambda p, y: len(p) * layers.softmax_cross_entropy_gradient(p, y)
    ),
    "hard sigmoid": ("sigmoid", {}, lambda x: np.clip(x / 4 + 0.5, 0, 1)),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "told", "wrong"), MISTAKES.values(), ids=MISTAKES)
def test_planted_mistake_is_over_the_bound(operation: str, told: dict, wrong: Wrong) -> None:
    """Squares hide transpositions from shapes; the bound does not."""
    random = np.random.default_rng(5)
    square = {"x": random.normal(size=(4, 4)), "W": random.normal(size=(4, 4)), "b": random.normal(size=4)}
    images = np.maximum(random.normal(size=(2, 2, 5, 5)), 0)
    square |= {"delta": random.normal(size=(2, 2, 2, 2)) if "pool" in operation else random.normal(size=(4, 4))}
    square |= {"p": layers.softmax(square["x"]), "y": np.array([0, 3, 2, 3])}
    if "pool" in operation:
        square["x"] = images
    names = {"dense": "xWb", "dense_gradient_input": ("W", "delta")}.get(operation) or inputs(operation, 0)
    node = Node("stage", operation, tuple(names), told)
    right = reference.compute(node, square)
    apart = np.abs(wrong(*(square[name] for name in names)) - right)
    assert (apart > bounds.rounding(node, square | {"stage": right}, FLOAT32)).any()


def test_border_that_is_not_ignored_has_another_shape() -> None:
    """Which the judge refuses before it measures anything."""
    images = np.zeros((1, 1, 5, 5))
    assert layers.max_pool(images, **POOL).shape != layers.max_pool(images, ignore_border=False, **POOL).shape


def propagated(operation: str, expected: Values, errors: Values, actual: Values | None = None, **told) -> np.ndarray:
    """What errors of the inputs become; the stage's own value is that of the reference."""
    node = Node("stage", operation, tuple(expected), told)
    sides = [side | {"stage": reference.compute(node, side)} for side in (expected, actual or expected)]
    return bounds.propagated(node, *sides, errors)


LINEAR = ("tanh", "tanh_gradient", "sigmoid", "sigmoid_gradient", "softmax", "categorical_cross_entropy",
          "softmax_cross_entropy_gradient", "mean_pool", "mean_pool_gradient", "dense", "dense_gradient_weights",
          "dense_gradient_input")  # fmt: skip


@pytest.mark.parametrize("operation", LINEAR)
def test_small_errors_become_what_the_derivatives_say(operation: str) -> None:
    """Over 400 draws of errors the spread of each element is that of the bound's, within a fifth."""
    random = np.random.default_rng(1)
    values = {name: array.astype("f8") for name, array in inputs(operation, 1).items()}
    errors = {name: np.zeros(v.shape) if name == "y" else np.full(v.shape, 1e-6) for name, v in values.items()}
    node = Node("stage", operation, tuple(values), attributes(operation))
    if operation == "softmax_cross_entropy_gradient" or operation == "categorical_cross_entropy":
        values["p"] = np.maximum(values["p"], 0.01)
    drawn = [
        reference.compute(node, {name: v + errors[name] * random.normal(size=v.shape) for name, v in values.items()})
        for _ in range(400)
    ]
    found = propagated(operation, values, errors, **attributes(operation), dtype="float32")
    seen = np.std(drawn, axis=0)
    assert (np.abs(seen - found) <= 0.2 * found).all()


def test_errors_of_a_maximum_are_at_most_the_largest_in_its_window() -> None:
    """Whichever of the four wins."""
    images, errors = np.zeros((1, 1, 2, 2)), np.array([[[[1.0, 2.0], [4.0, 3.0]]]])
    assert propagated("max_pool", {"x": images}, {"x": errors}, **POOL).tolist() == [[[[4]]]]


def test_maximum_that_fell_elsewhere_passes_errors_in_both_places() -> None:
    """Delta's own, and no more: that it is missing in one of them is told by `parity.decisions`."""
    expected = {"x": np.array([[[[1.0, 0.5], [0.0, 0.0]]]]), "delta": np.array([[[[3.0]]]])}
    actual = expected | {"x": np.array([[[[0.5, 1.0], [0.0, 0.0]]]])}
    errors = {"x": np.full((1, 1, 2, 2), 1e-8), "delta": np.array([[[[0.5]]]])}
    told = {**POOL, "ties": "all", "dtype": "float32"}
    assert propagated("max_pool_gradient", expected, errors, actual, **told).tolist() == [[[[0.5, 0.5], [0, 0]]]]
    assert propagated("max_pool_gradient", expected, errors, **told).tolist() == [[[[0.5, 0], [0, 0]]]]


def column(*values: float) -> np.ndarray:
    """One feature of several rows."""
    return np.array(values)[:, None]


LN3 = math.log(3)
PROBABILITIES = np.array([[0.25, 0.75], [0.5, 0.5]])
WRITTEN_OUT: dict[str, tuple[str, tuple[np.ndarray, ...], dict, list]] = {
    # products are 2 x -3, and the bias -5; so many terms are summed, as the first factor says
    "dense": ("dense", (np.full((1, 3), 2.0), np.full((3, 1), -3.0), np.array([-5.0])), {}, [[4 * (18 + 5)]]),
    "gradient of W": ("dense_gradient_weights", (column(2, 2, 2), column(-3, -3, -3)), {}, [[3 * 18]]),
    "gradient by W": ("dense_gradient_input", (np.full((1, 3), 2.0), np.full((1, 3), -3.0)), {}, [[3 * 18]]),
    "maximum of rows that overlap": (
        "max_pool_gradient", (np.array([[[[1.0], [3], [2], [0]]]]), np.array([[[[-2.0], [-5], [7]]]])),
        {"size": [2, 1], "stride": [1, 1], "ties": "all"}, [[[[0], [2 * 7], [2 * 7], [0]]]],
    ),
    "mean": ("mean_pool", (np.full((1, 1, 2, 3), -2.0),), {"size": [2, 3], "stride": [2, 3]}, [[[[8 * 2]]]]),
    "gradient of a mean": (
        "mean_pool_gradient", (np.ones((1, 1, 5, 1)), np.array([[[[-3.0], [6.0], [9.0]]]])),
        {"size": [3, 1], "stride": [1, 1]}, [[[[5 * 1], [5 * 3], [5 * 6], [5 * 5], [5 * 3]]]],
    ),
    "tanh": ("tanh", (np.array([-1.0]),), {}, [4 * math.tanh(1)]),
    "gradient of tanh": ("tanh_gradient", (np.array([0.25]), np.array([-2.0])), {}, [3 * 2 * 1.0625]),
    "sigmoid": ("sigmoid", (np.array([0.0]),), {}, [6 * 0.5]),
    "gradient of sigmoid": ("sigmoid_gradient", (np.array([0.5]), np.array([-4.0])), {}, [3 * 4 * 0.5 * 1.5]),
    "softmax": (
        "softmax", (np.array([[0.0, LN3]]),), {},
        [[0.25 * (4 + LN3 + 2 + 4 + LN3 / 4 + 1), 0.75 * (4 + 2 + 4 + LN3 / 4 + 1)]],
    ),
    "cross-entropy": (
        "categorical_cross_entropy", (PROBABILITIES, np.array([1, 0])), {}, (4 + 4) * -math.log(0.75 * 0.5) / 2
    ),
    "cross-entropy of three": (
        "categorical_cross_entropy", (PROBABILITIES[[0, 1, 1]], np.array([1, 0, 1])), {},
        (4 + 5) * -math.log(0.75 * 0.25) / 3,
    ),
    "probability over 1": ("categorical_cross_entropy", (np.array([[1.5, 0.5]]), np.array([0])), {}, 0.0),
    "gradient of cross-entropy": (
        "softmax_cross_entropy_gradient", (PROBABILITIES, np.array([1, 0])), {},
        [[3 * 0.25, 3 * 1.75], [3 * 1.5, 3 * 0.5]],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "values", "told", "expected"), WRITTEN_OUT.values(), ids=WRITTEN_OUT)
def test_bound_is_that_of_the_sums_written_out(
    operation: str, values: tuple[np.ndarray, ...], told: dict, expected: list
) -> None:
    """So many round-offs of so large terms, no more and no less."""
    names = tuple("abc"[: len(values)])
    node = Node("stage", operation, names, told)
    inputs = dict(zip(names, values, strict=True))
    found = bounds.rounding(node, inputs | {"stage": reference.compute(node, inputs)}, FLOAT32)
    assert found == pytest.approx(np.array(expected) * 2.0**-24, rel=1e-12)
