"""Figures for a paper: the loss curves, and a row of maps from what was seen to where the estimates are wrong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from port.evaluation import Maps
from port.files import replacing
from port.training import EpochLosses

_DPI = 200
_INTERPOLATION, _PREDICTION = "#7f7f7f", "#d55e00"  # grey, and a red told apart by all eyes (Okabe and Ito)
_TRAINING, _VALIDATION = "#0072b2", "#009e73"
_MASKED = "#d9d9d9"


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
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean absolute error (NDVI)")
    axes.set_xlim(1, max(epochs[-1], 2))
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=8, frameon=False)
    _write(path, figure)


def map_figure(path: Path, maps: Maps) -> None:
    """F-, F, F+, interpolation, prediction, and both absolute errors; one colour scale for NDVI, one for errors.

    Pixels that are not scored (masked at any date, or too near the edge) are grey and hatched.

    Raises:
        OutputError: the file cannot be written.
    """
    seen = np.concatenate([maps.truth[maps.valid], maps.before[maps.valid], maps.after[maps.valid]])
    ndvi = Normalize(*np.percentile(seen, (1, 99)))
    errors = [np.abs(estimate - maps.truth) for estimate in (maps.baseline, maps.estimate)]
    error = Normalize(0, float(np.percentile(errors[0][maps.valid], 98)))
    panels = [
        ("F\N{SUPERSCRIPT MINUS}, seen at t\N{MINUS SIGN}1", maps.before, ndvi),
        ("F, seen at t", maps.truth, ndvi),
        ("F\N{SUPERSCRIPT PLUS SIGN}, seen at t+1", maps.after, ndvi),
        ("interpolation", maps.baseline, ndvi),
        ("prediction", maps.estimate, ndvi),
        ("|error| of interpolation", errors[0], error),
        ("|error| of prediction", errors[1], error),
    ]
    rows, cols = maps.region.shape
    width = 2.0
    figure = Figure(figsize=(width * len(panels) + 1.5, width * rows / cols + 1.0), layout="constrained")
    axes = figure.subplots(1, len(panels))
    images = [
        _panel(place, values, maps.valid, title, norm, "RdYlGn" if norm is ndvi else "magma_r")
        for place, (title, values, norm) in zip(axes, panels, strict=True)
    ]
    figure.colorbar(images[0], ax=list(axes[:5]), label="NDVI", shrink=0.9, pad=0.01, extend="both")
    figure.colorbar(images[-1], ax=list(axes[5:]), label="absolute error", shrink=0.9, pad=0.02, extend="max")
    _write(path, figure)


def _panel(
    axes: Axes,
    values: Float32[np.ndarray, "row col"],
    valid: Bool[np.ndarray, "row col"],
    title: str,
    norm: Normalize,
    colours: str,
) -> AxesImage:
    """One map, its unscored pixels hatched."""
    image = axes.imshow(np.ma.masked_array(values, ~valid), cmap=colours, norm=norm, interpolation="nearest")
    axes.set_facecolor(_MASKED)
    axes.patch.set(hatch="////", edgecolor="white", linewidth=0)
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def _write(path: Path, figure: Figure) -> None:
    """The figure as a PNG, whole or not at all."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")
