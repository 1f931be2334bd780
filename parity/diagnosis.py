"""The diagnosis: which known mistake, or pair, explains what a port recorded at each stage that is to blame.

Each stage is taken alone, on the inputs that the port itself recorded for it, so that a mistake is sought where it was
made and two mistakes at two stages are two explanations. What no known mistake explains is told as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.candidates import Candidate, candidates, share
from parity.catalogue import CATALOGUE
from parity.compare import Comparison
from parity.findings import Check, Finding
from parity.graph import Node
from parity.mistakes import Call
from parity.reference import SHARED
from parity.trace import FORCED, Record


@dataclass(frozen=True)
class Explanation:
    """What is known of one stage to blame.

    Attributes:
        stage: its name.
        share_before: the largest error of what was recorded, in units of the sound computation's bound; infinite where
            it may not differ at all, or is of another shape or dtype.
        candidates: all known mistakes, or pairs where no single one does, from which what was recorded follows.
        tried: how many mistakes and pairs were tried.
    """

    stage: str
    share_before: float
    candidates: tuple[Candidate, ...]
    tried: int

    @property
    def certain(self) -> bool:
        """Whether just one candidate is left: others that have the same effect on these inputs leave it open."""
        return len(self.candidates) == 1

    @property
    def cause(self) -> str:
        """What explains the stage, without the stage and its numbers."""
        if self.share_before <= 1:
            return "follows from what the port recorded before it"
        if not self.candidates:
            return f"none of {self.tried} known mistakes and pairs explains it"
        told = "; or ".join(candidate.told for candidate in self.candidates)
        return told if self.certain else f"cannot be told apart on these inputs: {told}"

    @property
    def sentence(self) -> str:
        """The stage, what explains it, and how near it comes."""
        return _sentence([self])


@dataclass(frozen=True)
class Diagnosis:
    """The explanations of all stages to blame, in the graph's order."""

    explanations: tuple[Explanation, ...]

    @property
    def tried(self) -> int:
        """How many mistakes and pairs were tried."""
        return sum(explanation.tried for explanation in self.explanations)

    @property
    def sentences(self) -> list[str]:
        """One sentence for all stages that one cause explains: a mistake in a helper shows wherever it is used."""
        groups: dict[str, list[Explanation]] = {}
        for one in self.explanations:
            known = bool(one.candidates) or one.share_before <= 1
            groups.setdefault(one.cause if known else one.stage, []).append(one)
        return [_sentence(group) for group in groups.values()]

    def as_json(self) -> dict[str, Any]:
        """The diagnosis as it stands in diagnosis.json."""
        return {"explanations": [_as_json(one) for one in self.explanations], "tried": self.tried}


def diagnose(legacy: Record, port: Record, comparison: Comparison, *, request: Record | None = None) -> Diagnosis:
    """Explain each stage that a comparison blames; nothing where it blames none.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        comparison: what the judge found of the two.
        request: the request both should come from, when at hand.
    """
    found = (_explained(finding, legacy, port, request) for finding in comparison.blamed)
    return Diagnosis(tuple(one for one in found if one is not None))


def _explained(finding: Finding, legacy: Record, port: Record, request: Record | None) -> Explanation | None:
    """What is known of a finding's stage; None for a doubt about the traces, or an entry that is not there."""
    stage = finding.stage.removeprefix(FORCED)
    if stage not in legacy.graph.stages:
        return None
    node = legacy.graph[stage]
    forced = finding.check is Check.FORCED or finding.stage.startswith(FORCED)
    recorded = (port.forced if forced else port.arrays).get(stage)
    if recorded is None or stage not in legacy.arrays:
        return None
    call = _call(node, legacy, legacy if forced else port, request)
    return explain(call, recorded)


def _call(node: Node, legacy: Record, side: Record, request: Record | None) -> Call:
    """The sound computation of a stage from what a side recorded; of what is read, the legacy's, or the request's."""
    values: Mapping[str, np.ndarray] = side.arrays
    if node.operation in SHARED:
        values = dict(legacy.arrays)
        if request is not None and node.operation == "given" and node.stage in request.arrays:
            values[node.stage] = request[node.stage].astype(legacy[node.stage].dtype)
    return Call(node, values, legacy.dtype, legacy[node.stage].dtype, legacy.graph)


def explain(call: Call, recorded: np.ndarray) -> Explanation:
    """What the catalogue knows of one stage.

    Args:
        call: its sound computation.
        recorded: what the port holds.
    """
    before = share(call, recorded)
    if before <= 1:
        return Explanation(call.node.stage, before, (), 0)
    found, tried = candidates(call, recorded, CATALOGUE.get(call.node.operation, ()))
    return Explanation(call.node.stage, before, tuple(found), tried)


def _sentence(group: list[Explanation]) -> str:
    """The stages of one cause, the cause, and how near what is recorded comes with it and without it."""
    stages = ", ".join(one.stage for one in group)
    if not group[0].candidates:
        return f"{stages}: {group[0].cause}"
    left = max(candidate.share for one in group for candidate in one.candidates)
    before = max(one.share_before for one in group)
    with_it = f"within {left:.2g} of the bound" if left else "then equal"
    without = f"as recorded {before:.2g} x bound" if np.isfinite(before) else "as recorded it may not differ and does"
    return f"{stages}: {group[0].cause} ({with_it}; {without})"


def _as_json(one: Explanation) -> dict[str, Any]:
    return {
        "stage": one.stage,
        "certain": one.certain,
        "share_before": _number(one.share_before),
        "candidates": [
            {
                "mistakes": [
                    {"name": each.name, "told": each.told, "detail": each.detail, "dose": each.dose}
                    for each in candidate.mistakes
                ],
                "share": _number(candidate.share),
            }
            for candidate in one.candidates
        ],
        "sentence": one.sentence,
    }


def _number(value: float) -> float | str:
    """JSON has no infinity: it is written as text."""
    return value if np.isfinite(value) else str(value)
