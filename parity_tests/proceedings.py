"""The proceedings: each request goes to a witness and to the product, in processes of their own, then to the judge."""

import os
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from parity.compare import Comparison
from parity.docket import Docket
from parity.judgement import Files
from parity.witness import Witness
from parity_tests.data_path import PATH_CASES, TRAINED, make_path_request
from parity_tests.judging import compare_files, keep_truth
from parity_tests.probes import CASES, RECORDED_CASES, Case, make_request
from parity_tests.trained_weights import trained_probes
from parity_tests.workshop import CORES, ONE_THREAD, Workshop
from port.record import record

Tell = Callable[[str], None]
ROOT = Path(__file__).resolve().parent.parent
PORT_TIMEOUT_S = 1800
READ_RASTERS = frozenset({"container", "interpreter"})
"""The witnesses that have GDAL; Python 2.7's has none."""


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
        workshop: where all of it is done.
        tell: told what is going on.
    """

    def __init__(
        self, witness: Witness, directory: Path, cases: Sequence[Case], workshop: Workshop, tell: Tell
    ) -> None:
        self.witness, self.directory, self.cases = witness, directory, cases
        self.workshop, self.tell = workshop, tell
        for folder in ("requests", "truths", witness.name):
            (directory / folder).mkdir(parents=True, exist_ok=True)

    def files(self, case: Case) -> Files:
        """Where a case's files are."""
        sides = self.directory / self.witness.name
        request = self.directory / "requests" / f"{case.id}.npz"
        return Files(request, sides / f"{case.id}.legacy.npz", sides / f"{case.id}.port.npz")

    def begin(self) -> None:
        """Have the original run, and what follows from it, while the caller does something else."""
        _ = self._judged

    @cached_property
    def _answered(self) -> Mapping[Case, Future[None]]:
        """For each case when there is the original's trace."""
        self.tell(f"{self.witness.name}: original, port and judge take {len(self.cases)} requests")
        shares = [share for share in evenly(self.cases, by=_compiled, shares=CORES) if share]
        begun = [(share, self.workshop.original(self._record_legacy, share)) for share in shares]
        return {case: future for share, future in begun for case in share}

    @cached_property
    def _judged(self) -> Mapping[Case, Future[Comparison]]:
        """For each case when it is judged; what takes longest is begun first."""
        ordered = sorted(self.cases, key=lambda case: _seconds([case]), reverse=True)
        _ = self._answered
        return {case: self.workshop.later(self._judge, case) for case in ordered}

    @cached_property
    def comparisons(self) -> dict[Case, Comparison]:
        """Every case judged."""
        return {case: self.comparison(case) for case in self.cases}

    def comparison(self, case: Case) -> Comparison:
        """A case judged; waits for it alone."""
        return self._judged[case].result()

    def settle(self) -> None:
        """Wait for what was begun; where it came to no comparison, tests that ask for one say why."""
        if "_judged" in self.__dict__:
            with suppress(Exception):
                _ = self.comparisons

    def answered(self, case: Case) -> Path:
        """The original's trace of a case; waits for it alone."""
        self._answered[case].result()
        return self.files(case).legacy

    def truth(self, case: Case) -> Path:
        """The float64 steps of a case; waits for them. All dtypes and witnesses share them: they hang on the request.

        They are made of float64's trace, which tells the most steps, where it is asked.
        """
        path = self.directory / "truths" / f"{case.id.replace(case.dtype, 'truth')}.npz"
        alike = [other for other in self.cases if replace(other, dtype=case.dtype) == case]
        first = next((other for other in alike if other.dtype == "float64"), case)
        self.workshop.once(path, self._make_truth, first, path).result()
        return path

    def prepare_requests(self) -> None:
        """Write the requests that are not there yet."""
        missing = [case for case in self.cases if not self.files(case).request.exists()]
        variants = sorted({case.variant for case in missing if case.probe == "trained"})
        with self.workshop.clock.own("requests are made: the port trains weights"):
            trained = trained_probes(variants, self.directory) if variants else {}
        with self.workshop.clock.own("requests are made"):
            for case in missing:
                path = self.files(case).request
                if case.scene:
                    make_path_request(case, path, self.directory)
                else:
                    make_request(case, path, trained=trained.get(case.variant))

    def _record_legacy(self, cases: Sequence[Case]) -> None:
        with self.workshop.preparing:
            self.prepare_requests()
        self.witness.record([(self.files(case).request, self.files(case).legacy) for case in cases])

    def _make_truth(self, case: Case, path: Path) -> None:
        self.workshop.judge("the judge: its own steps in float64", keep_truth, self.answered(case), path)

    def _judge(self, case: Case) -> Comparison:
        """The port's trace of a case, and its comparison with the original's."""
        self.answered(case)
        files = self.files(case)
        self.workshop.port("the port: runs", record, files.request, files.port, files.legacy)
        truth = self.truth(case)
        return self.workshop.judge("the judge: compares", compare_files, files, truth, False)

    def agreement(self, other: "Proceedings") -> Mapping[Case, Future[Comparison]]:
        """For each case that both are asked when this witness's testimony is compared with the other's."""
        key = (self.witness.name, other.witness.name)
        common = [case for case in self.cases if case in other.cases]
        return {case: self.workshop.once((*key, case), self._agree, other, case) for case in common}

    def _agree(self, other: "Proceedings", case: Case) -> Comparison:
        files = Files(self.files(case).request, self.answered(case), other.answered(case))
        truth = self.truth(case)
        return self.workshop.judge("the judge: compares witnesses", compare_files, files, truth, True)

    def dockets(self) -> dict[str, Docket]:
        """The probe sets of each variant and dtype together: what one cannot show another must.

        The few recorded cases stand together, for want of more.
        """
        grouped: dict[str, dict[str, Comparison]] = {}
        for case, comparison in self.comparisons.items():
            name = "recorded" if case.small else f"{case.variant}-{case.dtype}"
            grouped.setdefault(name, {})[case.id] = comparison
        return {name: Docket(comparisons) for name, comparisons in grouped.items()}


def evenly(cases: Sequence[Case], *, by: Callable[[Case], Hashable], shares: int = 2) -> list[list[Case]]:
    """Shares of the work that take about as long; cases that are equal `by` something stay together."""
    groups: dict[Hashable, list[Case]] = {}
    for case in cases:
        groups.setdefault(by(case), []).append(case)
    shared: list[list[Case]] = [[] for _ in range(shares)]
    for group in sorted(groups.values(), key=_seconds, reverse=True):
        min(shared, key=_seconds).extend(group)
    return shared


def _compiled(case: Case) -> Hashable:
    """What the original compiles a network for."""
    return case.variant, case.dtype, case.output


def _seconds(cases: Iterable[Case]) -> float:
    """About what either side takes on one core, which only shares the work out."""
    known = {TRAINED: 20.0}
    return sum(known.get(case, 2.0 if case.scene else 5.0 if case.dtype == "float64" else 2.5) for case in cases)


def cases_for(witness: Witness) -> Sequence[Case]:
    """What a witness is asked: what the recorded one was asked when it was recorded; whole scenes those with GDAL."""
    if witness.name == "recorded":
        return RECORDED_CASES
    return CASES + PATH_CASES if witness.name in READ_RASTERS else CASES
