"""The zoo is whole: every published mistake and more of our own, each a mutation that can be planted and taken out."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from parity_tests.mutation import replaced, together, wrapped
from parity_tests.zoo import ROWS, ZOO
from parity_tests.zoo_cases import ZOO_CASES
from parity_tests.zoo_network import laid_down
from parity_tests.zoo_run import failed, main, score, table
from parity_tests.zoo_trial import Trial
from port import lasagne_weights, training
from port.network import Rectify, SingleFilter

TRIAL = Trial(
    id="one", rows=("Z01",), title="", case="network", expected_stage="conv1/pre", known="bias-dropped", caught=True,
    stage="conv1/pre", share=7.0, diagnosis=(), names=("bias-dropped",), certain=True,
)  # fmt: skip


def test_every_published_mistake_is_planted() -> None:
    """Each row of the list has a mutation, and at least ten stand in no row."""
    assert {row for mutation in ZOO for row in mutation.rows} == set(ROWS)
    assert sum(not mutation.rows for mutation in ZOO) >= 10


def test_mutations_are_told_apart() -> None:
    """No two have one id; each stands before a request that there is, and every request has one."""
    assert [id for id, count in Counter(mutation.id for mutation in ZOO).items() if count > 1] == []
    assert {mutation.case for mutation in ZOO} == set(ZOO_CASES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9.]+)*", mutation.id) for mutation in ZOO)


@pytest.mark.parametrize("mutation", ZOO, ids=lambda mutation: mutation.id)
def test_planting_is_undone(mutation: object) -> None:
    """What stood in the product before a mistake stands there again after it, be it ended by an error."""
    owners = (training, lasagne_weights, torch.nn.Conv2d, SingleFilter, Rectify)
    before = [dict(vars(owner)) for owner in owners]
    with pytest.raises(KeyError, match="sought"), mutation.plant():  # type: ignore[attr-defined]
        raise KeyError("sought")
    assert before == [dict(vars(owner)) for owner in owners]


def test_mistake_that_cannot_be_made_any_more_is_told() -> None:
    """A mutation of what the product no longer has is an error, not a survivor."""
    with pytest.raises(AttributeError, match="no_such_function"), replaced(training, "no_such_function", str)():
        pass


def test_plants_stand_together() -> None:
    """Filters laid down another way come back as they were, and only of the layer named."""
    W = np.arange(48 * 2 * 9.0).reshape(48, 2, 3, 3)
    with laid_down(lambda W: W, None, "conv1")():
        weight = lasagne_weights.to_torch(W)
        assert np.array_equal(weight.numpy(), W)
        assert np.array_equal(lasagne_weights.from_torch(weight), W)
        assert np.array_equal(lasagne_weights.to_torch(W[:32]).numpy(), W[:32, :, ::-1, ::-1])
    double = wrapped(training, "learning_rate", lambda rate, recipe, epoch: 2 * rate(recipe, epoch))
    with together(replaced(training, "learning_rate", lambda _: lambda recipe, epoch: 3.0), double)():
        assert training.learning_rate(None, 0) == 6.0  # type: ignore[arg-type]


def test_score_counts_what_failed() -> None:
    """A survivor, a wrong stage, a wrong name given as certain and an error all fail; a doubt does not."""
    wrong = {
        "it survived": {"caught": False, "stage": ""},
        "conv2/pre is blamed, expected conv1/pre": {"stage": "conv2/pre"},
        "it is called tf32 for certain, and is bias-dropped": {"names": ("tf32",)},
        "it ended with KeyError: 'x'": {"caught": False, "raised": "KeyError: 'x'"},
        "": {"names": ("tf32", "bias-dropped"), "certain": False},
    }
    trials = [Trial(**{**vars(TRIAL), **change}) for change in wrong.values()]
    assert [trial.failed for trial in trials] == list(wrong)
    assert score(trials) == {
        "mutations": 5, "rows": 1, "caught": 3, "right_stage": 2, "known": 5, "diagnosed": 4, "certain": 3,
        "misnamed": 1, "failed": 4,
    }  # fmt: skip
    assert table(trials).row_count == 5


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("alarms", ["path: raster/001_VH"]),
        ("sound", {"alarms": 1}),
        ("score", {"failed": 1}),
        ("unseen_score", {"unexplained": 1}),
        ("pairs", [{"misnamed": False}, {"misnamed": True}]),
    ],
)
def test_run_fails_for_each_thing_that_the_judge_did_wrong(part: str, wrong: object) -> None:
    """And for nothing else; a pair misnamed is a wrong name given as certain, too."""
    right = {
        "alarms": [],
        "sound": {"alarms": 0},
        "score": {"failed": 0},
        "unseen_score": {"unexplained": 0},
        "pairs": [],
    }
    assert not failed(right)
    assert failed(right | {part: wrong})


def test_report_that_cannot_be_written_is_told_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where the folder would."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert main(["--report", str(tmp_path / "taken")]) == 2
    assert "no folder for the report" in capsys.readouterr().out


@pytest.mark.parametrize("count", ["-1", "many"])
def test_count_that_is_none_is_told(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As argparse tells a wrong option."""
    with pytest.raises(SystemExit, match="2"):
        main([f"--correct={count}"])
    assert f"{count!r} is no count; give 0 or more" in capsys.readouterr().err
