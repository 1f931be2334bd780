"""The verdict: two traces side by side, stage by stage, each error as a share of its bound."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parity import bounds, reference
from parity.coverage import branches, check_coverage
from parity.findings import Check, Finding, Verdict, measure, require_shape, worst
from parity.graph import Node
from parity.integrity import ROOMS, check_pair
from parity.trace import Record
from parity.trajectories import judge_trajectory, true_trajectory

BLAMING = (Check.GIVEN, Check.FORCED, Check.OWN_INPUT)
"""Checks in which a stage stands alone, so that a failure is its own and not an earlier stage's."""


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

    @property
    def first_bad(self) -> Finding | None:
        """The finding to blame: a stage that fails on good inputs, else the first that fails at all."""
        failed = [finding for finding in self.findings if finding.verdict is Verdict.FAIL]
        alone = [finding for finding in failed if finding.check in BLAMING]
        doubtful = [finding for finding in failed if finding.check is Check.INTEGRITY]
        return next(iter([*doubtful, *alone, *failed]), None)

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


def compare(
    legacy: Record,
    port: Record,
    *,
    request: Record | None = None,
    truth: Mapping[str, np.ndarray] | None = None,
    rooms: Path = ROOMS,
    same_side: bool = False,
) -> Comparison:
    """Judge the port's trace by the legacy's.

    Args:
        legacy: the witness's trace.
        port: the port's trace; with `forced/*` entries every stage is judged on the legacy's own inputs as well.
        request: the request both should come from, when at hand.
        truth: the trajectory in float64 (`reference.trajectory`); computed when not at hand.
        rooms: where the code that should have run stands.
        same_side: whether two witnesses, not the original and its port, are compared.
    """
    doubts = check_pair(legacy, port, request=request, rooms=rooms, same_side=same_side)
    if doubts:
        return Comparison(_without_arrays(legacy), _without_arrays(port), tuple(doubts), {})
    if truth is None:
        truth = true_trajectory(legacy)
    errors: dict[str, np.ndarray] = {}
    findings = [*_stage_findings(legacy, port, errors)]
    findings += judge_trajectory(legacy, port, truth=truth, errors=errors)
    coverage = branches(legacy)
    findings += check_coverage(coverage)
    if not any(finding.elements for finding in findings):
        findings.append(Finding("trace", Check.INTEGRITY, Verdict.FAIL, "trace: nothing was compared"))
    return Comparison(_without_arrays(legacy), _without_arrays(port), tuple(findings), coverage)


def _without_arrays(trace: Record) -> Record:
    return Record(trace.path, trace.manifest, {}, trace.sha256)


def _stage_findings(legacy: Record, port: Record, errors: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Each computed stage: the legacy against the reference, the port against the legacy, alone and free-running.

    `errors` is filled, stage by stage, with what the free-running sides may differ by.
    """
    for node in legacy.graph:
        expected, actual = legacy[node.stage], port[node.stage]
        if node.operation == "given":
            errors[node.stage] = np.zeros(expected.shape)
            yield measure(node.stage, Check.GIVEN, expected=expected, actual=actual, bound=errors[node.stage])
        elif node.operation != "trajectory":
            yield from _alone(node, legacy, port)
            errors[node.stage] = bounds.free_running(node, legacy.arrays, port.arrays, errors, legacy.dtype)
            allowed = _semantic_or(errors[node.stage], expected)
            yield measure(node.stage, Check.FREE, expected=expected, actual=actual, bound=allowed)


def _semantic_or(bound: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """In float64 what the same meaning allows; 0 stays 0, and float32 has its derived bound."""
    return bounds.semantic(expected) if expected.dtype == np.float64 and bound.any() else bound


def _alone(node: Node, legacy: Record, port: Record) -> Iterator[Finding]:
    """One stage on inputs that both sides share, so that earlier stages cannot be to blame."""
    expected = legacy[node.stage]
    opinion = reference.compute(node, legacy.arrays)
    require_shape(node.stage, recorded=expected, computed=opinion)
    allowed = bounds.rounding(node, legacy.arrays, legacy.dtype)
    yield measure(node.stage, Check.REFERENCE, expected=_as_float64(expected), actual=opinion, bound=allowed)
    forced = port.forced.get(node.stage)
    if forced is not None:
        yield measure(node.stage, Check.FORCED, expected=expected, actual=forced, bound=allowed)
    else:
        own = reference.compute(node, port.arrays)
        allowed = bounds.rounding(node, port.arrays, port.dtype)
        yield measure(node.stage, Check.OWN_INPUT, expected=own, actual=_as_float64(port[node.stage]), bound=allowed)


def _as_float64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)
