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


def test_maxima_of_windows_that_overlap_add_up() -> None:
    """A pixel that two windows take for their maximum, and on the other side neither, moves by both gradients."""
    told = {"size": [1, 2], "stride": [1, 1], "ties": "all"}
    graph = Graph(
        (Node("x", "given"), Node("delta", "given"), Node("grad/x", "max_pool_gradient", ("x", "delta"), told))
    )
    images, delta = np.array([[[[1.0, 1.0 - 1e-8, 1.0]]]]), np.array([[[[3.0, 3.0]]]])
    legacy = {"x": images, "delta": delta, "grad/x": np.array([[[[3.0, 0.0, 3.0]]]])}
    assert decisions(graph, legacy, legacy) == {}
    moved = decisions(graph, legacy, legacy | {"x": np.array([[[[1.0 - 1e-8, 1.0, 1.0 - 1e-8]]]])})
    assert moved["grad/x"].tolist() == [[[[3, 6, 3]]]]
