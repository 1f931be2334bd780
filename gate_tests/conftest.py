"""What the gate asks, and the table it ends with: one test a number, a gain, a recorded accuracy."""

from collections.abc import Iterator

import pytest

from benchmarks.accuracy import DATA, METRICS
from gate_tests.chosen import REGRESSION_METRICS, chosen, held_claims
from gate_tests.claims import gains
from gate_tests.records import PREDICTION, recorded
from gate_tests.trainings import Trainings, cores
from gate_tests.verdicts import Verdicts, table
from parity_tests import paper
from parity_tests.measured import CHECKS

VERDICTS = pytest.StashKey[Verdicts]()
TRAININGS = pytest.StashKey[Trainings]()


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is judged yet."""
    config.stash[VERDICTS] = Verdicts()


def pytest_report_header(config: pytest.Config) -> str:
    """Say what the gate rests on."""
    runs = sum(len(row.seeds) for row in chosen())
    return f"gate: {paper.PAPER.name}; {runs} trainings side by side on {cores()} cores; real scenes in {DATA}"


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
    elif "row" in metafunc.fixturenames:
        _of_records(metafunc)


def _of_records(metafunc: pytest.Metafunc) -> None:
    """The prediction's recorded metrics, or each baseline's."""
    baseline = "baseline" in metafunc.fixturenames
    metrics = METRICS if baseline else REGRESSION_METRICS
    found = [
        (row, method, metric)
        for row in {(row.scene, row.variant, row.name): row for row in chosen()}.values()
        for method in (recorded(row).baselines if baseline else [PREDICTION])
        for metric in metrics
    ]
    names = ("row", "baseline" if baseline else "method", "metric")
    metafunc.parametrize(names, found, ids=[f"{recorded(row).name}-{method}-{metric}" for row, method, metric in found])


@pytest.fixture
def verdicts(request: pytest.FixtureRequest) -> Verdicts:
    """The lines of the table."""
    return request.config.stash[VERDICTS]


@pytest.fixture(scope="session")
def trainings(request: pytest.FixtureRequest) -> Iterator[Trainings]:
    """All trainings, begun when the first is asked for."""
    found = Trainings(chosen())
    request.config.stash[TRAININGS] = found
    yield found
    found.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was gated and what was not, and why."""
    verdicts = config.stash[VERDICTS]
    for number in paper.numbers(CHECKS):
        if not number.gated:
            verdicts.not_gated(number.id, number.value, number.reason)
    _tell_exempt_gains(verdicts, config.stash.get(TRAININGS, None))
    terminalreporter.section("the gate")
    for text in table(verdicts.lines):
        terminalreporter.write_line(text)
    terminalreporter.write_line(verdicts.closing())


def _tell_exempt_gains(verdicts: Verdicts, trainings: Trainings | None) -> None:
    """The gains that nothing hangs on, with their figures where the runs were done."""
    for claim in held_claims():
        if trainings is not None and trainings.done(claim.row):
            for gain in gains(claim, recorded(claim.row), trainings.of(claim.row)):
                if reason := claim.reason(gain.metric, gain.over):
                    verdicts.not_gated(
                        f"{claim.name}: {gain.metric}", f"{gain.theirs:.4f} {gain.over}", reason, gain.ours
                    )
        else:
            for exemption in claim.exemptions:
                verdicts.not_gated(f"{claim.name}: {exemption.metric}", exemption.over, exemption.reason, "not run")
