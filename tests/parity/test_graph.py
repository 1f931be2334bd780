"""A graph says what was computed from what; one that cannot have been computed in its order is refused."""

import json
import re
from typing import Any

import pytest
from judged_pair import NODES

from parity.errors import TraceError
from parity.graph import Graph, Node

A = {"stage": "a", "operation": "given", "inputs": [], "attributes": {}}
B = {"stage": "b", "operation": "rectify", "inputs": ["a"], "attributes": {}}


def read(*nodes: Any) -> Graph:
    """The graph of a manifest with these nodes."""
    return Graph.from_manifest({"graph": list(nodes)}, where="t.npz")


def test_graph_comes_back_from_json() -> None:
    """Nodes written into a manifest are read back equal, in their order."""
    assert read(*json.loads(json.dumps([node.as_json() for node in NODES]))).nodes == NODES


def test_stages_are_in_the_order_computed() -> None:
    """The stages stand as the nodes do."""
    assert read(A, B).stages == ["a", "b"]


def test_node_is_found_by_its_stage() -> None:
    """A stage names one node, and an unknown stage none."""
    graph = read(A, B)
    assert graph["b"] == Node("b", "rectify", ("a",))
    with pytest.raises(KeyError):
        graph["c"]


def test_ancestors_are_what_a_stage_needs() -> None:
    """Of the two-layer network, the first pre-activation needs the batch and its own weights only."""
    needed = [node.stage for node in Graph(NODES).ancestors(["conv1/pre"])]
    chain = ["batch/raw", "batch/normalised", "batch/selected", "conv1/pre"]
    assert needed == ["weight/conv1/W", "weight/conv1/b", "patches/raw", *chain]


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([B], "stage b uses a, which no earlier stage computes"),
        ([B, A], "stage b uses a, which no earlier stage computes"),
        ([A, A], "stage a stands twice"),
        ([A | {"inputs": ["a"]}], "stage a uses a, which"),
        ([{"stage": "a"}], "malformed"),
        ([A, B | {"inputs": None}], "malformed"),
        ([A, B | {"attributes": 3}], "malformed"),
        ([A, "b"], "malformed"),
        ([A, B | {"inputs": [["a"]]}], "malformed"),
    ],
    ids=["unknown", "later", "twice", "itself", "no operation", "no inputs", "attributes", "text", "nested"],
)
def test_impossible_graph_is_refused(nodes: list[Any], reason: str) -> None:
    """The error names the trace and the stage."""
    with pytest.raises(TraceError, match=reason) as caught:
        read(*nodes)
    assert str(caught.value).startswith("t.npz: ")


@pytest.mark.parametrize("manifest", [{}, {"graph": None}, {"graph": 3}], ids=str)
def test_manifest_without_a_graph_is_refused(manifest: dict[str, Any]) -> None:
    """A trace that tells no graph cannot be judged."""
    with pytest.raises(TraceError, match="graph is malformed"):
        Graph.from_manifest(manifest, where="t.npz")


WEIGHT = {"stage": "weight/b", "operation": "given", "inputs": [], "attributes": {}}


def after_steps(**attributes: Any) -> Graph:
    """A weight, and a stage after training steps."""
    return read(WEIGHT, {"stage": "s", "operation": "trajectory", "inputs": [], "attributes": attributes})


@pytest.mark.parametrize(
    "attributes",
    [{"of": "loss"}, {"of": "validation"}, *({"of": of, "step": 1} for of in ("loss", "weight/b", "velocity/b"))],
    ids=str,
)
def test_stage_after_steps_is_of_something(attributes: dict[str, Any]) -> None:
    """A curve, or what one step leaves."""
    assert after_steps(**attributes)["s"].attributes == attributes


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({}, "None, step None"),
        ({"step": 1}, "None, step 1"),
        ({"of": "weight/b"}, "'weight/b', step None"),
        ({"of": ["loss"]}, "['loss'], step None"),
        ({"of": "velocity/nothing", "step": 1}, "'velocity/nothing', step 1"),
        ({"of": "kept/b", "step": 1}, "'kept/b', step 1"),
        ({"of": "epochs", "step": 1}, "'epochs', step 1"),
        ({"of": "loss", "step": 0}, "'loss', step 0"),
        ({"of": "loss", "step": True}, "'loss', step True"),
        ({"of": "loss", "step": "1"}, "'loss', step '1'"),
        ({"of": "loss", "step": None}, "'loss', step None"),
    ],
    ids=str,
)
def test_stage_after_steps_of_nothing_is_refused(attributes: dict[str, Any], told: str) -> None:
    """The error names the trace, the stage, what it tells and what it should."""
    expected = re.escape(f"t.npz: stage s, after training steps, is of {told}; expected of loss, epochs, validation w")
    with pytest.raises(TraceError, match=f"^{expected}"):
        after_steps(**attributes)
