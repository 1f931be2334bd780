"""A failing case before a witness: diagnosed, reduced, and saved as a request that shows the failure in one command."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.blame import told_by
from parity.compare import Comparison, compare
from parity.diagnosis import diagnose
from parity.errors import ParityError, WitnessError
from parity.findings import Verdict
from parity.graph import Graph
from parity.reduction import Reduced, Request, reduce
from parity.trace import read_request, read_trace
from parity.whole_file import write_text
from parity_tests.probes import Case
from parity_tests.proceedings import Proceedings, run_port
from parity_tests.shrinking import SHRINKS

SECONDS = 110.0
"""Taken at most to reduce, by all witnesses together."""
RECORDED = "recorded"


def failing(proceedings: Proceedings) -> list[Case]:
    """The cases that failed, those in float64 first: they show what is meant, where float32 shows rounding too.

    None where it never came to a verdict.
    """
    judged: dict[Case, Comparison] = proceedings.__dict__.get("comparisons", {})
    failed = [case for case, comparison in judged.items() if comparison.verdict is Verdict.FAIL]
    return sorted(failed, key=lambda case: case.dtype != "float64")


def investigate(proceedings: Proceedings, folder: Path, seconds: float = SECONDS) -> list[str]:
    """Diagnose, reduce and save the first failing case; gives the lines that tell it, none where nothing failed.

    Args:
        proceedings: all cases before one witness.
        folder: that witness's report; below it `failures/CASE.npz` and `failures/CASE.json` are written, and what an
            earlier run left there is taken away.
        seconds: taken at most.
    """
    folder = folder / "failures"
    shutil.rmtree(folder, ignore_errors=True)
    cases = failing(proceedings)
    if not cases:
        return []
    folder.mkdir(parents=True)
    told = _Failure(proceedings, cases[0], folder / f"{cases[0].id}.npz")
    lines = [f"{proceedings.witness.name}: {len(cases)} of {len(proceedings.cases)} cases fail; first {told.case.id}"]
    try:
        return [*lines, *told.lines(seconds)]
    except (ParityError, RuntimeError, OSError) as error:  # the failure stands; only what is told of it is less
        return [*lines, f"  this failure could not be reduced: {error}"]


@dataclass
class _Failure:
    """One failing case, and where its request goes."""

    proceedings: Proceedings
    case: Case
    saved: Path
    tried: Path = field(init=False)

    def __post_init__(self) -> None:
        self.tried = self.proceedings.directory / "reduction" / self.proceedings.witness.name

    def lines(self, seconds: float) -> list[str]:
        """What is to blame, why, how small the request became, and the command; the same goes into a JSON file."""
        files, comparison = self.proceedings.files(self.case), self.proceedings.comparisons[self.case]
        request = read_request(files.request)
        diagnosis = diagnose(read_trace(files.legacy), read_trace(files.port), comparison, request=request)
        blamed = [finding.stage for finding in comparison.blamed]
        shutil.copyfile(files.request, self.saved)
        told = {"case": self.case.id, "witness": self.proceedings.witness.name, "blamed": blamed,
                "diagnosis": diagnosis.sentences, "command": self._command()}  # fmt: skip
        self._tell(told)
        small = self._reduced(Request.of(request), comparison, seconds)
        self._tell({**told, "reduction": small})
        return [
            f"  to blame: {', '.join(blamed[:4])}" + (f" and {len(blamed) - 4} more" if len(blamed) > 4 else ""),
            *(f"  diagnosis: {sentence}" for sentence in diagnosis.sentences[:4]),
            f"  {small}",
            f"  see it fail again: {self._command()}",
        ]

    def _tell(self, told: dict[str, Any]) -> None:
        write_text(self.saved.with_suffix(".json"), json.dumps(told, indent=1, allow_nan=False) + "\n")

    def _command(self) -> str:
        return f"python -m parity judge {self.saved} --witness={self.proceedings.witness.name}"

    def _reduced(self, request: Request, comparison: Comparison, seconds: float) -> str:
        """Save the smallest request that fails at the same stage; gives what was done in words."""
        first, graph = comparison.blamed[0], comparison.legacy.graph
        if self.proceedings.witness.name == RECORDED:
            return "not reduced: a recorded witness answers no other request"
        if not _of_a_stage(told_by(first, graph), graph):
            return f"not reduced: {first.stage} is a doubt about the traces, not a stage's"
        retrial = _Retrial(self.proceedings, self.tried, time.monotonic() + seconds)
        found = reduce(request, told_by(first, graph), judge=retrial.blamed, shrinks=SHRINKS, seconds=seconds)
        found.request.write(self.saved)
        return _in_words(request, found)


def _of_a_stage(told: str, graph: Graph) -> bool:
    """Whether it is a stage of the graph, or what one of the steps' stages tells."""
    return any(told in (node.stage, node.attributes.get("of")) for node in graph)


def _in_words(request: Request, found: Reduced) -> str:
    size = f"{request.size} numbers to {found.request.size} ({_settings(found.request)})"
    end = "the smallest found" if found.complete else "time was up"
    return f"reduced from {size}; {found.tried} requests tried, {end}"


def _settings(request: Request) -> str:
    told, training = request.manifest, request.manifest["training"]
    shape = f"patches {request.arrays['patches/raw'].shape}, " if "patches/raw" in request.arrays else ""
    length = (
        f"{training['steps']} steps"
        if told["kind"] == "network"
        else f"{training['epochs']} epochs of {told['patches']['limit']} patches"
    )
    return f"{told['variant']}, {shape}batch {training['batch_size']}, {length}"


@dataclass
class _Retrial:
    """Both sides of further requests, a round of them at a time.

    Attributes:
        proceedings: whose witness is asked.
        directory: where requests and traces go.
        deadline: nothing is begun after it, by the monotonic clock.
    """

    proceedings: Proceedings
    directory: Path
    deadline: float

    def blamed(self, requests: Sequence[Request]) -> list[str | None]:
        """For each request what is to blame; None where it passes or is refused."""
        if time.monotonic() > self.deadline:
            return [None] * len(requests)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        asked = [self._write(index, request) for index, request in enumerate(requests)]
        try:
            self.proceedings.witness.record([(request, legacy) for request, legacy, _ in asked])
        except WitnessError:
            return [None] if len(requests) == 1 else [stage for one in requests for stage in self.blamed([one])]
        self._record_port(asked)
        return [self._stage(*paths) for paths in asked]

    def _record_port(self, asked: Sequence[tuple[Path, Path, Path]]) -> None:
        """Let the port record; it goes on after the request that it cannot take, of which there is no trace then."""
        while asked and time.monotonic() < self.deadline:
            try:
                run_port([path for request, _, port in asked for path in (request, port)]
                         + [f"--teacher={legacy}" for _, legacy, _ in asked])  # fmt: skip
            except RuntimeError:
                refused = next((index for index, (*_, port) in enumerate(asked) if not port.exists()), len(asked))
                asked = asked[refused + 1 :]
            else:
                return

    def _write(self, index: int, request: Request) -> tuple[Path, Path, Path]:
        names = (f"{index:02d}.{kind}.npz" for kind in ("request", "legacy", "port"))
        asked, legacy, port = (self.directory / name for name in names)
        request.write(asked)
        return asked, legacy, port

    def _stage(self, request: Path, legacy: Path, port: Path) -> str | None:
        try:
            comparison = compare(read_trace(legacy), read_trace(port), request=read_request(request))
        except ParityError:
            return None
        found = comparison.first_bad
        return told_by(found, comparison.legacy.graph) if found else None
