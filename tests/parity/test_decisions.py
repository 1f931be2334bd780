"""What follows from gates that fall differently is told by its sign and size, and only from those that did."""

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
