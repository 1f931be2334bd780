"""The folder of a report: all that a run leaves, each finding under the same id in every file.

parity.json or comparison.json, junit.xml, results.sarif, exhibits.json and report.html; diagnosis.json (by case) where
something failed. The page is made from exhibits.json and what lies beside the folder, so it can be made again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parity.compare import Comparison
from parity.diagnosis import diagnose
from parity.docket import Docket
from parity.errors import ParityError
from parity.exhibits import exhibit, rows
from parity.findings import Verdict
from parity.integrity import ROOMS
from parity.ledger import read_ledger
from parity.page import page
from parity.report import write_docket, write_json, write_junit
from parity.sarif import sarif
from parity.trace import Record
from parity.whole_file import write_text

EXHIBITS, DIAGNOSIS, PAGE = "exhibits.json", "diagnosis.json", "report.html"
SHOWN = ("witness", "verdict", "tensors", "numbers", "unproven", "cases", "exhibits", "written")
"""What exhibits.json tells, all of which the page shows."""
LEDGER = ROOMS / "parity_tests" / "ledger.toml"
REPORTS = Path("reports") / "parity"
"""Where runs leave their reports, each in a folder of its own."""


@dataclass(frozen=True)
class Sides:
    """Both traces of a comparison, with their arrays, and the request where it is at hand."""

    legacy: Record
    port: Record
    request: Record | None = None


def write_court(folder: Path, docket: Docket, *, witness: str, shown: Mapping[str, Callable[[], Sides]]) -> Path:
    """Write everything about many comparisons; returns the page.

    Args:
        folder: where it goes.
        docket: all comparisons.
        witness: who testified for the original.
        shown: the comparisons that are shown whole, by name, each with what reads its traces: one pair at a time.
    """
    write_docket(folder, docket, witness=witness)
    content = {
        "witness": witness,
        "verdict": docket.verdict.value,
        "tensors": docket.tensors,
        "numbers": docket.elements,
        "unproven": list(docket.unproven),
        "cases": rows(docket.comparisons),
        "court": True,
    }
    return _write_rest(folder, content, docket.comparisons, shown)


def write_comparison(folder: Path, comparison: Comparison, sides: Sides) -> Path:
    """Write everything about one pair of traces; returns the page."""
    legacy = sides.legacy
    name = f"{legacy.path.stem} {sides.port.path.stem}"
    write_json(folder / "comparison.json", comparison)
    write_junit(folder / "junit.xml", {name: comparison})
    content = {
        "witness": str(legacy.manifest.get("witness", "a trace that names none")),
        "verdict": comparison.verdict.value,
        "tensors": comparison.tensors,
        "numbers": comparison.elements,
        "unproven": [one.id for one in comparison.findings if one.verdict is not Verdict.PASS],
        "cases": rows({name: comparison}),
        "court": False,
    }
    return _write_rest(folder, content, {name: comparison}, {name: lambda: sides})


def _write_rest(
    folder: Path,
    content: dict[str, Any],
    comparisons: Mapping[str, Comparison],
    shown: Mapping[str, Callable[[], Sides]],
) -> Path:
    """The files that both kinds of report have, and the page; an older run's diagnosis does not stay beside them."""
    exhibits, diagnoses = {}, {}
    for name, read in shown.items():
        comparison, sides = comparisons[name], read()
        exhibits[name] = exhibit(comparison, legacy=sides.legacy, port=sides.port)
        if comparison.verdict is Verdict.FAIL:
            diagnoses[name] = diagnose(sides.legacy, sides.port, comparison, request=sides.request).as_json()
    (folder / DIAGNOSIS).unlink(missing_ok=True)
    if diagnoses:
        write_text(folder / DIAGNOSIS, json.dumps(diagnoses, indent=1, allow_nan=False) + "\n")
    content["exhibits"] = exhibits
    content["written"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_text(folder / "results.sarif", json.dumps(sarif(comparisons), indent=1, allow_nan=False) + "\n")
    write_text(folder / EXHIBITS, json.dumps(content, allow_nan=False) + "\n")
    return write_page(folder)


def write_page(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a report's folder; returns where it is.

    Args:
        folder: where exhibits.json is.
        out: where the page goes; report.html in the folder where None.

    Raises:
        ParityError: there is no exhibits.json, it cannot be read, or it is no report's.
    """
    content = _read(folder / EXHIBITS)
    if content is None:
        raise ParityError(f"{folder} has no {EXHIBITS}; run `python -m parity compare A B --report {folder}` first")
    lacking = [name for name in SHOWN if name not in content]
    if lacking:
        raise ParityError(f"{folder / EXHIBITS} tells no {', '.join(lacking)}; write the report again")
    court = content.pop("court", False)
    content["diagnosis"] = _read(folder / DIAGNOSIS)
    content["ledger"] = _ledger() if court else []
    content["zoo"] = _beside(folder, "zoo/zoo.json") or _read(ROOMS / "benchmarks" / "results" / "zoo.json")
    content["gate"] = _beside(folder, "gate/gate.json") if court else None
    path = out or folder / PAGE
    write_text(path, page(content))
    return path


def newest(root: Path = REPORTS) -> Path:
    """The folder of the report written last.

    Raises:
        ParityError: there is none.
    """
    found = sorted(root.glob(f"*/{EXHIBITS}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ParityError(f"{root} holds no folder with {EXHIBITS}; run the parity tests first, or name a folder")
    return found[-1].parent


def _ledger() -> list[dict[str, Any]]:
    """What the page tells of each intended difference."""
    if not LEDGER.exists():
        return []
    told = ("id", "title", "original", "port", "reason", "switch", "as_original", "own", "stage")
    return [{name: asdict(entry)[name] for name in told} for entry in read_ledger(LEDGER)]


def _beside(folder: Path, name: str) -> dict[str, Any] | None:
    """A file of another report beside the parity reports of the same run, else of this checkout."""
    return _read(folder.resolve().parent.parent / name) or _read(ROOMS / "reports" / name)


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is no such file. What Python writes for infinity and NaN becomes text."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: str(float(name)))
    except (ValueError, RecursionError) as error:
        raise ParityError(f"{path} is not JSON ({error}); write the report again") from error
    if not isinstance(content, dict):
        raise ParityError(f"{path} holds a {type(content).__name__}, expected an object; write the report again")
    return content
