"""Another's port is judged by one command: the example before every live witness, wrong ports of it before the best."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from parity import witness as witnesses
from parity.compare import Comparison
from parity.findings import Verdict
from parity.judgement import Files
from parity_tests.conftest import LIVE, WITNESSES, WORKSHOP
from parity_tests.own_port import LENET, WRONG_PORTS, judged, make_request, wrong_copy

DTYPES = ("float64", "float32")
Asked = dict[str, Files]
Judging = Callable[[Files, Path], Comparison]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a live witness, or the first of them."""
    names = [w.name for w in metafunc.config.stash[WITNESSES] if w.name in LIVE]
    if "asked" in metafunc.fixturenames:
        few = names[:1] if "mistake" in metafunc.fixturenames else names
        metafunc.parametrize("asked", few, indirect=True, scope="session")


@pytest.fixture(scope="session")
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """The example's requests, by dtype, answered by its original before a witness."""
    folder = tmp_path_factory.mktemp(request.param)
    files = {dtype: Files.within(folder / dtype, folder / f"{dtype}.npz") for dtype in DTYPES}
    for dtype, each in files.items():
        make_request(each.request, dtype)
    found = witnesses.find(request.param, program=LENET / "original.py")
    found.record([(each.request, each.legacy) for each in files.values()])
    return files


@pytest.fixture
def judging(pytestconfig: pytest.Config) -> Judging:
    """Records and judges a port in processes of their own."""
    return partial(pytestconfig.stash[WORKSHOP].judge, "another's port: runs and is judged", judged)


@pytest.mark.parametrize("dtype", DTYPES)
def test_example_passes(asked: Asked, dtype: str, judging: Judging) -> None:
    """Every stage, gradient and step is within its bound, and every branch is reached."""
    comparison = judging(asked[dtype], LENET / "port.py")
    assert comparison.verdict is Verdict.PASS, [f.message for f in comparison.findings if f.verdict is not Verdict.PASS]
    assert comparison.tensors > 100


@pytest.mark.parametrize("mistake", WRONG_PORTS)
def test_wrong_port_is_caught_where_it_is_wrong(asked: Asked, mistake: str, tmp_path: Path, judging: Judging) -> None:
    """The stage that is blamed first is the one that the mistake stands at."""
    files = replace(asked["float64"], port=tmp_path / "port.npz")
    comparison = judging(files, wrong_copy(WRONG_PORTS[mistake], tmp_path / "wrong"))
    assert comparison.verdict is Verdict.FAIL
    assert comparison.first_bad is not None
    assert comparison.first_bad.stage == WRONG_PORTS[mistake].stage
