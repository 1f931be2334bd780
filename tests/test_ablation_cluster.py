"""Over a cluster an ablation's runs give the numbers that they give in processes of this computer."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dask_processes import START_S, DaskProcesses

from port.ablation import Study, ablate
from port.ablation_cluster import ClusterRun
from port.ablation_store import Job
from port.cluster import Place, connected
from port.digests import code_digest
from port.errors import ClusterError, SettingError
from port.recipes import recipe
from port.settings import Settings
from port.synthetic import write_synthetic_scene

QUICK = recipe(epochs=1, patch_side_px=21, batch_size=3)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic scene of 64 x 64 px, of a seed that the study does not make up: no run of it is shared."""
    return write_synthetic_scene(tmp_path_factory.mktemp("small") / "field", size_px=(64, 64), seed=9)


@pytest.fixture
def study(small: Path) -> Study:
    """A scene, and one made up for each seed; two variants, two seeds."""
    return Study(data=[str(small), "synthetic"], recipe=QUICK, variants=("OPTII", "SOPTII"), seeds=2, size_px=(64, 64))


def kept(out: Path) -> dict[str, Any]:
    """The done runs by file name, all but how long they took."""
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (out / "runs").iterdir()}
    return {name: {key: value for key, value in run.items() if key != "seconds"} for name, run in found.items()}


def test_numbers_are_those_of_processes(study: Study, dask: DaskProcesses, place: Place, tmp_path: Path) -> None:
    """The same runs under the same names, the same tables, though a worker is killed after the second run."""

    class Killer:
        """Kills a worker, starts another."""

        def step(self, stage: str, done: int, total: int, word: str) -> None:
            """After the second run."""
            if done == 2:
                dask.kill()
                dask.add()

        def remark(self, text: str) -> None:
            """Ignore a remark."""

    over_cluster = ablate(study, tmp_path / "cluster", place=place, observer=Killer())
    in_processes = ablate(study, tmp_path / "processes")
    assert (over_cluster.done, over_cluster.rows) == (8, in_processes.rows)
    assert kept(tmp_path / "cluster") == kept(tmp_path / "processes")
    for name in ("ablation.csv", "ablation.json", "ablation.md"):
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "processes" / name).read_bytes()


def test_failed_runs_leave_the_others(study: Study, place: Place, tmp_path: Path) -> None:
    """As in processes: the error counts them and names the first."""
    wild = replace(study, recipe=replace(QUICK, epochs=3, learning_rate=1e30), variants=("SAR",), seeds=1)
    with pytest.raises(SettingError, match=r"2 of 2 runs failed, the others are kept; first \w+.* SAR seed 0: the tra"):
        ablate(wild, tmp_path / "out", place=place)
    assert kept(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("data", "problem"),
    [(lambda small: Path("/nowhere/field"), "/nowhere/field is not a folder"), (lambda small: small, "other pixels")],
    ids=["path", "content"],
)
def test_worker_that_does_not_see_the_scene_is_named(
    data: Callable[[Path], Path], problem: str, small: Path, place: Place
) -> None:
    """A run on anything else would go by the scene's name: nothing is trained."""
    settings = Settings(variant="SOPTII", recipe=QUICK, data=data(small))
    run = ClusterRun(Job("field", "0" * 64, settings, 1, 4, code_digest()), None)
    with connected(place) as cluster:
        [(_, error)] = cluster.each([run])
    assert isinstance(error, ClusterError)
    assert str(error).startswith("worker tcp://127.0.0.1:")
    assert problem in str(error)


def test_command_ablates_over_a_cluster(
    port: Callable[..., tuple[int, str, str]], small: Path, dask: DaskProcesses
) -> None:
    """`ablate --dask`; the same command without it finds the run done."""
    words = ("ablate", "--data", small, "--variants", "OPTII", "--seeds", 1, "--epochs", 1, "--batch-size", 3)
    words += ("--patch-side-px", 21)
    code, out, err = port(*words, "--dask", dask.address, "--dask-wait", START_S)
    assert code == 0
    assert "1/1 field OPTII seed 0: MAE 0." in err
    assert out.splitlines()[-1].endswith("1 runs done now, 0 before")
    assert port(*words)[1].splitlines()[-1].endswith("0 runs done now, 1 before")
