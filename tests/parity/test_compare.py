"""A sound pair of traces passes; a pair with one mistake fails, and the stage with the mistake is blamed."""

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
from judged_pair import BACKWARD, COMPUTED, CURVE, FORWARD, GIVEN, STEPS, MakePair, Pair, finding

from parity import reference
from parity.blame import BLAMING
from parity.compare import Comparison
from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict
from parity.graph import Node

ALL = pytest.mark.parametrize("stage", [node.stage for node in (*GIVEN, *FORWARD, *BACKWARD, *STEPS, *CURVE)])
NODE = {node.stage: node for node in (*FORWARD, *BACKWARD)}


def off_by(factor: float, stage: str) -> dict[str, Callable[..., np.ndarray]]:
    """The stage's own operation, with a result that is some factor too large."""
    node = NODE[stage]

    def mistaken(*inputs: np.ndarray) -> np.ndarray:
        return factor * reference.compute(node, dict(zip(node.inputs, inputs, strict=True)))

    return {stage: mistaken}


def blamed(comparison: Comparison) -> str:
    """The stage to blame for a failure."""
    assert comparison.verdict is Verdict.FAIL
    assert comparison.first_bad is not None
    return comparison.first_bad.stage


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("forced", [False, True], ids=["own", "forced"])
def test_sound_pair_passes(make: MakePair, dtype: str, forced: bool) -> None:
    """Nothing fails, nothing is vacuous and every branch is reached."""
    comparison = make(dtype=dtype, forced=forced).judge()
    assert [found.message for found in comparison.findings if found.verdict is not Verdict.PASS] == []
    assert (comparison.verdict, comparison.first_bad) == (Verdict.PASS, None)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("forced", [False, True], ids=["own", "forced"])
@pytest.mark.parametrize("stage", COMPUTED)
def test_mistake_is_blamed_where_it_was_made(make: MakePair, stage: str, dtype: str, forced: bool) -> None:
    """A stage 1 % too large, with all after it computed from it, fails wherever it stands alone; no later one does."""
    comparison = make(dtype=dtype, forced=forced, wrong=off_by(1.01, stage)).judge()
    assert blamed(comparison) == stage
    alone = [found.stage for found in comparison.findings if found.check in BLAMING and found.verdict is Verdict.FAIL]
    assert alone == [stage] * (2 if forced else 1)


def test_mistake_shows_downstream_when_running_free(make: MakePair) -> None:
    """What follows from a wrong stage fails too, as free-running, but is good on good inputs."""
    comparison = make(forced=True, wrong=off_by(1.01, "conv1/pre")).judge()
    for stage in ("conv2/pre", "output", "loss", "grad/conv2/W"):
        assert finding(comparison, stage, Check.FREE).verdict is Verdict.FAIL
        assert finding(comparison, stage, Check.FORCED).verdict is Verdict.PASS


def test_earlier_of_two_mistakes_is_blamed(make: MakePair) -> None:
    """Of two wrong stages the one computed first is told."""
    wrong = off_by(1.01, "conv2/pre") | off_by(1.01, "conv1/out")
    assert blamed(make(forced=True, wrong=wrong).judge()) == "conv1/out"


def test_wrong_original_and_wrong_port_are_both_blamed(make: MakePair) -> None:
    """The original's stage fails by the reference, which nothing before it explains; the port's fails for itself."""
    pair = make(forced=True)
    pair.legacy.arrays["conv1/pre"] *= 1.01
    for entry in ("forced/conv1/pre", "forced/conv2/pre"):
        pair.spoil(entry, lambda values: 1.01 * values)
    comparison = pair.judge()
    assert finding(comparison, "conv1/pre", Check.REFERENCE).verdict is Verdict.FAIL
    assert [found.id for found in comparison.blamed] == ["conv1/pre:reference", "conv2/pre:teacher-forced"]


def test_real_run_that_is_wrong_is_blamed_though_what_was_forced_is_right(make: MakePair) -> None:
    """A forced value says nothing of the value that the port went on with."""
    pair = make(forced=True)
    pair.spoil("conv1/pre", lambda values: 1.01 * values)
    comparison = pair.judge()
    assert finding(comparison, "conv1/pre", Check.FORCED).verdict is Verdict.PASS
    assert blamed(comparison) == "conv1/pre"


def test_wrong_legacy_fails_by_the_reference(pair: Pair) -> None:
    """Two sides that agree on a wrong number are caught by the third opinion."""
    pair.spoil("conv2/pre", lambda values: 1.01 * values, both=True)
    comparison = pair.judge()
    assert finding(comparison, "conv2/pre", Check.REFERENCE).verdict is Verdict.FAIL
    assert finding(comparison, "conv2/pre", Check.FREE).verdict is Verdict.PASS
    assert blamed(comparison) == "conv2/pre"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stage", [node.stage for node in GIVEN])
def test_given_that_differs_is_blamed(make: MakePair, stage: str, dtype: str) -> None:
    """Weights and inputs that a side does not hold as they were given are wrong by the last bit."""
    pair = make(dtype=dtype)
    pair.spoil(stage, lambda values: np.nextafter(values, values.dtype.type(np.inf)))
    assert blamed(pair.judge()) == stage


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stage", [node.stage for node in GIVEN])
def test_given_that_is_not_the_requests_is_blamed(make: MakePair, stage: str, dtype: str) -> None:
    """Two sides that hold the same wrong bit in what was given are told what the request gives."""
    pair = make(dtype=dtype, nodes=tuple(GIVEN))
    pair.spoil(stage, one_becomes(0.123), both=True)
    comparison = pair.judge()
    assert blamed(comparison) == stage
    found = finding(comparison, stage, Check.GIVEN)
    size = pair.given[stage].size
    told = repr(float(pair.given[stage].flat[-1])), repr(float(np.dtype(dtype).type(0.123)))
    assert f"1 of {size} are not the request's; first at (" in found.message
    assert found.message.endswith("request {}, both sides {}".format(*told))


def test_given_of_another_shape_than_the_requests_is_blamed(make: MakePair) -> None:
    """Both shapes are told."""
    pair = make(nodes=tuple(GIVEN))
    pair.spoil("patches/raw", lambda patches: patches[:4], both=True)
    found = finding(pair.judge(), "patches/raw", Check.GIVEN)
    told = "the request gives (5, 3, 8, 7) float64, both sides hold (4, 3, 8, 7) float64"
    assert (found.verdict, found.message) == (Verdict.FAIL, f"patches/raw: {told}")


def test_given_that_the_request_lacks_is_blamed(make: MakePair) -> None:
    """Nothing counts as given that the request does not hold."""
    pair = make(nodes=tuple(GIVEN))
    pair.ask({name: value for name, value in pair.given.items() if name != "targets/raw"})
    assert "the request lacks it" in finding(pair.judge(), "targets/raw", Check.GIVEN).message


@ALL
def test_nan_on_the_port_fails(pair: Pair, stage: str) -> None:
    """One NaN fails its stage, whatever the stage is."""
    pair.spoil(stage, one_becomes(np.nan))
    assert failed(pair.judge(), stage)


@ALL
def test_nan_on_both_sides_fails(pair: Pair, stage: str) -> None:
    """NaN does not equal NaN: two sides that both broke have not agreed."""
    pair.spoil(stage, one_becomes(np.nan), both=True)
    assert failed(pair.judge(), stage)


@ALL
def test_infinity_on_both_sides_fails(pair: Pair, stage: str) -> None:
    """Infinity does not equal infinity either."""
    with np.errstate(invalid="ignore"):  # inf - inf, in what the judge computes from it
        pair.spoil(stage, one_becomes(np.inf), both=True)
        assert failed(pair.judge(), stage)


@ALL
def test_another_dtype_fails(make: MakePair, stage: str) -> None:
    """A stage in float64 among float32 ones is not cast to be compared."""
    pair = make(dtype="float32")
    pair.spoil(stage, lambda values: values.astype("float64"))
    assert failed(pair.judge(), stage)


def one_becomes(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """A function that replaces the last element."""

    def change(values: np.ndarray) -> np.ndarray:
        values.reshape(-1)[-1] = value
        return values

    return change


def failed(comparison: Comparison, stage: str) -> bool:
    """Whether the comparison fails and has a failure of this stage."""
    bad = {found.stage for found in comparison.findings if found.verdict is Verdict.FAIL}
    return comparison.verdict is Verdict.FAIL and stage in bad


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stage", [node.stage for node in STEPS if "weight" in node.stage])
def test_weights_after_steps_are_judged(make: MakePair, stage: str, dtype: str) -> None:
    """Not only the first step: weights 1 % off after any recorded one fail there, and nothing before."""
    pair = make(dtype=dtype)
    pair.spoil(stage, lambda values: 1.01 * values)
    bad = [found.stage for found in pair.judge().findings if found.verdict is Verdict.FAIL]
    step = stage.split("/conv")[0]
    assert bad
    assert set(bad) <= {stage, step}


OWN = [Check.OWN_INPUT]


@pytest.mark.parametrize(("forced", "checks"), [(True, [*OWN, Check.FORCED]), (False, OWN)], ids=["forced", "own"])
def test_each_stage_is_judged_alone(make: MakePair, forced: bool, checks: list[Check]) -> None:
    """Every computed stage on the port's own inputs, and with a teacher on the legacy's as well."""
    alone = [(found.stage, found.check) for found in make(forced=forced).judge().findings if found.check in BLAMING]
    computed = [(stage, check) for stage in COMPUTED for check in checks]
    assert alone == [(node.stage, Check.GIVEN) for node in GIVEN] + computed


def test_stage_that_was_not_forced_is_judged_on_its_own_inputs(make: MakePair) -> None:
    """A teacher-forced entry that is left out leaves no gap."""
    pair = make(forced=True)
    del pair.port.arrays["forced/conv2/pre"]
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    assert finding(pair.judge(), "conv2/pre", Check.OWN_INPUT).verdict is Verdict.FAIL


def test_every_stage_is_compared(pair: Pair) -> None:
    """Each entry of the trace has a finding, with as many numbers as it has."""
    elements = {found.stage: found.elements for found in pair.judge().findings if found.elements}
    sizes = {stage: array.size for stage, array in pair.legacy.arrays.items()}
    assert {stage: elements.get(stage) for stage in sizes} == sizes


def test_findings_are_in_the_order_computed(pair: Pair) -> None:
    """The report reads as the program ran."""
    seen = [stage for stage, _ in itertools.groupby(found.stage for found in pair.judge().findings)]
    assert seen[: len(pair.legacy.arrays)] == list(pair.legacy.arrays)


def test_what_was_compared_is_counted(make: MakePair) -> None:
    """A given entry is one tensor of one check."""
    comparison = make(nodes=tuple(GIVEN)).judge()
    assert comparison.tensors == 6
    assert comparison.elements == 36 + 3 + 18 + 1 + 5 * 3 * 8 * 7 + 5 * 5 * 4


def test_largest_share_is_found_among_the_checks_asked_for(make: MakePair) -> None:
    """The finding nearest to, or farthest over, its bound."""
    comparison = make(forced=True, wrong=off_by(1.01, "conv2/pre")).judge()
    largest = comparison.largest(Check.FORCED)
    assert largest is not None
    assert largest.id == "conv2/pre:teacher-forced"
    shares = [found.share for found in comparison.findings if found.check is Check.FORCED]
    assert largest.share == max(shares)


def test_largest_share_is_not_one_of_nothing(make: MakePair) -> None:
    """A finding without any error is nearer to no bound than one with some, whichever stands first."""
    found = [Finding("output", Check.FREE, Verdict.PASS, "", share, 1) for share in (0.0, 0.5, 0.0)]
    legacy = make().judge().legacy
    assert Comparison(legacy, legacy, tuple(found), {}).largest(Check.FREE) is found[1]


def test_only_failures_are_blamed(make: MakePair) -> None:
    """What passes or proves nothing is to blame for nothing, before a failure or without one."""
    legacy = make().judge().legacy
    verdicts = {"batch/raw": Verdict.PASS, "conv1/pre": Verdict.VACUOUS, "output": Verdict.FAIL}
    found = [Finding(stage, Check.FREE, verdict, "", 1.0, 1) for stage, verdict in verdicts.items()]
    assert Comparison(legacy, legacy, tuple(found), {}).blamed == (found[2],)
    assert Comparison(legacy, legacy, tuple(found[:2]), {}).blamed == ()


def test_comparison_keeps_no_arrays(pair: Pair) -> None:
    """Manifests and hashes stay for the report; the numbers are let go."""
    comparison = pair.judge()
    assert (comparison.legacy.arrays, comparison.port.arrays) == ({}, {})
    assert comparison.legacy.manifest["side"] == "legacy"


def test_zeros_are_vacuous(make: MakePair) -> None:
    """Weights that are all zero on both sides equal each other, and prove nothing: exit code 2."""
    pair = make(nodes=tuple(GIVEN))
    pair.give("weight/conv1/W", lambda weights: 0 * weights)
    comparison = pair.judge()
    assert (comparison.verdict, comparison.verdict.exit_code) == (Verdict.VACUOUS, 2)
    assert comparison.first_bad is None


def test_what_overflows_is_a_verdict(make: MakePair) -> None:
    """Infinite weights on both sides fail; a warning would be an error here."""
    pair = make()
    pair.spoil("weight/conv1/W", lambda weights: weights + np.inf, both=True)
    assert pair.judge().verdict is Verdict.FAIL


def test_what_is_given_alone_proves_nothing(make: MakePair) -> None:
    """Weights and patches that are equal on both sides, of which nothing is computed: exit code 2."""
    comparison = make(nodes=tuple(GIVEN)).judge()
    assert comparison.verdict is Verdict.VACUOUS
    assert comparison.findings[-1].message.startswith("trace: only what is given was compared")


def test_branch_that_was_not_reached_does_not_pass(make: MakePair) -> None:
    """Four patches in batches of two leave no incomplete one: exit code 2."""
    pair = make()
    pair.give("patches/raw", lambda patches: patches[:4])
    pair.give("targets/raw", lambda targets: targets[:4])
    comparison = pair.judge()
    assert (comparison.verdict, comparison.verdict.exit_code) == (Verdict.NOT_EXERCISED, 2)
    assert finding(comparison, "loss/curve", Check.COVERAGE).message.endswith("; never incomplete last batch")


def test_operation_that_the_judge_does_not_know_is_refused(make: MakePair) -> None:
    """A stage that cannot be computed is not left out: the error names it."""
    pair = make()
    for node in pair.legacy.manifest["graph"]:
        if node["stage"] == "conv1/out":
            node["operation"] = "softplus"
    with pytest.raises(ParityError, match="conv1/out: unknown operation 'softplus'"):
        pair.judge()


def test_operation_that_the_judge_does_not_know_is_refused_without_steps(make: MakePair) -> None:
    """The same holds for a trace that has no training."""
    pair = make(nodes=(*GIVEN[4:], NODE["batch/raw"]))
    for side in (pair.legacy, pair.port):
        side.manifest["graph"] = [*side.manifest["graph"], Node("out", "softplus", ("batch/raw",)).as_json()]
        side.arrays["out"] = side.arrays["batch/raw"]
    with pytest.raises(ParityError, match="out: unknown operation 'softplus'"):
        pair.judge()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stage", ["conv1/pre", "loss", "grad/conv1/b", "step/0004/weight/conv1/W", "loss/curve"])
def test_entries_that_do_not_follow_their_graph_are_refused(make: MakePair, stage: str, dtype: str) -> None:
    """Two sides that agree on a shape which the graph does not give are not judged; both shapes are told."""
    pair = make(dtype=dtype)
    pair.spoil(stage, lambda values: np.stack([values, values]), both=True)
    shape = pair.legacy.arrays[stage].shape
    with pytest.raises(ParityError, match=rf"^{stage}: recorded with shape {re.escape(str(shape))}, its graph gives "):
        pair.judge()


@pytest.mark.parametrize(
    ("stage", "change", "told"),
    [
        ("batch/normalised", {"attributes": {}}, "divide cannot be computed from batch/raw"),
        ("batch/normalised", {"attributes": {"factor": 2}}, "divide cannot be computed from batch/raw"),
        ("batch/selected", {"attributes": {"axis": 1, "indices": [9]}}, "select cannot be computed"),
        ("conv1/out", {"inputs": []}, "rectify cannot be computed from nothing"),
        ("conv1/pre", {"inputs": ["batch/selected"]}, "convolution_valid cannot be computed from batch/selected"),
        ("conv2/pre", {"inputs": ["batch/raw", "weight/conv1/W", "weight/conv1/b"]}, "convolution_valid cannot be"),
    ],
    ids=["no attribute", "unknown attribute", "index", "no input", "too few inputs", "channels"],
)
def test_graph_that_cannot_be_computed_is_refused(pair: Pair, stage: str, change: dict, told: str) -> None:
    """Both sides telling the same impossible graph is one error that names the stage, with what it was given."""
    for node in pair.legacy.manifest["graph"]:
        if node["stage"] == stage:
            node |= change
    with pytest.raises(ParityError, match=f"^{stage}: {told}"):
        pair.judge()
