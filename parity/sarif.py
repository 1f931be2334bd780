"""SARIF 2.1.0: the findings of comparisons for tools that read static-analysis results.

A check is a rule; a finding is a result with the id it has in every other report. What proves nothing is `open`, which
SARIF keeps for rules that were evaluated with too little to decide by.
"""

from collections.abc import Mapping
from typing import Any

from parity.compare import Comparison
from parity.findings import Check, Finding, Verdict
from parity.pictures import number
from parity.trace import Record

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
KINDS: Mapping[Verdict, str] = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.VACUOUS: "open",
    Verdict.NOT_EXERCISED: "open",
}
RULES: Mapping[Check, str] = {
    Check.INTEGRITY: "The two traces may be compared at all.",
    Check.GIVEN: "Weights and inputs are the same bits on both sides and in the request.",
    Check.REFERENCE: "The original agrees with float64 numpy on the original's own inputs.",
    Check.FORCED: "The port, fed the original's inputs of this stage, agrees with the original.",
    Check.OWN_INPUT: "The port agrees with float64 numpy on the port's own inputs of this stage.",
    Check.FREE: "The port, on its own results so far, agrees with the original.",
    Check.TRAJECTORY: "Port and original agree after many training steps.",
    Check.TRUTH: "Either side after many steps is as near to float64 numpy as allowed.",
    Check.COVERAGE: "The probe reached every branch of this stage.",
    Check.LEDGER: "A run of the port with one switch of its own does as the ledger's entry says.",
}
"""What each check holds, in a sentence."""


def sarif(comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """One log with one run: every finding of every comparison, in their order."""
    rules = [{"id": check.value, "shortDescription": {"text": RULES[check]}} for check in Check]
    results = [_result(name, found) for name, comparison in comparisons.items() for found in comparison.findings]
    artifacts = [_artifact(side) for each in comparisons.values() for side in (each.legacy, each.port)]
    driver = {"name": "parity", "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "artifacts": artifacts, "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(name: str, finding: Finding) -> dict[str, Any]:
    """A result; its level is an error where it fails, and none otherwise, as the standard asks."""
    where = {"name": finding.stage, "fullyQualifiedName": f"{name}/{finding.stage}"}
    properties: dict[str, Any] = {
        "id": finding.id,
        "case": name,
        "verdict": finding.verdict.value,
        "elements": finding.elements,
    }
    if finding.share is not None:
        properties["share_of_bound"] = number(finding.share)
    return {
        "ruleId": finding.check.value,
        "ruleIndex": list(Check).index(finding.check),
        "kind": KINDS[finding.verdict],
        "level": "error" if finding.verdict is Verdict.FAIL else "none",
        "message": {"text": finding.message},
        "locations": [{"logicalLocations": [where]}],
        "partialFingerprints": {"finding/v1": f"{name} {finding.id}"},
        "properties": properties,
    }


def _artifact(trace: Record) -> dict[str, Any]:
    """A trace by its file's name and hash; where it lay is nobody's business."""
    return {"location": {"uri": trace.path.name.replace(" ", "%20")}, "hashes": {"sha-256": trace.sha256}}
