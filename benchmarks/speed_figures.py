"""The figures of speed: how many times as fast as the original, how near to the machine's rate, how time grows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmarks.speed_ratios import ORIGINAL, SCENE_BYTES, TUNED, Results, Spread, share_of_gemm, to_original
from port.files import replacing

DOCS = Path(__file__).resolve().parent.parent / "docs"
SPEED, GROWTH = DOCS / "speed.png", DOCS / "growth.png"
GROUPS = {
    "region": "test region",
    "forward": "128 patches",
    "step": "training step",
    "blocks": "training step,\nby blocks",
}
_COLOURS = {
    "region": "#56b4e9",
    "forward": "#0072b2",
    "step": "#d55e00",
    "blocks": "#009e73",
}  # told apart by all eyes (Okabe and Ito)
_GREY, _DPI = "#7f7f7f", 110


def speed_figure(path: Path, results: Results) -> None:
    """Horizontal bars with whiskers from the lowest to the highest round: ratio to the original; share of sgemm.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [(work, name) for work in GROUPS for name in results["seconds"][work]]
    figure = Figure(figsize=(10, 0.8 + 0.32 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = [-(place + list(GROUPS).index(work)) for place, (work, _) in enumerate(rows)]
    colours = [_GREY if name in (ORIGINAL, TUNED) else _COLOURS[work] for work, name in rows]
    _bars(left, places, colours, [to_original(results, work, name) for work, name in rows], "{:.1f}")
    shares = [share_of_gemm(results, work, name) for work, name in rows]
    _bars(right, places, colours, shares, "{:.0%}")
    left.set_yticks(places, [name for _, name in rows], fontsize=8)
    for work, title in GROUPS.items():
        first = next(place for place, (of, _) in zip(places, rows, strict=True) if of == work)
        left.text(-0.28, first, title, transform=left.get_yaxis_transform(), fontsize=8, color=_COLOURS[work],
                  ha="right", va="center", fontweight="bold")  # fmt: skip
    left.set_title("times as fast as the original", fontsize=10)
    right.set_title("arithmetic rate, of the machine's float32 matrix products", fontsize=10)
    right.axvline(1.0, color="k", linewidth=0.8, linestyle="--")
    right.xaxis.set_major_formatter(PercentFormatter(1.0))
    _save(figure, path)


def _bars(axes: Axes, places: Sequence[int], colours: Sequence[str], spreads: Sequence[Spread], form: str) -> None:
    """A bar each, its whisker, its median in words beyond it."""
    medians = [spread.median for spread in spreads]
    beyond = [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
    axes.barh(places, medians, color=colours, height=0.75, xerr=beyond, error_kw={"linewidth": 0.9, "capsize": 2})
    for place, spread in zip(places, spreads, strict=True):
        axes.annotate(form.format(spread.median), (spread.high, place), xytext=(4, 0), textcoords="offset points",
                      fontsize=8, va="center", bbox={"facecolor": "w", "edgecolor": "none", "pad": 0.8})  # fmt: skip
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(visible=True, axis="x", linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def growth_figure(path: Path, scenes: Sequence[dict[str, Any]]) -> None:
    """Time over pixels beside the straight line and the arithmetic's own time; peak memory over pixels.

    Scenes as `benchmarks.whole_scene` tells them; the line is that of uncompressed ones by the usual engine.

    Raises:
        OutputError: the file cannot be written.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    time, memory = figure.subplots(1, 2)
    kinds = dict.fromkeys((row["compression"], row["engine"]) for row in scenes)
    for (compression, engine), mark in zip(kinds, ("o-", "s", "^", "v", "D"), strict=False):
        rows = [row for row in scenes if (row["compression"], row["engine"]) == (compression, engine)]
        rows.sort(key=lambda row: row["pixels"])
        pixels = [row["pixels"] for row in rows]
        name = f"{engine}, {'uncompressed' if compression == 'none' else compression}"
        time.loglog(pixels, [row["seconds"] for row in rows], mark, markersize=4, label=name)
        memory.semilogx(pixels, [row["peak_bytes"] / 1e9 for row in rows], mark, markersize=4)
        if mark == "o-":
            linear = [rows[-1]["seconds"] * size / pixels[-1] for size in pixels]
            time.loglog(pixels, linear, "--", color=_GREY, linewidth=1, label="linear in pixels")
            arithmetic = [row["arithmetic_s"] for row in rows]
            time.loglog(pixels, arithmetic, ":", color="k", linewidth=1, label="arithmetic at the sgemm rate")
    time.set(xlabel="pixels", ylabel="seconds, GeoTIFF to GeoTIFF")
    time.legend(fontsize=8, frameon=False)
    memory.axhline(SCENE_BYTES / 1e9, color=_GREY, linestyle="--", linewidth=1)
    memory.set(xlabel="pixels", ylabel="peak memory (GB)")
    memory.set_ylim(bottom=0)
    for axes in (time, memory):
        axes.grid(visible=True, which="both", linewidth=0.2)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")
