"""A trial: one wrong port recorded before one request, and what the judge says of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from parity.compare import Comparison, compare
from parity.diagnosis import diagnose
from parity.findings import Verdict
from parity.trace import Record, read_request, read_trace
from parity.trajectories import true_trajectory
from parity_tests.mutation import Mutation, Plant
from port.record import record


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the judge said of one mutation.

    Attributes:
        caught: whether the port failed.
        stage: the first stage blamed; "" where none is.
        share: its largest error in units of its bound; None where infinite, or no number (another shape or dtype).
        diagnosis: the sentences of the diagnosis.
        names: the mistakes that explain the first stage: of each candidate its names, joined by " + ".
        certain: whether just one candidate explains it.
        raised: what the port raised, where it ended before its trace was whole.
    """

    id: str
    rows: tuple[str, ...]
    title: str
    case: str
    expected_stage: str
    known: str
    caught: bool
    stage: str
    share: float | None
    diagnosis: tuple[str, ...]
    names: tuple[str, ...]
    certain: bool
    raised: str = ""

    @property
    def right_stage(self) -> bool:
        """Whether the stage blamed is the one where the mistake was planted."""
        return self.caught and self.stage == self.expected_stage

    @property
    def diagnosed(self) -> bool:
        """Whether the mistake is among the candidates; certain or not."""
        return bool(self.known) and self.known in self.names

    @property
    def misnamed(self) -> bool:
        """Whether the diagnosis is certain of a mistake other than the one that is known to be there."""
        return self.certain and bool(self.known) and self.known not in self.names

    @property
    def failed(self) -> str:
        """Why the judge did not do what it should; "" where it did."""
        if self.raised:
            return f"it ended with {self.raised}"
        if not self.caught:
            return "it survived"
        if not self.right_stage:
            return f"{self.stage} is blamed, expected {self.expected_stage}"
        return f"it is called {self.names[0]} for certain, and is {self.known}" if self.misnamed else ""

    def as_json(self) -> dict[str, Any]:
        """The trial as it stands in zoo.json."""
        return {**asdict(self), "right_stage": self.right_stage, "diagnosed": self.diagnosed}


@dataclass(frozen=True)
class Bench:
    """The requests, the original's traces and the float64 truths, below one directory."""

    directory: Path

    def request(self, case: str) -> Path:
        """A case's request."""
        return self._file("requests", case)

    def legacy(self, case: str) -> Path:
        """The witness's trace of a case."""
        return self._file("legacy", case)

    def truth(self, case: str) -> Path:
        """The float64 steps of a case, kept by its sound run."""
        return self._file("truths", case)

    def port(self, name: str) -> Path:
        """A trace of the port, sound or wrong."""
        return self._file("port", name)

    def _file(self, folder: str, name: str) -> Path:
        (self.directory / folder).mkdir(parents=True, exist_ok=True)
        return self.directory / folder / f"{name}.npz"


def sound(bench: Bench, case: str) -> Comparison:
    """The port as it is before a case; keeps the truth for the wrong ones."""
    np.savez(bench.truth(case), **true_trajectory(read_trace(bench.legacy(case))))
    return judged(bench, case, f"{case}-sound")[0]


def judged(bench: Bench, case: str, name: str) -> tuple[Comparison, Record]:
    """The port, as it is just now, recorded before a case and compared; with its trace."""
    path = bench.port(name)
    try:
        record(bench.request(case), path, bench.legacy(case))
        port = read_trace(path)
    finally:
        path.unlink(missing_ok=True)
    request, legacy, truth = _told(bench, case)
    return compare(legacy, port, request=request, truth=truth), port


@cache
def _told(bench: Bench, case: str) -> tuple[Record, Record, Mapping[str, np.ndarray]]:
    """Request, the original's trace and truth of a case."""
    with np.load(bench.truth(case), allow_pickle=False) as kept:
        truth = dict(kept)
    return read_request(bench.request(case)), read_trace(bench.legacy(case)), truth


def planted(bench: Bench, case: str, name: str, plant: Plant) -> tuple[Comparison, Record]:
    """As `judged`, with a mistake in the port."""
    with plant():
        return judged(bench, case, name)


def tried(bench: Bench, mutation: Mutation) -> Trial:
    """What the judge says of a mutation; a port that raises is not caught by the judge, and told as such."""
    untold = Trial(
        id=mutation.id, rows=mutation.rows, title=mutation.title, case=mutation.case, expected_stage=mutation.stage,
        known=mutation.known, caught=False, stage="", share=None, diagnosis=(), names=(), certain=False,
    )  # fmt: skip
    try:
        comparison, port = planted(bench, mutation.case, mutation.id, mutation.plant)
    except Exception as error:  # a wrong port may raise anything
        return replace(untold, raised=f"{type(error).__name__}: {error}")
    blamed = comparison.first_bad
    if comparison.verdict is not Verdict.FAIL or blamed is None:
        return untold
    request, legacy, _ = _told(bench, mutation.case)
    found = diagnose(legacy, port, comparison, request=request)
    first = next((one for one in found.explanations if one.stage == blamed.stage), None)
    return replace(
        untold,
        caught=True,
        stage=blamed.stage,
        share=None if blamed.share is None or not np.isfinite(blamed.share) else blamed.share,
        diagnosis=tuple(found.sentences),
        names=() if first is None else tuple(dict.fromkeys(" + ".join(one.names) for one in first.candidates)),
        certain=first is not None and first.certain,
    )
