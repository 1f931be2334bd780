"""The runs that the gate does: those its claims are about, and others whose recorded accuracy it holds."""

from collections.abc import Iterator
from functools import cache

from benchmarks.accuracy import REAL, Row
from gate_tests.added_sources import TRAINED_AGAIN
from gate_tests.claims import Claim, claims

_OTHERS = (Row(REAL, "OPTII", "corrected", (0, 1)),)


@cache
def held_claims() -> tuple[Claim, ...]:
    """The claims of paper.toml."""
    return tuple(claims())


def chosen() -> Iterator[Row]:
    """The rows whose recorded accuracy is held, each with the seeds that are run again."""
    yield from (claim.row for claim in held_claims())
    yield from _OTHERS


def trained() -> Iterator[Row]:
    """All rows that are trained: those, and the two of the added source that is tried again."""
    yield from chosen()
    yield from TRAINED_AGAIN
