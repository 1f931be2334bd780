"""The ledger before a witness: every request to the original, to the port as the original, and as itself, then judged.

The port's runs need no witness: all witnesses share them.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import Any

from parity.compare import Comparison
from parity.findings import Finding
from parity.judgement import Files
from parity.ledger import PLANTED, Deviation, Ledger
from parity.ledger_proof import prove_on
from parity.witness import Witness
from parity_tests.judging import compare_files, keep_truth, prove_entry
from parity_tests.ledger_cases import make_ledger_request
from parity_tests.proceedings import Tell, run_port
from parity_tests.workshop import CORES, Workshop
from port.record import record


class LedgerProceedings:
    """All entries before one witness.

    Args:
        witness: who testifies for the original; it must read rasters.
        directory: where requests and traces go; all but the witness's are shared between witnesses.
        ledger: what is proven.
        workshop: where all of it is done.
        tell: told what is going on.
    """

    def __init__(self, witness: Witness, directory: Path, ledger: Ledger, workshop: Workshop, tell: Tell) -> None:
        self.witness, self.directory, self.ledger = witness, directory, ledger
        self.workshop, self.tell = workshop, tell
        self.cases = sorted({entry.case for entry in ledger})
        for folder in ("requests", "port", f"{witness.name}-truths", witness.name):
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

    def begin(self) -> None:
        """Have every run made and every entry proven, while the caller does something else."""
        _ = self._compared, self._off, self._mistaken

    @cached_property
    def on(self) -> Mapping[str, list[Finding]]:
        """For each entry what its first proof found."""
        return {entry.id: prove_on(entry, self._compared[entry.case].result()) for entry in self.ledger}

    @cached_property
    def off(self) -> Mapping[str, list[Finding]]:
        """For each entry what its second proof found."""
        return {id: found.result() for id, found in self._off.items()}

    @cached_property
    def mistaken(self) -> Mapping[str, list[Finding]]:
        """For each entry what its second proof finds in a run of the port that is not the entry's."""
        return {id: found.result() for id, found in self._mistaken.items()}

    @cached_property
    def _compared(self) -> Mapping[str, Future[Comparison]]:
        _ = self._answered
        return {case: self.workshop.later(self._compare, case) for case in self.cases}

    @cached_property
    def _off(self) -> Mapping[str, Future[list[Finding]]]:
        return {entry.id: self.workshop.later(self._prove, entry, entry.id) for entry in self.ledger}

    @cached_property
    def _mistaken(self) -> Mapping[str, Future[list[Finding]]]:
        return {entry.id: self.workshop.later(self._prove, entry, self._other_run(entry)) for entry in self.ledger}

    def _other_run(self, entry: Deviation) -> str:
        """The run of the next entry of the case; the last one's is the port as the original."""
        runs = [*(other.id for other in self.ledger.of_case(entry.case)), entry.case]
        return runs[runs.index(entry.id) + 1]

    @cached_property
    def _answered(self) -> Mapping[str, Future[None]]:
        """For each case when there is the original's trace."""
        told = f"{len(self.cases)} requests of the ledger, {len(self.ledger.deviations)} entries, each proven twice"
        self.tell(f"{self.witness.name}: {told}")
        shares = [self.cases[number::CORES] for number in range(min(CORES, len(self.cases)))]
        begun = [(share, self.workshop.original(self._record_legacy, share)) for share in shares]
        return {case: future for share, future in begun for case in share}

    def _record_legacy(self, cases: Sequence[str]) -> None:
        for case in self.cases:
            self._requested(case)
        self.witness.record([(self.request(case), self.legacy(case)) for case in cases])

    def _requested(self, case: str) -> Path:
        """A case's request, made by whoever needs it first."""
        with self.workshop.preparing:
            if not self.request(case).exists():
                with self.workshop.clock.own("requests are made"):
                    make_ledger_request(case, self.request(case), self.directory)
        return self.request(case)

    def _recorded(self, name: str) -> Path:
        """The port's trace of that name; waits for it."""
        entry = next((entry for entry in self.ledger if entry.id == name), None)
        switches = self.own(entry) if entry else self.as_original(name)
        case = entry.case if entry else name
        self.workshop.once(self.port(name), self._record_port, case, self.port(name), switches).result()
        return self.port(name)

    def _record_port(self, case: str, trace: Path, switches: Mapping[str, Any]) -> None:
        self.workshop.port("the port: runs for the ledger", record_switched, self._requested(case), trace, switches)

    def _compare(self, case: str) -> Comparison:
        """The port as the original against it."""
        files = Files(self.request(case), self.legacy(case), self._recorded(case))
        return self.workshop.judge("the judge: compares", compare_files, files, self._truth(case), False)

    def _truth(self, case: str) -> Path:
        """The float64 steps of a case; waits for them."""
        self._answered[case].result()
        path = self.directory / f"{self.witness.name}-truths" / f"{case}.npz"
        kind = "the judge: its own steps in float64"
        self.workshop.once(path, self.workshop.judge, kind, keep_truth, self.legacy(case), path).result()
        return path

    def _prove(self, entry: Deviation, run: str) -> list[Finding]:
        """What the second proof of an entry finds in a run of the port."""
        port, truth = self._recorded(run), self._truth(entry.case)
        return self.workshop.judge(
            "the judge: proves the ledger", prove_entry, entry, self.legacy(entry.case), port, truth
        )

    def as_original(self, case: str) -> dict[str, Any]:
        """Every switch of a case's entries at the original's value."""
        return {entry.switch: entry.run_as_original for entry in self.ledger.of_case(case) if not entry.planted}

    def own(self, entry: Deviation) -> dict[str, Any]:
        """An entry's switch at the port's own value, and the others of its case at the original's."""
        return self.as_original(entry.case) | {entry.switch: entry.run_own}


def record_switched(request: Path, trace: Path, switches: Mapping[str, Any]) -> None:
    """Record the port with these switches; with a planted one in a process of its own, which it spoils."""
    planted = [switch.removeprefix(PLANTED) for switch in switches if switch.startswith(PLANTED)]
    if planted:
        run_port([request, trace], module=["parity_tests.planted", *planted])
    else:
        record(request, trace, switches=switches)
