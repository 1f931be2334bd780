"""Scores of a prediction: what their sums may err by, and what errors of the data path's stages become."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from parity import bounds
from parity.graph import Node
from parity.propagation import propagated
from parity.reference import OPERATIONS, attributes, compute

Values = dict[str, np.ndarray]
F4 = np.float32
SINGLE = {"dtype": "float32"}
ORDERS = 50
U = 2.0**-24


def summed(terms: np.ndarray, order: np.ndarray) -> np.float32:
    """Term after term, each sum rounded to float32."""
    return np.cumsum(terms[order], dtype=F4)[-1]


def root_mean_square(prediction: np.ndarray, target: np.ndarray, order: np.ndarray) -> np.float32:
    """A float32 program."""
    return np.sqrt(summed((prediction - target) ** 2, order) / F4(prediction.size))


def pearson(prediction: np.ndarray, target: np.ndarray, order: np.ndarray) -> np.float32:
    """A float32 program that subtracts the means first."""
    x, y = (values - summed(values, order) / F4(values.size) for values in (prediction, target))
    return summed(x * y, order) / np.sqrt(summed(x * x, order) * summed(y * y, order))


def decibels(prediction: np.ndarray, target: np.ndarray, order: np.ndarray) -> np.float32:
    """A float32 program that divides the powers."""
    power = F4(PEAK) * F4(PEAK)
    return F4(10) * np.log10(power / (summed((prediction - target) ** 2, order) / F4(prediction.size)))


def decibels_apart(prediction: np.ndarray, target: np.ndarray, order: np.ndarray) -> np.float32:
    """A float32 program that subtracts logarithms, natural ones, which cancel."""
    error = root_mean_square(prediction, target, order)
    return F4(20) * (np.log(F4(PEAK)) / np.log(F4(10)) - np.log(error) / np.log(F4(10)))


PEAK = 1.5
PROGRAMS = {
    "root mean square": ("root_mean_square_error", root_mean_square, {}),
    "correlation": ("correlation", pearson, {}),
    "decibels": ("peak_signal_to_noise_ratio", decibels, {"peak": PEAK}),
    "decibels apart": ("peak_signal_to_noise_ratio", decibels_apart, {"peak": PEAK}),
}
SAMPLES = {"wide": (0.0, 1.0), "about 1": (1.0, 0.1), "nearly constant": (1.0, 1e-3)}


def worst_share(program: str, sample: str, terms: int) -> float:
    """The largest error of that program over many orders, in units of its bound."""
    random = np.random.default_rng(terms)
    centre, spread = SAMPLES[sample]
    values = {name: random.normal(centre, spread, terms).astype(F4) for name in "pt"}
    operation, computed, told = PROGRAMS[program]
    node = Node("metrics/score", operation, ("p", "t"), SINGLE | told)
    truth, allowed = compute(node, values), bounds.rounding(node, values, np.dtype("f8"))
    orders = [random.permutation(terms) for _ in range(ORDERS)]
    return max(float(abs(computed(*values.values(), order) - truth) / allowed) for order in orders)


@pytest.mark.parametrize("terms", [2, 3, 50, 2000])
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_score_in_float32_is_within_its_bound(program: str, sample: str, terms: int) -> None:
    """In any order, of numbers that differ much or hardly; the node's own dtype counts, not the trace's."""
    assert worst_share(program, sample, terms) <= 1


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_bound_of_a_score_is_not_loose(program: str, sample: str) -> None:
    """The worst of short lists uses more than a two-hundredth of it."""
    assert max(worst_share(program, sample, terms) for terms in (2, 3, 50)) > 0.005


def test_decibels_err_by_a_number_however_few_they_are() -> None:
    """Where the error is the peak there are 0 dB, and no part of them could be allowed."""
    told = {"dtype": "float64", "peak": PEAK}
    node = Node("metrics/psnr", "peak_signal_to_noise_ratio", ("p", "t"), told)
    values = {"p": np.full(100, PEAK), "t": np.zeros(100)}
    assert compute(node, values) == 0
    assert 1e-14 < float(bounds.rounding(node, values, np.dtype("f4"))) < 1e-13


def test_correlation_of_what_hardly_differs_is_allowed_more() -> None:
    """The error of a mean counts in the square, against the square of the spread."""
    node, random = Node("metrics/cc", "correlation", ("p", "t"), {"dtype": "float64"}), np.random.default_rng(0)
    wide, flat = (
        {name: 1 + spread * random.normal(size=500) for name in "pt"} for spread in (1e-2, 1e-14)
    )  # fmt: skip
    allowed = [float(bounds.rounding(node, values, np.dtype("f4"))) for values in (wide, flat)]
    assert allowed[0] < 1e-12
    assert allowed[1] > 1e-4


def test_score_without_a_dtype_of_its_own_has_the_traces() -> None:
    """In a float32 trace a correlation is allowed what one that tells float32 is, not float64's second order."""
    random = np.random.default_rng(2)
    values = {name: random.normal(1, 1e-4, 2000).astype(F4) for name in "pt"}
    told, untold = (Node("metrics/cc", "correlation", ("p", "t"), of) for of in (SINGLE, {}))
    allowed = bounds.rounding(untold, values, np.dtype("f4"))
    assert allowed == bounds.rounding(told, values, np.dtype("f8"))
    orders = [random.permutation(2000) for _ in range(ORDERS)]
    assert max(abs(pearson(*values.values(), order) - compute(told, values)) for order in orders) <= allowed


@pytest.mark.parametrize("terms", [40, 4000, 40_000])
def test_sum_of_equal_terms_in_float32_is_within_its_bound(terms: int) -> None:
    """Their roundings point one way, so that the square root of n would not hold."""
    delta = np.full((1, 1, 1, terms), 1 / terms, F4)
    truth = math.fsum(delta.ravel().astype("f8"))
    error = abs(np.cumsum(delta.ravel(), dtype=F4)[-1] - truth)
    allowed = bounds.rounding(Node("g", "bias_gradient", ("d",)), {"d": delta, "g": np.zeros(1)}, np.dtype("f4"))
    assert error <= allowed[0]
    if terms == 40_000:
        assert error > 6 * math.sqrt(terms) * 2.0**-24 * truth


@pytest.mark.parametrize(
    ("terms", "factor"),
    [
        (np.arange(1.0, 101), 60.0),
        (np.r_[np.arange(1.0, 65), np.zeros(36)], 60.0),
        (np.full(100, -3.0), 100.0),
        (np.r_[np.full(10, 1.0), np.full(10, -1.0), np.arange(2.0, 882)], 6 * math.sqrt(400 + 880)),
    ],
    ids=["all different", "zeros", "all alike", "some alike"],
)
def test_terms_of_one_magnitude_count_together(terms: np.ndarray, factor: float) -> None:
    """6 sqrt(n) for terms that differ, n for terms that do not; zeros are added without rounding."""
    assert bounds.repeated_sum_factor(terms) == factor


LINEAR: dict[str, tuple[Values, Mapping[str, object], int]] = {
    "correlation_valid": ({"x": np.ones((2, 2, 4, 4)), "W": np.ones((2, 2, 3, 3)), "b": np.ones(2)}, {}, 3),
    "correlation_valid_gradient_weights": ({"x": np.ones((2, 1, 4, 4)), "d": np.ones((2, 2, 3, 3))}, {}, 2),
    "correlation_valid_gradient_input": ({"W": np.ones((2, 1, 3, 3)), "d": np.ones((2, 2, 3, 3))}, {}, 2),
    "divide_channels": ({"x": np.ones((1, 3, 2, 2))}, {"axis": 1, "divisors": [1, 8, 1000]}, 1),
    "add_interpolation": (
        {"c": np.ones((1, 1, 2, 2)), "x": np.ones((1, 3, 4, 4))},
        {"indices": [2, 0], "border": 1},
        2,
    ),
    "masked": ({"x": np.ones((1, 1, 2, 3)), "m": np.array([[1, 0, 1], [1, 1, 0]], "u1")}, {}, 1),
    "cut": (
        {"r": np.ones((5, 5)), "q": np.ones((5, 5)), "corners": np.array([[0, 1], [1, 1]])},
        {"side": 3, "margin": 1},
        2,
    ),
    "crop": ({"r": np.ones((5, 5)), "q": np.ones((5, 5))}, {"region": [1, 3, 0, 4]}, 2),
    "to_image": ({"x": np.ones((1, 1, 2, 3))}, {"dtype": "float64"}, 1),
    "rows_transformed": ({"x": np.ones((3, 1, 2, 2))}, {"start": 0, "stop": 2, "symmetries": [5, 3]}, 1),
    "root_mean_square_error": ({"p": np.ones(7), "t": np.ones(7)}, {"dtype": "float64"}, 2),
    "peak_signal_to_noise_ratio": ({"p": np.ones(7), "t": np.ones(7)}, {"dtype": "float64", "peak": PEAK}, 2),
    "correlation": ({"p": np.ones(7), "t": np.ones(7)}, {"dtype": "float64"}, 2),
    "mean_absolute_error": ({"p": np.ones(7), "t": np.ones(7)}, {"dtype": "float64"}, 2),
    "dense": ({"x": np.ones((2, 3)), "W": np.ones((3, 4)), "b": np.ones(4)}, {}, 3),
    "dense_gradient_weights": ({"x": np.ones((4, 3)), "d": np.ones((4, 2))}, {}, 2),
    "dense_gradient_input": ({"W": np.ones((3, 4)), "d": np.ones((2, 4))}, {}, 2),
    "convolution_valid_gradient_weights": ({"x": np.ones((2, 1, 4, 4)), "d": np.ones((2, 2, 3, 3))}, {}, 2),
    "tanh": ({"x": np.ones(7)}, {}, 1),
    "tanh_gradient": ({"a": np.ones(7), "d": np.ones(7)}, {}, 2),
    "sigmoid": ({"x": np.ones(7)}, {}, 1),
    "sigmoid_gradient": ({"a": np.ones(7), "d": np.ones(7)}, {}, 2),
    "softmax": ({"x": np.ones((3, 4))}, {}, 1),
    "softmax_cross_entropy_gradient": ({"p": np.ones((3, 4)), "y": np.array([0, 3, 1])}, {}, 1),
    "mean_pool": ({"x": np.ones((1, 2, 5, 4))}, {"size": [2, 3], "stride": [1, 2], "ignore_border": False}, 1),
    "mean_pool_gradient": (
        {"x": np.ones((1, 2, 5, 4)), "d": np.ones((1, 2, 4, 1))},
        {"size": [2, 3], "stride": [1, 2]},
        2,
    ),
}
STEP = 1e-6


@pytest.mark.parametrize("operation", LINEAR)
def test_errors_become_what_each_of_them_changes_added_in_squares(operation: str) -> None:
    """The root of the summed squares of what the stage moves by when one input moves by its error, one at a time."""
    shapes, told, movable = LINEAR[operation]
    random = np.random.default_rng(5)
    values = {name: random.normal(size=v.shape) if v.dtype.kind == "f" else v for name, v in shapes.items()}
    errors = {name: np.zeros(value.shape) for name, value in values.items()}
    for name in list(values)[:movable]:
        errors[name] = STEP * random.uniform(1, 2, values[name].shape)
    node = Node("stage", operation, tuple(values), told)

    def stage(inputs: Values) -> np.ndarray:
        return OPERATIONS[operation](*inputs.values(), **attributes(node))

    squares = np.zeros(stage(values).shape)
    for name in list(values)[:movable]:
        for index in np.ndindex(values[name].shape):
            moved = values[name].copy()
            moved[index] += errors[name][index]
            squares += (stage(values | {name: moved}) - stage(values)) ** 2
    sides = values | {"stage": stage(values)}
    actual = propagated(node, sides, sides, errors)
    assert np.abs(actual - np.sqrt(squares)).max() <= 1e-5 * np.sqrt(squares).max()


def test_root_of_nothing_is_as_far_off_as_its_errors() -> None:
    """Where the prediction is the target there is no derivative: the root mean square of the errors is told."""
    values = {"p": np.ones(2), "t": np.ones(2), "stage": np.array(0.0)}
    errors = {"p": np.array([3.0, 4.0]), "t": np.zeros(2)}
    actual = propagated(Node("stage", "root_mean_square_error", ("p", "t")), values, values, errors)
    assert actual == math.sqrt(12.5)


def test_root_no_larger_than_its_errors_is_as_far_off_as_they_are() -> None:
    """Where the errors are exactly as large the derivative, half of their mean square, would be too little."""
    values = {"p": np.array([2.0, 0.0]), "t": np.ones(2), "stage": np.array(1.0)}
    errors = {"p": np.ones(2), "t": np.zeros(2)}
    assert propagated(Node("stage", "root_mean_square_error", ("p", "t")), values, values, errors) == 1


def test_root_errs_where_the_prediction_is_its_target_too() -> None:
    """Of 4 and 0 the second errs by 3: the root of 16 / 2 becomes that of 25 / 2, by no first derivative."""
    values = {"p": np.array([5.0, 1.0]), "t": np.ones(2), "stage": np.array(math.sqrt(8))}
    errors = {"p": np.array([0.0, 3.0]), "t": np.zeros(2)}
    allowed = propagated(Node("stage", "root_mean_square_error", ("p", "t")), values, values, errors)
    assert allowed == pytest.approx(4.5 / (2 * math.sqrt(8)))
    assert allowed > math.sqrt(12.5) - math.sqrt(8)


@pytest.mark.parametrize("erring", ["p", "t"])
@pytest.mark.parametrize("error", [0.5, 0.75])
def test_decibels_of_an_error_that_may_be_none_may_be_any(error: float, erring: str) -> None:
    """No number is told where the prediction, 0.5 from the target, may be the target, whichever of them errs."""
    values = {"p": np.array([1.5, 0.5]), "t": np.ones(2), "stage": np.array(9.5)}
    errors = {"p": np.zeros(2), "t": np.zeros(2), erring: np.full(2, error)}
    node = Node("stage", "peak_signal_to_noise_ratio", ("p", "t"), {"peak": PEAK})
    assert propagated(node, values, values, errors) == np.inf


@pytest.mark.parametrize("error", [0.0, 1e-15])
def test_rounded_pixel_is_allowed_one_place_where_it_may_differ(error: float) -> None:
    """A float64 value on the edge between two float32 may fall on either; without an error it may not."""
    node = Node("stage", "to_image", ("x",), {"dtype": "float32"})
    sides = {"x": np.array([[[[1.5, 3.0, -0.75]]]]), "stage": np.array([[1.5, 3.0, -0.75]], F4)}
    actual = propagated(node, sides, sides, {"x": np.full((1, 1, 1, 3), error)})
    places = np.array([[2.0**-23, 2.0**-22, 2.0**-24]]) if error else 0.0
    assert np.abs(actual - places - error).max() < 1e-20


def test_rounded_pixel_is_allowed_a_place_of_the_largest_that_it_may_be() -> None:
    """0.75 and 0 with errors that reach over 1 and to 0.25; 3 without an error is allowed none, whatever the others."""
    node = Node("stage", "to_image", ("x",), {"dtype": "float32"})
    sides = {"x": np.array([[[[0.75, 0.0, 3.0]]]]), "stage": np.array([[0.75, 0.0, 3.0]], F4)}
    actual = propagated(node, sides, sides, {"x": np.array([[[[0.5, 0.25, 0.0]]]])})
    assert actual.tolist() == [[0.5 + 2.0**-23, 0.25 + 2.0**-25, 0]]


def test_pixels_without_a_prediction_are_allowed_nothing() -> None:
    """Those of a scene outside of the region that was predicted, which hold NaN."""
    node = Node("stage", "to_image", ("x",), {"dtype": "float32", "within": [0, 1, 1, 2], "shape": [1, 3]})
    sides = {"x": np.ones((1, 1, 1, 1)), "stage": np.array([[np.nan, 1.0, np.nan]], F4)}
    assert propagated(node, sides, sides, {"x": np.full((1, 1, 1, 1), 0.25)}).tolist() == [[0, 0.25 + 2.0**-23, 0]]


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int32"])
def test_whole_pixel_is_allowed_the_next_whole_number(dtype: str) -> None:
    """Where the prediction may differ at all, however many bits there are."""
    node = Node("stage", "to_image", ("x",), {"dtype": dtype})
    sides = {"x": np.array([[[[3.0, 4.0]]]], F4), "stage": np.array([[3, 4]], dtype)}
    assert propagated(node, sides, sides, {"x": np.array([[[[0.25, 0.0]]]])}).tolist() == [[1.25, 0]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixel_of_a_float32_prediction_is_not_rounded_again(dtype: str) -> None:
    """In a file of as many bits, or of more, only what the prediction itself errs by."""
    node = Node("stage", "to_image", ("x",), {"dtype": dtype})
    sides = {"x": np.ones((1, 1, 1, 1), F4), "stage": np.ones((1, 1), dtype)}
    assert propagated(node, sides, sides, {"x": np.full((1, 1, 1, 1), 0.25)}) == 0.25


APART = (np.array([1.0, -2.0, 4.0]), np.array([3.0, -1.0, 0.0]))
"""A mean absolute error of 7 / 3, and a mean square of 7."""
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
MEANS = (5 * U * 1e4 / 2, 5 * U * 2e4 / 2)
"""What the means of 10000 and 20000 err by, as sums of five, over a spread of 2."""
WRITTEN_OUT: dict[str, tuple[str, tuple[np.ndarray, ...], Mapping[str, object], object]] = {
    "convolution": (
        "convolution_valid", (np.full((1, 2, 2, 2), 2.0), np.full((3, 2, 2, 2), -3.0), np.full(3, -5.0)), {},
        np.full((1, 3, 1, 1), 9 * (8 * 6 + 5)),
    ),
    "gradient of filters": (
        "convolution_valid_gradient_weights", (np.full((2, 1, 2, 2), 2.0), np.full((2, 1, 2, 2), -3.0)), {},
        [[[[8 * 8 * 6]]]],
    ),
    "gradient by filters": (
        "correlation_valid_gradient_input", (np.full((2, 1, 1, 2), 2.0), np.full((1, 2, 1, 1), -3.0)), {},
        [[[[4 * 2 * 6, 4 * 2 * 6]]]],
    ),
    "gradient of biases": ("bias_gradient", (np.array([[[[1.0, -2.0]], [[3.0, 5.0]]]]),), {}, [2 * 3, 2 * 8]),
    "interpolation": (
        "add_interpolation", (np.full((1, 1, 1, 1), -2.0), np.full((1, 3, 3, 3), -4.0)),
        {"indices": [2, 0, 1], "border": 1}, [[[[5 * (2 + 4)]]]],
    ),
    "mean of magnitudes": ("mean_absolute_error", APART, {}, 5 * 7 / 3),
    "its gradient": ("mean_absolute_error_gradient", APART, {}, np.full(3, 2 / 3)),
    "root": ("root_mean_square_error", APART, {}, ((3 + 4) / 2 + 1) * math.sqrt(7)),
    "decibels": (
        "peak_signal_to_noise_ratio", APART, {"peak": 0.1},
        20 / math.log(10) * ((3 + 4) / 2 + 2) + 6 * 20 * (1 + math.log10(7) / 2),
    ),
    "correlation": (
        "correlation", (1e4 + SIGNS, 2e4 + SIGNS), {},
        7 + (7 + 4 * MEANS[0] ** 2 / U + 7 + 4 * MEANS[1] ** 2 / U) / 2 + 4 * MEANS[0] * MEANS[1] / U + 4,
    ),
    # of spreads 2 and 10; the products are 1, 1, 7 and 7
    "correlation of unlike": (
        "correlation", (1e4 + SIGNS, 2e4 + SIGNS * [1, 1, 7, 7]), {},
        7 * 16 / 20 + (7 + 4 * MEANS[0] ** 2 / U + 7 + 4 * (MEANS[1] / 5) ** 2 / U) / 2
        + 4 * MEANS[0] * (MEANS[1] / 5) / U + 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "values", "told", "expected"), WRITTEN_OUT.values(), ids=WRITTEN_OUT)
def test_bound_is_that_of_the_sums_written_out(
    operation: str, values: tuple[np.ndarray, ...], told: Mapping[str, object], expected: object
) -> None:
    """So many round-offs of so large terms, no more and no less."""
    names = tuple("abc"[: len(values)])
    node = Node("stage", operation, names, SINGLE | told)
    inputs = dict(zip(names, values, strict=True))
    found = bounds.rounding(node, inputs | {"stage": compute(node, inputs)}, np.dtype("f8"))
    assert found == pytest.approx(U * np.array(expected), rel=1e-12)


def test_errors_on_the_way_and_at_the_stage_add_in_squares() -> None:
    """What the inputs differ by, and what computing the stage errs by: 3 and 4 are 5."""
    values = {"x": np.ones(2), "stage": np.ones(2)}
    node = Node("stage", "identity", ("x",))
    found = bounds.free_running(node, values, values, {"x": np.array([3.0, 0.0])}, np.array([4.0, 4.0]))
    assert found.tolist() == [5, 4]
