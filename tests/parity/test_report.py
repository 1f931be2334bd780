"""Reports tell the same findings by the same names, in JSON, in JUnit and on the console."""

import json
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from judged_pair import MakePair, Pair
from rich.console import Console

from parity import report
from parity.compare import Comparison
from parity.docket import Docket
from parity.findings import Check, Finding, Verdict
from parity.report import conclusion, summary, table, write_docket, write_json, write_junit
from parity.trace import Record

PASSED = Finding("conv1/pre", Check.FORCED, Verdict.PASS, "conv1/pre: <&> good", 0.25, 6)
FAILED = Finding(
    "conv2/pre", Check.FORCED, Verdict.FAIL, 'conv2/pre: 1 of 6 over bound; "worst" <inf>', float("inf"), 6
)
VACUOUS = Finding("loss", Check.FREE, Verdict.VACUOUS, "loss: constant", 0.0, 1)
MISSED = Finding("loss", Check.COVERAGE, Verdict.NOT_EXERCISED, "loss: tie 0; never tie")
LEGACY = {"side": "legacy", "witness": "period", "dtype": "float32", "graph": []}


def comparison(*findings: Finding, **coverage: dict[str, int]) -> Comparison:
    """A comparison with these findings."""
    sides = (
        Record(Path(f"{side}.npz"), manifest, {}, side) for side, manifest in (("l", LEGACY), ("p", {"side": "port"}))
    )
    return Comparison(*sides, findings, coverage)


ALL = comparison(PASSED, FAILED, VACUOUS, MISSED, loss={"tie": 0})


def no_constant(text: str) -> float:
    """Refuse what is no JSON: NaN and Infinity."""
    raise AssertionError(f"{text} is no JSON")


def read(path: Path) -> dict[str, Any]:
    """A JSON file, by the letter of the standard."""
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)


def cases(path: Path) -> list[ElementTree.Element]:
    """The test cases of a JUnit file."""
    return list(ElementTree.parse(path).getroot().iter("testcase"))


def shown(what: Any, width: int = 200) -> str:
    """What the console shows."""
    console = Console(width=width, file=StringIO())
    console.print(what)
    return console.file.getvalue()


def test_json_has_every_finding(tmp_path: Path) -> None:
    """Id, verdict, share and message of each, in order."""
    write_json(tmp_path / "c.json", ALL)
    found = read(tmp_path / "c.json")["findings"]
    assert [(each["id"], each["verdict"], each["message"]) for each in found] == [
        (each.id, each.verdict.value, each.message) for each in ALL.findings
    ]
    assert [each["share_of_bound"] for each in found] == [0.25, "inf", 0.0, None]


@pytest.mark.parametrize("share", [float("inf"), float("nan")], ids=str)
def test_share_that_is_no_number_is_text(tmp_path: Path, share: float) -> None:
    """JSON has neither infinity nor NaN; a reader without Python must read the file too."""
    write_json(tmp_path / "c.json", comparison(Finding("loss", Check.FREE, Verdict.FAIL, "", share, 1)))
    found = read(tmp_path / "c.json")
    assert found["findings"][0]["share_of_bound"] == str(share)
    assert found["largest_share_of_bound"]["free-running"] == {"id": "loss:free-running", "share": str(share)}


def test_json_tells_the_verdict_and_what_it_rests_on() -> None:
    """Verdict, exit code, the stage to blame, how much was compared, coverage, largest shares."""
    told = summary(ALL)
    assert (told["verdict"], told["exit_code"], told["first_bad"]) == ("FAIL", 1, "conv2/pre:teacher-forced")
    assert (told["tensors_compared"], told["numbers_compared"]) == (3, 13)
    assert told["coverage"] == {"loss": {"tie": 0}}
    assert told["largest_share_of_bound"]["teacher-forced"] == {"id": "conv2/pre:teacher-forced", "share": "inf"}
    assert told["largest_share_of_bound"]["trajectory"] is None


def test_json_tells_both_sides() -> None:
    """Which program each trace is of, and its hash; the graph is left to the trace."""
    told = summary(ALL)
    assert told["legacy"] == {"side": "legacy", "witness": "period", "dtype": "float32", "sha256": "l"}
    assert told["port"] == {"side": "port", "sha256": "p"}


def test_passing_summary_blames_nothing() -> None:
    """Without a failure there is no stage to blame."""
    told = summary(comparison(PASSED))
    assert told["blamed"] == []
    assert (told["verdict"], told["exit_code"], told["first_bad"]) == ("PASS", 0, None)


def test_junit_has_the_ids_of_the_json(tmp_path: Path) -> None:
    """A finding has one name in every report."""
    write_json(tmp_path / "c.json", ALL)
    write_junit(tmp_path / "j.xml", {"one": ALL})
    ids = [each["id"] for each in read(tmp_path / "c.json")["findings"]]
    assert [case.get("name") for case in cases(tmp_path / "j.xml")] == ids


def test_junit_fails_whatever_does_not_pass(tmp_path: Path) -> None:
    """FAIL, VACUOUS and NOT EXERCISED are failures, none is a skip; the message is told as it is."""
    write_junit(tmp_path / "j.xml", {"one": ALL})
    found = [[(each.tag, each.get("type"), each.get("message")) for each in case] for case in cases(tmp_path / "j.xml")]
    assert found == [
        [],
        [("failure", "FAIL", FAILED.message)],
        [("failure", "VACUOUS", VACUOUS.message)],
        [("failure", "NOT EXERCISED", MISSED.message)],
    ]


def test_junit_has_no_character_that_xml_has_not(tmp_path: Path) -> None:
    """A name with one is still shown in a file that can be read."""
    hostile = Finding("a\x1b[2J\x00\ud800<&>", Check.FORCED, Verdict.FAIL, "a\x08b: ]]>", 2.0, 1)
    write_junit(tmp_path / "j.xml", {"\x0cone": comparison(hostile)})
    (case,) = cases(tmp_path / "j.xml")
    assert case.get("name").startswith("a\ufffd[2J\ufffd\ufffd<&>:")
    assert case[0].get("message") == "a\ufffdb: ]]>"


def test_junit_counts_by_comparison(tmp_path: Path) -> None:
    """One suite a comparison, with the number of its cases and of its failures."""
    write_junit(tmp_path / "j.xml", {"one": ALL, "two": comparison(PASSED)})
    suites = ElementTree.parse(tmp_path / "j.xml").getroot().findall("testsuite")
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("one", "4", "3"),
        ("two", "1", "0"),
    ]


def test_docket_is_written_whole(tmp_path: Path) -> None:
    """The joint verdict, what is unproven and every comparison, in a folder that need not be there."""
    docket = Docket({"one": comparison(PASSED, VACUOUS, loss={"tie": 0}), "two": comparison(PASSED)})
    write_docket(tmp_path / "new" / "folder", docket, witness="period")
    told = read(tmp_path / "new" / "folder" / "parity.json")
    assert (told["witness"], told["verdict"]) == ("period", "VACUOUS")
    assert told["unproven"] == {"loss:free-running": "VACUOUS", "loss:coverage:tie": "NOT EXERCISED"}
    assert told["comparisons"] == {name: summary(each) for name, each in docket.comparisons.items()}
    assert [case.get("classname") for case in cases(tmp_path / "new" / "folder" / "junit.xml")] == ["one", "one", "two"]


def test_report_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old report stays whole and no piece of the new one is left."""
    path = tmp_path / "c.json"
    write_json(path, comparison(PASSED))
    before = path.read_bytes()

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="no space left"):
        write_json(path, ALL)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_real_comparison_is_written(make: MakePair, tmp_path: Path) -> None:
    """A comparison of two traces, one with NaN in it, makes a sound JSON and a JUnit of as many cases."""
    pair = make(dtype="float32")
    pair.spoil("conv2/pre", lambda values: values * np.float32(np.nan))
    judged = pair.judge()
    write_json(tmp_path / "c.json", judged)
    write_junit(tmp_path / "j.xml", {"one": judged})
    assert read(tmp_path / "c.json")["verdict"] == "FAIL"
    assert len(cases(tmp_path / "j.xml")) == len(judged.findings)


def test_conclusion_is_one_sentence() -> None:
    """The verdict, how much was compared, the largest share of a bound and the stage to blame."""
    assert conclusion(ALL).plain == (
        "FAIL: 3 tensors, 13 numbers compared; largest share of its bound inf at conv2/pre:teacher-forced; "
        "first bad stage conv2/pre"
    )


def test_conclusion_of_what_passes_blames_nothing() -> None:
    """Nothing is said of a first bad stage."""
    assert conclusion(comparison(PASSED)).plain == (
        "PASS: 1 tensors, 6 numbers compared; largest share of its bound 0.25 at conv1/pre:teacher-forced"
    )


def test_console_has_a_row_for_each_stage(pair: Pair) -> None:
    """Every stage is in the table, passing or not."""
    lines = shown(table(pair.judge())).splitlines()
    stages = {line.split("│")[1].strip() for line in lines if line.startswith("│")}
    assert stages >= set(pair.legacy.arrays)


def test_console_tells_names_whole_at_80_columns() -> None:
    """As in a pipe: steps of one weight differ in their last letters only."""
    names = [f"step/0001/velocity/dense1-of-the-head/{name}" for name in "Wb"]
    lines = shown(table(comparison(*(Finding(name, Check.FREE, Verdict.PASS, "", 0.5, 1) for name in names))), 80)
    rows = [line.split("│") for line in lines.splitlines() if line.startswith("│")]
    assert "".join(row[1].strip() for row in rows) == "".join(names)
    assert [row[4].strip() for row in rows if row[4].strip()] == ["0.5", "0.5"]


@pytest.mark.parametrize("verdict", Verdict)
def test_console_shows_the_worst_verdict_of_a_stage(verdict: Verdict) -> None:
    """A stage that passes one check and not another has not passed."""
    free = Finding(PASSED.stage, Check.FREE, verdict, "", 0.1, 6)
    (row,) = [line for line in shown(table(comparison(PASSED, free))).splitlines() if line.startswith("│ conv1/pre")]
    assert row.split("│")[-2].strip() == verdict.value


def test_console_takes_no_name_for_markup() -> None:
    """A stage may have any name, that of a closing tag too."""
    assert "│ [/red] " in shown(table(comparison(Finding("[/red]", Check.FREE, Verdict.FAIL, "", 2.0, 1))))


def test_console_tells_the_first_problems_and_how_many_more() -> None:
    """Five messages, and the number of the others; brackets in a message are not taken for markup."""
    bad = [Finding(f"s{n}", Check.FREE, Verdict.FAIL, f"s{n}: [red]{n}[/red]", 2.0, 1) for n in range(8)]
    text = shown(table(comparison(*bad)))
    assert "FAIL: free-running: s4: [red]4[/red]" in text
    assert "s5: " not in text
    assert "and 3 more" in text


def test_no_check_is_left_out_of_the_largest_shares() -> None:
    """Each check has its place in the summary."""
    assert set(summary(ALL)["largest_share_of_bound"]) == {check.value for check in Check}


def test_every_verdict_has_a_colour() -> None:
    """No verdict is printed like another text."""
    assert set(report.STYLES) == set(Verdict)


def test_conclusion_without_a_measured_stage_tells_no_share() -> None:
    """Of findings without a number there is none that comes nearest to its bound."""
    assert shown(conclusion(comparison(MISSED))).strip() == "NOT EXERCISED: 0 tensors, 0 numbers compared"
