"""Records are kept by benchmarks/: accuracy.json has an entry for each run, ablation.json one for each method."""

import json
from pathlib import Path
from typing import Any

from benchmarks.accuracy import METRICS, RESULTS, Row
from gate_tests.errors import GateError
from gate_tests.records import PREDICTION, Record

ABLATION = RESULTS.with_name("ablation.json")
FEWEST = 3
"""Seeds without which a record has no spread to speak of."""


def recorded(row: Row, path: Path = RESULTS) -> Record:
    """The record of a row in accuracy.json.

    Raises:
        GateError: there is none, or one of too few seeds.
    """
    found = [
        entry["methods"]
        for entry in read_entries(path)
        if (entry["scene"], entry["variant"], entry["run"]) == (row.scene, row.variant, row.name) and "methods" in entry
    ]
    return _checked(Record(row, found, path.name), "python -m benchmarks.accuracy")


def ablated(row: Row, path: Path = ABLATION) -> Record | None:
    """The record of a row in ablation.json; None where no ablation was about it.

    Raises:
        GateError: one of too few seeds.
    """
    of_scene = {
        entry["name"]: entry
        for entry in read_entries(path)
        if entry["kind"] in ("variant", "baseline") and (entry["scene"], entry["recipe"]) == (row.scene, row.name)
    }
    if row.variant not in of_scene:
        return None
    methods = {PREDICTION: of_scene[row.variant]}
    methods |= {name: entry for name, entry in of_scene.items() if entry["kind"] == "baseline"}
    runs = [
        {name: {metric: entry[metric][number] for metric in METRICS} for name, entry in methods.items()}
        for number in range(len(of_scene[row.variant]["seeds"]))
    ]
    return _checked(Record(row, runs, path.name), "python -m benchmarks.ablation")


def _checked(record: Record, command: str) -> Record:
    """The record, once it is known to have seeds enough."""
    if len(record.runs) < FEWEST:
        raise GateError(
            f"{record.name} is recorded with {len(record.runs)} seeds in {record.place}, expected {FEWEST} or more, to "
            f"know the spread; record it ({command})"
        )
    return record


def read_entries(path: Path) -> list[dict[str, Any]]:
    """A file's entries.

    Raises:
        GateError: it is missing, or no JSON.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GateError(f"{path} cannot be read: {error}; restore it, or record it again") from error
    return entries
