"""The figures are whole PNGs that show what they say: curves, lines, six maps, and what is not scored."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from port import figures
from port.baselines import CAUSAL, INTERPOLATION
from port.errors import OutputError
from port.evaluation import Maps
from port.figures import loss_figure, map_figure
from port.regions import Region
from port.training import EpochLosses

NAN = float("nan")


def losses(validation: float) -> list[EpochLosses]:
    """Three epochs."""
    return [EpochLosses(epoch, 0.1 / epoch, validation) for epoch in (1, 2, 3)]


def maps(rows: int, cols: int) -> Maps:
    """Random maps of a region whose first row is masked and unpredicted."""
    drawn = np.random.default_rng(0).uniform(size=(4, rows, cols)).astype(np.float32)
    before, after, truth, estimate = drawn
    estimate[0] = np.nan
    valid = np.ones((rows, cols), dtype=bool)
    valid[0] = False
    return Maps(
        region=Region(10, 10 + rows, 0, cols),
        before=before,
        after=after,
        truth=truth,
        baselines={"interpolation": INTERPOLATION, "causal": CAUSAL},
        estimate=estimate,
        valid=valid,
        changes=None,
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures written during a test."""
    kept: list[Figure] = []
    write = figures._write

    def keep(path: Path, figure: Figure) -> None:
        kept.append(figure)
        write(path, figure)

    monkeypatch.setattr(figures, "_write", keep)
    return kept


@pytest.mark.parametrize(("validation", "lines"), [(0.2, 4), (NAN, 3)], ids=["with validation", "without"])
def test_loss_curves(validation: float, lines: int, tmp_path: Path, drawn: list[Figure]) -> None:
    """A logarithmic scale with both curves, or one, and both methods' errors."""
    path = tmp_path / "loss.png"
    loss_figure(path, losses(validation), mae={"interpolation": 0.095, "prediction": 0.071})
    axes = drawn[0].axes[0]
    assert len(axes.lines) == lines
    assert axes.get_yscale() == "log"
    assert list(axes.lines[0].get_ydata()) == [row.training for row in losses(validation)]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[-2:] == ["interpolation, test region (0.095)", "prediction, test region (0.071)"]
    assert imread(path).shape[2] == 4


@pytest.mark.parametrize(("rows", "cols"), [(20, 50), (40, 30)], ids=["wide", "high"])
def test_maps_share_their_scales(rows: int, cols: int, tmp_path: Path, drawn: list[Figure]) -> None:
    """Four maps of NDVI on one colour scale, two of errors on another, and a colour bar for each."""
    map_figure(tmp_path / "map.png", maps(rows, cols))
    images = [axes.images[0] for axes in drawn[0].axes if axes.images]
    assert len(images) == 6
    scales = {axes.get_title(): axes.images[0].get_clim() for axes in drawn[0].axes if axes.images}
    assert len({scale for title, scale in scales.items() if "error" in title}) == 1
    assert len({scale for title, scale in scales.items() if "error" not in title}) == 1
    assert len(drawn[0].axes) == 8
    assert imread(tmp_path / "map.png").shape[1] > 6 * cols


@pytest.mark.parametrize(("rows", "cols"), [(20, 50), (40, 30)], ids=["wide", "high"])
def test_the_best_baseline_is_shown_too(rows: int, cols: int, tmp_path: Path, drawn: list[Figure]) -> None:
    """Its map and its error beside interpolation's and the prediction's, with the pixels their titles name."""
    given = maps(rows, cols)
    map_figure(tmp_path / "map.png", given, best="causal")
    shown = {axes.get_title(): axes.images[0].get_array() for axes in drawn[0].axes if axes.images}
    methods = ["interpolation", "causal", "prediction"]
    assert {*methods, *(f"|error|, {name}" for name in methods)} < set(shown)
    assert np.array_equal(shown["causal"][1:], given.before[1:])
    assert np.array_equal(shown["|error|, causal"][1:], np.abs(given.before - given.truth)[1:])


def test_unscored_pixels_are_masked_and_explained(tmp_path: Path, drawn: list[Figure]) -> None:
    """The masked row has no colour in any map; a legend says why."""
    map_figure(tmp_path / "map.png", maps(20, 50))
    for axes in drawn[0].axes:
        for image in axes.images:
            mask = np.ma.getmaskarray(image.get_array())
            assert mask[0].all()
            assert not mask[1:].any()
    assert "not scored" in drawn[0].legends[0].get_texts()[0].get_text()


def test_figures_are_not_half_written(tmp_path: Path) -> None:
    """A folder that does not exist is an error that names it."""
    with pytest.raises(OutputError, match=r"cannot write .*loss.png: No such file"):
        loss_figure(tmp_path / "none" / "loss.png", losses(0.2), mae={"interpolation": 0.1})
    assert not list(tmp_path.iterdir())
