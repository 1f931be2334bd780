"""Figures for a paper: the loss curves, and a row of maps from what was seen to where the estimates are wrong."""

from collections.abc import Sequence
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
_INTERPOLATION, _PREDICTION = "#7f7f7f", "#d55e00"  # grey, and a red told apart by all eyes (Okabe and Ito)
_TRAINING, _VALIDATION = "#0072b2", "#009e73"
_MASKED, _HATCH = "#d9d9d9", "/////"


def loss_figure(path: Path, losses: Sequence[EpochLosses], *, interpolation_mae: float, prediction_mae: float) -> None:
    """Training and validation loss by epoch on a logarithmic scale, with both methods' MAE in the test region.

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
    for value, colour, label in (
        (interpolation_mae, _INTERPOLATION, "interpolation, test region"),
        (prediction_mae, _PREDICTION, "prediction, test region"),
    ):
        axes.axhline(value, color=colour, linestyle="--", linewidth=1, label=f"{label} ({value:.3f})")
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


def map_figure(path: Path, maps: Maps) -> None:
    """F-, F, interpolation, prediction and both absolute errors; one colour scale for NDVI, one for errors.

    Six maps in a row, or two rows of three where the region is wider than high. Pixels that are not scored are hatched.

    Raises:
        OutputError: the file cannot be written.
    """
    errors = [np.abs(estimate - maps.truth) for estimate in (maps.baseline, maps.estimate)]
    ndvi = Normalize(*np.percentile(np.stack([maps.before, maps.truth])[:, maps.valid], (1, 99)))
    error = Normalize(0, float(np.percentile(errors[0][maps.valid], 98)))
    rows, cols = maps.region.shape
    wide = cols > rows
    figure = Figure(figsize=_size_in(rows / cols, wide), layout="constrained")
    axes = figure.subplots(2, 3).T if wide else figure.subplots(1, 6).reshape(3, 2)
    panels = (
        (axes[0, 0], "F\N{SUPERSCRIPT MINUS}, seen at t\N{MINUS SIGN}1", maps.before, ndvi),
        (axes[0, 1], "F, seen at t", maps.truth, ndvi),
        (axes[1, 0], "interpolation", maps.baseline, ndvi),
        (axes[1, 1], "prediction", maps.estimate, ndvi),
        (axes[2, 0], "|error|, interpolation", errors[0], error),
        (axes[2, 1], "|error|, prediction", errors[1], error),
    )
    images = [_panel(place, values, maps.valid, title, norm) for place, title, values, norm in panels]
    for image, beside, label in ((images[0], axes[:2], "NDVI"), (images[-1], axes[2:], "absolute error")):
        bar = figure.colorbar(image, ax=beside.ravel().tolist(), extend="both" if label == "NDVI" else "max", pad=0.02)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    unscored = Patch(facecolor=_MASKED, edgecolor="white", hatch=_HATCH, linewidth=0)
    if not maps.valid.all():
        text = "not scored: masked at one of the dates, or within 8 px of the scene's edge"
        figure.legend([unscored], [text], loc="outside lower left", fontsize=7, frameon=False)
    _write(path, figure)


def _size_in(height_by_width: float, wide: bool) -> tuple[float, float]:
    """A figure as wide as a page of text, or twice that for a row of six, and as high as its maps and words need."""
    width, columns, lines = (7.2, 3, 2) if wide else (13.0, 6, 1)
    panel = (width - 1.4) / columns
    return width, lines * (panel * height_by_width + 0.3) + 0.35


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
