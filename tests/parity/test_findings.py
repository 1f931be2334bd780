"""Two arrays are measured element by element, and whatever is in doubt does not pass."""

from dataclasses import FrozenInstanceError
from itertools import combinations

import numpy as np
import pytest

from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict, measure, require_shape, worst

NAN, INFINITY = float("nan"), float("inf")
VALUES = np.array([[1.0, -2.0, 3.0], [4.0, -5.0, 6.0]])
BOUND = np.full((2, 3), 0.5)


def measured(actual, *, expected=VALUES, bound=BOUND) -> Finding:
    """The finding about one stage."""
    return measure("conv1/pre", Check.FORCED, expected=expected, actual=np.asarray(actual), bound=np.asarray(bound))


def changed(value: float, index: tuple[int, int] = (1, 0)) -> np.ndarray:
    """The values with one of them another."""
    actual = VALUES.copy()
    actual[index] = value
    return actual


def test_equal_arrays_pass() -> None:
    """Nothing of the bound is used; every number counts as compared."""
    finding = measured(VALUES)
    assert (finding.verdict, finding.share, finding.elements) == (Verdict.PASS, 0.0, 6)


def test_error_is_told_as_a_share_of_its_bound() -> None:
    """An error of a quarter where a half is allowed is 0.5 of the bound."""
    finding = measured(changed(4.25))
    assert (finding.verdict, finding.share) == (Verdict.PASS, 0.5)


def test_error_of_just_the_bound_passes() -> None:
    """The bound itself is allowed."""
    assert measured(changed(4.5)).verdict is Verdict.PASS


def test_error_just_over_the_bound_fails() -> None:
    """The next number is not."""
    assert measured(changed(np.nextafter(4.5, 5))).verdict is Verdict.FAIL


def test_one_element_of_a_million_fails_alone() -> None:
    """No mean hides it: one element over its bound fails the stage."""
    expected = np.random.default_rng(0).normal(size=1_000_000)
    actual = expected.copy()
    actual[777_777] += 1e-3
    finding = measured(actual, expected=expected, bound=np.full(expected.shape, 1e-4))
    assert finding.verdict is Verdict.FAIL
    assert "1 of 1000000 over bound" in finding.message


def test_each_element_has_its_own_bound() -> None:
    """An error that the largest bound would allow fails where a smaller one stands."""
    bound = BOUND.copy()
    bound[1, 0] = 0.1
    assert measured(changed(4.25, (1, 0)), bound=bound).verdict is Verdict.FAIL
    assert measured(changed(-4.75, (1, 1)), bound=bound).verdict is Verdict.PASS


def test_same_numbers_in_another_order_fail() -> None:
    """Nothing is sorted before it is compared."""
    assert measured(VALUES[:, ::-1]).verdict is Verdict.FAIL


def test_message_tells_count_worst_index_and_both_values() -> None:
    """Of two elements over their bound the worse is told, with both values and the share."""
    actual = changed(6.0)
    actual[0, 2] = 3.75
    finding = measured(actual)
    assert finding.share == 4
    assert finding.message == (
        "conv1/pre (2, 3) float64: 2 of 6 over bound; worst 4 x bound at (1, 0), legacy 4.0, port 6.0"
    )


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY], ids=str)
@pytest.mark.parametrize(
    ("legacy", "port"), [(True, False), (False, True), (True, True)], ids=["legacy", "port", "both"]
)
def test_not_a_number_fails_on_either_side(value: float, legacy: bool, port: bool) -> None:
    """NaN and infinity never equal anything, themselves included; the message counts them by side."""
    broken = changed(value)
    finding = measured(broken if port else VALUES, expected=broken if legacy else VALUES)
    assert finding.verdict is Verdict.FAIL
    assert f"{int(legacy)} elements of the legacy, {int(port)} of the port" in finding.message


def test_not_a_number_fails_within_an_infinite_bound() -> None:
    """Not even a bound without end allows it."""
    assert measured(changed(NAN), bound=np.full((2, 3), INFINITY)).verdict is Verdict.FAIL


def test_bound_that_is_not_a_number_allows_nothing() -> None:
    """An error is not under NaN."""
    bound = BOUND.copy()
    bound[0, 0] = NAN
    assert measured(changed(1.1, (0, 0)), bound=bound).verdict is Verdict.FAIL


def test_bound_that_is_not_a_number_fails_equal_arrays() -> None:
    """A bound that could not be derived is a doubt, even where no error is seen."""
    bound = BOUND.copy()
    bound[0, 2] = NAN
    finding = measured(changed(4.25), bound=bound)
    assert (finding.verdict, finding.share) == (Verdict.FAIL, INFINITY)
    assert "1 of 6 over bound; worst inf x bound at (0, 2), legacy 3.0, port 3.0" in finding.message


@pytest.mark.parametrize(
    ("actual", "kind"),
    [
        (VALUES.astype("float32"), "(2, 3) float32"),
        (VALUES.astype("int64"), "(2, 3) int64"),
        (VALUES[:1], "(1, 3) float64"),
        (VALUES[None], "(1, 2, 3) float64"),
        (VALUES.ravel(), "(6,) float64"),
        (VALUES.T, "(3, 2) float64"),
        (np.array(1.0), "() float64"),
        (VALUES[:0], "(0, 3) float64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_dtype_or_shape_fails(actual: np.ndarray, kind: str) -> None:
    """Nothing is cast, broadcast or reshaped; the message tells both."""
    finding = measured(actual)
    assert (finding.verdict, finding.share, finding.elements) == (Verdict.FAIL, None, 0)
    assert finding.message == f"conv1/pre: legacy is (2, 3) float64, port is {kind}"


def test_nothing_is_allowed_where_the_bound_is_zero() -> None:
    """With a bound of 0 equal values share 0 of it and any other infinitely much."""
    zero = np.zeros((2, 3))
    assert measured(VALUES, bound=zero).share == 0
    finding = measured(changed(np.nextafter(4, 5)), bound=zero)
    assert (finding.verdict, finding.share) == (Verdict.FAIL, INFINITY)


@pytest.mark.parametrize(
    "expected",
    [np.zeros((0, 3)), np.zeros((2, 3)), np.full((2, 3), 9.0), np.full(2, 9.0), np.array(0.0), VALUES / 100],
    ids=["empty", "all zero", "constant", "two alike", "zero", "below its bound"],
)
def test_what_proves_nothing_is_vacuous(expected: np.ndarray) -> None:
    """Equal arrays that a wrong program would give too do not pass."""
    assert measured(expected, expected=expected, bound=np.full(expected.shape, 0.5)).verdict is Verdict.VACUOUS


def test_constant_that_differs_fails() -> None:
    """FAIL stands over VACUOUS: a constant of another value is no constant alike."""
    expected = np.full((2, 3), 9.0)
    assert measured(expected + 1, expected=expected).verdict is Verdict.FAIL


def test_single_number_is_not_constant() -> None:
    """A loss is one number, and proves something unless it is below its bound."""
    loss = np.array(3.0)
    assert measured(loss, expected=loss, bound=np.array(0.5)).verdict is Verdict.PASS


def test_one_number_above_its_bound_is_enough() -> None:
    """A tensor is vacuous only if it is nowhere larger than what it may err by."""
    expected = VALUES / 100
    expected[0, 0] = 0.6
    assert measured(expected, expected=expected).verdict is Verdict.PASS


@pytest.mark.parametrize(("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("VACUOUS", 2), ("NOT EXERCISED", 2)], ids=str)
def test_exit_code_follows_the_verdict(verdict: str, code: int) -> None:
    """0 pass, 1 fail, 2 what proves nothing."""
    assert Verdict(verdict).exit_code == code


@pytest.mark.parametrize(
    ("better", "worse"),
    [*combinations([Verdict.PASS, Verdict.NOT_EXERCISED, Verdict.VACUOUS, Verdict.FAIL], 2)],
)
def test_worst_verdict_wins(better: Verdict, worse: Verdict) -> None:
    """FAIL over VACUOUS over NOT EXERCISED over PASS, in either order."""
    assert worst([better, worse, better]) is worst([worse, better]) is worse


def test_no_verdict_at_all_is_a_failure() -> None:
    """What was never judged has not passed."""
    assert worst([]) is Verdict.FAIL


def test_id_is_stage_and_check() -> None:
    """Every report names a finding the same way."""
    assert measured(VALUES).id == "conv1/pre:teacher-forced"


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], ids=["rising", "falling"])
def test_numbers_on_one_side_of_the_first_are_not_constant(values: list[float]) -> None:
    """They differ, whichever way."""
    expected = np.array(values)
    assert measured(expected, expected=expected, bound=np.full(3, 0.5)).verdict is Verdict.PASS


def test_equal_arrays_are_told_at_0_of_their_bound() -> None:
    """The first element stands for all."""
    assert measured(VALUES).message == (
        "conv1/pre (2, 3) float64: 0 of 6 over bound; worst 0 x bound at (0, 0), legacy 1.0, port 1.0"
    )


@pytest.mark.parametrize(
    ("check", "sides"),
    [
        (Check.FREE, "legacy 1.0, port 1.0"),
        (Check.REFERENCE, "legacy 1.0, numpy 1.0"),
        (Check.OWN_INPUT, "numpy 1.0, port 1.0"),
        (Check.TRUTH, "numpy 1.0, legacy 1.0"),
    ],
)
def test_numbers_are_told_as_whose_they_are(check: Check, sides: str) -> None:
    """A number of the judge's own is neither side's."""
    found = measure("conv1/pre", check, expected=VALUES, actual=VALUES, bound=BOUND)
    assert found.message.endswith(sides)
    broken = measure("conv1/pre", check, expected=VALUES, actual=changed(NAN), bound=BOUND)
    one, _, other, _ = sides.split()
    the = {"numpy": "numpy", "legacy": "the legacy", "port": "the port"}
    assert broken.message.endswith(f"NaN or infinite in 0 elements of {the[one]}, 1 of {the[other]}")


@pytest.mark.parametrize(
    ("values", "reason"),
    [(np.full(3, 4.0), "it is the same everywhere"), (np.array([0.5, 0, 1]), "it is nowhere larger than its bound")],
    ids=["constant", "small"],
)
def test_what_proves_nothing_says_why(values: np.ndarray, reason: str) -> None:
    """Where it fails it says only by how much."""
    bound = np.ones(3)
    found = measured(values, expected=values, bound=bound)
    assert (found.verdict, found.message.partition("; proves nothing: ")[2]) == (Verdict.VACUOUS, reason)
    assert "proves nothing" not in measured(values + 2, expected=values, bound=bound).message


def test_nothing_has_no_error() -> None:
    """Of no elements the largest share is 0, and the message says that there are none."""
    finding = measured(np.zeros((0, 3)), expected=np.zeros((0, 3)), bound=np.zeros((0, 3)))
    assert (finding.share, finding.elements, finding.message) == (0.0, 0, "conv1/pre: no elements")


def test_sides_cannot_be_told_by_their_places() -> None:
    """Expected and actual are named by whoever compares them, so that they are not exchanged unseen."""
    with pytest.raises(TypeError):
        measure("conv1/pre", Check.FREE, VALUES, VALUES, BOUND)
    with pytest.raises(TypeError):
        require_shape("conv1/pre", VALUES, VALUES)


def test_finding_stays_as_it_was_made() -> None:
    """Nobody changes a verdict afterwards."""
    with pytest.raises(FrozenInstanceError):
        measured(VALUES).verdict = Verdict.PASS


def test_shape_of_the_graph_is_accepted() -> None:
    """Whatever is in it."""
    require_shape("conv1/pre", recorded=VALUES, computed=np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(2, 4), (2, 2), (3, 2), (1, 2, 3), (6,), ()], ids=str)
def test_shape_that_the_graph_does_not_give_is_refused(shape: tuple[int, ...]) -> None:
    """Larger or smaller, or of more axes or fewer: both are told."""
    with pytest.raises(
        ParityError, match=r"conv1/pre: recorded with shape \(2, 3\), its graph gives \(.*\); record it"
    ):
        require_shape("conv1/pre", recorded=VALUES, computed=np.zeros(shape))


def test_what_is_just_as_large_as_its_bound_proves_nothing() -> None:
    """0 would pass in its place."""
    expected = BOUND * [1, -1, 1]
    assert measured(expected, expected=expected).verdict is Verdict.VACUOUS
