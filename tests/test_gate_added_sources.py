"""An added source's gain is held to its record: what its variants give, clear of its spread, and so when trained."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import REAL
from gate_tests.added_sources import AddedSource, added_sources, judge, judge_record, trained_again
from gate_tests.errors import GateError

WITHOUT, INCLUDING = [0.16, 0.17, 0.18], [0.13, 0.135, 0.14]
GAINS = [0.03, 0.035, 0.04]


def entry(kind: str, name: str, mae: list[float], scene: str = REAL) -> dict[str, Any]:
    """One of ablation.json's, as far as a gain needs it."""
    return {"scene": scene, "kind": kind, "name": name, "seeds": [*range(len(mae))], "mae": mae, "recipe": "corrected"}


def written(folder: Path, gains: list[float], *others: dict[str, Any]) -> Path:
    """An ablation of the radar beside one date."""
    variants = [entry("variant", "OPTI", WITHOUT), entry("variant", "SOPTI", INCLUDING)]
    path = folder / "ablation.json"
    path.write_text(json.dumps([*variants, entry("gain", "SAR: OPTI to SOPTI", gains), *others]), encoding="utf-8")
    return path


def read(folder: Path, gains: list[float]) -> AddedSource:
    """Its one gain."""
    (found,) = added_sources(written(folder, gains))
    return found


def test_clear_gain_holds(tmp_path: Path) -> None:
    """It is what its variants' accuracies differ by, and stands clear of its spread."""
    found = read(tmp_path, GAINS)
    assert found == trained_again(tmp_path / "ablation.json")
    assert (found.clear, found.needed) == (True, pytest.approx(0.01))
    judge_record(found)
    assert judge(found, [0.16, 0.17], [0.14, 0.15]) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ([0.01, 0.05, 0.05], "no clear gain"),
        ([-0.03, -0.035, -0.04], "a clear loss"),
        ([0.03, 0.035], "no clear gain"),
        ([0.03], "no clear gain"),
    ],
)
def test_gain_that_is_not_clear_is_told(tmp_path: Path, gains: list[float], said: str) -> None:
    """Within its spread, a loss, or of too few seeds: not gated, with its figures."""
    found = read(tmp_path, gains)
    assert not found.clear
    assert f"saves {found.mean:+.4f} of MAE" in found.figures
    assert f"over {len(gains)} seeds: {said}" in found.figures


def test_gain_that_its_variants_do_not_have_fails(tmp_path: Path) -> None:
    """A record cannot tell a gain of its own."""
    with pytest.raises(GateError, match=r"told are gains of \(0\.05, 0\.055, 0\.06\), but the variants' MAEs are"):
        judge_record(read(tmp_path, [0.05, 0.055, 0.06]))


@pytest.mark.parametrize("including", [[0.16, 0.17], [0.152, 0.162], [0.18, 0.19], [float("nan"), 0.1]])
def test_source_that_pays_no_more_fails(tmp_path: Path, including: list[float]) -> None:
    """Nothing, too little, a loss, or no number."""
    with pytest.raises(GateError, match=r"saves .* of MAE, recorded \+0\.0350, to exceed 0\.0100"):
        judge(read(tmp_path, GAINS), [0.16, 0.17], including)


def test_incomplete_record_is_refused(tmp_path: Path) -> None:
    """A gain without its variants, or none where one is tried again."""
    path = written(tmp_path, GAINS, entry("gain", "DEM: SAR to SARp", GAINS))
    with pytest.raises(GateError, match=r"ablation\.json has a gain, but not what it is of: .*'SAR'.*record it again"):
        added_sources(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(GateError, match=r"ablation\.json has no .*, SAR: OPTI to SOPTI; record it"):
        trained_again(path)
