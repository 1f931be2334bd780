"""The page about mutants of the judge is of the results that are kept, and explains whatever survived in them."""

import pytest

from mutation_tests.mutants import UNTRIED, read, source
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
def test_what_was_tried_is_told(module: str) -> None:
    """Each mutant has its line before and after, and who noticed; those not tried have neither."""
    for mutant in read(module):
        assert bool(mutant.before or mutant.after) is (mutant.noticed != UNTRIED)
