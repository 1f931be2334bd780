"""Figures for a paper: the loss curves, and a row of maps from what was seen to where the estimates are wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from port.evaluation import Maps
from port.files import replacing
from port.training import EpochLosses

_DPI = 300
_INTERPOLATION, _BEST, _PREDICTION = "#7f7f7f", "#cc79a7", "#d55e00"  # told apart by all eyes (Okabe and Ito)
_TRAINING, _VALIDATION = "#0072b2", "#009e73"
_MASKED, _HATCH = "#d9d9d9", "/////"


def loss_figure(path: Path, losses: Sequence[EpochLosses], *, mae: Mapping[str, float]) -> None:
    """Training and validation loss by epoch on a logarithmic scale, with methods' MAE in the test region, by name.

    Raises:
        OutputError: the file cannot be written.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    epochs = [row.epoch for row in losses]
    axes.plot(epochs, [row.training for row in losses], color=_TRAINING, linewidth=1, label="training patches")
    if not all(np.isnan(row.validation) for row in losses):
        validation = [row.validation for row in losses]
        axes.plot(epochs, validation, color=_VALIDATION, linewidth=1, label="validation patches")
    colours = {"interpolation": _INTERPOLATION, "prediction": _PREDICTION}
    for name, value in mae.items():
        label = f"{name}, test region ({value:.3f})"
        axes.axhline(value, color=colours.get(name, _BEST), linestyle="--", linewidth=1, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(which="both", labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean absolute error (NDVI)")
    axes.set_xlim(1, max(epochs[-1], 2))
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=8, frameon=False)
    _write(path, figure)


def map_figure(path: Path, maps: Maps, *, best: str = "interpolation") -> None:
    """F-, F, each method's map and its absolute error; one colour scale for NDVI, one for errors.

    Methods: interpolation, the best baseline where that is another, the prediction. All maps in a row, or each error
    under its map where the region is wider than high. Pixels that are not scored are hatched.

    Raises:
        OutputError: the file cannot be written.
    """
    methods = {name: maps.baseline(name) for name in dict.fromkeys(("interpolation", best))}
    methods["prediction"] = maps.estimate
    seen = {"F\N{SUPERSCRIPT MINUS}, seen at t\N{MINUS SIGN}1": maps.before, "F, seen at t": maps.truth}
    errors = {f"|error|, {name}": np.abs(estimate - maps.truth) for name, estimate in methods.items()}
    ndvi = Normalize(*np.percentile(np.stack(list(seen.values()))[:, maps.valid], (1, 99)))
    error = Normalize(0, float(np.percentile(errors["|error|, interpolation"][maps.valid], 98)))
    figure, places, bars = _grid(maps.region.shape, len(methods))
    titled = {**seen, **methods, **errors}
    for axes, (title, values) in zip(places, titled.items(), strict=True):
        _panel(axes, values, maps.valid, title, error if title in errors else ndvi)
    for image, beside, label in ((places[0].images[0], bars[0], "NDVI"), (places[-1].images[0], bars[1], "error")):
        bar = figure.colorbar(image, ax=beside, extend="both" if label == "NDVI" else "max", pad=0.02)
        bar.set_label("NDVI" if label == "NDVI" else "absolute error", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    unscored = Patch(facecolor=_MASKED, edgecolor="white", hatch=_HATCH, linewidth=0)
    if not maps.valid.all():
        text = "not scored: masked at one of the dates, or within 8 px of the scene's edge"
        figure.legend([unscored], [text], loc="outside lower left", fontsize=7, frameon=False)
    _write(path, figure)


def _grid(shape: tuple[int, int], methods: int) -> tuple[Figure, list[Axes], tuple[list[Axes], list[Axes]]]:
    """A figure with a place for both images seen, each method and each error; and beside which to put each bar."""
    wide = shape[1] > shape[0]
    lines, columns = (2, 1 + methods) if wide else (1, 2 + 2 * methods)
    panel = 1.93  # inches: the panels of three columns and a bar fill the width of a page of text
    size = columns * panel + 1.4, lines * (panel * shape[0] / shape[1] + 0.3) + 0.35
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    if wide:
        return figure, [grid[0, 0], grid[1, 0], *grid[0, 1:], *grid[1, 1:]], (list(grid[0]), list(grid[1]))
    row = list(grid[0])
    return figure, row, (row[: 2 + methods], row[2 + methods :])


def _panel(
    axes: Axes,
    values: Float32[np.ndarray, "row col"],
    valid: Bool[np.ndarray, "row col"],
    title: str,
    norm: Normalize,
) -> AxesImage:
    """One map, its unscored pixels hatched."""
    colours = "magma_r" if norm.vmin == 0 else "RdYlGn"  # an error begins at 0, NDVI seen anywhere does not
    image = axes.imshow(np.ma.masked_array(values, ~valid), cmap=colours, norm=norm, interpolation="nearest")
    axes.set_facecolor(_MASKED)
    axes.patch.set(hatch=_HATCH, edgecolor="white", linewidth=0)
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def _write(path: Path, figure: Figure) -> None:
    """The figure as a PNG, whole or not at all."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")
