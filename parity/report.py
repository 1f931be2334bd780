"""Reports of a comparison: a console table, JSON and JUnit, in which each finding has the same id."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parity.compare import Comparison
from parity.docket import Docket
from parity.findings import Check, Finding, Verdict, worst
from parity.whole_file import write_text

STYLES: Mapping[Verdict, str] = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.VACUOUS: "yellow",
    Verdict.NOT_EXERCISED: "yellow",
}


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def summary(comparison: Comparison) -> dict[str, Any]:
    """The verdict and what it rests on, for a JSON file."""
    blamed = comparison.first_bad
    return {
        "verdict": comparison.verdict.value,
        "exit_code": comparison.verdict.exit_code,
        "first_bad": blamed.id if blamed else None,
        "blamed": [finding.id for finding in comparison.blamed],
        "tensors_compared": comparison.tensors,
        "numbers_compared": comparison.elements,
        "legacy": _side(comparison.legacy.manifest) | {"sha256": comparison.legacy.sha256},
        "port": _side(comparison.port.manifest) | {"sha256": comparison.port.sha256},
        "largest_share_of_bound": {check.value: _share(comparison.largest(check)) for check in Check},
        "coverage": comparison.coverage,
        "findings": [_finding(finding) for finding in comparison.findings],
    }


def _side(manifest: Mapping[str, Any]) -> dict[str, Any]:
    fields = ("side", "witness", "stack", "dtype", "request_sha256", "code_sha256", "process")
    return {field: manifest[field] for field in fields if field in manifest}


def _share(finding: Finding | None) -> dict[str, Any] | None:
    return {"id": finding.id, "share": _number(finding.share)} if finding else None


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "stage": finding.stage,
        "check": finding.check.value,
        "verdict": finding.verdict.value,
        "share_of_bound": _number(finding.share),
        "elements": finding.elements,
        "message": finding.message,
    }


def _number(share: float | None) -> float | str | None:
    """JSON has no infinity: it is written as text."""
    return share if share is None or abs(share) < float("inf") else str(share)


def write_json(path: Path, comparison: Comparison) -> None:
    """Write the summary; the file appears whole or not at all."""
    write_text(path, json.dumps(summary(comparison), indent=2, allow_nan=False) + "\n")


def write_junit(path: Path, comparisons: Mapping[str, Comparison]) -> None:
    """Write one JUnit suite a comparison and one case a finding; what does not pass is a failure, never a skip."""
    root = ElementTree.Element("testsuites")
    for name, comparison in comparisons.items():
        bad = [finding for finding in comparison.findings if finding.verdict is not Verdict.PASS]
        counts = {"tests": str(len(comparison.findings)), "failures": str(len(bad))}
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **counts})
        for finding in comparison.findings:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=finding.id)
            if finding.verdict is not Verdict.PASS:
                ElementTree.SubElement(case, "failure", type=finding.verdict.value, message=finding.message)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
    write_text(path, _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text) + "\n")


def write_docket(folder: Path, docket: Docket, *, witness: str) -> None:
    """Write parity.json (verdict, every comparison) and junit.xml (every finding) into a folder."""
    content = {
        "witness": witness,
        "verdict": docket.verdict.value,
        "tensors_compared": docket.tensors,
        "numbers_compared": docket.elements,
        "unproven": {id: verdict.value for id, verdict in docket.unproven.items()},
        "comparisons": {name: summary(comparison) for name, comparison in docket.comparisons.items()},
    }
    write_text(folder / "parity.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    write_text(folder / "summary.json", json.dumps(_docket_summary(docket, witness), indent=1) + "\n")
    write_junit(folder / "junit.xml", docket.comparisons)


SHARES: Mapping[str, tuple[Check, ...]] = {
    "alone, of the derived bound": (Check.FORCED, Check.OWN_INPUT),
    "original against numpy, of the derived bound": (Check.REFERENCE,),
    "free-running, of the bound (float64: 1e-12 of the maximum)": (Check.FREE,),
    "after many steps, of what is allowed": (Check.TRAJECTORY, Check.TRUTH),
}


def largest_shares(docket: Docket, dtype: str) -> dict[str, tuple[str, Finding]]:
    """For each kind of check the comparison and finding nearest to its bound, among comparisons in dtype."""
    chosen = {name: c for name, c in docket.comparisons.items() if c.legacy.manifest["dtype"] == dtype}
    found = {label: Docket(chosen).largest(*checks) for label, checks in SHARES.items()}
    return {label: pair for label, pair in found.items() if pair is not None}


def _docket_summary(docket: Docket, witness: str) -> dict[str, Any]:
    shares = {dtype: largest_shares(docket, dtype) for dtype in ("float64", "float32")}
    return {
        "witness": witness,
        "verdict": docket.verdict.value,
        "cases": len(docket.comparisons),
        "tensors": docket.tensors,
        "numbers": docket.elements,
        "largest": {
            dtype: {label: _number(finding.share) for label, (_, finding) in found.items()}
            for dtype, found in shares.items()
        },
    }


def table(comparison: Comparison) -> RenderableType:
    """The stages with their share of the bound in each check, and a last paragraph that says what was proven."""
    grid = Table(title="share of bound, by stage")
    grid.add_column("stage", overflow="fold")  # a name is shown whole, at any width
    for header in ("alone", "reference", "free-\nrunning", "many\nsteps", "verdict"):
        grid.add_column(header)
    for stage, findings in _by_stage(comparison.findings).items():
        shown = worst(finding.verdict for finding in findings)
        alone = _cell(findings, Check.GIVEN, Check.FORCED, Check.OWN_INPUT)
        steps = _cell(findings, Check.TRAJECTORY, Check.TRUTH)
        grid.add_row(
            Text(stage),
            alone,
            _cell(findings, Check.REFERENCE),
            _cell(findings, Check.FREE),
            steps,
            Text(shown.value, STYLES[shown]),
        )
    return Group(grid, *_problems(comparison), conclusion(comparison))


def _by_stage(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    stages: dict[str, list[Finding]] = {}
    for finding in findings:
        stages.setdefault(finding.stage, []).append(finding)
    return stages


def _cell(findings: Iterable[Finding], *checks: Check) -> Text:
    """The largest share among these checks of a stage, in the colour of its verdict; blank where none was made."""
    shares = [finding for finding in findings if finding.check in checks and finding.share is not None]
    if not shares:
        return Text("")
    largest = max(shares, key=lambda finding: finding.share or 0.0)
    return Text(f"{largest.share:.2g}", STYLES[largest.verdict])


def _problems(comparison: Comparison) -> list[Text]:
    """The first lines of what did not pass."""
    bad = [finding for finding in comparison.findings if finding.verdict is not Verdict.PASS]
    lines = [Text(f"{finding.verdict.value}: {finding.check.value}: {finding.message}") for finding in bad[:5]]
    return [*lines, Text(f"and {len(bad) - 5} more")] if len(bad) > 5 else lines


def conclusion(comparison: Comparison) -> Text:
    """One sentence: the verdict, how much was compared, the largest share of a bound, the stage to blame."""
    largest = comparison.largest(Check.FORCED, Check.OWN_INPUT, Check.FREE)
    words = f"{comparison.verdict.value}: {comparison.tensors} tensors, {comparison.elements} numbers compared"
    if largest is not None:
        words += f"; largest share of its bound {largest.share:.3g} at {largest.id}"
    if comparison.first_bad is not None:
        words += f"; first bad stage {comparison.first_bad.stage}"
    others = comparison.blamed[1:4]
    if others:
        words += f"; to blame besides, each for itself: {', '.join(finding.stage for finding in others)}"
        words += f" and {len(comparison.blamed) - 4} more" if len(comparison.blamed) > 4 else ""
    return Text(words, STYLES[comparison.verdict])
