"""The ledger's proofs: a sound entry passes in every part, and each part can fail."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judged_pair import NODES, TRAINING, MakePair, Pair, given_entries, run

from parity.findings import Check, Finding, Verdict
from parity.graph import Node
from parity.ledger import Deviation
from parity.ledger_proof import prove_off, prove_on
from parity.trace import read_trace
from parity.trajectories import true_trajectory

STAGE = "grad/conv1/pre"
ENTRY = Deviation(
    id="zero",
    title="Gradient at 0",
    original="Half.",
    port="None.",
    reason="Dead units.",
    switch="at_zero",
    as_original=0.5,
    own=0.0,
    case="base",
    stage=STAGE,
    node={"operation": "rectify_gradient", "attributes": {"at_zero": 0.0}},
    changes=(),
    differs="It is 0 there.",
    method=6,
)
PARTS = 6


def at_zero(value: float) -> list[Node]:
    """The pair's graph with another gradient of the rectifier at 0."""
    return [replace(node, attributes={"at_zero": value}) if node.stage == STAGE else node for node in NODES]


@pytest.fixture
def off(pair: Pair) -> Pair:
    """The pair with a port whose rectifier has gradient 0 at 0."""
    nodes = at_zero(0.0)
    pair.port.arrays = run(nodes, given_entries(), "float64")
    pair.port.manifest["graph"] = [node.as_json() for node in nodes]
    return pair


def proven(pair: Pair, entry: Deviation = ENTRY) -> list[Finding]:
    """The second proof's findings."""
    legacy, port = map(read_trace, pair.write())
    return prove_off(entry, legacy, port, truth=true_trajectory(legacy), rooms=pair.rooms)


def failed(found: Sequence[Finding]) -> str:
    """The one message that fails."""
    messages = [finding.message for finding in found if finding.verdict is not Verdict.PASS]
    assert len(messages) == 1, messages
    return messages[0]


def test_first_proof_passes(pair: Pair) -> None:
    """A port that does as the original."""
    found = prove_on(ENTRY, pair.judge())
    assert [finding.verdict for finding in found] == [Verdict.PASS] * 3
    assert {(finding.stage, finding.check) for finding in found} == {(STAGE, Check.LEDGER)}
    assert found[-1].elements


def test_first_proof_fails_with_any_stage(pair: Pair) -> None:
    """A failure anywhere fails the entry, and is told."""
    pair.spoil("conv1/pre", lambda value: value + 1)
    messages = [f.message for f in prove_on(ENTRY, pair.judge()) if f.verdict is Verdict.FAIL]
    assert messages[0].startswith(f"zero: {STAGE}: with at_zero 0.5: conv1/pre")


def test_first_proof_of_a_stage_that_is_not_there_fails(pair: Pair) -> None:
    """The message names the stage."""
    found = prove_on(replace(ENTRY, stage="grad/conv9/pre"), pair.judge())
    assert "zero: grad/conv9/pre: the original's graph has no such stage" in failed(found)


def test_first_proof_fails_where_nothing_was_compared(pair: Pair) -> None:
    """Findings without numbers prove nothing."""
    judged = pair.judge()
    kept = tuple(finding for finding in judged.findings if finding.stage != STAGE)
    messages = [f.message for f in prove_on(ENTRY, replace(judged, findings=kept)) if f.verdict is Verdict.FAIL]
    assert messages == [
        f"zero: {STAGE}: with at_zero 0.5: not compared: {STAGE}",
        f"zero: {STAGE}: with at_zero 0.5: no check passes at this stage",
    ]


def test_second_proof_passes(off: Pair) -> None:
    """A port that differs as told, and in nothing else."""
    found = proven(off)
    assert [finding.verdict for finding in found] == [Verdict.PASS] * PARTS
    assert {finding.check for finding in found} == {Check.LEDGER}
    assert sum(finding.elements for finding in found) > 0


def test_port_as_the_original_fails_the_second_proof(pair: Pair) -> None:
    """A switch that does nothing: no difference, and the node is not the entry's."""
    messages = [f.message for f in proven(pair) if f.verdict is Verdict.FAIL]
    assert [message.split(": ", 2)[2][:30] for message in messages] == [
        "with at_zero 0.0 the original'",
        "its node and changes as the en",
    ]


def test_port_that_only_says_it_differs_fails(off: Pair) -> None:
    """The node is told, the value is the original's: neither a difference, nor what the judge computes."""
    off.port.arrays[STAGE] = off.legacy.arrays[STAGE]
    messages = [f.message for f in proven(off) if f.verdict is Verdict.FAIL]
    assert messages[0].startswith(f"zero: {STAGE}: with at_zero 0.0 the original's value still")
    assert messages[1].startswith(f"zero: {STAGE}: on its own terms: {STAGE}")


def test_port_that_differs_in_another_way_fails(off: Pair) -> None:
    """It differs, but is not what the judge makes of the entry's node."""
    off.spoil(STAGE, lambda value: 2 * value)
    assert failed(proven(off)).startswith(f"zero: {STAGE}: on its own terms: {STAGE}")


def test_node_of_another_entry_fails(off: Pair) -> None:
    """The message holds both nodes."""
    entry = replace(ENTRY, node={"operation": "rectify_gradient", "attributes": {"at_zero": 1.0}})
    message = failed(proven(off, entry))
    assert f"as the entry tells: {STAGE}: it has {{'at_zero': 0.0}}, the entry's {{'at_zero': 1.0}}" in message


def test_change_that_is_not_named_fails(off: Pair) -> None:
    """Another node differs as well: named, with both sides' node."""
    graph = off.port.manifest["graph"]
    place = next(number for number, node in enumerate(graph) if node["stage"] == "loss")
    graph[place] = {**graph[place], "attributes": {"axis": 0}}
    messages = [f.message for f in proven(off) if f.verdict is Verdict.FAIL]
    assert messages[0].startswith(f"zero: {STAGE}: in the graph changes too, which the entry does not name: loss: ")
    assert "'axis': 0" in messages[0]


def test_setting_that_is_not_named_fails(off: Pair) -> None:
    """The training settings are part of what must not change."""
    off.port.manifest["training"] = {**TRAINING, "learning_rate": 0.25}
    message = next(f.message for f in proven(off) if f.verdict is Verdict.FAIL)
    assert message.endswith("does not name: training.learning_rate: legacy 0.005, port 0.25")


@pytest.mark.parametrize("pattern", ["conv1/out", "training.momentum", "conv7/*"])
def test_named_change_that_does_not_happen_fails(off: Pair, pattern: str) -> None:
    """An entry may not excuse more than it must."""
    found = proven(off, replace(ENTRY, changes=(pattern,)))
    told = f"zero: {STAGE}: said to change with it is {pattern}: 0 nodes or settings and 0 values differ"
    assert told in [finding.message for finding in found if finding.verdict is Verdict.FAIL]


@pytest.mark.parametrize("stage", ["batch/raw", "conv1/pre", "loss", "grad/conv1/out"])
def test_difference_upstream_fails(off: Pair, stage: str) -> None:
    """No earlier stage may differ."""
    off.spoil(stage, lambda value: value * 1.5)
    messages = [finding.message for finding in proven(off) if finding.verdict is Verdict.FAIL]
    assert any(message.startswith(f"zero: {STAGE}: elsewhere: {stage}") for message in messages), messages


def test_later_stage_that_does_not_follow_may_not_differ(make: MakePair) -> None:
    """A stage after the entry's is excused only where it is computed from it."""
    aside = Node("beside", "rectify", ("conv1/pre",))
    nodes = [*at_zero(0.0), aside]
    pair = make(nodes=[*NODES, aside])
    pair.port.arrays = run(nodes, given_entries(), "float64")
    pair.port.manifest["graph"] = [node.as_json() for node in nodes]
    assert {finding.verdict for finding in proven(pair)} == {Verdict.PASS}
    pair.spoil("beside", lambda value: value + 1)
    messages = [finding.message for finding in proven(pair) if finding.verdict is Verdict.FAIL]
    assert messages[0].startswith(f"zero: {STAGE}: elsewhere: beside")


def test_steps_follow_from_what_they_repeat(off: Pair) -> None:
    """The weights after steps differ with a gradient, and are not held against the port; the entry can name them."""
    stage = "step/0004/weight/conv1/W"
    assert not np.array_equal(off.port.arrays[stage], off.legacy.arrays[stage])
    assert {finding.verdict for finding in proven(off, replace(ENTRY, changes=(stage,)))} == {Verdict.PASS}


def test_stage_that_is_not_there_fails(off: Pair) -> None:
    """Nothing passes for being absent."""
    found = proven(off, replace(ENTRY, stage="grad/conv9/pre"))
    assert failed(found) == "zero: grad/conv9/pre: no such stage in the trace of legacy and port"


@pytest.fixture
def slower(pair: Pair) -> Pair:
    """The pair with a port whose rate falls at its last step."""
    told = {**TRAINING, "rate_changes": [[4, 0.001]]}
    steps = true_trajectory(replace(read_trace(pair.write()[0]), manifest={**pair.legacy.manifest, "training": told}))
    pair.port.arrays |= steps
    pair.port.manifest["training"] = told
    return pair


SLOWER = replace(
    ENTRY,
    stage="step/0004/velocity/conv1/W",
    node={"operation": "trajectory", "attributes": {"step": 4}},
    changes=("training.rate_changes", "step/0004/weight/*"),
    keeps=("step/0001/*",),
    also={"training.rate_changes": [[4, 0.001]]},
)


def test_change_of_training_is_proven(slower: Pair) -> None:
    """Every step may follow from a setting; the first is the original's still, the last what the judge computes."""
    assert {finding.verdict for finding in proven(slower, SLOWER)} == {Verdict.PASS}


def test_stage_that_is_said_to_stay_must(slower: Pair) -> None:
    """A difference at a stage that the entry keeps is told."""
    slower.spoil("step/0001/weight/conv2/b", lambda value: value + 1)
    messages = [finding.message for finding in proven(slower, SLOWER) if finding.verdict is Verdict.FAIL]
    assert messages[0].startswith(f"zero: {SLOWER.stage}: elsewhere: step/0001/weight/conv2/b")


def test_stage_that_stays_must_be_there(slower: Pair) -> None:
    """A pattern that matches nothing keeps nothing."""
    message = failed(proven(slower, replace(SLOWER, keeps=("step/0002/*",))))
    assert message.endswith("elsewhere: no stage is step/0002/*")


def test_steps_of_another_training_fail(slower: Pair) -> None:
    """Steps that differ, but not by the setting that is told."""
    slower.port.manifest["training"] = {**TRAINING, "rate_changes": [[4, 0.002]]}
    messages = [finding.message for finding in proven(slower, SLOWER) if finding.verdict is Verdict.FAIL]
    assert messages[0].endswith("rate_changes: it is [[4, 0.002]], the entry's [[4, 0.001]]")
    assert messages[1].startswith(f"zero: {SLOWER.stage}: on its own terms: step/0004/")


@pytest.mark.parametrize("stage", ["grad/conv1/W", "step/0004/weight/conv1/W"])
def test_stage_after_the_change_is_judged_on_its_own_terms(off: Pair, stage: str) -> None:
    """What follows from the change is no free ride: neither no number at all, nor no entry, nor another type."""
    off.spoil(stage, lambda value: value * np.nan)
    assert "on its own terms" in failed(proven(off))
    off.port.arrays[stage] = off.legacy.arrays[stage].astype(np.float32)
    assert "on its own terms" in failed(proven(off))
    del off.port.arrays[stage]
    assert "on its own terms" in failed(proven(off))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"operation": "given", "inputs": []}, "the port reads it, the original computes it by 'bias_gradient'"),
        ({"operation": "identity"}, "identity of ['grad/conv1/pre'], the entry's bias_gradient of ['grad/conv1/pre']"),
        ({"inputs": ["grad/conv2/pre"]}, "bias_gradient of ['grad/conv2/pre'], the entry's bias_gradient of"),
        ({"attributes": {"dtype": "float64"}}, "it has {'dtype': 'float64'}, the entry's {}"),
    ],
)
def test_named_node_that_becomes_anything_fails(off: Pair, change: dict[str, Any], told: str) -> None:
    """A node that the entry names changes as the entry tells, not as the port likes."""
    graph = off.port.manifest["graph"]
    place = next(number for number, node in enumerate(graph) if node["stage"] == "grad/conv1/b")
    graph[place] = {**graph[place], **change}
    messages = [f.message for f in proven(off, replace(ENTRY, changes=("grad/conv1/b",))) if f.verdict is Verdict.FAIL]
    assert any(f"as the entry tells: grad/conv1/b: {told}" in message for message in messages), messages


def test_what_is_read_is_what_the_original_reads(off: Pair) -> None:
    """Also where the entry says that it changes."""
    off.spoil("weight/conv2/W", lambda value: value + 1)
    found = proven(off, replace(ENTRY, changes=("weight/conv2/W",)))
    messages = [finding.message for finding in found if finding.verdict is Verdict.FAIL]
    assert any(message.endswith("read as the original reads it: not weight/conv2/W") for message in messages)


PLANTED = replace(ENTRY, switch="planted:typed", stage="batch/raw", node={"operation": "rows", "attributes": {}})


def test_planted_type_is_proven(pair: Pair) -> None:
    """A mistake of type: the numbers are the judge's, the type is not the original's."""
    pair.spoil("batch/raw", lambda value: value.astype(np.float32))
    assert {finding.verdict for finding in proven(pair, PLANTED)} == {Verdict.PASS}


def test_planted_type_with_other_numbers_fails(pair: Pair) -> None:
    """The numbers must be the judge's."""
    pair.spoil("batch/raw", lambda value: value.astype(np.float32) + 1)
    assert failed(proven(pair, PLANTED)).startswith("zero: batch/raw: on its own terms: batch/raw")


def centre(pair: Pair, **spoilt: Any) -> list[Finding]:
    """Findings of an entry that says the original's output is the centre of the port's."""
    entry = replace(ENTRY, contains=("output",))
    value = np.pad(pair.legacy.arrays["output"], [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=7.0)
    pair.port.arrays["output"] = value + spoilt.get("by", 0.0)
    return [finding for finding in proven(pair, entry) if "central part" in finding.message]


def test_centre_is_found(off: Pair) -> None:
    """The original's value inside a larger one."""
    assert [finding.verdict for finding in centre(off)] == [Verdict.PASS]


def test_other_centre_fails(off: Pair) -> None:
    """A shifted or changed one is told."""
    assert "over bound" in failed(centre(off, by=1e-6))


def test_same_size_is_no_centre(off: Pair) -> None:
    """A port that is no larger than the original contains nothing."""
    found = proven(off, replace(ENTRY, contains=("output",)))
    assert "the port's central part" in failed(found)


def test_named_stage_of_another_type_has_changed(off: Pair) -> None:
    """However equal its numbers are: that the entry names it is no empty claim."""
    stage = "grad/conv1/b"
    off.port.arrays[stage] = off.legacy.arrays[stage].astype(np.float32)
    told = [finding.message for finding in proven(off, replace(ENTRY, changes=(stage,)))]
    assert f"zero: {STAGE}: said to change with it is {stage}: 0 nodes or settings and 1 values differ" in told


def test_node_that_the_port_lacks_fails(off: Pair) -> None:
    """An entry cannot excuse that a stage is left out."""
    off.port.manifest["graph"] = [node for node in off.port.manifest["graph"] if node["stage"] != "grad/conv1/b"]
    del off.port.arrays["grad/conv1/b"]
    messages = [f.message for f in proven(off, replace(ENTRY, changes=("grad/conv1/b",))) if f.verdict is Verdict.FAIL]
    told = f"zero: {STAGE}: its node and changes as the entry tells: grad/conv1/b: the port has no such node"
    assert told in messages


def test_node_of_another_operation_needs_only_what_it_is_told(off: Pair) -> None:
    """Of the original's attributes those that its own node has are kept; the rest belonged to the other operation."""
    graph = off.port.manifest["graph"]
    place = next(number for number, node in enumerate(graph) if node["stage"] == STAGE)
    graph[place] = {**graph[place], "operation": "identity", "inputs": ["grad/conv1/out"], "attributes": {}}
    off.port.arrays[STAGE] = off.port.arrays["grad/conv1/out"]
    told = {"operation": "identity", "inputs": ["grad/conv1/out"]}
    messages = [f.message for f in proven(off, replace(ENTRY, node=told))]
    assert f"zero: {STAGE}: its node and changes as the entry tells: {STAGE} and 1 changes are" in messages


@pytest.mark.parametrize("sound", [True, False])
def test_float32_steps_are_held_beside_the_judges_own(make: MakePair, sound: bool) -> None:
    """Where a run is judged by its distance from the truth, a port that stands alone has only the judge's beside it."""
    nodes = at_zero(0.0)
    pair = make(dtype="float32")
    pair.port.arrays = run(nodes, given_entries(), "float32")
    pair.port.manifest["graph"] = [node.as_json() for node in nodes]
    if not sound:
        pair.spoil("step/0004/weight/conv1/W", lambda W: 1.01 * W)
    found = [finding for finding in proven(pair) if "on its own terms" in finding.message]
    assert [finding.verdict for finding in found] == [Verdict.PASS if sound else Verdict.FAIL]
    assert sound or "step/0004/weight" in found[0].message
