"""SARIF tells every finding, by the rules of its standard, under the id that it has in every other report."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from judged_pair import Pair

from parity.compare import Comparison
from parity.findings import Check, Finding, Verdict
from parity.report import summary, write_junit
from parity.sarif import KINDS, RULES, sarif
from parity.trace import Record

FOUND = (
    Finding("conv1/pre", Check.FORCED, Verdict.PASS, "good <&>", 0.25, 6),
    Finding("conv2/pre", Check.FREE, Verdict.FAIL, "bad", float("inf"), 6),
    Finding("loss", Check.FREE, Verdict.VACUOUS, "constant", 0.0, 1),
    Finding("loss", Check.COVERAGE, Verdict.NOT_EXERCISED, "never tie"),
)


@pytest.fixture
def judged() -> Comparison:
    """A comparison with a finding of each verdict."""
    return Comparison(*(Record(Path(f"/somewhere/{n} 1.npz"), {"graph": []}, {}, n * 64) for n in "ab"), FOUND, {})


def test_every_kind_of_report_has_the_same_ids(pair: Pair, tmp_path: Path) -> None:
    """JSON, JUnit and SARIF, in the same order, of a comparison that fails."""
    pair.spoil("conv2/pre", lambda values: 1.01 * values)
    comparison = pair.judge()
    write_junit(tmp_path / "junit.xml", {"case": comparison})
    in_json = [each["id"] for each in summary(comparison)["findings"]]
    in_junit = [each.get("name") for each in ElementTree.parse(tmp_path / "junit.xml").iter("testcase")]
    in_sarif = [each["properties"]["id"] for each in sarif({"case": comparison})["runs"][0]["results"]]
    assert in_json == in_junit == in_sarif == [finding.id for finding in comparison.findings]


def test_log_has_what_the_standard_requires(judged: Comparison) -> None:
    """Version 2.1.0; one run, whose tool has a name; every result a message, and a rule that the tool lists."""
    log = json.loads(json.dumps(sarif({"one": judged, "two": judged}), allow_nan=False))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "parity"
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["locations"][0]["logicalLocations"][0]["name"]


def test_only_failures_are_errors(judged: Comparison) -> None:
    """What proves nothing is open; a level goes with a failure alone, as the standard asks."""
    results = sarif({"one": judged})["runs"][0]["results"]
    kinds = [(result["kind"], result["level"]) for result in results]
    assert kinds == [("pass", "none"), ("fail", "error"), ("open", "none"), ("open", "none")]


def test_results_of_two_cases_are_told_apart(judged: Comparison) -> None:
    """A finding's fingerprint holds its case."""
    results = sarif({"one": judged, "two": judged})["runs"][0]["results"]
    prints = [result["partialFingerprints"]["finding/v1"] for result in results]
    assert len(set(prints)) == len(prints) == 2 * len(FOUND)
    assert prints[1] == "one conv2/pre:free-running"


def test_traces_are_told_by_name_and_hash(judged: Comparison) -> None:
    """A URI without blanks, and nothing of the folders of the machine."""
    artifacts = sarif({"one": judged})["runs"][0]["artifacts"]
    assert [each["location"]["uri"] for each in artifacts] == ["a%201.npz", "b%201.npz"]
    assert artifacts[0]["hashes"] == {"sha-256": "a" * 64}


@pytest.mark.parametrize(("told", "all_of"), [(KINDS, Verdict), (RULES, Check)], ids=["verdicts", "checks"])
def test_nothing_is_left_untold(told: dict[str, str], all_of: type) -> None:
    """Every verdict has a kind, every check a rule."""
    assert set(told) == set(all_of)
