"""A failing case is told: what is to blame, why, and the command that shows it again; nothing hides the failure."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from judged_pair import Pair

from parity.compare import Comparison
from parity.trace import read_request
from parity_tests.failures import failing, investigate
from parity_tests.probes import Case
from parity_tests.proceedings import Files, evenly

FIRST, SECOND = Case("SAR", "scaled", "float64"), Case("OPTI", "scaled", "float64")


@dataclass
class Heard:
    """Proceedings whose comparisons are there, before the recorded witness."""

    pair: Pair
    comparisons: dict[Case, Comparison]
    directory: Path
    witness: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="recorded"))
    cases: tuple[Case, ...] = (FIRST, SECOND)

    def files(self, _case: Case) -> Files:
        """The pair's."""
        return Files(self.pair.request, self.pair.folder / "legacy.npz", self.pair.folder / "port.npz")


def heard(pair: Pair, *, wrong: bool) -> Heard:
    """The first case passes; the second is wrong, or passes too."""
    sound = pair.judge()
    if wrong:
        pair.spoil("conv1/pre", lambda values: 1.01 * values)
    return Heard(pair, {FIRST: sound, SECOND: pair.judge()}, pair.folder)


def test_first_failing_case_is_told(pair: Pair, tmp_path: Path) -> None:
    """The stage, a diagnosis and a command; a recorded witness answers no smaller request, which is said."""
    proceedings = heard(pair, wrong=True)
    lines = investigate(proceedings, tmp_path / "report")
    saved = tmp_path / "report" / "failures" / f"{SECOND.id}.npz"
    assert failing(proceedings) == [SECOND]
    assert lines[0] == f"recorded: 1 of 2 cases fail; first {SECOND.id}"
    assert lines[1].startswith("  to blame: conv1/pre")
    assert lines[2].startswith("  diagnosis: conv1/pre")
    assert lines[-2:] == [
        "  not reduced: a recorded witness answers no other request",
        f"  see it fail again: python -m parity judge {saved} --witness=recorded",
    ]
    assert read_request(saved).sha256 != ""
    told = json.loads(saved.with_suffix(".json").read_text(encoding="utf-8"))
    assert (told["case"], told["blamed"][0]) == (SECOND.id, "conv1/pre")


def test_where_nothing_fails_nothing_is_left(pair: Pair, tmp_path: Path) -> None:
    """What an earlier run left is taken away."""
    (tmp_path / "failures").mkdir()
    (tmp_path / "failures" / "old.npz").write_bytes(b"old")
    assert investigate(heard(pair, wrong=False), tmp_path) == []
    assert not (tmp_path / "failures").exists()


def test_failure_that_cannot_be_reduced_is_still_told(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong on the way takes a line of its own, and no error hides the case."""
    proceedings = heard(pair, wrong=True)
    (pair.folder / "port.npz").unlink()
    lines = investigate(proceedings, tmp_path / "report")
    assert lines[0].endswith(SECOND.id)
    assert lines[1].startswith("  this failure could not be reduced: ")


def test_shares_of_the_work_are_even_and_whole() -> None:
    """Each case is in one share, and what is compiled once stays together."""
    cases = [Case(variant, probe, dtype) for variant in ("SAR", "OPTI", "SOPTI") for probe in ("initial", "scaled")
             for dtype in ("float64", "float32")]  # fmt: skip
    shares = evenly(cases, by=lambda case: (case.variant, case.dtype))
    assert sorted(case.id for share in shares for case in share) == sorted(case.id for case in cases)
    assert not {(case.variant, case.dtype) for case in shares[0]} & {(case.variant, case.dtype) for case in shares[1]}
    seconds = [sum(5.0 if case.dtype == "float64" else 2.5 for case in share) for share in shares]
    assert abs(seconds[0] - seconds[1]) <= 5.0
