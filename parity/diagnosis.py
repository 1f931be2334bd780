"""The diagnosis: which known mistake, or pair, explains what a port recorded at each stage that is to blame.

Each stage is taken alone, on the inputs that the port itself recorded for it, so that a mistake is sought where it was
made and two mistakes at two stages are two explanations. What no known mistake explains is told as unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from parity.candidates import EVIDENCE, Candidate, candidates, changed, count_wrong, share
from parity.catalogue import CATALOGUE
from parity.compare import Comparison
from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict
from parity.graph import Node
from parity.mistakes import Call, Mistake
from parity.reference import SHARED
from parity.trace import FORCED, Record
from parity.training_diagnosis import explain_training

MOST_UNKNOWN = 3
"""Stages that nothing explains, after which pairs are no longer tried: most follow from one strange mistake."""


@dataclass(frozen=True)
class Explanation:
    """What is known of one stage to blame.

    Attributes:
        stage: its name.
        share_before: the largest error of what was recorded, in units of the sound computation's bound; infinite where
            it may not differ at all, or is of another shape or dtype.
        candidates: all known mistakes, or pairs where no single one does, from which what was recorded follows.
        tried: how many mistakes and pairs were tried.
        original_off: whether the original's own record does not follow from its inputs.
        thin: why what is recorded says too little for a name to be certain; "" where it says enough.
    """

    stage: str
    share_before: float
    candidates: tuple[Candidate, ...]
    tried: int
    original_off: bool = False
    thin: str = ""

    @property
    def certain(self) -> bool:
        """Whether just one candidate is left: others that have the same effect on these inputs leave it open."""
        return len(self.candidates) == 1 and not self.thin

    @property
    def cause(self) -> str:
        """What explains the stage, without the stage and its numbers."""
        if self.share_before <= 1:
            if self.original_off:
                return "the port computes it rightly; the original's record does not follow from its own inputs"
            return "follows from what the port recorded before it"
        if not self.candidates:
            return f"none of {self.tried} known mistakes and pairs explains it"
        told = "; or ".join(candidate.told for candidate in self.candidates)
        if self.thin:
            return f"not certain, as {self.thin}: {told}"
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


@np.errstate(all="ignore")  # what overflows is only compared
def diagnose(legacy: Record, port: Record, comparison: Comparison, *, request: Record | None = None) -> Diagnosis:
    """Explain each stage that a comparison blames; nothing where it blames none.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        comparison: what the judge found of the two.
        request: the request both should come from, when at hand.
    """
    found: list[Explanation] = []
    for finding in comparison.blamed:
        node = _node(finding, legacy)
        if node is not None and node.operation != "trajectory":
            pairs = sum(not one.candidates for one in found) < MOST_UNKNOWN
            known = _alone(_side(finding, legacy, port), node, legacy, request, pairs=pairs)
            off = any(one.stage == node.stage and one.check is Check.REFERENCE for one in _failed(comparison))
            found += [replace(one, original_off=off) for one in known]
    return Diagnosis((*found, *_steps(found, legacy, port, comparison)))


def _node(finding: Finding, legacy: Record) -> Node | None:
    """The stage that a finding is about; of a group of stages after training the first; None for a doubt."""
    place = finding.stage.removeprefix(FORCED)
    named = (node for node in legacy.graph if node.stage == place or node.stage.startswith(f"{place}/"))
    return next(named, None)


def _side(finding: Finding, legacy: Record, port: Record) -> tuple[Record, Mapping[str, np.ndarray]]:
    """Whose inputs a finding is about, and what came of them: the port's own, or the legacy's where it was forced."""
    forced = finding.check is Check.FORCED or finding.stage.startswith(FORCED)
    return (legacy, port.forced) if forced else (port, port.arrays)


def _alone(
    side: tuple[Record, Mapping[str, np.ndarray]], node: Node, legacy: Record, request: Record | None, *, pairs: bool
) -> list[Explanation]:
    """What is known of one stage, from its own inputs; nothing where it is not in a trace."""
    inputs, recorded = side
    if node.stage not in recorded or node.stage not in legacy.arrays:
        return []
    return [explain(_call(node, legacy, inputs, request), recorded[node.stage], pairs=pairs)]


def _steps(found: list[Explanation], legacy: Record, port: Record, comparison: Comparison) -> list[Explanation]:
    """What is known of all training steps together.

    Where they are not to blame they may still be wrong besides: what the known mistakes of single stages leave
    unexplained is told where a known mistake of the steps explains it.
    """
    blamed = _any_steps(comparison.blamed, legacy)
    if not blamed and not (found and all(one.certain for one in found) and _any_steps(_failed(comparison), legacy)):
        return []
    known = {} if blamed else {one.stage: _together(one.candidates[0]) for one in found}
    try:
        seen = explain_training(legacy, port, known)
    except ParityError:
        return []
    if seen.seen is None or not (blamed or seen.candidates):
        return []
    told = tuple(Candidate(candidate.mistakes, candidate.share) for candidate in seen.candidates)
    return [Explanation(seen.seen.stage, seen.seen.share, told, seen.tried)]


def _failed(comparison: Comparison) -> list[Finding]:
    return [finding for finding in comparison.findings if finding.verdict is Verdict.FAIL]


def _any_steps(findings: Iterable[Finding], legacy: Record) -> bool:
    nodes = (_node(finding, legacy) for finding in findings)
    return any(node is not None and node.operation == "trajectory" for node in nodes)


def _together(candidate: Candidate) -> Mistake:
    """The mistakes of a candidate as one."""
    mistakes = [mistake for mistake in candidate.mistakes if isinstance(mistake, Mistake)]
    return Mistake(" + ".join(candidate.names), candidate.told, partial(changed, mistakes=mistakes))


def _call(node: Node, legacy: Record, side: Record, request: Record | None) -> Call:
    """The sound computation of a stage from what a side recorded; of what is read, the legacy's, or the request's."""
    values: Mapping[str, np.ndarray] = side.arrays
    if node.operation in SHARED:
        values = dict(legacy.arrays)
        if request is not None and node.operation == "given" and node.stage in request.arrays:
            values[node.stage] = request[node.stage].astype(legacy[node.stage].dtype)
    return Call(node, values, legacy.dtype, legacy[node.stage].dtype, legacy.graph)


def explain(call: Call, recorded: np.ndarray, *, pairs: bool = True) -> Explanation:
    """What the catalogue knows of one stage.

    Args:
        call: its sound computation.
        recorded: what the port holds.
        pairs: whether two mistakes are tried where no single one explains it.
    """
    before = share(call, recorded)
    if before <= 1:
        return Explanation(call.node.stage, before, (), 0)
    found, tried = candidates(call, recorded, CATALOGUE.get(call.node.operation, ()), pairs=pairs)
    return Explanation(call.node.stage, before, tuple(found), tried, thin=_thin(call, recorded))


def _thin(call: Call, recorded: np.ndarray) -> str:
    """Why a mask says too little: each of its elements is one bit, which many mistakes may set."""
    if recorded.dtype.itemsize > 1 or not recorded.size:
        return ""
    if (recorded == recorded.flat[0]).all():
        return "all elements are alike"
    wrong = count_wrong(call, recorded)
    return f"only {wrong} of {recorded.size} elements say so" if wrong < EVIDENCE else ""


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
