"""A cluster loses nothing when a worker dies, and says in one paragraph why it cannot be used."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from cluster_tasks import Defect, End, Refusal, Square, Told
from dask_processes import ROOT, START_S, DaskProcesses, dask_processes

from port.cluster import Place, connected
from port.errors import ClusterError, SceneError


class Remarks:
    """Keeps the remarks it is told of."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Ignore a step."""

    def remark(self, text: str) -> None:
        """Keep a remark."""
        self.remarks.append(text)


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster of one worker that nobody kills."""
    with dask_processes(tmp_path_factory.mktemp("dask"), 1) as processes:
        yield at(processes)


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[DaskProcesses]:
    """A scheduler without workers."""
    with dask_processes(tmp_path, 0) as processes:
        yield processes


def at(processes: DaskProcesses, wait_s: float = START_S) -> Place:
    """Where they are."""
    return Place(address=processes.address, wait_s=wait_s)


def results(
    place: Place, tasks: Iterable[Any], after: Callable[[int], None] = lambda ended: None, observer: Any = None
) -> list[tuple[Any, Any]]:
    """Each task and what came back; `after` is told how many have ended so far. An error of a worker's is raised."""
    found = []
    with connected(place, observer) as cluster:
        for task, result in cluster.each(tasks):
            if isinstance(result, ClusterError):
                raise result
            found.append((task, result))
            after(len(found))
    return found


def test_each_task_is_done_once(alive: Place) -> None:
    """More tasks than are given out at a time, from an iterator; each comes back with its own result."""
    found = results(alive, (Square(number) for number in range(50)))
    assert sorted((task.number, result) for task, result in found) == [(n, n * n) for n in range(50)]
    assert results(alive, []) == []


def test_few_tasks_are_taken_at_a_time(alive: Place) -> None:
    """Of a thousand tasks one worker has four: memory does not grow with their number."""
    taken: list[int] = []

    def tasks() -> Iterator[Square]:
        for number in range(1000):
            taken.append(number)
            yield Square(number)

    with connected(alive) as cluster, closing(cluster.each(tasks())) as coming:
        for ended in range(1, 9):
            next(coming)
            assert len(taken) <= ended + 4


def test_killed_workers_lose_nothing(dask: DaskProcesses) -> None:
    """Two of three workers are killed while they work: all is done, and each loss is told."""
    dask.add(3)
    observer = Remarks()

    def kill(ended: int) -> None:
        if ended in (6, 12):
            dask.kill()

    found = results(at(dask), [Square(number, 0.2) for number in range(30)], kill, observer)
    assert sorted((task.number, result) for task, result in found) == [(n, n * n) for n in range(30)]
    assert [text.endswith("is gone; what it had is done by another") for text in observer.remarks] == [True, True]


def test_worker_of_this_computer_is_started_again() -> None:
    """The one process of a local cluster is killed; the new one holds what was shared before it began."""
    found = set()
    with connected(Place(jobs=1, wait_s=START_S)) as cluster, cluster.sharing("filters") as name:
        for task, (content, process) in cluster.each([Told(name, number) for number in range(12)]):
            assert content == "filters"
            found.add((task.number, process))
            if len(found) == 3:
                next(child for child in active_children() if "Dask Worker" in child.name).kill()
    assert sorted(number for number, _ in found) == list(range(12))
    assert len({process for _, process in found}) == 2


def test_all_workers_gone_is_an_error(dask: DaskProcesses) -> None:
    """After the wait: what to do."""
    dask.add(1)
    results(at(dask), [])  # it is there
    tasks = [Square(number, 0.2) for number in range(9)]
    with pytest.raises(ClusterError, match=r"has had no worker for 5 s; start workers \(`dask worker"):
        results(at(dask, wait_s=5.0), tasks, lambda ended: dask.kill() if dask.workers else None)


def test_gone_scheduler_is_an_error(dask: DaskProcesses) -> None:
    """It cannot say who did what: all that is not done is given again."""
    dask.add(1)
    tasks = [Square(number, 0.2) for number in range(9)]
    with pytest.raises(ClusterError, match=r"the scheduler at .* does not answer any more"):
        results(at(dask), tasks, lambda ended: dask.scheduler.kill())


def test_error_of_ours_comes_back_as_a_result(alive: Place) -> None:
    """Whoever gave the tasks decides what it means for the others."""
    found = [result for _, result in results(alive, [Refusal(), Square(3)])]
    assert {type(result) for result in found} == {SceneError, int}
    assert {str(result) for result in found} == {"no such field", "9"}


def test_other_error_names_its_task(alive: Place) -> None:
    """A defect in a worker is one paragraph here."""
    with pytest.raises(ClusterError, match=r"Defect\(\) failed on a worker: ZeroDivisionError\('by zero'\)"):
        results(alive, [Defect()])


def test_task_that_ends_workers_is_named(tmp_path: Path) -> None:
    """It is not tried for ever: here once, where Dask itself tries four times."""
    with dask_processes(tmp_path, 1, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as processes:
        place = at(processes)
        with pytest.raises(ClusterError, match=r"the end ended each of the 1 workers that tried it, .* memory"):
            results(place, [End()])


def copied(folder: Path, file: str, text: str) -> Path:
    """A folder with a copy of the program, to one file of which a text is added."""
    shutil.copytree(ROOT / "port", folder / "port", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "port" / file).open("a", encoding="utf-8") as source:
        source.write(text)
    return folder


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda dask, folder: dask.add(1, threads=2), r"has 2 threads instead of 1 \(start it with --nthreads 1"),
        (
            lambda dask, folder: dask.add(1, source=copied(folder, "network.py", "# another\n")),
            "1 of the cluster's workers would not give the same numbers .* has code [0-9a-f]{12} instead of",
        ),
        (
            lambda dask, folder: dask.add(1, source=copied(folder, "__init__.py", "raise ImportError('too old')\n")),
            "1 of the cluster's workers cannot run this program; first tcp://127.0.0.1:.*too old",
        ),
        (lambda dask, folder: None, "has had no worker for 5 s"),
    ],
    ids=["threads", "code", "no program", "no worker"],
)
def test_unlike_workers_are_an_error(
    start: Callable[[DaskProcesses, Path], None], message: str, dask: DaskProcesses, tmp_path: Path
) -> None:
    """Before anything is done: one paragraph that names a worker and both values."""
    start(dask, tmp_path / "copy")
    place = at(dask, START_S if dask.workers else 5.0)
    with pytest.raises(ClusterError, match=message):
        results(place, [])


def test_worker_that_joins_late_is_checked_too(dask: DaskProcesses, tmp_path: Path) -> None:
    """Its first task says that it has another code."""
    dask.add(1)
    other = copied(tmp_path / "copy", "network.py", "# another\n")
    tasks = (Square(number, 0.1) for number in range(int(10 * START_S)))
    with pytest.raises(ClusterError, match="1 of the cluster's workers would not give the same numbers"):
        results(at(dask), tasks, lambda ended: dask.add(1, source=other) if ended == 1 else None)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "tls://127.0.0.1:9", "nonsense", ""])
def test_no_scheduler_is_an_error(address: str) -> None:
    """The address, and how to start one."""
    with pytest.raises(ClusterError, match=f"no scheduler at '{address}' .*; start one with `dask scheduler`"):
        results(Place(address=address, wait_s=1.0), [])


def test_without_dask_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask is an extra."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"a cluster needs Dask, which is not here .*extra `cluster`"):
        results(Place(), [])
