"""The ledger before a witness: every request to the original, to the port as the original, and as itself, then judged.

The port's runs need no witness and are kept for the next one; they are made beside the first one's.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from parity.compare import Comparison, compare
from parity.findings import Finding
from parity.ledger import PLANTED, Deviation, Ledger
from parity.ledger_proof import prove_off, prove_on
from parity.trace import read_request, read_trace
from parity.trajectories import true_trajectory
from parity.witness import Witness
from parity_tests.ledger_cases import make_ledger_request
from parity_tests.proceedings import ONE_THREAD, Tell, run_port
from port.record import record

PROCESSES = 2


class LedgerProceedings:
    """All entries before one witness.

    Args:
        witness: who testifies for the original; it must read rasters.
        directory: where requests and traces go; all but the witness's are shared between witnesses.
        ledger: what is proven.
        tell: told what is going on.
    """

    def __init__(self, witness: Witness, directory: Path, ledger: Ledger, tell: Tell) -> None:
        self.witness, self.directory, self.ledger, self.tell = witness, directory, ledger, tell
        self.cases = sorted({entry.case for entry in ledger})
        for folder in ("requests", "port", "truths", witness.name):
            (directory / folder).mkdir(parents=True, exist_ok=True)

    def request(self, case: str) -> Path:
        """A case's request."""
        return self.directory / "requests" / f"{case}.npz"

    def legacy(self, case: str) -> Path:
        """The witness's trace of a case."""
        return self.directory / self.witness.name / f"{case}.npz"

    def port(self, name: str) -> Path:
        """The port's trace of a case, doing as the original, or of an entry, doing as itself in that."""
        return self.directory / "port" / f"{name}.npz"

    def _truth(self, case: str) -> Path:
        """The float64 steps of a case, which depend on the request alone."""
        return self.directory / "truths" / f"{case}.npz"

    @cached_property
    def on(self) -> Mapping[str, list[Finding]]:
        """For each entry what its first proof found."""
        with _pool() as pool:
            futures = {
                case: pool.submit(
                    _judge_case, self.request(case), self.legacy(case), self.port(case), self._truth(case)
                )
                for case in self.cases
            }
            comparisons = {case: future.result() for case, future in futures.items()}
        return {entry.id: prove_on(entry, comparisons[entry.case]) for entry in self.ledger}

    @cached_property
    def off(self) -> Mapping[str, list[Finding]]:
        """For each entry what its second proof found."""
        return self._second_proofs({entry.id: entry.id for entry in self.ledger})

    @cached_property
    def mistaken(self) -> Mapping[str, list[Finding]]:
        """For each entry what its second proof finds in a run of the port that is not the entry's."""
        return self._second_proofs({entry.id: self._other_run(entry) for entry in self.ledger})

    def _other_run(self, entry: Deviation) -> str:
        """The run of the next entry of the case; the last one's is the port as the original."""
        runs = [*(other.id for other in self.ledger.of_case(entry.case)), entry.case]
        return runs[runs.index(entry.id) + 1]

    def _second_proofs(self, runs: Mapping[str, str]) -> dict[str, list[Finding]]:
        """For each entry what its second proof finds in a run of the port."""
        _ = self.on  # leaves each case's truth
        with _pool() as pool:
            futures = {
                entry.id: pool.submit(
                    _judge_entry, entry, self.legacy(entry.case), self.port(runs[entry.id]), self._truth(entry.case)
                )
                for entry in self.ledger
            }
            return {id: future.result() for id, future in futures.items()}

    def record(self) -> None:
        """Make every run of the original and of the port, side by side."""
        for case in self.cases:
            if not self.request(case).exists():
                make_ledger_request(case, self.request(case), self.directory)
        self.tell(f"{self.witness.name}: original and port run {len(self.cases)} requests of the ledger")
        with ThreadPoolExecutor() as threads:
            pairs = [(self.request(case), self.legacy(case)) for case in self.cases]
            original = threads.submit(self.witness.record, pairs)
            self._record_port()
            original.result()
        self.tell(f"{self.witness.name}: the judge proves {len(self.ledger.deviations)} entries, twice each")

    def _record_port(self) -> None:
        """The port's runs that are not there yet: each case as the original, each entry as itself."""
        runs = [(self.request(case), self.port(case), self.as_original(case)) for case in self.cases]
        runs += [(self.request(entry.case), self.port(entry.id), self.own(entry)) for entry in self.ledger]
        with _pool() as pool:
            for future in [pool.submit(_record_port, *run) for run in runs if not run[1].exists()]:
                future.result()

    def as_original(self, case: str) -> dict[str, Any]:
        """Every switch of a case's entries at the original's value."""
        return {entry.switch: entry.run_as_original for entry in self.ledger.of_case(case) if not entry.planted}

    def own(self, entry: Deviation) -> dict[str, Any]:
        """An entry's switch at the port's own value, and the others of its case at the original's."""
        return self.as_original(entry.case) | {entry.switch: entry.run_own}


def _pool() -> ProcessPoolExecutor:
    """Two processes of one thread each."""
    os.environ.update(ONE_THREAD)  # inherited by the pool
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))


def _record_port(request: Path, trace: Path, switches: Mapping[str, Any]) -> None:
    """Record the port with these switches; with a planted one in a process of its own, which it spoils."""
    planted = [switch.removeprefix(PLANTED) for switch in switches if switch.startswith(PLANTED)]
    if planted:
        run_port([request, trace], module=["parity_tests.planted", *planted])
    else:
        record(request, trace, switches=switches)


def _judge_case(request: Path, legacy: Path, port: Path, truth_path: Path) -> Comparison:
    """The port as the original against it; the steps' truth is kept."""
    witnessed = read_trace(legacy)
    truth = true_trajectory(witnessed)
    np.savez(truth_path, **truth)
    return compare(witnessed, read_trace(port), request=read_request(request), truth=truth)


def _judge_entry(entry: Deviation, legacy: Path, port: Path, truth_path: Path) -> list[Finding]:
    """The port as itself, in one thing, against the original."""
    with np.load(truth_path, allow_pickle=False) as kept:
        truth = dict(kept)
    return prove_off(entry, read_trace(legacy), read_trace(port), truth=truth)
