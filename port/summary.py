"""A summary says in one table, and in one JSON file, how the prediction compares with interpolation."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from port.evaluation import Comparison

COLUMNS = ("pixels", "method", "MAE", "RMSE", "CC")


def table_rows(comparisons: Mapping[str, Comparison]) -> list[tuple[str, ...]]:
    """Three rows for each kind of pixel: interpolation, prediction, gain in %; as text."""
    rows: list[tuple[str, ...]] = []
    for kind, comparison in comparisons.items():
        for method in ("interpolation", "prediction"):
            found = getattr(comparison, method)
            name = f"{kind} ({found.pixels})" if method == "interpolation" else ""
            rows.append((name, method, *(_number(value, 4) for value in (found.mae, found.rmse, found.cc))))
        gain = comparison.gain_percent()
        rows.append(("", "gain %", *(_number(gain[quantity], 1, sign=True) for quantity in ("mae", "rmse", "cc"))))
    return rows


def table_text(comparisons: Mapping[str, Comparison]) -> str:
    """The table in plain text, columns aligned."""
    rows = [COLUMNS, *table_rows(comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = []
    for row in rows:
        words = [word.ljust(width) for word, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [word.rjust(width) for word, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(words + numbers).rstrip())
    return "\n".join(lines) + "\n"


def as_json(comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """The same numbers unrounded; null for what is not a number."""
    return {
        kind: {
            "interpolation": _finite(asdict(comparison.interpolation)),
            "prediction": _finite(asdict(comparison.prediction)),
            "gain_percent": _finite(comparison.gain_percent()),
        }
        for kind, comparison in comparisons.items()
    }


def _number(value: float, digits: int, *, sign: bool = False) -> str:
    """A number with so many decimals, a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:{'+' if sign else ''}.{digits}f}"


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """NaN as None: JSON has no NaN."""
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}
