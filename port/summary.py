"""A summary says in one table, and in one JSON file, how the prediction compares with every baseline."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from port.evaluation import Comparison
from port.metrics import Metrics

COLUMNS = ("pixels", "method", "MAE", "RMSE", "CC", "PSNR dB", "SSIM")
Rows = list[tuple[str, ...]]


def table_sections(comparisons: Mapping[str, Comparison]) -> list[Rows]:
    """A section for each kind of pixel: a row a method, then the gain over interpolation and the best baseline; text.

    The kind stands in the section's first row, its number of pixels in the second.
    """
    return [_section(kind, comparison) for kind, comparison in comparisons.items()]


def table_text(comparisons: Mapping[str, Comparison]) -> str:
    """The table in plain text, columns aligned."""
    rows = [COLUMNS, *(row for section in table_sections(comparisons) for row in section)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = []
    for row in rows:
        words = [word.ljust(width) for word, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [word.rjust(width) for word, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(words + numbers).rstrip())
    return "\n".join(lines) + "\n"


def as_json(comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """The same numbers unrounded, the gain over each baseline with them; null for what is not a finite number."""
    return {
        kind: {
            "baselines": {name: _finite(asdict(found)) for name, found in comparison.baselines.items()},
            "prediction": _finite(asdict(comparison.prediction)),
            "best_baseline": comparison.best,
            "gain": {name: _finite(comparison.gain(name)) for name in comparison.baselines},
        }
        for kind, comparison in comparisons.items()
    }


def _section(kind: str, comparison: Comparison) -> Rows:
    """One kind of pixel: methods, then gains."""
    methods = {**comparison.baselines, "prediction": comparison.prediction}
    rows = [(name, *_accuracy(found)) for name, found in methods.items()]
    rivals = dict.fromkeys(("interpolation", comparison.best))  # one, where interpolation is the best
    rows += [(f"gain over {name}", *_gain(comparison.gain(name))) for name in rivals]
    words = [kind, f"{comparison.prediction.pixels} px"] + [""] * (len(rows) - 2)
    return [(word, *row) for word, row in zip(words, rows, strict=True)]


def _accuracy(found: Metrics) -> tuple[str, ...]:
    return (
        *(_number(value, ".4f") for value in (found.mae, found.rmse, found.cc)),
        _number(found.psnr, ".2f"),
        _number(found.ssim, ".4f"),
    )


def _gain(gain: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(
        _number(value, "+.2f") if name.endswith("_db") else _number(value, "+.1f", "%") for name, value in gain.items()
    )


def _number(value: float, form: str, unit: str = "") -> str:
    """A number as text, a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """NaN and infinity as None: JSON has neither."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
