"""What the gate asks, and the table it ends with: one test a number, a gain, a recorded accuracy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import DATA, METRICS
from gate_tests.added_sources import added_sources
from gate_tests.chosen import chosen, held_claims, trained
from gate_tests.claims import gains
from gate_tests.record_files import ablated, recorded
from gate_tests.trainings import Trainings, cores
from gate_tests.verdicts import Verdicts, table, write_json
from parity_tests import paper
from parity_tests.measured import CHECKS

VERDICTS = pytest.StashKey[Verdicts]()
TRAININGS = pytest.StashKey[Trainings]()
ASKED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where the verdicts go."""
    group = parser.getgroup("gate")
    group.addoption("--gate-report", type=Path, default=Path("reports/gate"), help="folder of gate.json")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is judged yet."""
    config.stash[VERDICTS] = Verdicts()


def pytest_report_header(config: pytest.Config) -> str:
    """Say what the gate rests on."""
    runs = sum(len(row.seeds) for row in trained())
    return f"gate: {paper.PAPER.name}; {runs} trainings side by side on {cores()} cores; real scenes in {DATA}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the verdicts that must come: one a test."""
    session.config.stash[ASKED] = sum("verdicts" in getattr(item, "fixturenames", ()) for item in session.items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each thing gated; what is not gated is no test, but a line of the table."""
    if "number" in metafunc.fixturenames:
        numbers = [number for number in paper.numbers(CHECKS) if number.gated]
        metafunc.parametrize("number", numbers, ids=[number.id for number in numbers])
    elif "claim" in metafunc.fixturenames:
        pairs = [
            (claim, metric, over)
            for claim in held_claims()
            for metric in claim.metrics
            for over in recorded(claim.row).baselines
            if not claim.reason(metric, over)
        ]
        ids = [f"{claim.name}-{metric}-{over}" for claim, metric, over in pairs]
        metafunc.parametrize(("claim", "metric", "over"), pairs, ids=ids)
    elif "added" in metafunc.fixturenames:
        clear = [added for added in added_sources() if added.clear]
        metafunc.parametrize("added", clear, ids=[added.what for added in clear])
    elif "record" in metafunc.fixturenames:
        _of_records(metafunc)


def _of_records(metafunc: pytest.Metafunc) -> None:
    """The prediction's metrics in each file that has them, or each baseline's."""
    rows = list({(row.scene, row.variant, row.name): row for row in chosen()}.values())
    if "baseline" in metafunc.fixturenames:
        pairs = [(record, baseline) for record in map(recorded, rows) for baseline in record.baselines]
        found: list[tuple[Any, ...]] = [(*pair, metric) for pair in pairs for metric in METRICS]
        names: tuple[str, ...] = ("record", "baseline", "metric")
    else:
        kept = [record for row in rows for read in (recorded, ablated) if (record := read(row)) is not None]
        found = [(record, metric) for record in kept for metric in METRICS]
        names = ("record", "metric")
    ids = ["-".join((record.place, record.name, *words)) for record, *words in found]
    metafunc.parametrize(names, found, ids=ids)


@pytest.fixture
def verdicts(request: pytest.FixtureRequest) -> Verdicts:
    """The lines of the table."""
    return request.config.stash[VERDICTS]


@pytest.fixture(scope="session")
def trainings(request: pytest.FixtureRequest) -> Iterator[Trainings]:
    """All trainings, begun when the first is asked for."""
    found = Trainings(trained())
    request.config.stash[TRAININGS] = found
    yield found
    found.stop()


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """What was gated and what was not, and why."""
    verdicts = config.stash[VERDICTS]
    for number in paper.numbers(CHECKS):
        if not number.gated:
            verdicts.not_gated(number.id, number.value, number.reason)
    for added in added_sources():
        if not added.clear:
            verdicts.not_gated(added.what, "", added.figures, f"{added.mean:.4f}")
    _tell_exempt_gains(verdicts, config.stash.get(TRAININGS, None))
    terminalreporter.section("the gate")
    for text in table(verdicts.lines):
        terminalreporter.write_line(text)
    write_json(config.getoption("--gate-report") / "gate.json", verdicts)
    errors = len(terminalreporter.stats.get("error", []))
    terminalreporter.write_line(verdicts.closing(config.stash.get(ASKED, 0), errors))


def _tell_exempt_gains(verdicts: Verdicts, trainings: Trainings | None) -> None:
    """The gains that nothing hangs on, with their figures where the runs were done."""
    for claim in held_claims():
        if trainings is not None and trainings.done(claim.row):
            for gain in gains(claim, recorded(claim.row), trainings.of(claim.row)):
                if reason := claim.reason(gain.metric, gain.over):
                    what = f"{claim.name}: {gain.metric} against {gain.over}"
                    verdicts.not_gated(what, f"{gain.theirs:.4f}", reason, gain.ours)
        else:
            for exemption in claim.exemptions:
                what = f"{claim.name}: {exemption.metric} against {exemption.over}"
                verdicts.not_gated(what, "", exemption.reason, "not run")
