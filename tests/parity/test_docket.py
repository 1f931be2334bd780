"""Several probe sets together prove what each alone cannot, and none of them excuses another's failure."""

from pathlib import Path

import pytest

from parity.compare import Comparison
from parity.docket import Docket
from parity.findings import Check, Finding, Verdict
from parity.trace import Record

PASS, FAIL, VACUOUS, NOT_EXERCISED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.NOT_EXERCISED
TRACE = Record(Path("t.npz"), {}, {}, "")


def comparison(*findings: Finding, **coverage: dict[str, int]) -> Comparison:
    """A comparison with these findings and branches."""
    return Comparison(TRACE, TRACE, findings, coverage)


def of(verdict: Verdict, *, stage: str = "conv1/pre", share: float | None = 0.5, elements: int = 6) -> Finding:
    """A finding of one stage."""
    return Finding(stage, Check.FORCED, verdict, "", share, elements)


def docket(*comparisons: Comparison) -> Docket:
    """The comparisons by number."""
    return Docket({str(number): each for number, each in enumerate(comparisons)})


@pytest.mark.parametrize(
    ("verdicts", "joint"),
    [
        ([PASS, PASS], PASS),
        ([PASS, VACUOUS], PASS),
        ([VACUOUS, PASS], PASS),
        ([VACUOUS, VACUOUS], VACUOUS),
        ([PASS, FAIL], FAIL),
        ([FAIL, PASS, PASS, PASS], FAIL),
        ([VACUOUS, FAIL], FAIL),
    ],
    ids=str,
)
def test_stage_passes_if_proven_once_and_never_wrong(verdicts: list[Verdict], joint: Verdict) -> None:
    """One proof outweighs what proves nothing; one failure outweighs every proof."""
    found = docket(*(comparison(of(verdict)) for verdict in verdicts))
    assert found.stages == {"conv1/pre:teacher-forced": joint}
    assert found.verdict is joint


def test_stages_are_not_mixed() -> None:
    """A proof of one stage says nothing of another."""
    found = docket(comparison(of(PASS), of(VACUOUS, stage="loss")), comparison(of(PASS)))
    assert found.unproven == {"loss:teacher-forced": VACUOUS}
    assert found.verdict is VACUOUS


def test_checks_are_not_mixed() -> None:
    """A stage that passes free-running and fails alone has failed."""
    free = Finding("conv1/pre", Check.FREE, PASS, "", 0.5, 6)
    found = docket(comparison(of(FAIL)), comparison(free))
    assert found.stages == {"conv1/pre:teacher-forced": FAIL, "conv1/pre:free-running": PASS}


def test_branch_is_reached_where_any_probe_set_reaches_it() -> None:
    """One probe set reaches one branch of the loss, another the other."""
    found = docket(comparison(of(PASS), loss={"below": 0, "above": 1}), comparison(loss={"below": 2, "above": 0}))
    assert found.verdict is PASS
    assert found.stages["loss:coverage:below"] is PASS


def test_branch_that_no_probe_set_reaches_is_not_exercised() -> None:
    """The branch is named, and the docket does not pass."""
    found = docket(comparison(of(PASS), loss={"tie": 0}), comparison(loss={"tie": 0}))
    assert found.unproven == {"loss:coverage:tie": NOT_EXERCISED}
    assert found.verdict is NOT_EXERCISED


def test_coverage_findings_of_one_probe_set_do_not_count() -> None:
    """What one comparison did not exercise is judged over all of them, by branch."""
    missed = Finding("loss", Check.COVERAGE, NOT_EXERCISED, "")
    found = docket(comparison(of(PASS), missed, loss={"tie": 0}), comparison(loss={"tie": 1}))
    assert found.verdict is PASS


def test_integrity_failure_fails_the_docket() -> None:
    """A pair of traces that could not be compared is not made good by another pair."""
    doubt = Finding("process", Check.INTEGRITY, FAIL, "")
    assert docket(comparison(of(PASS)), comparison(doubt)).verdict is FAIL


@pytest.mark.parametrize("comparisons", [(), (comparison(),)], ids=["no comparison", "no finding"])
def test_empty_docket_fails(comparisons: tuple[Comparison, ...]) -> None:
    """Where nothing was judged nothing has passed."""
    assert docket(*comparisons).verdict is FAIL


def test_what_was_compared_is_summed() -> None:
    """Tensors with numbers, and the numbers."""
    found = docket(comparison(of(PASS), of(PASS, elements=0)), comparison(of(PASS, elements=4)))
    assert (found.tensors, found.elements) == (2, 10)


def test_largest_share_is_found_with_its_comparison() -> None:
    """The comparison that comes nearest to a bound, among the checks asked for."""
    found = docket(comparison(of(PASS)), comparison(of(PASS, share=0.75)), comparison())
    largest = found.largest(Check.FORCED)
    assert largest is not None
    assert (largest[0], largest[1].share) == ("1", 0.75)
    assert found.largest(Check.FREE) is None
