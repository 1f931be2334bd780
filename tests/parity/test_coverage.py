"""A probe set is told which branches it reached, and does not pass for those that it did not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judged_pair import Pair

from parity.coverage import branches, check_coverage
from parity.findings import Check, Finding, Verdict
from parity.graph import Node
from parity.trace import Record, read_trace

RECTIFY = Node("conv1/out", "rectify", ("conv1/pre",))
GRADIENT = Node("grad/conv1/pre", "rectify_gradient", ("conv1/pre", "grad/conv1/out"), {"at_zero": 0.5})
LOSS = Node("loss", "mean_absolute_error", ("output", "target"))
NOTHING_TOLD = {"losses told": 0, "weights told after the last step": 0}
SIGN = Node("grad/output", "mean_absolute_error_gradient", ("output", "target"))


def reached(node: Node, *inputs: list, later: Sequence[Node] = ()) -> dict[str, int]:
    """The branches of one stage with these inputs, and with other stages after it."""
    arrays = {name: np.array(values) for name, values in zip(node.inputs, inputs, strict=True)}
    graph = [*(Node(name, "given") for name in node.inputs), node, *later]
    manifest = {"graph": [each.as_json() for each in graph]}
    return branches(Record(Path("t.npz"), manifest, arrays, ""))[node.stage]


def judged(counts: dict[str, int]) -> Finding:
    """The finding about one stage's branches."""
    (found,) = check_coverage({"loss": counts})
    return found


def test_rectifier_has_negative_and_positive_inputs() -> None:
    """Exactly 0, of either sign, is neither."""
    assert reached(RECTIFY, [-1, -0.0, 0, 2, 3]) == {"negative": 1, "positive": 2}


def test_gate_at_zero_counts_where_a_gradient_reaches_it() -> None:
    """A pre-activation of exactly 0 tells nothing unless the gradient there is not 0."""
    assert reached(GRADIENT, [0, 0, -0.0, 1e-300], [1, 0, 2, 3]) == {"zero with a gradient": 2}


def test_loss_falls_on_either_side_or_ties() -> None:
    """Predictions below, above and equal to their targets."""
    assert reached(LOSS, [1, 2, 3, 3], [2, 2, 1, 1], later=[SIGN]) == {"below": 1, "above": 2, "tie": 1}


def test_tie_is_no_branch_without_a_gradient() -> None:
    """A mean of magnitudes alone does nothing else at 0."""
    assert reached(LOSS, [1, 2, 3, 3], [2, 2, 1, 1]) == {"below": 1, "above": 2}


POOL = {"size": [2, 2], "stride": [2, 2]}


def test_maxima_tie_where_a_gradient_reaches_them() -> None:
    """Of four windows one has one maximum, one ties, and two that tie get no gradient."""
    node = Node("grad/conv1/out", "max_pool_gradient", ("conv1/out", "grad/pool1"), POOL | {"ties": "all"})
    image = [[[[1.0, 2, 3, 3], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]]]
    assert reached(node, image, [[[[1.0, 2], [0, 0]]]]) == {"one maximum": 1, "tied maxima": 1}


@pytest.mark.parametrize(("side", "ignored"), [(5, 9), (4, 0)])
def test_pool_that_is_told_to_ignore_its_border_has_one(side: int, ignored: int) -> None:
    """The last row and column of five; none of four."""
    node = Node("pool1", "max_pool", ("conv1/out",), POOL | {"ignore_border": True})
    assert reached(node, np.zeros((1, 1, side, side)).tolist()) == {"pixels of the border ignored": ignored}


def test_list_of_any_name_has_a_remainder_and_a_second_pass() -> None:
    """Five images in batches of two."""
    nodes = [Node("images", "given"), Node("batch/images", "rows", ("images",), {"start": 0, "stop": 2})]
    manifest = {"graph": [n.as_json() for n in nodes], "training": {"batch_size": 2, "batches": 2, "steps": 3}}
    found = branches(Record(Path("t.npz"), manifest, {"images": np.zeros(5), "batch/images": np.zeros(2)}, ""))
    assert found == {"training": NOTHING_TOLD | {"incomplete last batch": 1, "second pass over the list": 1}}


def patch_list(*masks: list, side: int, stride: int = 1) -> dict[str, int]:
    """The branches of a list of patches from pixel 0 under masks named 001, 002, ..."""
    names = tuple(f"mask/{number:03d}" for number in range(1, len(masks) + 1))
    node = Node("patches/index", "clear_patches", names, {"side": side, "stride": stride, "origin": 0})
    return reached(node, *masks)


def test_patches_are_kept_or_refused_by_one_mask_alone() -> None:
    """Of seven corners three are kept, three touch one mask only, and one touches both."""
    first, second = [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0]
    found = patch_list([first, first], [second, second], side=2)
    assert [found[name] for name in ("kept", "only mask/001", "only mask/002")] == [3, 1, 2]


EDGES = ("first row", "last row", "first column", "last column")


@pytest.mark.parametrize(
    ("clouds", "expected"),
    [
        ([(0, 1)], (1, 0, 0, 0)),
        ([(2, 0), (2, 1)], (0, 1, 0, 0)),
        ([(1, 0), (2, 0)], (0, 0, 1, 0)),
        ([(1, 2)], (0, 0, 0, 1)),
        ([(0, 0)], (1, 0, 1, 0)),
        ([(1, 1)], (0, 0, 0, 0)),
        ([(0, 1), (2, 1)], (0, 0, 0, 0)),
        ([], (0, 0, 0, 0)),
    ],
    ids=["above", "below", "left, with a corner", "right", "corner", "middle", "two edges", "clear"],
)
def test_patch_is_refused_by_one_edge_alone(clouds: list[tuple[int, int]], expected: tuple[int, ...]) -> None:
    """All clouds of the one patch lie in that edge, whichever mask has them."""
    masks = np.zeros((2, 3, 3), int)
    for number, at in enumerate(clouds):
        masks[(number % 2, *at)] = 7
    found = patch_list(*masks.tolist(), side=3)
    assert tuple(found[f"only its {edge}"] for edge in EDGES) == expected


@pytest.mark.parametrize(
    ("shape", "cloud", "expected"),
    [((5, 7), None, (3, 2)), ((6, 7), None, (0, 2)), ((5, 8), None, (3, 0)), ((5, 7), (4, 6), (2, 1))],
    ids=["both", "a row left", "a column left", "clouded corner"],
)
def test_last_place_just_fits_and_is_kept(
    shape: tuple[int, int], cloud: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    """Patches of 3, 2 apart: one that a cloud refuses is no evidence of where the grid ends."""
    mask = np.zeros(shape, int)
    if cloud is not None:
        mask[cloud] = 1
    found = patch_list(mask.tolist(), side=3, stride=2)
    assert (found["kept in the last row"], found["kept in the last column"]) == expected


@pytest.mark.parametrize(("stop", "left"), [(3, 2), (5, 0), (6, 0)])
def test_shuffled_list_is_longer_than_what_is_taken(stop: int, left: int) -> None:
    """Five corners, of which the first two train and the next validate."""
    node = Node("split/shuffled", "shuffle", ("patches/index", "split/permutation"))
    taken = [
        Node("split/training", "rows", ("split/shuffled",), {"start": 0, "stop": 2}),
        Node("split/validation", "rows", ("split/shuffled",), {"start": 2, "stop": stop}),
    ]
    arrays = {name: np.zeros(5) for name in (*node.inputs, node.stage)}
    manifest = {"graph": [each.as_json() for each in (*(Node(name, "given") for name in node.inputs), node, *taken)]}
    assert branches(Record(Path("t.npz"), manifest, arrays, "")) == {"split/shuffled": {"left over": left}}


def test_mask_keeps_pixels_and_leaves_some_out() -> None:
    """Three of four are scored."""
    node = Node("metrics/estimate", "masked", ("predict/output", "metrics/valid"))
    assert reached(node, [[[[1, 2], [3, 4]]]], [[1, 0], [1, 1]]) == {"kept": 3, "left out": 1}


def test_validation_has_a_remainder() -> None:
    """Seven patches in batches of two leave one."""
    nodes = [Node("validation/raw", "given"), Node("loss/validation", "trajectory", (), {"of": "validation"})]
    manifest = {"graph": [node.as_json() for node in nodes], "training": {"batch_size": 2, "batches": 2, "steps": 4}}
    found = branches(Record(Path("t.npz"), manifest, {"validation/raw": np.zeros((7, 1, 1, 1))}, ""))
    assert found == {"training": NOTHING_TOLD, "loss/validation": {"incomplete last batch": 1}}


@pytest.mark.parametrize(
    ("patches", "steps", "expected"),
    [(5, 4, (1, 2)), (4, 4, (0, 2)), (5, 2, (1, 0)), (5, 1, (1, 0))],
    ids=["both", "no remainder", "one pass", "part of a pass"],
)
def test_training_has_a_remainder_and_a_second_pass(patches: int, steps: int, expected: tuple[int, int]) -> None:
    """Patches left over by whole batches of two, and steps after the list's two batches."""
    manifest = {"graph": [], "training": {"batch_size": 2, "batches": 2, "steps": steps}}
    found = branches(Record(Path("t.npz"), manifest, {"patches/raw": np.zeros((patches, 1, 1, 1))}, ""))
    reached = dict(zip(("incomplete last batch", "second pass over the list"), expected, strict=True))
    assert found == {"training": NOTHING_TOLD | reached}


@pytest.mark.parametrize(
    ("of", "named"), [("loss", "never losses told"), ("weight/", "never weights told after the last step")]
)
def test_training_that_is_not_recorded_is_not_exercised(of: str, named: str, pair: Pair) -> None:
    """None of its losses, or of its weights: any training would pass."""
    trace = read_trace(pair.write()[0])
    kept = [node.as_json() for node in trace.graph if not str(node.attributes.get("of")).startswith(of)]
    told = check_coverage(branches(replace(trace, manifest={**trace.manifest, "graph": kept})))
    (found,) = (finding for finding in told if finding.stage in ("training", "loss/curve"))
    assert found.verdict is Verdict.NOT_EXERCISED
    assert found.message.endswith(named)


def test_class_of_no_image_that_trains_is_named() -> None:
    """Of three classes the last is only that of the image left over by the batches; of labels in no list all count."""
    nodes = [
        Node("output", "given"),
        Node("labels", "given"),
        Node("batch/labels", "rows", ("labels",), {"start": 0, "stop": 2}),
        Node("loss", "categorical_cross_entropy", ("output", "batch/labels")),
    ]
    arrays = {"output": np.ones((2, 3)) / 3, "labels": np.array([0, 1, 1, 0, 2]), "batch/labels": np.array([0, 1])}
    training = {"batch_size": 2, "batches": 2, "steps": 4, "learning_rate": 0.1, "momentum": 0.9}
    manifest = {"graph": [node.as_json() for node in nodes], "training": training}
    record = Record(Path("t.npz"), manifest, {**arrays, "loss": np.zeros(())}, "")
    assert branches(record)["loss"] == {"label 0": 2, "label 1": 2, "label 2": 0}
    of_all = [*nodes[:2], Node("loss", "categorical_cross_entropy", ("output", "labels"))]
    alone = replace(record, manifest={"graph": [node.as_json() for node in of_all]})
    assert branches(alone)["loss"] == {"label 0": 2, "label 1": 2, "label 2": 1}


def test_each_branching_stage_of_the_network_is_told(pair: Pair) -> None:
    """Two bands, two convolutions, a rectifier, its gradient, a loss, a training; the probe reaches all of it."""
    found = branches(read_trace(pair.write()[0]))
    stages = ["batch/selected", "conv1/pre", "conv1/out", "conv2/pre", "loss", "grad/conv1/pre", "loss/curve"]
    assert list(found) == stages
    assert all(count > 0 for counts in found.values() for count in counts.values())


def test_all_branches_reached_pass() -> None:
    """The counts are told."""
    assert judged({"below": 3, "above": 2}) == Finding("loss", Check.COVERAGE, Verdict.PASS, "loss: below 3, above 2")


@pytest.mark.parametrize("counts", [{"below": 0, "above": 2}, {"below": 0, "above": 0}], ids=["one", "both"])
def test_branch_that_was_not_reached_is_named(counts: dict[str, Any]) -> None:
    """One branch missed is enough; the first is named."""
    found = judged(counts)
    assert found.verdict is Verdict.NOT_EXERCISED
    assert found.message.endswith("; never below")
