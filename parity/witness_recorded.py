"""The recorded witness: traces that a live one wrote from today's legacy/, committed with their manifests."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from parity.errors import WitnessError
from parity.trace import Record, code_sha256, read_trace
from parity.witness_live import ROOT, file_sha256
from parity.witness_process import Say, silent

RECORDED = ROOT / "parity_tests" / "recorded"
AGAIN = "record again with `python -m parity_tests.recorded`, where a container can run"


@dataclass
class RecordedWitness:
    """What runs where no other witness can.

    Attributes:
        reasons: why each better witness could not be had.
        directory: where the traces lie.
        room: the code they must come from.
        say: takes each line of progress.
    """

    reasons: tuple[str, ...] = ()
    directory: Path = RECORDED
    room: Path = ROOT / "legacy"
    say: Say = silent
    name: str = field(default="recorded", init=False)

    @property
    def description(self) -> str:
        """One line: its name, and how many traces by whom."""
        writers = sorted({str(record.manifest.get("witness")) for record in self._traces.values()})
        return f"{self.name} ({len(self._traces)} traces by {', '.join(writers)})"

    @cached_property
    def _traces(self) -> dict[str, Record]:
        """The sha256 of a request to its trace."""
        records = [read_trace(path) for path in sorted(self.directory.glob("*.npz"))]
        return {str(record.manifest.get("request_sha256")): record for record in records}

    def prepare(self) -> None:
        """See that there are traces, and that today's code wrote them.

        Raises:
            WitnessError: there are none, or one is stale.
        """
        if not self._traces:
            raise WitnessError(f"no trace lies in {self.directory}; {AGAIN}")
        today = code_sha256(self.room)
        for record in self._traces.values():
            told = record.manifest.get("code_sha256")
            if told != today:
                raise WitnessError(f"{record.path} is stale: written by code {told}, today's is {today}; {AGAIN}")

    def record(self, pairs: Sequence[tuple[Path, Path]], *, timeout_s: float | None = None) -> None:
        """Copy the trace of each (request, trace) pair; `timeout_s` is for witnesses that run.

        Raises:
            WitnessError: a request has no trace, or one is stale; nothing is copied then.
        """
        self.prepare()
        wanted = [(file_sha256(request), request, destination) for request, destination in pairs]
        for sha256, request, _ in wanted:
            if sha256 not in self._traces:
                raise WitnessError(f"no trace in {self.directory} has request_sha256 {sha256} ({request}); {AGAIN}")
        for sha256, _, destination in wanted:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._traces[sha256].path, destination)
