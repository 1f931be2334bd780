"""A report's folder holds the same findings in every form, and its page can be made again."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judged_pair import Pair
from path_pair import make_path_pair

from parity import report_folder
from parity.compare import Comparison
from parity.docket import Docket
from parity.errors import ParityError
from parity.report_folder import LEDGER, Sides, newest, write_comparison, write_court, write_page
from parity.trace import read_request, read_trace

FILES = ["exhibits.json", "junit.xml", "report.html", "results.sarif"]
WRONG = pytest.mark.parametrize("factor", [1.0, 1.01], ids=["sound", "wrong"])


def judged(pair: Pair, factor: float = 1.0) -> tuple[Comparison, Sides]:
    """A pair's comparison, and both traces."""
    pair.spoil("conv2/pre", lambda values: factor * values)
    legacy, port = map(read_trace, pair.write())
    return pair.judge(), Sides(legacy, port, read_request(pair.request))


def on_page(path: Path) -> dict[str, Any]:
    """The data of a page."""
    found = re.search('id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


@WRONG
def test_pair_is_written_whole(pair: Pair, factor: float, tmp_path: Path) -> None:
    """A diagnosis only where something failed."""
    page = write_comparison(tmp_path / "report", *judged(pair, factor))
    expected = [*FILES, "comparison.json", *(["diagnosis.json"] if factor != 1 else [])]
    assert sorted(path.name for path in page.parent.iterdir()) == sorted(expected)
    assert on_page(page)["verdict"] == ("PASS" if factor == 1 else "FAIL")
    assert (on_page(page)["diagnosis"] is None) == (factor == 1)


def test_older_diagnosis_does_not_stay(pair: Pair, tmp_path: Path) -> None:
    """A sound run into the folder of a wrong one."""
    folder = tmp_path / "report"
    write_comparison(folder, *judged(pair, 1.01))
    page = write_comparison(folder, *judged(pair, 1 / 1.01))
    assert not (folder / "diagnosis.json").exists()
    assert on_page(page)["diagnosis"] is None


def test_court_shows_what_is_chosen_and_lists_the_rest(pair: Pair, tmp_path: Path) -> None:
    """Also the ledger, which is the court's."""
    comparison, sides = judged(pair)
    docket = Docket({"first": comparison, "second": comparison})
    page = write_court(tmp_path / "report", docket, witness="interpreter", shown={"second": lambda: sides})
    found = on_page(page)
    assert (list(found["exhibits"]), [row["name"] for row in found["cases"]]) == (["second"], ["first", "second"])
    assert len(found["ledger"]) == LEDGER.read_text(encoding="utf-8").count("[[deviation]]")
    assert sorted(path.name for path in page.parent.iterdir()) == sorted([*FILES, "parity.json", "summary.json"])


def test_page_is_made_again_with_what_lies_beside(pair: Pair, tmp_path: Path) -> None:
    """The zoo and the gate of the same folder of reports, as they are now."""
    comparison, sides = judged(pair)
    folder = tmp_path / "reports" / "parity" / "interpreter"
    write_court(folder, Docket({"a": comparison}), witness="interpreter", shown={"a": lambda: sides})
    for name in ("zoo", "gate"):
        (tmp_path / "reports" / name).mkdir()
        (tmp_path / "reports" / name / f"{name}.json").write_text(
            json.dumps({"mine": [name, np.inf]}), encoding="utf-8"
        )
    found = on_page(write_page(folder, tmp_path / "again.html"))
    assert (found["zoo"], found["gate"]) == ({"mine": ["zoo", "inf"]}, {"mine": ["gate", "inf"]})


def test_page_of_a_full_court_is_small(tmp_path: Path) -> None:
    """Five scenes shown in which every stage differs in every element, and a hundred cases listed: under 6 MB."""
    pair = make_path_pair(tmp_path, dtype="float64")
    random = np.random.default_rng(1)
    comparison, sides = judged(pair)
    noisy = {
        name: np.asarray(array + random.standard_normal(array.shape).astype(array.dtype))
        if array.dtype.kind == "f"
        else array
        for name, array in sides.port.arrays.items()
    }
    names = [f"case-{number}" for number in range(100)]
    shown = {name: lambda: replace(sides, port=replace(sides.port, arrays=noisy)) for name in names[:5]}
    page = write_court(tmp_path / "r", Docket(dict.fromkeys(names, comparison)), witness="w", shown=shown)
    assert page.stat().st_size < 6e6


def test_newest_folder_is_the_one_written_last(tmp_path: Path) -> None:
    """By the time of its exhibits."""
    for time, name in enumerate(("later", "earlier")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "exhibits.json").write_text("{}", encoding="utf-8")
        os.utime(tmp_path / name / "exhibits.json", (9 - time, 9 - time))
    assert newest(tmp_path).name == "later"


def test_no_report_is_an_error(tmp_path: Path) -> None:
    """It says what to run first."""
    with pytest.raises(ParityError, match=r"holds no folder with exhibits.json; run the parity tests first"):
        newest(tmp_path)
    with pytest.raises(ParityError, match=r"has no exhibits.json; run `python -m parity compare"):
        write_page(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds a list, expected an object"),
        ('{"witness": "w", "verdict": "PASS"}', "tells no tensors, numbers, unproven, cases, exhibits, written; write"),
    ],
)
def test_spoilt_exhibits_are_an_error(text: str, message: str, tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "exhibits.json").write_text(text, encoding="utf-8")
    with pytest.raises(ParityError, match=message):
        write_page(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_without_a_ledger_no_difference_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the judge stands without this project's court."""
    assert len(report_folder._ledger()) > 1
    monkeypatch.setattr(report_folder, "LEDGER", tmp_path / "absent.toml")
    assert report_folder._ledger() == []
