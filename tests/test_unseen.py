"""Mistakes that the judge was not made for are twenty, none of them the zoo's, and are counted apart from it."""

from dataclasses import replace

import pytest

from parity_tests import zoo_run
from parity_tests.mutation import Mutation
from parity_tests.unseen import UNSEEN
from parity_tests.zoo import ZOO
from parity_tests.zoo_cases import ZOO_CASES
from parity_tests.zoo_trial import Trial


def test_unseen_are_twenty_of_their_own() -> None:
    """None has an id of the zoo's, a row, a name to be known by or an excuse; each has a request that there is."""
    ids = {mutation.id for mutation in UNSEEN}
    assert len(UNSEEN) == len(ids) == 20
    assert not ids & {mutation.id for mutation in ZOO}
    assert {mutation.case for mutation in UNSEEN} <= set(ZOO_CASES)
    assert {(mutation.rows, mutation.known, mutation.survives) for mutation in UNSEEN} == {((), "", "")}


@pytest.mark.parametrize("mutation", UNSEEN, ids=lambda mutation: mutation.id)
def test_unseen_can_be_planted(mutation: Mutation) -> None:
    """What each of them changes is still there to be changed."""
    with mutation.plant():
        pass


def test_score_of_unseen_counts_survivors_without_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that its request cannot show is no failure; one that is caught elsewhere is counted as caught."""
    must, explained = UNSEEN[0], replace(UNSEEN[1], survives="its request cannot show it")
    monkeypatch.setattr(zoo_run, "UNSEEN", (must, explained))
    trial = Trial(
        id=must.id, rows=(), title="", case=must.case, expected_stage=must.stage, known="", caught=True,
        stage=must.stage, share=7.0, diagnosis=(), names=("bias-dropped",), certain=True,
    )  # fmt: skip
    survivor = replace(trial, caught=False, stage="", names=(), certain=False)
    trials = [trial, replace(trial, stage="loss"), survivor, replace(survivor, id=explained.id)]
    assert zoo_run.unseen_score(trials) == {
        "mutations": 4, "caught": 2, "right_stage": 1, "certain": 2, "unexplained": 1,
    }  # fmt: skip
