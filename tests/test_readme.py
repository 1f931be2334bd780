"""The README says what is true today: its tables are fresh, its commands are those that CI runs."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.tables import DOCUMENTS, README, RESULTS, ROOT, TABLES, updated
from parity_tests.proceedings import cases_for

TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_tables_are_fresh(document: Path) -> None:
    """Every generated table is what the measurements and the code say (python -m benchmarks.tables)."""
    text = document.read_text(encoding="utf-8")
    assert updated(text) == text


@pytest.mark.parametrize("name", ["container", "interpreter", "period"])
def test_results_are_of_all_cases(name: str) -> None:
    """What the README says of a witness was measured on every case that it is asked today."""
    found = json.loads((RESULTS / f"parity-{name}.json").read_text(encoding="utf-8"))
    witness: Any = SimpleNamespace(name=name)
    assert found["cases"] == len(cases_for(witness))


def test_every_table_stands_in_a_document() -> None:
    """No table is made for nobody, and none is empty."""
    texts = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    for name in TABLES:
        assert re.search(rf"<!-- table {name} -->\n\|.*\n<!-- end -->", texts, re.DOTALL), name


def test_ci_runs_the_commands_of_the_readme() -> None:
    """What the README tells a new user to type, CI types."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m pip install tox && (python -m tox -e \w+)$", TEXT, re.MULTILINE)
    assert commands == ["python -m tox -e train", "python -m tox -e parity"]
    for command in commands:
        assert command in ci


def test_every_environment_is_described() -> None:
    """`tox list` tells what each environment is for."""
    sections = re.split(r"^\[testenv:", (ROOT / "tox.ini").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert sections
    for section in sections:
        assert re.search(r"^description = .{10,}", section, re.MULTILINE), section.splitlines()[0]
