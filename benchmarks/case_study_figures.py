"""The case study's figures, drawn from its measurements: `python -m benchmarks.case_study_figures` writes them all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.case_study import RESULTS, SCALINGS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "case-study"
_DATES = ("t\N{MINUS SIGN}1", "t", "t+1")
_BLUE, _RED, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#7f7f7f"  # told apart by all eyes (Okabe and Ito)
_COLOURS = {"stable": _GREY, "harvested before t": _RED, "harvested after t": _BLUE}


def harvest(found: list[dict[str, Any]]) -> Figure:
    """NDVI and VH of three kinds of field at the three dates; what interpolation makes of NDVI."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    optical, radar = figure.subplots(1, 2)
    for row in found:
        colour = _COLOURS.get(row["field"])
        if colour is None:
            continue
        optical.plot(_DATES, row["ndvi"], "o-", color=colour, label=row["field"])
        optical.plot("t", row["interpolation"], "x", color=colour, markersize=9, markeredgewidth=2)
        radar.plot(_DATES, row["vh_db"], "o-", color=colour, label=row["field"])
    optical.set_title("NDVI, and (x) what interpolation says at t", fontsize=10)
    radar.set_title("VH backscatter (dB)", fontsize=10)
    optical.set_ylabel("NDVI")
    radar.set_ylabel("dB")
    optical.legend(fontsize=8, frameon=False)
    return figure


def flips(found: dict[str, Any]) -> Figure:
    """A filter, and what a bright pixel becomes in either framework."""
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    titles = {"filter": "the stored filter", "convolution": "Lasagne convolves", "correlation": "PyTorch correlates"}
    for axes, (name, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        values = np.array(found[name])
        axes.imshow(values, cmap="cividis")
        for row, col in np.argwhere(values):
            dark = values[row, col] < values.max() / 2
            axes.text(col, row, f"{values[row, col]:g}", ha="center", va="center", color="w" if dark else "k")
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def tolerances(found: dict[str, Any]) -> Figure:
    """How far two exchanged bands move each patch's output, beside what a library's default allows."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    apart = np.sort(found["apart"])
    axes.semilogy(apart, "o", color=_BLUE, markersize=4, label="output moved by exchanging VV and VH at t+1")
    axes.axhline(found["library_tolerance"]["atol"], color=_RED, linestyle="--", label="a library's default tolerance")
    judged = 1e-12 * float(np.max(found["largest_output"]))
    axes.axhline(judged, color=_GREEN, label="the judge's: 1e-12 of the largest output")
    axes.set_xlabel("patch")
    axes.set_ylabel("largest difference")
    axes.legend(fontsize=8, frameon=False)
    return figure


def silenced(found: list[dict[str, Any]]) -> Figure:
    """How far shuffling each channel moves the trained network's estimates, under either normalisation."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    names = list(found[0]["movement"])
    for shift, colour, scaling in zip((-0.2, 0.2), (_BLUE, _RED), SCALINGS, strict=True):
        row = next(row for row in found if row["scaling"] == scaling)
        label = f"{scaling}: MAE {row['mae']:.3f}"
        axes.bar(np.arange(len(names)) + shift, row["movement"].values(), 0.4, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
    axes.set_ylabel("estimates moved (NDVI)")
    axes.legend(fontsize=8, frameon=False)
    return figure


def dead_output(found: dict[str, Any]) -> Figure:
    """Living units of the first layer and the spread of the output, update by update."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    units = figure.subplots()
    updates = range(len(found["loss"]))
    units.plot(updates, found["living_units"], color=_RED)
    units.set_xlabel("update")
    units.set_ylabel("living units of conv1", color=_RED)
    spread = units.twinx()
    spread.plot(updates, found["output_spread"], color=_BLUE, linestyle="--")
    spread.set_ylabel("standard deviation of the output", color=_BLUE)
    return figure


FIGURES: Mapping[str, Callable[[Any], Figure]] = {
    "harvest": harvest,
    "flips": flips,
    "tolerances": tolerances,
    "silenced": silenced,
    "dead-output": dead_output,
}


def main() -> None:
    """Draw them all."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        draw(found[name]).savefig(FOLDER / f"{name}.png", dpi=120)


if __name__ == "__main__":
    main()
