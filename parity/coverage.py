"""Which branches of its operations a probe reached: a branch never reached proves nothing."""

from collections.abc import Mapping

import numpy as np

from parity.findings import Check, Finding, Verdict
from parity.trace import Record

Branches = Mapping[str, int]


def branches(trace: Record) -> dict[str, dict[str, int]]:
    """For each stage with branches, how many elements took each.

    A rectifier has negative and positive pre-activations; its gradient also those exactly 0 that a gradient reaches;
    the absolute error falls on either side of 0 or is a tie; a patch list may leave an incomplete last batch.
    """
    found: dict[str, dict[str, int]] = {}
    for node in trace.graph:
        inputs = [trace[name] for name in node.inputs]
        match node.operation:
            case "rectify":
                found[node.stage] = _signs(inputs[0], "negative", "positive")
            case "rectify_gradient":
                found[node.stage] = {"zero with a gradient": int(((inputs[0] == 0) & (inputs[1] != 0)).sum())}
            case "mean_absolute_error":
                difference = inputs[0].astype(np.float64) - inputs[1]
                found[node.stage] = _signs(difference, "below", "above") | {"tie": int((difference == 0).sum())}
    training = trace.manifest.get("training")
    if training and "patches/raw" in trace.arrays:
        patches = len(trace["patches/raw"])
        found["loss/curve"] = {
            "incomplete last batch": patches % training["batch_size"],
            "second pass over the list": max(0, training["steps"] - training["batches"]),
        }
    return found


def _signs(values: np.ndarray, below: str, above: str) -> dict[str, int]:
    return {below: int((values < 0).sum()), above: int((values > 0).sum())}


def check_coverage(reached: Mapping[str, Branches]) -> list[Finding]:
    """One finding a stage with branches: NOT EXERCISED unless each branch was reached."""
    return [_finding(stage, counts) for stage, counts in reached.items()]


def _finding(stage: str, counts: Branches) -> Finding:
    missed = [branch for branch, count in counts.items() if not count]
    told = ", ".join(f"{branch} {count}" for branch, count in counts.items())
    verdict = Verdict.NOT_EXERCISED if missed else Verdict.PASS
    return Finding(stage, Check.COVERAGE, verdict, f"{stage}: {told}" + (f"; never {missed[0]}" if missed else ""))
