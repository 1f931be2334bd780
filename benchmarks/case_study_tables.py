"""The case study's tables, made from its measurements."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.case_study import RESULTS


def _found(question: str) -> Any:
    return json.loads(RESULTS.read_text(encoding="utf-8"))[question]


def harvest() -> str:
    """NDVI and VH by what happened to the field."""
    lines = [
        "| field | NDVI at t-1, t, t+1 | interpolated | its error | VH at t-1, t, t+1 (dB) |",
        "|---|---|--:|--:|---|",
    ]
    for row in _found("harvest"):
        ndvi, radar = (", ".join(f"{value:.{digits}f}" for value in row[of]) for of, digits in _SERIES)
        lines.append(
            f"| {row['field']} | {ndvi} | {row['interpolation']:.2f} | {row['interpolation_mae']:.2f} | {radar} |"
        )
    return "\n".join(lines)


_SERIES = (("ndvi", 2), ("vh_db", 1))


def silenced() -> str:
    """The error of the trained network under either normalisation, and how far VH at t moves its estimates."""
    lines = ["| normalisation | MAE | interpolation | VH at t shuffled moves it by |", "|---|--:|--:|--:|"]
    for row in _found("silenced"):
        moved = next(value for name, value in row["movement"].items() if name == "VH at t")
        lines.append(f"| {row['scaling']} | {row['mae']:.4f} | {row['interpolation_mae']:.4f} | {moved:.2g} |")
    return "\n".join(lines)


def relu_at_zero() -> str:
    """How many gates stand at exactly 0, and how much of a gradient hangs on them."""
    row = _found("relu-at-zero")
    return "\n".join(
        [
            "| patches whose left half is no-data, at the original's start | |",
            "|---|--:|",
            f"| pre-activations of the first layer that are exactly 0 | {100 * row['at_zero'] / row['gates']:.0f} % |",
            f"| by how much its bias gradient differs, 0.5 against 0 | {100 * row['bias_gradient_apart']:.0f} % |",
        ]
    )


def dead_output() -> str:
    """The start and the end of a training that dies."""
    row = _found("dead-output")
    died = next(update for update, spread in enumerate(row["output_spread"]) if spread == 0)
    return "\n".join(
        [
            "| update | living units of the first layer | loss (NDVI x 1000) | spread of the output |",
            "|--:|--:|--:|--:|",
            *(
                f"| {at} | {row['living_units'][at]} of {row['units']} | {row['loss'][at]:.0f} "
                f"| {row['output_spread'][at]:.2g} |"
                for at in (0, died - 1, died, len(row["loss"]) - 1)
            ),
        ]
    )


def tolerances() -> str:
    """How many patches pass with two bands exchanged."""
    row = _found("tolerances")
    return "\n".join(
        [
            "| VV and VH at t+1 exchanged | patches that pass |",
            "|---|--:|",
            f"| a library's default (atol {row['library_tolerance']['atol']:g}) "
            f"| {row['passed_by_the_library']} of {row['patches']} |",
            f"| 1e-12 of the largest output | {row['passed_by_the_judge']} of {row['patches']}, the nearest "
            f"{row['smallest_share_of_the_judges_bound']:.0e} x over |",
        ]
    )


TABLES: Mapping[str, Callable[[], str]] = {
    "harvest": harvest,
    "silenced": silenced,
    "relu-at-zero": relu_at_zero,
    "dead-output": dead_output,
    "tolerances": tolerances,
}
