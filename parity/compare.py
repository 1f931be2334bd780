"""The verdict: two traces side by side, stage by stage, each error as a share of its bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from parity.blame import blame
from parity.coverage import branches, check_coverage
from parity.findings import Check, Finding, Verdict, worst
from parity.integrity import Programs, check_pair
from parity.rooms import ROOMS
from parity.stages import judge_stages
from parity.trace import Record
from parity.trajectories import true_trajectory
from parity.upstream import failed_before


@dataclass(frozen=True)
class Comparison:
    """All findings about one pair of traces, in the order computed; of the traces only manifest and hash are kept."""

    legacy: Record
    port: Record
    findings: tuple[Finding, ...]
    coverage: Mapping[str, Mapping[str, int]]

    @property
    def verdict(self) -> Verdict:
        """The worst of all findings."""
        return worst(finding.verdict for finding in self.findings)

    @cached_property
    def blamed(self) -> tuple[Finding, ...]:
        """The findings to blame, one a stage, none that follows from another (`parity.blame`)."""
        return blame(self.findings, self.legacy.graph)

    @property
    def first_bad(self) -> Finding | None:
        """The first of the findings to blame."""
        return next(iter(self.blamed), None)

    @property
    def tensors(self) -> int:
        """How many tensors were compared."""
        return sum(finding.elements > 0 for finding in self.findings)

    @property
    def elements(self) -> int:
        """How many numbers were compared."""
        return sum(finding.elements for finding in self.findings)

    def largest(self, *checks: Check) -> Finding | None:
        """The finding of these checks that comes nearest to its bound, or is farthest over it."""
        measured = [finding for finding in self.findings if finding.check in checks and finding.share is not None]
        return max(measured, key=lambda finding: finding.share or 0.0, default=None)


@np.errstate(all="ignore")  # what overflows is told as infinite, in the findings
def compare(
    legacy: Record,
    port: Record,
    *,
    request: Record | None = None,
    truth: Mapping[str, np.ndarray] | None = None,
    rooms: Path = ROOMS,
    same_side: bool = False,
    programs: Programs | None = None,
) -> Comparison:
    """Judge the port's trace by the legacy's.

    Args:
        legacy: the witness's trace.
        port: the port's trace; with `forced/*` entries every stage is judged on the legacy's own inputs as well.
        request: the request both should come from, when at hand; what is given is compared with it.
        truth: the trajectory in float64 (`parity.steps`); computed when not at hand.
        rooms: where the code that should have run stands.
        same_side: whether two witnesses, not the original and its port, are compared.
        programs: of a side that is not of this project, the program that should have run.
    """
    doubts = check_pair(legacy, port, request=request, rooms=rooms, same_side=same_side, programs=programs)
    if doubts:
        found = (*failed_before(legacy, port, doubts, request), *doubts)
        return Comparison(_without_arrays(legacy), _without_arrays(port), found, {})
    if truth is None:
        truth = true_trajectory(legacy)
    findings = [*judge_stages(legacy, port, request=request, truth=truth)]
    coverage = branches(legacy)
    findings += check_coverage(coverage)
    if not any(finding.elements for finding in findings):
        findings.append(Finding("trace", Check.INTEGRITY, Verdict.FAIL, "trace: nothing was compared"))
    elif all(finding.check is Check.GIVEN for finding in findings if finding.elements):
        message = "trace: only what is given was compared; record what the network makes of it"
        findings.append(Finding("trace", Check.INTEGRITY, Verdict.VACUOUS, message))
    return Comparison(_without_arrays(legacy), _without_arrays(port), tuple(findings), coverage)


def _without_arrays(trace: Record) -> Record:
    return Record(trace.path, trace.manifest, {}, trace.sha256)
