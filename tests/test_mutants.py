"""The page about mutants of the judge is of the results that are kept, and explains whatever survived in them."""

import pytest

from mutation_tests.mutants import UNTRIED, Mutant, read, remembered, source
from mutation_tests.page import MODULES, PAGE, explanations, page, place

SURVIVORS = [mutant for module in MODULES for mutant in read(module) if mutant.survives]


def test_page_is_fresh() -> None:
    """What stands in it is made of the results (python -m mutation_tests --page)."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_survivor_is_explained() -> None:
    """A mutant that no test notices got a test, or changes nothing."""
    assert [place(mutant) for mutant in SURVIVORS if place(mutant) not in explanations()] == []


def test_every_explanation_is_of_a_survivor() -> None:
    """Nothing is excused that is noticed by now."""
    assert set(explanations()) - {place(mutant) for mutant in SURVIVORS} == set()


@pytest.mark.parametrize("module", MODULES)
def test_survivors_are_of_lines_that_stand_there(module: str) -> None:
    """A line that has changed since must be tried again (python -m mutation_tests MODULE)."""
    lines = {line.strip() for line in source(module).read_text(encoding="utf-8").splitlines()}
    assert {mutant.before for mutant in SURVIVORS if mutant.module == module} - lines == set()


@pytest.mark.parametrize("module", MODULES)
def test_all_were_tried(module: str) -> None:
    """Each mutant has its line before and after, and was tried."""
    for mutant in read(module):
        assert mutant.before or mutant.after
        assert mutant.noticed != UNTRIED


def mutant(occurrence: int, after: str, noticed: str = UNTRIED, *, function: str = "f", line: int = 1) -> Mutant:
    """A number spoilt in a line `a = 1`."""
    return Mutant("bounds", line, function, "NumberReplacer", occurrence, noticed, "a = 1", after)


def test_what_noticed_a_mutant_is_remembered_wherever_it_stands() -> None:
    """By its function and lines, whatever its number is now; of two alike by their order; a new one is untried."""
    earlier = [
        mutant(0, "a = 0", "test_one"),
        mutant(1, "a = 2", ""),
        mutant(2, "a = 2", "test_two"),
        mutant(3, "a = 0", "test_other", function="g"),
    ]
    now = [
        mutant(0, "a = 3"),
        mutant(5, "a = 2", line=7),
        mutant(6, "a = 2", line=8),
        mutant(7, "a = 0", line=9),
        mutant(8, "a = 0", line=10),
    ]
    found = list(remembered(now, earlier))
    assert [each.noticed for each in found] == [UNTRIED, "", "test_two", "test_one", UNTRIED]
    assert [(each.occurrence, each.line) for each in found] == [(each.occurrence, each.line) for each in now]
