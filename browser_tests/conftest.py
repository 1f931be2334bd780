"""Three pages, each made by the judge from a small pair of traces: one sound, one wrong, one hostile."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tests" / "parity"))  # where the small pairs are

from judged_pair import NODES, Pair, make_pair
from path_pair import make_path_pair

from browser_tests.browser import Browser
from parity.docket import Docket
from parity.findings import Verdict
from parity.report_folder import Sides, write_court
from parity.trace import read_request, read_trace

HOSTILE = "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
"""A name that a page which took it for markup would run."""


def court(folder: Path, *pairs: Pair, proven_only: bool = False) -> Path:
    """The page of a court in which each pair is a case; small pairs leave some things unproven, which may go."""
    judged, shown = {}, {}
    for number, pair in enumerate(pairs):
        comparison, (legacy, port) = pair.judge(), map(read_trace, pair.write())
        if proven_only:
            passed = tuple(finding for finding in comparison.findings if finding.verdict is Verdict.PASS)
            comparison = replace(comparison, findings=passed, coverage={})
        judged[f"case-{number}"] = comparison
        shown[f"case-{number}"] = partial(Sides, legacy, port, read_request(pair.request))
    return write_court(folder, Docket(judged), witness="small pair", shown=shown)


def network(folder: Path) -> Pair:
    """A sound network, forced."""
    folder.mkdir()
    return make_pair(folder, dtype="float64", forced=True, wrong=None, nodes=NODES)


def path(folder: Path) -> Pair:
    """A sound path from raster to raster."""
    folder.mkdir()
    return make_path_pair(folder, dtype="float64")


@pytest.fixture(scope="session")
def passing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sound pairs."""
    folder = tmp_path_factory.mktemp("passing")
    return court(folder / "report", network(folder / "network"), path(folder / "path"), proven_only=True)


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second layer is 1 % too large."""
    folder = tmp_path_factory.mktemp("failing")
    wrong = network(folder / "network")
    for stage in ("conv2/pre", "forced/conv2/pre"):
        wrong.spoil(stage, lambda values: 1.01 * values)
    return court(folder / "report", wrong, path(folder / "path"))


def spoiled(folder: Path, name: str, told: dict[str, str]) -> Pair:
    """A network whose last stage is called by that name, and whose manifests tell this of their stack."""
    pair = network(folder)
    for side in (pair.legacy, pair.port):
        for node in side.manifest["graph"]:
            node["stage"] = node["stage"].replace("output", name)
            node["inputs"] = [given.replace("output", name) for given in node["inputs"]]
        side.arrays = {stage.replace("output", name): array for stage, array in side.arrays.items()}
        side.manifest |= {"witness": name, "stack": told}
    pair.spoil(name, lambda values: values + 1)
    return pair


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every name that a trace tells is markup with a script in it."""
    folder = tmp_path_factory.mktemp("hostile")
    return court(folder / "report", spoiled(folder / "network", HOSTILE, {HOSTILE: HOSTILE}))


@pytest.fixture(scope="session")
def window() -> Iterator[Browser]:
    """One browser for all tests."""
    found = Browser()
    yield found
    found.close()


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The browser; whatever a test did, nothing stands in the console and nothing was asked of a network."""
    yield window
    assert window.said() == []
    assert [address for address in window.asked() if not address.startswith(("file:", "data:"))] == []
