"""The proceedings: each request goes to a witness and to the product, in processes of their own, then to the judge."""

import os
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from parity.compare import Comparison, compare
from parity.docket import Docket
from parity.trace import Record, read_request, read_trace
from parity.trajectories import true_trajectory
from parity.witness import Witness
from parity_tests.data_path import PATH_CASES, TRAINED, make_path_request
from parity_tests.probes import CASES, RECORDED_CASES, Case, make_request
from parity_tests.trained_weights import trained_probes

Tell = Callable[[str], None]
ROOT = Path(__file__).resolve().parent.parent
PORT_TIMEOUT_S = 1800
READ_RASTERS = frozenset({"container", "interpreter"})
"""The witnesses that have GDAL; Python 2.7's has none."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Files:
    """Where a case's request and the traces of both sides are."""

    request: Path
    legacy: Path
    port: Path

    @classmethod
    def of(cls, case: Case, directory: Path, witness: str) -> "Files":
        """The files of a case judged by a witness, below a directory."""
        sides = directory / witness
        return cls(
            directory / "requests" / f"{case.id}.npz", sides / f"{case.id}.legacy.npz", sides / f"{case.id}.port.npz"
        )


def run_port(arguments: Sequence[str | Path], *, module: Sequence[str] = ("port", "record")) -> None:
    """Run the product's recording in a process of its own, on one thread.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    command = [sys.executable, "-m", *module, *map(str, arguments)]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=PORT_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ... ended with {done.returncode}:\n{done.stderr[-3000:]}")


class Proceedings:
    """All cases before one witness.

    Args:
        witness: who testifies for the original.
        directory: where requests and traces go; requests and float64 truths are shared between witnesses.
        cases: what is probed.
        tell: told what is going on.
    """

    def __init__(self, witness: Witness, directory: Path, cases: Sequence[Case], tell: Tell) -> None:
        self.witness, self.directory, self.cases, self.tell = witness, directory, cases, tell
        (directory / "requests").mkdir(parents=True, exist_ok=True)
        (directory / witness.name).mkdir(parents=True, exist_ok=True)
        (directory / "truths").mkdir(parents=True, exist_ok=True)
        self._agreements: dict[str, dict[Case, Comparison]] = {}

    def files(self, case: Case) -> Files:
        """Where a case's files are."""
        return Files.of(case, self.directory, self.witness.name)

    @cached_property
    def comparisons(self) -> dict[Case, Comparison]:
        """Every case judged."""
        self.tell(f"{self.witness.name}: {len(self.cases)} requests are made")
        self.prepare_requests()
        self.tell(f"{self.witness.name}: the original runs")
        _side_by_side(self._record_legacy, evenly(self.cases, by=_compiled))
        self.tell(f"{self.witness.name}: the port runs")
        _side_by_side(self._record_port, evenly(self.cases, by=lambda case: case))
        self.tell(f"{self.witness.name}: the judge compares")
        return self._judge()

    def prepare_requests(self) -> None:
        """Write the requests that are not there yet."""
        missing = [case for case in self.cases if not self.files(case).request.exists()]
        variants = sorted({case.variant for case in missing if case.probe == "trained"})
        trained = trained_probes(variants, self.directory) if variants else {}
        for case in missing:
            path = self.files(case).request
            if case.scene:
                make_path_request(case, path, self.directory)
            else:
                make_request(case, path, trained=trained.get(case.variant))

    def _record_legacy(self, cases: Sequence[Case]) -> None:
        self.witness.record([(self.files(case).request, self.files(case).legacy) for case in cases])

    def _record_port(self, cases: Sequence[Case]) -> None:
        files = [self.files(case) for case in cases]
        run_port([path for f in files for path in (f.request, f.port)] + [f"--teacher={f.legacy}" for f in files])

    def _judge(self) -> dict[Case, Comparison]:
        """All comparisons of the original with the port."""
        return self._compare({case: self.files(case) for case in self.cases}, same_side=False)

    def agreement(self, other: "Proceedings") -> dict[Case, Comparison]:
        """All comparisons of this witness's testimony with another's."""
        if other.witness.name not in self._agreements:
            self.tell(f"{self.witness.name} and {other.witness.name}: the judge compares")
            files = {
                case: Files(self.files(case).request, self.files(case).legacy, other.files(case).legacy)
                for case in self.cases
                if case in other.cases
            }
            self._agreements[other.witness.name] = self._compare(files, same_side=True)
        return self._agreements[other.witness.name]

    def _compare(self, files: Mapping[Case, Files], *, same_side: bool) -> dict[Case, Comparison]:
        """Judge in as many processes as the machine has cores; the dtypes of a probe share one float64 truth."""
        groups: dict[Path, list[tuple[Case, Files]]] = {}
        for case, found in files.items():
            groups.setdefault(self._truth_path(case), []).append((case, found))
        judged: dict[Case, Comparison] = {}
        os.environ.update(ONE_THREAD)  # inherited by the pool, which has one worker a core
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            for part in pool.map(_compare_group, groups.values(), groups, repeat(same_side)):
                judged |= part
        return judged

    def _truth_path(self, case: Case) -> Path:
        """Where the float64 trajectory is kept, which depends on the request alone, not on the dtype or the witness."""
        return self.directory / "truths" / f"{case.id.replace(case.dtype, 'truth')}.npz"

    def dockets(self) -> dict[str, Docket]:
        """The probe sets of each variant and dtype together: what one cannot show another must.

        The few recorded cases stand together, for want of more.
        """
        grouped: dict[str, dict[str, Comparison]] = {}
        for case, comparison in self.comparisons.items():
            name = "recorded" if case.small else f"{case.variant}-{case.dtype}"
            grouped.setdefault(name, {})[case.id] = comparison
        return {name: Docket(comparisons) for name, comparisons in grouped.items()}


def evenly(cases: Sequence[Case], *, by: Callable[[Case], Hashable]) -> list[list[Case]]:
    """Two shares of the work that take about as long; cases that are equal `by` something stay together."""
    groups: dict[Hashable, list[Case]] = {}
    for case in cases:
        groups.setdefault(by(case), []).append(case)
    shares: list[list[Case]] = [[], []]
    for group in sorted(groups.values(), key=_seconds, reverse=True):
        min(shares, key=_seconds).extend(group)
    return shares


def _compiled(case: Case) -> Hashable:
    """What the original compiles a network for."""
    return case.variant, case.dtype, case.output


def _seconds(cases: Iterable[Case]) -> float:
    """About what either side takes on one core, which only shares the work out."""
    known = {TRAINED: 20.0}
    return sum(known.get(case, 2.0 if case.scene else 5.0 if case.dtype == "float64" else 2.5) for case in cases)


def _side_by_side(work: Callable[[Sequence[Case]], None], shares: Iterable[Sequence[Case]]) -> None:
    """Do each share of the work in a thread that waits for a process; the first error is raised."""
    with ThreadPoolExecutor() as pool:
        for future in [pool.submit(work, share) for share in shares if share]:
            future.result()


def _compare_group(group: Sequence[tuple[Case, Files]], truth_path: Path, same_side: bool) -> dict[Case, Comparison]:
    """Judge cases that differ in dtype only."""
    judged = {}
    for case, files in group:
        legacy = read_trace(files.legacy)
        truth = _truth(legacy, truth_path)
        port, request = read_trace(files.port), read_request(files.request)
        judged[case] = compare(legacy, port, request=request, truth=truth, same_side=same_side)
    return judged


def _truth(legacy: Record, path: Path) -> dict[str, np.ndarray]:
    """The float64 trajectory of a trace's request, computed once and kept.

    float32 records fewer steps than float64; what another dtype kept is completed.
    """
    wanted = {node.stage for node in legacy.graph if node.operation == "trajectory"}
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            if wanted <= set(kept.files):
                return {stage: kept[stage] for stage in wanted}
    truth = true_trajectory(legacy)
    np.savez(path, **truth)
    return truth


def cases_for(witness: Witness) -> Sequence[Case]:
    """What a witness is asked: what the recorded one was asked when it was recorded; whole scenes those with GDAL."""
    if witness.name == "recorded":
        return RECORDED_CASES
    return CASES + PATH_CASES if witness.name in READ_RASTERS else CASES
