"""A paper.toml of one number, and two methods' cells, for tests to fill in and to spoil."""

from pathlib import Path
from typing import Any

import tomli_w

FIELDS = {"value": 9, "source": "paper", "tolerance": "exact", "status": "gated", "check": "nine"}
CELLS = {
    "methods": ["SOPTIIp", "interpolation"],
    "metrics": ["cc", "psnr"],
    "source": "paper: table",
    "reason": "not at hand",
    "check": "nine",
    "known": {},
}
NINE = {"nine": lambda *key: 9, "key": lambda key: key}


def write_paper(folder: Path, entry: dict[str, Any], cells: dict[str, Any] | None = None) -> Path:
    """Write it with this entry, and the tables changed so."""
    path = folder / "paper.toml"
    path.write_text(tomli_w.dumps({"number": {"one": entry}, "cells": CELLS | (cells or {})}), encoding="utf-8")
    return path
