"""What follows from gates and maxima that fall differently is told by sign and size, and only of those that did."""

import numpy as np
import pytest

from parity.decisions import decisions, undecided
from parity.graph import Graph, Node

GRAPH = Graph(
    (
        Node("pre", "given"),
        Node("delta", "given"),
        Node("grad/pre", "rectify_gradient", ("pre", "delta"), {"at_zero": 0.5}),
        Node("grad/b", "bias_gradient", ("grad/pre",)),
        Node("step/0001/velocity/b", "trajectory", ("grad/b",), {"of": "velocity/b", "step": 1}),
    )
)
PRE = np.array([[[[1e-9, 2e-9, 1.0, 0.0]]]])
DELTA = np.array([[[[3.0, 4.0, 5.0, 6.0]]]])
GATED = np.array([[[[3.0, 4.0, 5.0, 3.0]]]])
LEGACY = {"pre": PRE, "delta": DELTA, "grad/pre": GATED, "grad/b": np.array([15.0])}


@pytest.mark.parametrize(("flipped", "total"), [((), None), ((0,), 3.0), ((0, 1), 7.0)], ids=["none", "one", "two"])
def test_consequences_add_up(flipped: tuple[int, ...], total: float | None) -> None:
    """Each gate that fell differently counts with its whole gradient; two add, not in squares."""
    other = PRE.copy()
    other[..., list(flipped)] *= -1
    moved = decisions(GRAPH, LEGACY, LEGACY | {"pre": other})
    assert moved.get("grad/b") == (None if total is None else [total])


def test_only_doubtful_gates_are_undecided() -> None:
    """A gate within its own error may fall either way; one farther off may not, and an exact 0 is 0 in any program."""
    errors = {"pre": np.full(PRE.shape, 1.5e-9)}
    assert undecided(GRAPH, LEGACY, errors)["grad/b"].tolist() == [3.0]
    assert undecided(GRAPH, LEGACY, {"pre": np.zeros(PRE.shape)}) == {}


def test_gate_as_far_off_as_its_error_is_undecided() -> None:
    """Open or closed: -1e-9 that may be 1e-9 lets its gradient through."""
    closed = LEGACY | {"pre": -PRE, "grad/pre": np.array([[[[0.0, 0.0, 0.0, 3.0]]]])}
    for side in (LEGACY, closed):
        assert undecided(GRAPH, side, {"pre": np.full(PRE.shape, 1e-9)})["grad/pre"].tolist() == [[[[3, 0, 0, 0]]]]


def test_only_what_decides_is_taken_from_the_other_side() -> None:
    """Another gradient at the same gate, and other images at a gradient of filters, are no decision."""
    graph = Graph((*GRAPH.nodes, Node("x", "given"), Node("grad/W", "dense_gradient_weights", ("x", "delta"))))
    dense = {"x": np.ones((1, 2)), "delta": np.ones((1, 1)), "grad/W": np.ones((2, 1))}
    assert decisions(graph, LEGACY | dense, LEGACY | dense | {"delta": 2 * DELTA, "x": np.zeros((1, 2))}) == {}


@pytest.mark.parametrize("differs", ["p", "t"])
def test_sign_is_decided_by_prediction_and_target(differs: str) -> None:
    """Whichever of them lies on the other side of 0.5 there: of two elements one sign changes by 2 / 2."""
    graph = Graph((Node("p", "given"), Node("t", "given"), Node("grad/p", "mean_absolute_error_gradient", ("p", "t"))))
    legacy = {"p": np.array([1.0, 1.0]), "t": np.array([0.5, 0.5]), "grad/p": np.array([0.5, 0.5])}
    other = {"p": np.array([0.25, 1.0]), "t": np.array([1.5, 0.5])}[differs]
    assert decisions(graph, legacy, legacy | {differs: other})["grad/p"].tolist() == [1, 0]


def test_decision_about_no_number_allows_nothing() -> None:
    """Where what is gated is infinite, on one side or both, no number could be allowed."""
    endless = LEGACY | {"delta": np.array([[[[np.inf, 4.0, np.inf, 6.0]]]])}
    other = PRE * [-1.0, -1.0, 1.0, 1.0]
    with np.errstate(invalid="ignore"):
        moved = decisions(GRAPH, endless, endless | {"pre": other})
    assert moved["grad/pre"].tolist() == [[[[0, 4, 0, 0]]]]


def test_consequence_beyond_all_numbers_allows_nothing() -> None:
    """A gradient that a later stage makes infinite where the gate is open, and that is 0 where it is closed."""
    graph = Graph((*GRAPH.nodes[:3], Node("grad/x", "divide", ("grad/pre",), {"divisor": 2.0**-1022})))
    other = PRE * [-1.0, 1.0, 1.0, 1.0]
    with np.errstate(over="ignore", invalid="ignore"):
        moved = decisions(graph, LEGACY | {"delta": 2 * DELTA, "grad/pre": 2 * GATED}, LEGACY | {"pre": other})
    assert moved["grad/pre"].tolist() == [[[[6, 0, 0, 0]]]]
    assert moved["grad/x"].tolist() == [[[[0, 0, 0, 0]]]]


def test_maxima_of_windows_that_overlap_add_up() -> None:
    """A pixel that two windows take for their maximum, and on the other side neither, moves by both gradients."""
    told = {"size": [1, 2], "stride": [1, 1], "ties": "all"}
    graph = Graph(
        (Node("x", "given"), Node("delta", "given"), Node("grad/x", "max_pool_gradient", ("x", "delta"), told))
    )
    images, delta = np.array([[[[1.0, 1.0 - 1e-8, 1.0]]]]), np.array([[[[3.0, 3.0]]]])
    legacy = {"x": images, "delta": delta, "grad/x": np.array([[[[3.0, 0.0, 3.0]]]])}
    assert decisions(graph, legacy, legacy | {"delta": 2 * delta}) == {}
    moved = decisions(graph, legacy, legacy | {"x": np.array([[[[1.0 - 1e-8, 1.0, 1.0 - 1e-8]]]])})
    assert moved["grad/x"].tolist() == [[[[3, 6, 3]]]]
