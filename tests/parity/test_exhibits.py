"""Exhibits tell of every stage what the judge found, and show its errors where there are any."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judged_pair import MakePair, Pair
from path_pair import make_path_pair

from parity.compare import Comparison
from parity.docket import Docket
from parity.exhibits import chosen, exhibit, rows
from parity.findings import Check, Finding, Verdict
from parity.pictures import Json
from parity.trace import Record, read_trace


def shown(pair: Pair) -> Json:
    """The exhibit of a pair, which must be JSON by the letter of the standard."""
    comparison = pair.judge()
    legacy, port = map(read_trace, pair.write())
    return json.loads(json.dumps(exhibit(comparison, legacy=legacy, port=port), allow_nan=False))


def stage(found: Json, name: str) -> Json:
    """The one stage of that name."""
    (one,) = (each for each in found["stages"] if each["stage"] == name)
    return one


def test_every_stage_of_the_graph_is_told_in_order(pair: Pair) -> None:
    """With every finding of the comparison, under its id."""
    found = shown(pair)
    comparison = pair.judge()
    assert [each["stage"] for each in found["stages"]] == read_trace(pair.write()[0]).graph.stages
    told = [finding["id"] for each in found["stages"] for finding in each["findings"]]
    assert sorted(told) == sorted(finding.id for finding in comparison.findings)


def test_forced_stage_is_shown_in_units_of_its_bound(make: MakePair) -> None:
    """The worst element of the picture is the one that the judge names, with the same share."""
    pair = make(forced=True)
    pair.spoil("forced/conv2/pre", lambda values: values * (1 + 1e-13))
    found = stage(shown(pair), "conv2/pre")
    view = found["views"][0]
    (finding,) = (each for each in found["findings"] if each["check"] == "teacher-forced")
    assert (view["check"], view["unit"]) == ("teacher-forced", "bound")
    assert view["worst"][0]["measure"] == finding["share"] > 1


def test_own_input_is_shown_where_it_is_worse(make: MakePair) -> None:
    """A real run that is wrong although the forced one is right."""
    pair = make(forced=True)
    pair.spoil("conv2/pre", lambda values: values + 1.0)
    view = stage(shown(pair), "conv2/pre")["views"][0]
    assert view["check"] == "own input"
    assert view["worst"][0]["measure"] > 1


def test_equal_stage_has_no_picture(pair: Pair) -> None:
    """There is no error to draw: only the count of elements is told."""
    views = stage(shown(pair), "batch/selected")["views"]
    assert [set(view) for view in views] == [{"check", "unit", "elements"}] * 2


def test_blamed_stages_are_told(pair: Pair) -> None:
    """The first of them with its finding."""
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    found = shown(pair)
    assert found["blamed"][0] == found["first_bad"]["stage"] == "conv2/pre"


def test_losses_of_both_sides_are_told(pair: Pair) -> None:
    """The curve has as many values as there were steps."""
    (curve,) = shown(pair)["curves"]
    assert (curve["stage"], curve["length"], curve["largest"]) == ("loss/curve", 4, 0.0)


def test_map_of_a_scene_has_its_truth(tmp_path: Path) -> None:
    """From raster to GeoTIFF, with original, port and truth on one scale."""
    found = shown(make_path_pair(tmp_path, dtype="float64"))
    assert found["map"]["stage"] == "geotiff/pixels"
    assert list(found["map"]["sides"]) == ["original", "port", "truth"]


def test_another_shape_is_told_without_a_picture(pair: Pair) -> None:
    """The finding says it; nothing can be drawn element by element."""
    pair.spoil("conv2/pre", lambda values: values[:1])
    found = shown(pair)
    assert stage(found, "conv2/pre")["views"] == []


def test_pair_in_doubt_is_told_all_the_same(pair: Pair) -> None:
    """What is no stage stands last, under the name of the manifest's field."""
    pair.port.manifest["process"] = pair.legacy.manifest["process"]
    found = shown(pair)
    assert found["stages"][-1]["stage"] == "process"
    assert {each["verdict"] for each in found["stages"][:-1]} == {"NOT COMPARED"}


def test_nan_and_infinity_are_text(pair: Pair) -> None:
    """JSON has neither."""
    pair.spoil("output", lambda values: np.where(values == values.flat[0], np.nan, values))
    worst = stage(shown(pair), "output")["views"][-1]["worst"][0]
    assert (worst["port"], worst["measure"]) == ("nan", "inf")


def judged(*verdicts: Verdict) -> Comparison:
    """A comparison with findings of these verdicts."""
    findings = tuple(Finding(f"s{i}", Check.FREE, verdict, "", 0.5, 6) for i, verdict in enumerate(verdicts))
    return Comparison(*(Record(Path(n), {"graph": []}, {}, n) for n in "ab"), findings, {})


@pytest.mark.parametrize(
    ("failing", "wanted", "expected"),
    [((), ["c", "x"], ["c"]), (("a", "b"), ["c", "a"], ["a", "b", "c"]), (tuple("abcd"), ["e"], ["a", "b", "c", "e"])],
    ids=["none-fails", "two-fail", "four-fail"],
)
def test_what_fails_is_shown_before_what_is_wanted(
    failing: tuple[str, ...], wanted: list[str], expected: list[str]
) -> None:
    """Three failing ones at most, none twice, none that is not there."""
    docket = Docket({name: judged(Verdict.FAIL if name in failing else Verdict.PASS) for name in "abcde"})
    assert chosen(docket, wanted) == expected


def test_row_tells_what_is_nearest_to_its_bound() -> None:
    """And the stage to blame where there is one."""
    (row,) = rows({"case": judged(Verdict.PASS, Verdict.FAIL)})
    assert (row["name"], row["verdict"], row["tensors"], row["numbers"]) == ("case", "FAIL", 2, 12)
    assert (row["share"], row["nearest"], row["first_bad"]) == (0.5, "s0:free-running", "s1:free-running")


def test_stage_that_a_side_lacks_has_no_picture(pair: Pair) -> None:
    """That it is missing is a finding; of the original's alone nothing is drawn."""
    del pair.port.arrays["conv2/pre"]
    found = stage(shown(pair), "conv2/pre")
    assert (found["views"], found["verdict"], found["kind"]) == ([], "FAIL", "2 x 1 x 5 x 4, float64")


def test_losses_of_two_lengths_are_not_drawn(pair: Pair) -> None:
    """Their curves cannot lie over each other; that they differ is a finding."""
    pair.spoil("loss/curve", lambda losses: losses[:3])
    assert shown(pair)["curves"] == []


def test_map_without_a_truth_has_two_sides(tmp_path: Path) -> None:
    """Where the original's trace does not hold it."""
    pair = make_path_pair(tmp_path, dtype="float64")
    comparison = pair.judge()
    legacy, port = map(read_trace, pair.write())
    arrays = {name: value for name, value in legacy.arrays.items() if name != "metrics/target/normalised"}
    found = exhibit(comparison, legacy=replace(legacy, arrays=arrays), port=port)
    assert list(found["map"]["sides"]) == ["original", "port"]
