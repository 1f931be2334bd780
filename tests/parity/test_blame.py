"""Blame: each independent mistake is one stage to blame, and what follows from it is none."""

import numpy as np
import pytest
from judged_pair import BACKWARD, COMPUTED, CURVE, FORWARD, GIVEN, NODES, STEPS, MakePair
from test_compare import off_by

from parity.blame import blame, told_by
from parity.compare import Comparison
from parity.findings import Check, Finding, Verdict
from parity.graph import Graph, Node

GRAPH = Graph(NODES)


def fails(*ids: str, check: Check = Check.FREE, elements: int = 1) -> list[Finding]:
    """A failure of each stage in one check."""
    return [Finding(stage, check, Verdict.FAIL, "", 2.0, elements) for stage in ids]


def blamed(*findings: Finding) -> list[str]:
    """The stages to blame in the graph of the pair."""
    return [finding.stage for finding in blame(findings, GRAPH)]


def stages(comparison: Comparison) -> list[str]:
    """The stages that a comparison blames."""
    return [finding.stage for finding in comparison.blamed]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("forced", [False, True], ids=["own", "forced"])
def test_mistakes_in_two_branches_are_both_blamed(make: MakePair, forced: bool, dtype: str) -> None:
    """The targets' branch and the batch's are wrong, each for itself; where they meet nothing is blamed."""
    wrong = off_by(1.01, "target/normalised") | off_by(1.01, "conv1/out")
    comparison = make(dtype=dtype, forced=forced, wrong=wrong).judge()
    assert stages(comparison) == ["target/normalised", "conv1/out"]
    assert comparison.first_bad == comparison.blamed[0]


def test_mistakes_on_one_branch_are_both_blamed(make: MakePair) -> None:
    """The later one is wrong on its own inputs too, which are wrong."""
    wrong = off_by(1.01, "conv1/pre") | off_by(1.01, "conv2/pre") | off_by(1.01, "grad/input")
    assert stages(make(wrong=wrong).judge()) == ["conv1/pre", "conv2/pre", "grad/input"]


def test_mistake_in_a_shared_ancestor_is_blamed_alone(make: MakePair) -> None:
    """The batch, which the forward pass and the gradients share, explains the failures of all of them."""
    comparison = make(forced=True, wrong=off_by(1.01, "batch/normalised")).judge()
    failed = {finding.stage for finding in comparison.findings if finding.verdict is Verdict.FAIL}
    assert {"batch/selected", "conv1/pre", "loss", "grad/conv1/W"} < failed
    assert stages(comparison) == ["batch/normalised"]


def test_nan_is_blamed_where_it_arose(make: MakePair) -> None:
    """All that is computed from NaN is NaN, on its own inputs too."""
    pair = make()
    for stage in ("conv1/out", "conv2/pre", "output", "loss"):
        pair.spoil(stage, lambda values: values * np.nan)
    assert stages(pair.judge()) == ["conv1/out"]


def test_entry_of_another_shape_is_blamed_without_what_follows(make: MakePair) -> None:
    """A layer that pads gives larger arrays from there on; the stage that grew is the one to blame."""
    pair = make()
    for stage in ("conv1/pre", "conv1/out", "conv2/pre"):
        pair.spoil(stage, lambda values: np.pad(values, 1))
    assert stages(pair.judge()) == ["conv1/pre"]


def test_doubts_about_the_traces_come_first() -> None:
    """What no stage has computed is followed by no stage."""
    doubts = fails("request_sha256", "process", check=Check.INTEGRITY, elements=0)
    assert blamed(*fails("conv1/pre"), *doubts) == ["request_sha256", "process", "conv1/pre"]


@pytest.mark.parametrize("stage", COMPUTED)
def test_free_running_failure_is_blamed_where_nothing_before_it_fails(stage: str) -> None:
    """One stage fails, as free-running only."""
    assert blamed(*fails(stage)) == [stage]


def test_failure_explained_over_a_stage_that_passes_is_not_blamed() -> None:
    """A bound may hide at one stage what shows again at the next."""
    assert blamed(*fails("conv1/pre", "conv2/pre")) == ["conv1/pre"]


def test_steps_follow_the_gradients_they_are_made_of() -> None:
    """A gradient of a weight explains the steps; that of the input, which no step uses, does not."""
    steps = [node.stage for node in (*STEPS, *CURVE)]
    assert blamed(*fails("grad/conv1/W", *steps)) == ["grad/conv1/W"]
    assert blamed(*fails("grad/input", *steps, check=Check.FREE)) == ["grad/input", steps[0]]


def test_steps_follow_earlier_steps() -> None:
    """An optimiser's mistake shows in every later step, and is one mistake."""
    assert blamed(*fails("step/0004/weight/conv1/W", "step/0001/weight/conv1/W", check=Check.TRAJECTORY)) == [
        "step/0001/weight/conv1/W"
    ]


def test_group_of_stages_is_blamed_by_its_name() -> None:
    """In float32 the velocities of a step are judged together, under a name that no stage has."""
    assert blamed(*fails("step/0004/velocity", "loss/curve", check=Check.TRUTH)) == ["step/0004/velocity"]
    assert blamed(*fails("grad/conv2/b"), *fails("step/0004/velocity", check=Check.TRUTH)) == ["grad/conv2/b"]


def test_each_stage_is_blamed_by_the_check_in_which_it_stands_alone() -> None:
    """Of a stage's failures one is told."""
    findings = [*fails("conv1/pre"), *fails("conv1/pre", check=Check.OWN_INPUT)]
    assert [finding.check for finding in blame(findings, GRAPH)] == [Check.OWN_INPUT]


def test_forced_entry_is_blamed_as_its_stage() -> None:
    """A doubt about a forced entry is one about its stage."""
    assert blamed(*fails("forced/conv1/pre", "conv2/pre", check=Check.INTEGRITY, elements=0)) == ["forced/conv1/pre"]


def test_what_a_stage_tells_is_the_same_after_fewer_steps() -> None:
    """Of the steps' stages what they tell, of any other the stage."""
    found = fails("step/0004/weight/conv1/W", "step/0001/weight/conv1/W", "loss/curve", "conv1/pre")
    assert [told_by(finding, GRAPH) for finding in found] == ["weight/conv1/W", "weight/conv1/W", "loss", "conv1/pre"]


def test_a_doubt_is_about_its_stage_or_the_traces() -> None:
    """A forced entry is its stage's; a field of the manifest is no stage's."""
    found = fails("forced/conv1/pre", "request_sha256", check=Check.INTEGRITY, elements=0)
    assert [told_by(finding, GRAPH) for finding in found] == ["conv1/pre", "request_sha256"]


def test_graph_of_the_pair_is_whole() -> None:
    """Every part of a program stands in the graph that these tests blame by."""
    assert GRAPH.stages == [node.stage for node in (*GIVEN, *FORWARD, *BACKWARD, *STEPS, *CURVE)]


def test_another_order_of_batches_is_blamed_for_another_training() -> None:
    """The manifest's training and graph count the steps of the order; alone they are doubts of their own."""
    ordered = Graph((*NODES, Node("split/order", "batch_order", (), {"batch_size": 3, "epochs": 1})))
    told = fails("training", "graph", check=Check.INTEGRITY, elements=0)
    order = fails("split/order", check=Check.INTEGRITY, elements=0)
    assert [finding.stage for finding in blame([*told, *order], ordered)] == ["split/order"]
    assert [finding.stage for finding in blame(told, ordered)] == ["training", "graph"]


def test_what_does_not_fail_is_not_blamed() -> None:
    """Neither what passes nor what proves nothing."""
    sound = [Finding("conv1/pre", Check.FORCED, verdict, "", 0.5, 6) for verdict in Verdict if verdict != "FAIL"]
    assert blamed(*sound) == []
    assert blamed(*sound, *fails("conv2/pre")) == ["conv2/pre"]
