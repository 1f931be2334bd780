"""The ledger: every difference between port and original is zero, or an entry with two proofs run live."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from parity.findings import Check, Finding, Verdict
from parity_tests.conftest import LEDGER, LEDGERS, WITNESSES
from parity_tests.ledger_cases import LEDGER_CASES
from parity_tests.ledger_proceedings import LedgerProceedings
from parity_tests.proceedings import READ_RASTERS
from port.recipes import RECIPES

METHOD = range(1, 18)
"""The numbered facts in which a sound port must differ from the original, or goes silently wrong."""
ENTRIES = pytest.mark.parametrize("entry", LEDGER.deviations, ids=lambda entry: entry.id)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a witness that reads rasters."""
    if "proofs" in metafunc.fixturenames:
        names = [witness.name for witness in metafunc.config.stash[WITNESSES] if witness.name in READ_RASTERS]
        metafunc.parametrize("proofs", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def proofs(request: pytest.FixtureRequest, court: Path) -> LedgerProceedings:
    """All entries before the witness of that name."""
    return request.config.stash[LEDGERS][request.param]


def _require(found: Sequence[Finding], least: int) -> None:
    """Raise unless there are at least so many findings, none of them fails and numbers were compared."""
    assert len(found) >= least, found
    failed = [finding.message for finding in found if finding.verdict is not Verdict.PASS]
    assert not failed, "\n".join(failed)
    assert any(finding.elements for finding in found)
    assert {finding.check for finding in found} == {Check.LEDGER}


@ENTRIES
def test_on(proofs: LedgerProceedings, entry) -> None:
    """With its switch as the original, the port is the original at the entry's stage and at all after it."""
    _require(proofs.on[entry.id], 3)


@ENTRIES
def test_off(proofs: LedgerProceedings, entry) -> None:
    """With its switch at the port's own value, the port differs there, as the entry says, and in nothing else."""
    _require(proofs.off[entry.id], 5 + len(entry.changes) + len(entry.contains))


@ENTRIES
def test_another_run_proves_nothing(proofs: LedgerProceedings, entry) -> None:
    """The second proof can fail: in a run that differs in another thing, or in none, it finds no such difference."""
    failed = [finding for finding in proofs.mistaken[entry.id] if finding.verdict is Verdict.FAIL]
    assert failed
    assert all(finding.message.startswith(f"{entry.id}: {entry.stage}: ") for finding in failed)


def test_every_entry_is_proven(proofs: LedgerProceedings) -> None:
    """No entry is without both proofs."""
    ids = {entry.id for entry in LEDGER}
    assert set(proofs.on) == set(proofs.off) == ids


def test_every_fact_has_an_entry() -> None:
    """Each numbered fact of the method is in the ledger."""
    assert LEDGER.without_number(METHOD) == []


def test_every_difference_has_an_entry() -> None:
    """Wherever a recipe is not as `original`, the ledger says why."""
    recipes = {name: {k: v for k, v in asdict(recipe).items() if k != "name"} for name, recipe in RECIPES.items()}
    assert LEDGER.without_entry(recipes, original="original") == []


def test_every_request_shows_something() -> None:
    """No request is made for nothing, and each that an entry names is there."""
    assert {entry.case for entry in LEDGER} == set(LEDGER_CASES)


def test_runs_of_a_case_agree_on_what_the_original_does() -> None:
    """No two entries of a request want the same switch at two values to be as the original."""
    told = {}
    for entry in LEDGER:
        assert told.setdefault((entry.case, entry.switch), entry.run_as_original) == entry.run_as_original, entry.id
