"""Pairs of small traces for the judge's tests; shapes in the judge's signatures are checked while they run."""

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("parity", "beartype.beartype")  # a wrong shape or dtype in a signature fails here

from judged_pair import NODES, MakePair, Pair, make_pair  # noqa: E402


@pytest.fixture
def make(tmp_path: Path) -> MakePair:
    """A function that makes a pair of traces: its dtype, teacher-forced entries, wrong stages, another graph."""

    def made(*, dtype="float64", forced=False, wrong=None, nodes=NODES) -> Pair:
        return make_pair(tmp_path, dtype=dtype, forced=forced, wrong=wrong, nodes=nodes)

    return made


@pytest.fixture
def pair(make: MakePair) -> Pair:
    """A sound pair in float64, not teacher-forced."""
    return make()
