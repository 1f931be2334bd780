"""A cell of the accuracy tables is not gated until somebody fills it in; then it is, on the authors' own scene."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paper_file import CELLS, FIELDS, NINE, write_paper

from parity_tests import paper
from parity_tests.measured import CHECKS, paper_scene
from parity_tests.paper import PaperError, PaperScene
from port import recipes
from port.recipes import RECIPES, recipe
from port.regions import Region
from port.runs import run
from port.settings import Settings
from port.synthetic import write_synthetic_scene


def test_cell_that_is_not_known_is_not_gated(tmp_path: Path) -> None:
    """With its reason; one for each method and metric."""
    _, *cells = paper.numbers(NINE, write_paper(tmp_path, FIELDS))
    assert [cell.id for cell in cells] == [f"cells.{m}.{k}" for m in CELLS["methods"] for k in CELLS["metrics"]]
    assert {(cell.gated, cell.reason) for cell in cells} == {(False, "not at hand")}


KNOWN = {"value": 0.9, "tolerance": 0.01, "tolerance_why": "as printed", "source": "paper: table, by hand"}


def test_filled_in_cell_is_gated(tmp_path: Path) -> None:
    """By the tables' own check, which is told what to measure."""
    path = write_paper(tmp_path, FIELDS, {"known": {"SOPTIIp": {"cc": KNOWN | {"triples": [2]}}}})
    found = {number.id: number for number in paper.numbers(NINE, path)}
    assert found["cells.SOPTIIp.cc"].key == paper.Cell("SOPTIIp", "cc", (2,))
    with pytest.raises(PaperError, match=r"cells\.SOPTIIp\.cc: the paper has 0\.9 .*, the port 9, .* within 0\.01"):
        paper.judge(found["cells.SOPTIIp.cc"], NINE)
    assert not found["cells.SOPTIIp.psnr"].gated


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"SOPTIIp": {"cc": {"value": 0.9}}}, "cells.SOPTIIp.cc lacks source, tolerance, tolerance_why"),
        ({"SOPTIIp": {"cc": KNOWN | {"triples": [6]}}}, r"has triples \[6\]; choose some of \[1, 2, 3, 4, 5\]"),
        ({"SOPTIIp": {"cc": KNOWN | {"triples": []}}}, r"has triples \[\]"),
        ({"SOPTIIp": {"mae": KNOWN}}, "cells.known has SOPTIIp.mae, which no method and metric"),
    ],
)
def test_wrong_cell_is_refused(tmp_path: Path, known: dict[str, Any], message: str) -> None:
    """An incomplete cell is not gated by chance."""
    with pytest.raises(PaperError, match=message):
        paper.numbers(NINE, write_paper(tmp_path, FIELDS, {"known": known}))


def test_filled_in_cell_without_the_scene_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says which variable to set."""
    cell = paper.Cell("SOPTIIp", "cc", (1,))
    monkeypatch.delenv(paper_scene.PLACE, raising=False)
    with pytest.raises(PaperError, match=r"SOPTIIp cc is filled in, .* not at hand: SAR2NDVI_PAPER_SCENE is not set"):
        paper_scene.accuracy_on_paper_scene(cell)
    monkeypatch.setenv(paper_scene.PLACE, str(tmp_path / "none"))
    with pytest.raises(PaperError, match=r"SAR2NDVI_PAPER_SCENE is .*none; set it"):
        paper_scene.accuracy_on_paper_scene(cell)


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A small synthetic scene in the place of the authors', and an original that is soon trained on it."""
    folder = write_synthetic_scene(tmp_path / "scene", size_px=(96, 96))
    region = Region(50, 96, 0, 96)
    small = replace(RECIPES["original"], scaling="per-channel", batch_size=4, epochs=2)
    monkeypatch.setenv(paper_scene.PLACE, str(folder))
    monkeypatch.setattr(paper, "scene", lambda: PaperScene((96, 96), region))
    monkeypatch.setattr(recipes, "RECIPES", {**RECIPES, "original": small})
    return folder


def test_filled_in_cell_is_gated_on_the_scene(standing_in: Path, tmp_path: Path) -> None:
    """A variant is trained there, a baseline computed there: the product's own numbers hold, others fail."""
    settings = Settings(variant="SOPTIIp", recipe=recipe("original"), data=standing_in, out=tmp_path / "runs")
    found = run(replace(settings, test_region=Region(50, 96, 0, 96))).comparisons["all"]
    expected = {"SOPTIIp": found.prediction, "interpolation": found.interpolation}
    cells = {
        method: {"psnr": KNOWN | {"value": accuracy.psnr, "tolerance": 1e-6, "triples": [1]}}
        for method, accuracy in expected.items()
    }
    entry = FIELDS | {"check": "channels", "value": 9}
    path = write_paper(tmp_path, entry, {"check": "accuracy_on_paper_scene", "known": cells})
    held = {number.id: number for number in paper.numbers(CHECKS, path)}
    for method in expected:
        held_cell = held[f"cells.{method}.psnr"]
        paper.judge(held_cell, CHECKS)
        with pytest.raises(PaperError, match=rf"cells\.{method}\.psnr: the paper has .* by hand\), the port "):
            paper.judge(replace(held_cell, value=held_cell.value + 0.001), CHECKS)


def test_another_scene_is_refused(standing_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authors' has its size."""
    monkeypatch.setattr(paper, "scene", lambda: PaperScene((5253, 4797), Region(530, 1000, 4300, 4750)))
    with pytest.raises(PaperError, match="has 96 x 96 px, the authors' scene 5253 x 4797; point SAR2NDVI_PAPER_SCENE"):
        paper_scene.accuracy_on_paper_scene(paper.Cell("interpolation", "cc", (1,)))
