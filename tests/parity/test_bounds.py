"""Bounds hold for every order of summation, are near what rounding does, and follow errors from stage to stage."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_pair import BACKWARD, FORWARD, GIVEN, NODES, given_entries, run

from parity import bounds, reference
from parity.decisions import decisions
from parity.graph import Graph, Node

FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")
U = 2.0**-24
SEEDS = range(40)
ORDERS = 50
Values = dict[str, np.ndarray]


@pytest.mark.parametrize(("dtype", "bits"), [(FLOAT32, 24), (FLOAT64, 53)], ids=str)
def test_unit_roundoff_is_half_the_last_place(dtype: np.dtype, bits: int) -> None:
    """1 + u is halfway between 1 and the next number: it rounds to 1, and anything above it does not."""
    u = bounds.unit_roundoff(dtype)
    assert u == 2.0**-bits
    assert dtype.type(1) + dtype.type(u) == 1
    assert dtype.type(1) + dtype.type(u * 1.5) > 1


@given(st.integers(0, 10**9))
def test_sum_is_never_allowed_more_than_its_ceiling(length: int) -> None:
    """A sum of n terms is allowed 6 sqrt(n) round-offs, but never more than the n that no order exceeds."""
    assert bounds.sum_factor(length) == min(length, 6 * math.sqrt(length))


def sequential(terms: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sums along the last axis in float32, term after term, in 50 random orders: (50, ...)."""
    orders = [random.permutation(terms.shape[-1]) for _ in range(ORDERS)]
    return np.stack([np.cumsum(terms[..., order], axis=-1, dtype=np.float32)[..., -1] for order in orders])


def products(operation: str, random: np.random.Generator) -> tuple[Values, np.ndarray]:
    """Float32 inputs of an operation whose result has few elements, and the products that each of them sums."""
    images, W, b = (random.normal(size=shape).astype("f4") for shape in ((3, 16, 9, 9), (4, 16, 9, 9), (4,)))
    delta = random.normal(size=(3, 4, 1, 1)).astype("f4")
    many = random.normal(size=(3, 4, 13, 11)).astype("f4")
    flipped = W[:, :, ::-1, ::-1]
    match operation:
        case "convolution_valid":
            summed = (images[:, None] * flipped[None]).reshape(3, 4, 1, 1, -1)
            bias = np.broadcast_to(b[None, :, None, None, None], (3, 4, 1, 1, 1))
            return {"images": images, "W": W, "b": b}, np.concatenate([summed, bias], axis=-1)
        case "convolution_valid_gradient_weights":
            summed = np.moveaxis(images[:, None] * delta[:, :, 0, 0, None, None, None], 0, -1)
            return {"images": images, "delta": delta}, summed[:, :, ::-1, ::-1]
        case "convolution_valid_gradient_input":
            return {"W": W, "delta": delta}, np.moveaxis(flipped[None] * delta[:, :, 0, 0, None, None, None], 1, -1)
        case "bias_gradient":
            return {"delta": many}, np.moveaxis(many, 1, 0).reshape(4, -1)
    raise AssertionError(operation)


SUMS = ("convolution_valid", "convolution_valid_gradient_weights", "convolution_valid_gradient_input", "bias_gradient")


def worst_share(operation: str, seed: int) -> float:
    """The largest error of a float32 sum in any of the random orders, in units of its bound."""
    values, terms = products(operation, np.random.default_rng([seed, len(operation)]))
    node = Node("stage", operation, tuple(values))
    truth = reference.compute(node, values)
    bound = bounds.rounding(node, values, FLOAT32)
    sums = sequential(terms, np.random.default_rng(seed))
    assert sums.shape[1:] == truth.shape == bound.shape
    return float((np.abs(sums - truth) / bound).max())


@pytest.mark.parametrize("operation", SUMS)
def test_float32_sum_in_any_order_is_within_its_bound(operation: str) -> None:
    """Over 40 seeds and 50 orders each no element leaves its bound."""
    assert max(worst_share(operation, seed) for seed in SEEDS) <= 1


@pytest.mark.parametrize("operation", SUMS)
def test_bound_is_not_loose(operation: str) -> None:
    """The worst of those sums uses at least a hundredth of its bound: float16's 2^13-fold rounding would break it."""
    assert max(worst_share(operation, seed) for seed in SEEDS) > 0.01


@pytest.mark.parametrize("terms", [1, 2, 3, 35, 36, 37, 1000])
def test_mean_absolute_error_in_float32_is_within_its_bound(terms: int) -> None:
    """The loss of a short list and of a long one, summed in 50 orders, is within its bound."""
    random = np.random.default_rng(terms)
    prediction, target = random.normal(size=(2, terms)).astype("f4")
    node, values = Node("loss", "mean_absolute_error", ("p", "t")), {"p": prediction, "t": target}
    sums = sequential(np.abs(prediction - target), random) / np.float32(terms)
    error = np.abs(sums - reference.compute(node, values))
    assert (error <= bounds.rounding(node, values, FLOAT32)).all()


@pytest.mark.parametrize("count", [1, 3, 7, 10, 4096, 12345])
def test_gradient_of_the_loss_in_float32_is_within_its_bound(count: int) -> None:
    """Whether a program divides the sign or multiplies it with a reciprocal, it is within its bound."""
    sign = np.array([-1, 0, 1], np.float32)
    divided, multiplied = sign / np.float32(count), sign * (np.float32(1) / np.float32(count))
    values = {"p": np.resize(sign, count), "t": np.zeros(count, np.float32)}
    allowed = bounds.rounding(Node("g", "mean_absolute_error_gradient", ("p", "t")), values, FLOAT32)
    assert allowed.shape == (count,)
    assert (np.abs(np.stack([divided, multiplied]) - sign.astype("f8") / count) <= allowed[0]).all()


@pytest.mark.parametrize(("dtype", "part"), [(FLOAT32, 1e-2), (FLOAT64, 1e-10)], ids=str)
def test_one_weight_that_is_off_is_over_the_bound(dtype: np.dtype, part: float) -> None:
    """Of a filter's 729 weights one is 1 % larger, or in float64 1e-10: every output that it reaches tells."""
    random = np.random.default_rng(3)
    images, W = random.uniform(0.5, 1, (1, 9, 12, 12)), random.normal(size=(1, 9, 9, 9))
    W[0, 5, 4, 4] = 1
    wrong = W.copy()
    wrong[0, 5, 4, 4] += part
    values = {"images": images, "W": W, "b": np.zeros(1)}
    node = Node("conv1/pre", "convolution_valid", tuple(values))
    error = np.abs(reference.compute(node, values | {"W": wrong}) - reference.compute(node, values))
    assert (error > bounds.rounding(node, values, dtype)).all()


def test_every_stage_has_a_bound_of_its_shape() -> None:
    """Exact operations are allowed nothing; every element of a sum over something is allowed more than that."""
    values = run(NODES, given_entries(), "float32")
    for node in (*FORWARD, *BACKWARD):
        allowed = bounds.rounding(node, values, FLOAT32)
        assert allowed.shape == values[node.stage].shape
        assert (allowed.max() == 0) == (node.operation in reference.EXACT), node.stage


def test_bound_of_float64_is_that_of_float32_scaled() -> None:
    """Only the round-off differs: 2^-53 for 2^-24."""
    values, _ = products("convolution_valid", np.random.default_rng(0))
    node = Node("conv1/pre", "convolution_valid", tuple(values))
    single, double = (bounds.rounding(node, values, dtype) for dtype in (FLOAT32, FLOAT64))
    assert np.array_equal(double * 2.0**29, single)


def exactly_divided(seed: int) -> tuple[list[Node], Values]:
    """The two-layer graph with weights of full precision, and a divisor of 1024: its first inexact stage is conv1."""
    nodes = [
        Node(node.stage, "divide", node.inputs, {"divisor": 1024.0}) if node.operation == "divide" else node
        for node in (*GIVEN, *FORWARD, *BACKWARD)
    ]
    entries = given_entries(seed)
    third = np.float32(1 / 3)
    return nodes, {name: v.astype("f4") * third if name.startswith("weight/") else v for name, v in entries.items()}


def free_running_shares(seed: int) -> dict[str, float]:
    """How near a float32 run comes to its bound around the float64 run, by stage."""
    nodes, entries = exactly_divided(seed)
    truth, rounded = (reference.evaluate(nodes, entries, dtype) for dtype in ("f8", "f4"))
    moved = decisions(Graph(tuple(nodes)), truth, rounded)
    errors: Values = {}
    shares: dict[str, float] = {}
    for node in nodes:
        stage = node.stage
        if node.operation == "given":
            errors[stage] = np.zeros(truth[stage].shape)
            continue
        alone = bounds.rounding(node, truth, FLOAT32)
        errors[stage] = bounds.free_running(node, truth, rounded, errors, alone)
        error = np.abs(rounded[stage] - truth[stage])
        allowed = np.maximum(errors[stage] + moved.get(stage, 0.0), 1e-300)
        shares[stage] = float(np.where(error == 0, 0, error / allowed).max())
    return shares


def test_float32_run_of_two_layers_is_within_its_bounds() -> None:
    """Over 40 seeds every element of every stage, forward and backward, is as near to float64 as it must be."""
    shares = [free_running_shares(seed) for seed in SEEDS]
    assert {stage: worst for stage in shares[0] if (worst := max(each[stage] for each in shares)) > 1} == {}


def test_free_running_bounds_are_not_loose() -> None:
    """The first layer, the output and the deepest gradient use at least a hundredth of what they are allowed."""
    shares = [free_running_shares(seed) for seed in SEEDS]
    assert min(max(each[stage] for each in shares) for stage in ("conv1/pre", "output", "grad/conv1/W")) > 0.01


def propagated(operation: str, expected: Values, errors: Values, actual: Values | None = None, **attributes) -> list:
    """What errors of the inputs become, as nested lists; the stage's own value is that of the reference."""
    node = Node("stage", operation, tuple(expected), attributes)
    sides = [side | {"stage": reference.compute(node, side)} for side in (expected, actual or expected)]
    return bounds.propagated(node, *sides, errors).tolist()


def pixels(*values: float) -> np.ndarray:
    """An image of one row."""
    return np.array(values, float).reshape(1, 1, 1, -1)


def test_errors_of_a_convolution_add_in_squares() -> None:
    """A pixel 3 +- 0.5 times a weight 2 +- 0.25 plus a bias +- 1: sqrt((2 x 0.5)^2 + (3 x 0.25)^2 + 1^2)."""
    expected = {"h": pixels(3), "W": pixels(2), "b": np.array([7.0])}
    errors = {"h": pixels(0.5), "W": pixels(0.25), "b": np.array([1.0])}
    assert propagated("convolution_valid", expected, errors) == [[[[math.sqrt(1 + 0.5625 + 1)]]]]


def test_errors_of_filters_alone_are_those_of_the_images_they_meet() -> None:
    """A pixel 3 times a weight 2 +- 0.25, all else exact: 3 x 0.25, whatever the bias."""
    expected = {"h": pixels(3), "W": pixels(2), "b": np.array([7.0])}
    errors = {"h": pixels(0), "W": pixels(0.25), "b": np.array([0.0])}
    assert propagated("convolution_valid", expected, errors) == [[[[0.75]]]]


def test_errors_of_gradients_of_a_convolution_add_in_squares() -> None:
    """Two products 3 x 2 with errors of 0.5 and 0.25: sqrt(2 ((2 x 0.5)^2 + (3 x 0.25)^2))."""
    first, delta = {"h": pixels(3, 3), "delta": pixels(2, 2)}, {"h": pixels(0.5, 0.5), "delta": pixels(0.25, 0.25)}
    assert propagated("convolution_valid_gradient_weights", first, delta) == [[[[math.sqrt(2 * 1.5625)]]]]


def test_errors_of_the_gradient_of_an_input_add_in_squares() -> None:
    """The middle pixel of three sums two products 3 x 2 with errors of 0.5 and 0.25."""
    first, delta = {"W": pixels(3, 3), "delta": pixels(2, 2)}, {"W": pixels(0.5, 0.5), "delta": pixels(0.25, 0.25)}
    middle = propagated("convolution_valid_gradient_input", first, delta)[0][0][0][1]
    assert middle == math.sqrt(2 * 1.5625)


@pytest.mark.parametrize(
    ("operation", "attributes", "after"),
    [
        ("identity", {}, [[[[3, 4]]]]),
        ("rectify", {}, [[[[3, 4]]]]),
        ("divide", {"divisor": 8.0}, [[[[0.375, 0.5]]]]),
        ("select", {"axis": 3, "indices": [1]}, [[[[4]]]]),
        ("rows", {"start": 0, "stop": 1}, [[[[3, 4]]]]),
        ("bias_gradient", {}, [5]),
    ],
)
def test_errors_follow_the_values(operation: str, attributes: Mapping[str, object], after: list) -> None:
    """Errors of 3 and 4 are moved and scaled as the values are, and 5 in their sum."""
    assert propagated(operation, {"x": pixels(-1, 1)}, {"x": pixels(3, 4)}, **attributes) == after


def test_errors_of_the_loss_are_averaged_in_squares() -> None:
    """Of two predictions with errors 3 and 4, and two exact targets, the mean errs by 5 / 2."""
    expected = {"p": np.zeros(2), "t": np.ones(2)}
    assert propagated("mean_absolute_error", expected, {"p": np.array([3.0, 4.0]), "t": np.zeros(2)}) == 2.5


GATES = {"before": np.array([1e-9, 1e-9, -1e-9, 0.0]), "delta": np.array([3.0, 3.0, 3.0, 3.0])}
GATE_ERRORS = {"before": np.full(4, 1e-8), "delta": np.zeros(4)}


def test_gates_allow_nothing_of_their_own() -> None:
    """However near to 0 a pre-activation is; what follows where they fell differently is told by `decisions`."""
    differently = GATES | {"before": np.array([1e-9, -1e-9, -1e-9, 1e-9])}
    for actual in (GATES, differently):
        assert propagated("rectify_gradient", GATES, GATE_ERRORS, actual, at_zero=0.5) == [0, 0, 0, 0]


def test_gate_passes_errors_of_the_gradient_where_it_is_open() -> None:
    """Where either side is open the gradient's own error passes, where both are closed none does."""
    errors = GATE_ERRORS | {"delta": np.full(4, 0.25)}
    assert propagated("rectify_gradient", GATES, errors, at_zero=0.5) == [0.25, 0.25, 0, 0.125]
    assert propagated("rectify_gradient", GATES, errors, at_zero=0.5, dtype="float32") == [0.25, 0.25, 0, 0.125]


def test_gate_passes_errors_of_the_gradient_where_only_one_side_is_open() -> None:
    """Whichever; half of them where it is open to one half at exactly 0, on the other side closed."""
    actual = GATES | {"before": np.array([1e-9, -1e-9, 1e-9, -1e-9])}
    errors = GATE_ERRORS | {"delta": np.full(4, 0.25)}
    assert propagated("rectify_gradient", GATES, errors, actual, at_zero=0.5) == [0.25, 0.25, 0.25, 0.125]


def test_signs_allow_nothing_of_their_own() -> None:
    """Of four errors one changes sign and one becomes a tie: likewise."""
    expected = {"p": np.array([2 + 1e-9, 1e-9, -1.0, 5.0]), "t": np.array([2.0, 0.0, -2.0, 5.0])}
    actual = expected | {"p": np.array([2 - 1e-9, 0.0, -1.0, 5.0])}
    errors = {"p": np.full(4, 1e-8), "t": np.zeros(4)}
    assert propagated("mean_absolute_error_gradient", expected, errors, actual) == [0, 0, 0, 0]


def test_semantic_tolerance_is_of_the_maximum() -> None:
    """In float64 every element is allowed 1e-12 of the largest magnitude; zeros and nothing are allowed nothing."""
    assert bounds.semantic(np.array([1.0, -4.0])).tolist() == [4e-12, 4e-12]
    assert bounds.semantic(np.zeros(2)).tolist() == [0, 0]
    assert bounds.semantic(np.zeros((0, 3))).shape == (0, 3)


def test_prediction_added_to_interpolation_is_within_its_bound() -> None:
    """In float32 the sum of three images and the division of their mean; the worst of 40 uses a tenth of it or more."""
    random = np.random.default_rng(9)
    told = {"indices": [2, 0], "border": 1}
    node = Node("output", "add_interpolation", ("computed", "images"), told)
    worst = 0.0
    for _ in SEEDS:
        values = {"computed": random.normal(size=(1, 1, 6, 6)), "images": random.normal(size=(1, 3, 8, 8))}
        values = {name: value.astype("f4") for name, value in values.items()}
        rounded = reference.OPERATIONS["add_interpolation"](*values.values(), **told)
        assert rounded.dtype == FLOAT32
        error = np.abs(rounded - reference.compute(node, values))
        worst = max(worst, float((error / bounds.rounding(node, values | {"output": rounded}, FLOAT32)).max()))
    assert 0.1 < worst <= 1
