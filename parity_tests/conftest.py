"""Who testifies, and the closing words: the court's options, its witnesses, its summary."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from parity import witness as witnesses
from parity.compare import Comparison
from parity.docket import Docket
from parity.errors import WitnessError
from parity.exhibits import chosen
from parity.findings import Verdict
from parity.ledger import read_ledger
from parity.report import largest_shares
from parity.report_folder import Sides, write_court
from parity.trace import read_request, read_trace
from parity.witness import Witness
from parity_tests.failures import SECONDS, failing, investigate
from parity_tests.ledger_proceedings import LedgerProceedings
from parity_tests.probes import DTYPES, Case
from parity_tests.proceedings import READ_RASTERS, Proceedings, cases_for
from parity_tests.workshop import CORES, Workshop

LIVE = ("container", "interpreter", "period")
NO_WITNESS = 3
LEDGER = read_ledger(Path(__file__).with_name("ledger.toml"))
EARLY = (
    *("test_dense_blocks.py", "test_own_port.py", "test_recorded_traces.py", "test_onnx.py", "test_tilings.py"),
    *("test_engines.py", "test_weight_transfer.py", "test_wrong_ports.py"),
)
"""Files whose tests need few of the cases, or none: they go first, while the others are recorded and judged.

Those that need none come before those that wait for some, so that the last of them does not run alone.
"""


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
    config.addinivalue_line("markers", "scenes: about whole scenes only, from GeoTIFF to GeoTIFF")
    config.addinivalue_line("markers", "first_witness: about the port's own ways, for which one witness is enough")
    asked = config.getoption("--witness")
    names = LIVE if asked == "all" else tuple(asked.split(","))
    config.stash[WORKSHOP] = Workshop()
    try:
        config.stash[WITNESSES] = [witnesses.find(name, say=partial(say, config)) for name in names]
    except WitnessError as error:
        pytest.exit(f"no witness: {error}", returncode=NO_WITNESS)
    config.stash[PROCEEDINGS] = {}
    config.stash[LEDGERS] = {}
    config.stash[CLOSING] = []
    config.stash[UNHEARD] = []


WITNESSES = pytest.StashKey[list[Witness]]()
WORKSHOP = pytest.StashKey[Workshop]()
PROCEEDINGS = pytest.StashKey[dict[str, Proceedings]]()
LEDGERS = pytest.StashKey[dict[str, LedgerProceedings]]()
TRACES = pytest.StashKey["TemporaryDirectory[str]"]()
CLOSING = pytest.StashKey[list[str]]()
UNHEARD = pytest.StashKey[list[str]]()
"""What each test says that no witness answered."""


def say(config: pytest.Config, line: str) -> None:
    """Show a witness's line of progress, and count the time that it tells."""
    config.get_terminal_writer().line(line)
    config.stash[WORKSHOP].clock.hear(line)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say in the first lines who testifies, and why nobody better."""
    found = config.stash[WITNESSES]
    passed_over = [f"  {reason}" for witness in found for reason in witness.reasons]
    return [f"witness: {', '.join(witness.description for witness in found)}", *passed_over]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out whole files that nobody here can testify to, so that nothing collected is ever skipped."""
    names = [witness.name for witness in config.stash[WITNESSES]]
    needed = {
        "test_witnesses_agree.py": len(names) > 1,
        "test_recorded_traces.py": "recorded" not in names,
        "test_data_path_parity.py": not READ_RASTERS.isdisjoint(names),
        "test_dense_blocks.py": not READ_RASTERS.isdisjoint(names),
        "test_tilings.py": not READ_RASTERS.isdisjoint(names),
        "test_ledger.py": not READ_RASTERS.isdisjoint(names),
        "test_confinement.py": not {"container", "period"}.isdisjoint(names),
        "test_own_port.py": not set(LIVE).isdisjoint(names),
    }
    return None if needed.get(collection_path.name, True) else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a witness and case."""
    found = metafunc.config.stash[WITNESSES]
    if "case" in metafunc.fixturenames:
        pairs = [(w.name, case) for w in found for case in cases_for(w) if case.scene or not _of_scenes(metafunc)]
        ids = [f"{name}-{case.id}" for name, case in pairs]
        metafunc.parametrize(("proceedings", "case"), pairs, indirect=["proceedings"], ids=ids, scope="session")
    elif "proceedings" in metafunc.fixturenames:
        names = [w.name for w in found if w.name in READ_RASTERS or not _of_scenes(metafunc)]
        if metafunc.definition.get_closest_marker("first_witness") is not None:
            names = names[:1]
        metafunc.parametrize("proceedings", names, indirect=True, scope="session")
    elif "two" in metafunc.fixturenames:
        triples = [((found[0].name, o.name), case) for o in found[1:] for case in _common(found[0], o)]
        ids = [f"{first}-{other}-{case.id}" for (first, other), case in triples]
        metafunc.parametrize(("two", "either"), triples, indirect=["two"], ids=ids, scope="session")


def _of_scenes(metafunc: pytest.Metafunc) -> bool:
    """Whether a test is about whole scenes only."""
    return metafunc.definition.get_closest_marker("scenes") is not None


def _common(first: Witness, other: Witness) -> list[Case]:
    """The cases that both are asked."""
    return [case for case in cases_for(first) if case in cases_for(other)]


@pytest.hookimpl(trylast=True)  # after the fixtures' own order
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for most goes last."""
    items.sort(key=lambda item: EARLY.index(item.path.name) if item.path.name in EARLY else len(EARLY))


@pytest.fixture(scope="session", autouse=True)
def court(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where all requests and traces of this session are; what its tests wait for is begun, in the witnesses' order.

    The report is made of them after the last test, when pytest has given up its own folders: later sessions, of other
    tests too, may then remove those.
    """
    config = request.config
    config.stash[TRACES] = TemporaryDirectory(prefix="parity-")
    directory = Path(config.stash[TRACES].name)
    workshop, telling = config.stash[WORKSHOP], partial(tell, config)
    for found in config.stash[WITNESSES]:
        cases, name = cases_for(found), found.name
        config.stash[PROCEEDINGS][name] = Proceedings(found, directory, cases, workshop, telling)
        if name in READ_RASTERS:
            ledger = LedgerProceedings(found, directory / "ledger", LEDGER, workshop, telling)
            config.stash[LEDGERS][name] = ledger
    _begin(config, [item.callspec.params for item in request.session.items if hasattr(item, "callspec")])
    yield directory
    if not (request.session.shouldstop or request.session.shouldfail):
        for proceedings in config.stash[PROCEEDINGS].values():
            proceedings.settle()
    workshop.close()


def _begin(config: pytest.Config, asked: Sequence[Mapping[str, object]]) -> None:
    """Begin what tests with these parameters ask for: a witness's cases, its ledger, what two of them agree on."""
    held, ledgers = config.stash[PROCEEDINGS], config.stash[LEDGERS]
    for name, proceedings in held.items():
        if any(params.get("proceedings") == name and "case" in params for params in asked):
            proceedings.begin()
        if any(params.get("proofs") == name for params in asked):
            ledgers[name].begin()
    for first, second in dict.fromkeys(params["two"] for params in asked if "two" in params):
        held[first].agreement(held[second])


@pytest.fixture(scope="session")
def proceedings(request: pytest.FixtureRequest, court: Path) -> Proceedings:
    """All cases before the witness of that name."""
    return request.config.stash[PROCEEDINGS][request.param]


@pytest.fixture(scope="session")
def two(request: pytest.FixtureRequest, court: Path) -> tuple[Proceedings, Proceedings]:
    """All cases before each of two witnesses."""
    first, second = (request.config.stash[PROCEEDINGS][name] for name in request.param)
    return first, second


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Count what each file's tests compute in this process; what they wait for is counted where it is done."""
    with item.config.stash[WORKSHOP].clock.own(f"tests: {item.path.name}"):
        return (yield)


def tell(config: pytest.Config, text: str) -> None:
    """Show progress through pytest's capture."""
    with config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        config.get_terminal_writer().line(text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[pytest.TestReport]:
    """Mark a test that failed because a witness hung, died or wrote no sound trace."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, WitnessError):
        item.config.stash[UNHEARD].append(str(call.excinfo.value))
        report.no_witness = True
    return report


@pytest.fixture
def comparison(proceedings: Proceedings, case: Case) -> Comparison:
    """The judged case."""
    return proceedings.comparison(case)


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """Say what was proven, by how much, where the report is, and where the time went."""
    clock = config.stash[WORKSHOP].clock
    with clock.own("the report"):
        _report(terminalreporter, config)
    _investigate(config)
    terminalreporter.section("time")
    for line in clock.lines(CORES):
        terminalreporter.write_line(line)


def _report(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """Write each witness's report, and say what comes nearest to its bound."""
    for proceedings in config.stash[PROCEEDINGS].values():
        judged = proceedings.__dict__.get("comparisons")
        if judged is None:
            continue
        docket = Docket({case.id: comparison for case, comparison in judged.items()})
        folder = config.getoption("--report") / proceedings.witness.name
        page = write_court(folder, docket, witness=proceedings.witness.description, shown=_shown(proceedings, docket))
        terminalreporter.section(proceedings.witness.description)
        for dtype in DTYPES:
            for label, (name, finding) in largest_shares(docket, dtype).items():
                terminalreporter.write_line(f"{dtype} {label}: largest share {finding.share:.3g}, {name} {finding.id}")
        config.stash[CLOSING].append(_closing(proceedings, docket, page))


def _investigate(config: pytest.Config) -> None:
    """Say of each witness's first failing case what is to blame, why, and how to see it again."""
    held = list(config.stash[PROCEEDINGS].values())
    share = SECONDS / max(1, sum(bool(failing(proceedings)) for proceedings in held))
    for proceedings in held:
        folder = config.getoption("--report") / proceedings.witness.name
        config.stash[CLOSING] += investigate(proceedings, folder, share)


def _shown(proceedings: Proceedings, docket: Docket) -> dict[str, Callable[[], Sides]]:
    """The cases that the page shows whole: what fails, a network in float64 with all channels, a whole scene."""
    cases = {case.id: case for case in proceedings.comparisons}
    scene = next((case.id for case in cases.values() if case.scene), "")
    network = Case("SOPTIIp", "scaled", "float64").id
    names = chosen(docket, [network, scene]) or list(cases)[:1]
    return {name: partial(_sides, proceedings, cases[name]) for name in names}


def _sides(proceedings: Proceedings, case: Case) -> Sides:
    """Both traces and the request of a case, read again: a comparison keeps no arrays."""
    files = proceedings.files(case)
    return Sides(read_trace(files.legacy), read_trace(files.port), read_request(files.request))


def _closing(proceedings: Proceedings, docket: Docket, page: Path) -> str:
    """One sentence: what was proven before this witness, and where the page is."""
    verdicts = {part.verdict for part in proceedings.dockets().values()}
    said = (
        "are equivalent" if verdicts == {Verdict.PASS} else f"are not proven equivalent ({', '.join(sorted(verdicts))})"
    )
    return (
        f"{proceedings.witness.name}: port and original {said}: {docket.tensors} tensors, {docket.elements} numbers "
        f"compared in {len(docket.comparisons)} cases; report: {page}"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing may be skipped or expected to fail, and something must have been compared."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    left_out = [kind for kind in ("skipped", "xfailed", "xpassed") if terminal.stats.get(kind)]
    if left_out and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.stash[CLOSING].append(f"failed: tests were {', '.join(left_out)}; this court leaves nothing out")
    unheard = session.config.stash.get(UNHEARD, [])
    failed = [report for kind in ("failed", "error") for report in terminal.stats.get(kind, [])]
    if unheard and all(getattr(report, "no_witness", False) for report in failed):  # what else failed is a failure: 1
        session.exitstatus = NO_WITNESS
    session.config.stash[CLOSING] += [f"no witness: {reason}" for reason in dict.fromkeys(unheard)][:3]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last lines: what was proven, and where the report is; requests and traces go."""
    if TRACES in config.stash:
        config.stash[TRACES].cleanup()
    for line in config.stash.get(CLOSING, []):
        config.get_terminal_writer().line(line)
