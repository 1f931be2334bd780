"""Who testifies, and the closing words: the court's options, its witnesses, its summary."""

from pathlib import Path

import pytest

from parity import witness as witnesses
from parity.compare import Comparison
from parity.docket import Docket
from parity.errors import WitnessError
from parity.findings import Verdict
from parity.report import largest_shares, write_docket
from parity.witness import Witness
from parity_tests.probes import DTYPES, Case
from parity_tests.proceedings import Proceedings, cases_for

LIVE = ("container", "interpreter", "period")
NO_WITNESS = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say who may testify, and where the report goes."""
    group = parser.getgroup("parity")
    group.addoption(
        "--witness",
        default="best",
        help="best (default), container, interpreter, period, recorded; several joined by commas; all: every live one",
    )
    group.addoption("--report", type=Path, default=Path("reports/parity"), help="folder of the report")


@pytest.hookimpl(trylast=True)  # the terminal comes first
def pytest_configure(config: pytest.Config) -> None:
    """Find the witnesses before anything is collected; without one the run ends with exit code 3."""
    asked = config.getoption("--witness")
    names = LIVE if asked == "all" else tuple(asked.split(","))
    try:
        config.stash[WITNESSES] = [witnesses.find(name, say=config.get_terminal_writer().line) for name in names]
    except WitnessError as error:
        pytest.exit(f"no witness: {error}", returncode=NO_WITNESS)
    config.stash[PROCEEDINGS] = {}


WITNESSES = pytest.StashKey[list[Witness]]()
PROCEEDINGS = pytest.StashKey[dict[str, Proceedings]]()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say in the first lines who testifies, and why nobody better."""
    found = config.stash[WITNESSES]
    passed_over = [f"  {reason}" for witness in found for reason in witness.reasons]
    return [f"witness: {', '.join(witness.description for witness in found)}", *passed_over]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a witness and case."""
    found = metafunc.config.stash[WITNESSES]
    if "case" in metafunc.fixturenames:
        pairs = [(w.name, case) for w in found for case in cases_for(w)]
        ids = [f"{name}-{case.id}" for name, case in pairs]
        metafunc.parametrize(("proceedings", "case"), pairs, indirect=["proceedings"], ids=ids, scope="session")
    elif "proceedings" in metafunc.fixturenames:
        metafunc.parametrize("proceedings", [w.name for w in found], indirect=True, scope="session")


@pytest.fixture(scope="session")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all requests and traces of this session are."""
    return tmp_path_factory.mktemp("court")


@pytest.fixture(scope="session")
def proceedings(request: pytest.FixtureRequest, court: Path) -> Proceedings:
    """All cases before the witness of that name; run when first needed."""
    config = request.config
    held = config.stash[PROCEEDINGS]
    name = request.param
    if name not in held:
        found = next(w for w in config.stash[WITNESSES] if w.name == name)
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        capture = config.pluginmanager.get_plugin("capturemanager")

        def tell(text: str) -> None:
            with capture.global_and_fixture_disabled():
                terminal.write_line(text)

        held[name] = Proceedings(found, court, cases_for(found), tell)
    return held[name]


@pytest.fixture
def comparison(proceedings: Proceedings, case: Case) -> Comparison:
    """The judged case."""
    return proceedings.comparisons[case]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was proven, by how much, and where the report is."""
    for proceedings in config.stash[PROCEEDINGS].values():
        judged = proceedings.__dict__.get("comparisons")
        if judged is None:
            continue
        docket = Docket({case.id: comparison for case, comparison in judged.items()})
        folder = config.getoption("--report") / proceedings.witness.name
        write_docket(folder, docket, witness=proceedings.witness.description)
        terminalreporter.section(proceedings.witness.description)
        for dtype in DTYPES:
            for label, (name, finding) in largest_shares(docket, dtype).items():
                terminalreporter.write_line(f"{dtype} {label}: largest share {finding.share:.3g}, {name} {finding.id}")
        verdicts = {part.verdict for part in proceedings.dockets().values()}
        said = "equivalent" if verdicts == {Verdict.PASS} else f"not proven ({', '.join(sorted(verdicts))})"
        terminalreporter.write_line(
            f"port and original {said}: {docket.tensors} tensors, {docket.elements} numbers compared in "
            f"{len(docket.comparisons)} cases; report in {folder}"
        )
