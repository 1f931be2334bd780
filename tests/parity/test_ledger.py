"""The ledger's file: entries are whole, and what has no entry is told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from parity import ledger_text
from parity.errors import LedgerError
from parity.ledger import Ledger, read_ledger
from parity.report_folder import LEDGER

ENTRY: Mapping[str, str] = {
    "id": '"zero"',
    "method": "6",
    "title": '"Gradient at 0"',
    "original": '"Half."',
    "port": '"None."',
    "reason": '"Dead units."',
    "switch": '"at_zero"',
    "as_original": "0.5",
    "own": "0.0",
    "case": '"base"',
    "stage": '"grad/conv1/pre"',
    "node": '{ operation = "rectify_gradient", attributes = { at_zero = 0.0 } }',
    "changes": '["grad/conv2/*", "training.form"]',
    "differs": '"It is 0 there."',
}
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "original": {"at_zero": 0.5, "keeps": False, "limit": 10},
    "ours": {"at_zero": 0.0, "keeps": False, "limit": 10},
}

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A function that writes a ledger of entries, each the one above with fields changed, or left out where None."""

    def write(*entries: Mapping[str, str | None], before: str = "") -> Path:
        path = tmp_path / "ledger.toml"
        tables = [
            "\n".join(["[[deviation]]", *(f"{k} = {v}" for k, v in {**ENTRY, **entry}.items() if v is not None)])
            for entry in entries
        ]
        path.write_text("\n".join([before, *tables]), encoding="utf-8")
        return path

    return write


def test_an_entry_is_read(written: Written) -> None:
    """Every field arrives; lists as tuples."""
    entry = read_ledger(written({}))["zero"]
    assert (entry.method, entry.found, entry.as_original, entry.own) == (6, "", 0.5, 0.0)
    assert entry.node == {"operation": "rectify_gradient", "attributes": {"at_zero": 0.0}}
    assert entry.changes == ("grad/conv2/*", "training.form")
    assert (entry.planted, entry.contains, entry.run_own) == (None, (), 0.0)


def test_values_that_are_tried_stand_for_the_real_ones(written: Written) -> None:
    """What would run too long is run shorter."""
    entry = read_ledger(written({"tried": "{ as_original = 2, own = 3 }"}))["zero"]
    assert (entry.as_original, entry.own, entry.run_as_original, entry.run_own) == (0.5, 0.0, 2, 3)


def test_names_of_changes_are_patterns(written: Written) -> None:
    """The entry's own stage, and whatever its changes match."""
    entry = read_ledger(written({}))["zero"]
    assert entry.names("grad/conv1/pre")
    assert entry.names("grad/conv2/W")
    assert entry.names("training.form")
    assert not entry.names("grad/conv3/W")
    assert not entry.names("training.rate")


def test_planted_switch_is_told(written: Written) -> None:
    """A switch no user has names the mistake to plant."""
    entry = read_ledger(written({"switch": '"planted:divided"'}))["zero"]
    assert entry.planted == "divided"


@pytest.mark.parametrize("field", [field for field in ENTRY if field != "method"])
def test_missing_field_is_refused(written: Written, field: str) -> None:
    """No entry does without any of its fields; the message names file, entry and field."""
    with pytest.raises(LedgerError, match=rf"ledger\.toml, entry 1 .* lacks {field}; no entry does without"):
        read_ledger(written({field: None}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"why": '"because"'}, r"has unknown field why; known are id, title"),
        ({"reason": '""'}, r"reason is '', expected str, not empty"),
        ({"reason": "5"}, r"reason is 5, expected str"),
        ({"method": '"six"'}, r"method is 'six', expected int"),
        ({"method": "true"}, r"method is True, expected int"),
        ({"method": None}, r"needs either method, a number, or found, a text; it has both or neither"),
        ({"found": '"in a recipe"'}, r"needs either method, a number, or found, a text; it has both or neither"),
        ({"own": "0.5"}, r"as_original and own are both 0\.5; a switch has two sides"),
        ({"node": "{ operation = 'rows' }"}, r"node has \['operation'\], expected operation and a table of attributes"),
        (
            {"node": "{ operation = 'rows', attributes = {}, input = [] }"},
            r"node has .*, expected operation and a table",
        ),
        ({"also": '{ "grad/*" = 5 }'}, r"also tells 5 of grad/\*, expected operation, inputs or attributes"),
        ({"also": "[5]"}, r"also is \[5\], expected dict"),
        ({"tried": "{ own = 3 }"}, r"tried has \['own'\], expected as_original and own"),
        ({"changes": "[5]"}, r"changes is \[5\], expected names of stages"),
        ({"changes": '"grad/*"'}, r"changes is 'grad/\*', expected list"),
    ],
)
def test_wrong_field_is_refused(written: Written, fields: Mapping[str, str | None], message: str) -> None:
    """What is unknown, empty, of another kind or does not fit the rest."""
    with pytest.raises(LedgerError, match=message):
        read_ledger(written(fields))


def test_field_told_twice_is_refused(written: Written) -> None:
    """TOML itself knows no field twice."""
    with pytest.raises(LedgerError, match=r"cannot be read as a ledger: Cannot overwrite a value"):
        read_ledger(written({"differs": f'{ENTRY["differs"]}\ncase = "other"'}))


def test_id_told_twice_is_refused(written: Written) -> None:
    """An entry's name is its own."""
    with pytest.raises(LedgerError, match=r"id 'zero' stands 2 times; give each entry its own"):
        read_ledger(written({}, {}))


def test_empty_ledger_is_refused(written: Written) -> None:
    """A ledger of nothing would prove everything."""
    with pytest.raises(LedgerError, match=r"holds no entry; a ledger is a list of \[\[deviation\]\] tables"):
        read_ledger(written())


def test_other_tables_are_refused(written: Written) -> None:
    """A misspelt table is no entry left out in silence."""
    with pytest.raises(LedgerError, match=r"holds 'deviations'; a ledger is a list"):
        read_ledger(written({}, before="[deviations]"))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_number_that_is_none_is_refused(number: str, written: Written) -> None:
    """TOML has infinities, which no trace can hold."""
    with pytest.raises(LedgerError, match=f"cannot be read as a ledger: {number} is no finite number"):
        read_ledger(written({"own": number}))


def test_large_file_is_refused_unread(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is told, and the limit."""
    path = written({})
    monkeypatch.setattr(ledger_text, "SIZE_LIMIT_BYTES", 10)
    with pytest.raises(LedgerError, match=rf"it is no file, or has {path.stat().st_size} bytes, over the limit of 10"):
        read_ledger(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(LedgerError, match=r"none\.toml cannot be read as a ledger"):
        read_ledger(tmp_path / "none.toml")


def test_difference_with_an_entry_passes(written: Written) -> None:
    """The entry has the switch at both values."""
    assert read_ledger(written({})).without_entry(RECIPES, original="original") == []


@pytest.mark.parametrize(
    ("switch", "value", "message"),
    [
        ("keeps", True, "ours: keeps is True, not False, and no entry says why"),
        ("at_zero", 0.25, "ours: at_zero is 0.25, not 0.5, and no entry says why"),
        ("limit", None, "ours: limit is None, not 10, and no entry says why"),
    ],
)
def test_difference_without_an_entry_is_told(written: Written, switch: str, value: Any, message: str) -> None:
    """Another switch, or another value of a switch that has an entry."""
    recipes = {**RECIPES, "ours": {**RECIPES["ours"], switch: value}}
    assert read_ledger(written({})).without_entry(recipes, original="original") == [message]


def test_true_is_not_one(written: Written) -> None:
    """A value is known with its kind."""
    ledger = read_ledger(written({"switch": '"keeps"', "own": "1"}))
    recipes = {"original": {"keeps": False}, "ours": {"keeps": True}}
    assert ledger.without_entry(recipes, original="original") == [
        "ours: keeps is True, not False, and no entry says why"
    ]


def test_none_is_written_as_a_word(written: Written) -> None:
    """TOML has no None."""
    ledger = read_ledger(written({"switch": '"limit"', "own": '"none"'}))
    recipes = {"original": {"limit": 10}, "ours": {"limit": None}}
    assert ledger.without_entry(recipes, original="original") == []


def test_fact_without_an_entry_is_told(written: Written) -> None:
    """Every number that no entry follows from."""
    ledger = read_ledger(written({}, {"id": '"found"', "method": None, "found": '"in a recipe"'}))
    assert isinstance(ledger, Ledger)
    assert ledger.without_number(range(5, 8)) == [5, 7]


def test_entries_of_a_case_are_those_that_its_request_shows() -> None:
    """In the ledger's order; none of a case that there is not."""
    ledger = read_ledger(LEDGER)
    cases = {entry.case for entry in ledger}
    assert [entry for case in cases for entry in ledger.of_case(case)] != []
    assert all(entry.case == case for case in cases for entry in ledger.of_case(case))
    assert sum(len(ledger.of_case(case)) for case in cases) == len(list(ledger))
    assert ledger.of_case("no such case") == []
