"""An ablation's figure: for each scene every variant's error beside the baselines', and what each source gained."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from port.ablation_table import Row
from port.files import replacing

_DPI = 110
_WIDTH_IN, _ROW_IN, _WORDS_IN = 11.0, 2.7, 0.7
_POINT, _MEAN = "#0072b2", "#000000"
_KINDS = ("variant", "baseline", "gain")
_BASELINES = (  # told apart by all eyes (Okabe and Ito), and by their dashes in print
    ("#7f7f7f", "-"),
    ("#e69f00", "--"),
    ("#cc79a7", ":"),
    ("#009e73", "-."),
    ("#d55e00", (0, (6, 1.5))),
    ("#56b4e9", (0, (1, 1.5))),
)


def ablation_figure(path: Path, rows: Sequence[Row]) -> None:
    """Two panels a scene: MAE by variant, and paired gains in MAE; a point for each seed, a bar for the mean.

    Raises:
        OutputError: the file cannot be written.
    """
    scenes = list(dict.fromkeys(row.scene for row in rows))
    figure = Figure(figsize=(_WIDTH_IN, _ROW_IN * len(scenes) + _WORDS_IN), layout="constrained")
    panels = figure.subplots(len(scenes), 2, squeeze=False, width_ratios=(8, 7))
    for scene, (left, right) in zip(scenes, panels, strict=True):
        of = {kind: [row for row in rows if (row.scene, row.kind) == (scene, kind)] for kind in _KINDS}
        _points(left, of["variant"], [row.name for row in of["variant"]])
        for row, (colour, dashes) in zip(of["baseline"], cycle(_BASELINES), strict=False):
            left.axhline(row.mean("mae"), color=colour, linestyle=dashes, linewidth=1.2, label=row.name)
        left.set(ylabel="MAE (NDVI)")
        left.set_ylim(bottom=0)
        left.set_title(f"{scene}: error", fontsize=9)
        _points(right, of["gain"], [_lines(row.name) for row in of["gain"]])
        right.axhline(0, color=_MEAN, linewidth=0.6)
        right.set(ylabel="gain in MAE")
        right.set_title("gain by what is added: it pays above 0", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    words = "a point for each seed, a bar for the mean; baselines:"
    figure.legend(
        handles, labels, title=words, title_fontsize=8, fontsize=8, ncols=6, loc="outside lower center", frameon=False
    )
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")


def _lines(name: str) -> str:
    """A gain's name as short lines."""
    return name.replace("second date", "2nd date").replace(": ", "\n").replace(" to ", "\nto ")


def _points(axes: Axes, rows: Sequence[Row], names: Sequence[str]) -> None:
    """Each row's seeds as points beside each other, their mean as a bar."""
    for place, row in enumerate(rows):
        numbers = row.numbers("mae")
        step = 0.4 / max(len(numbers) - 1, 1)
        beside = [place + step * (number - (len(numbers) - 1) / 2) for number in range(len(numbers))]
        axes.plot(beside, numbers, "o", color=_POINT, markersize=3.5, alpha=0.8, zorder=3)
        axes.hlines(row.mean("mae"), place - 0.33, place + 0.33, color=_MEAN, linewidth=1.8, zorder=4)
    axes.set_xticks(range(len(rows)), names, fontsize=7)
    axes.set_xlim(-0.6, max(len(rows), 1) - 0.4)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(visible=True, axis="y", linewidth=0.3)
