"""Every number of the paper has its source, and is gated or says why not; a port that gives another number fails."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paper_file import FIELDS, NINE, write_paper

from parity_tests import measured, paper
from parity_tests.measured import CHECKS, paper_scene
from parity_tests.paper import Number, PaperError
from port import initialisation, recipes, splits
from port.network import FusionCNN, Layer
from port.recipes import RECIPES


def without(field: str) -> dict[str, Any]:
    """The entry with one field less."""
    return {name: value for name, value in FIELDS.items() if name != field}


def test_complete_entry_is_gated(tmp_path: Path) -> None:
    """It is asked of its check, and given back."""
    (number, *_) = paper.numbers(NINE, write_paper(tmp_path, FIELDS))
    assert number.gated
    assert paper.judge(number, NINE) == 9


def test_family_is_one_number_a_key(tmp_path: Path) -> None:
    """Each key's check is told the key."""
    entry = without("value") | {"values": {"a": "a", "b": "c"}, "check": "key"}
    a, b, *_ = paper.numbers(NINE, write_paper(tmp_path, entry))
    assert (a.id, b.id) == ("one.a", "one.b")
    paper.judge(a, NINE)
    with pytest.raises(PaperError, match=r"one\.b: the paper has c \(paper\), the port b"):
        paper.judge(b, NINE)


@pytest.mark.parametrize("field", FIELDS)
def test_missing_field_is_refused(tmp_path: Path, field: str) -> None:
    """Each one is needed."""
    with pytest.raises(PaperError, match=f"one.*{field}"):
        paper.numbers(NINE, write_paper(tmp_path, without(field)))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (FIELDS | {"souce": "x"}, "has souce too many"),
        (FIELDS | {"values": {"a": 1}}, "has value too many"),
        (FIELDS | {"source": ""}, "lacks source"),
        (FIELDS | {"status": "perhaps"}, "status 'perhaps'; choose gated or not-gated"),
        (FIELDS | {"tolerance": 0.1}, "lacks tolerance_why"),
        (FIELDS | {"tolerance": -0.1, "tolerance_why": "x"}, "tolerance -0.1; give 'exact', or a number above 0"),
        (FIELDS | {"tolerance": "wide", "tolerance_why": "x"}, "tolerance 'wide'"),
        (FIELDS | {"tolerance": float("nan"), "tolerance_why": "x"}, "tolerance nan"),
        (FIELDS | {"reason": "x"}, "has reason too many"),
        (FIELDS | {"check": "eight"}, "names the check 'eight', which does not exist; .* name one of key, nine"),
        ({"value": 9, "source": "paper", "status": "not-gated"}, r"one \(not-gated\) lacks reason"),
        ({"value": 9, "source": "paper", "status": "not-gated", "reason": ""}, "lacks reason"),
        (FIELDS | {"status": "not-gated", "reason": "x"}, "has check, tolerance too many"),
    ],
)
def test_wrong_entry_is_refused(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    """One paragraph says which entry and what to do."""
    with pytest.raises(PaperError, match=message):
        paper.numbers(NINE, write_paper(tmp_path, entry))


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    """Missing, or no TOML."""
    path = tmp_path / "paper.toml"
    with pytest.raises(PaperError, match="cannot be read"):
        paper.numbers(NINE, path)
    path.write_text("value =", encoding="utf-8")
    with pytest.raises(PaperError, match="cannot be read"):
        paper.numbers(NINE, path)


def test_another_value_fails_with_both(tmp_path: Path) -> None:
    """The paper's and the port's."""
    (number, *_) = paper.numbers(NINE, write_paper(tmp_path, FIELDS | {"value": 8}))
    with pytest.raises(PaperError, match=r"one: the paper has 8 \(paper\), the port 9, to be equal exactly;"):
        paper.judge(number, NINE)


@pytest.mark.parametrize(
    ("expected", "actual", "tolerance", "same"),
    [
        (1.0, 1.05, 0.1, True),
        (1.0, 1.2, 0.1, False),
        (1.0, float("nan"), 0.1, False),
        (float("nan"), float("nan"), 0.0, False),
        ([1, [2, 3]], [1, [2, 3]], 0.0, True),
        ([1, [2, 3]], [1, [2, 4]], 0.0, False),
        ([1, 2], [1, 2, 3], 0.0, False),
        ([], 0, 0.0, False),
        (1, [1], 0.0, False),
        ("a", "a", 0.0, True),
        ("1", 1, 0.0, False),
    ],
)
def test_equal(expected: Any, actual: Any, tolerance: float, same: bool) -> None:
    """Numbers within the tolerance, words and forms exactly; NaN equals nothing."""
    assert paper.equal(expected=expected, actual=actual, tolerance=tolerance) is same


# --- the project's own file


def test_every_measure_is_used() -> None:
    """None stands in the folder that no number names, but for the one that waits for a filled-in cell."""
    used = {number.check for number in paper.numbers(CHECKS) if number.gated}
    assert set(CHECKS) - used == {paper_scene.accuracy_on_paper_scene.__name__}


def number(name: str) -> Number:
    """A number of the project's own file."""
    return next(number for number in paper.numbers(CHECKS) if number.id == name)


MISTAKES = [
    ("learning_rates", {"learning_rate": 0.01}),
    ("learning_rates", {"schedule": "cosine"}),
    ("momentum", {"momentum": 0.8}),
    ("momentum_path", {"momentum_form": "torch"}),
    ("batch_size", {"batch_size": 64}),
    ("batches_an_epoch.training", {"last_batch": "keep"}),
    ("order_of_later_epochs", {"reshuffle": True}),
    ("epochs", {"epochs": 150}),
    ("first_patch", {"patch_origin_px": 0}),
    ("stride", {"stride_px": 16}),
    ("sides", {"patch_side_px": 41}),
    ("split", {"validation_fraction": 0.1}),
    ("fewest_with_validation", {"patch_limit": 20000}),
    ("divisors.original", {"scaling": "per-channel"}),
    ("target_divisor.original", {"scaling": "none"}),
    ("output_of_minus_one.original", {"output": "rectify"}),
    ("rectifier_gradient", {"rectify_gradient_at_zero": 0.0}),
    ("weight_deviation", {"initialisation": "pytorch"}),
    ("weights_within_deviation", {"initialisation": "pytorch"}),
    ("largest_bias", {"initialisation": "pytorch"}),
    ("predicted.original", {"border": "halo"}),
    ("prediction_file", {"georeference": "scene"}),
]


@pytest.mark.parametrize(
    ("name", "switch"), MISTAKES, ids=[f"{name}-{next(iter(switch))}" for name, switch in MISTAKES]
)
def test_mistake_in_the_recipe_is_seen(monkeypatch: pytest.MonkeyPatch, name: str, switch: dict[str, Any]) -> None:
    """Each switch of `original` set otherwise fails the number that tells of it."""
    wrong = replace(RECIPES["original"], **switch)
    monkeypatch.setattr(recipes, "RECIPES", {**RECIPES, "original": wrong})
    with pytest.raises(PaperError, match=f"^{name}: the paper has .*, the port "):
        paper.judge(number(name), CHECKS)


def test_mistakes_in_the_code_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the code that is asked: another deviation, another split, another layer fails."""
    monkeypatch.setattr(initialisation, "DEVIATION", 0.00102)
    with pytest.raises(PaperError, match=r"weight_deviation: the paper has 0\.001 .*, the port 0\.00101"):
        paper.judge(number("weight_deviation"), CHECKS)
    monkeypatch.setattr(splits, "round", lambda value: int(value) + 1, raising=False)
    with pytest.raises(PaperError, match=r"split: the paper has \[15200, 3800\] .*, the port \[15199, 3801\]"):
        paper.judge(number("split"), CHECKS)
    monkeypatch.setattr(measured.network, "make_network", narrow)
    with pytest.raises(PaperError, match=r"filter_shapes\.SAR: .*\[32, 48, 5, 5\].*, the port .*\[24, 48, 5, 5\]"):
        paper.judge(number("filter_shapes.SAR"), CHECKS)


def narrow(variant: str, chosen: recipes.Recipe) -> Any:
    """A network with a third fewer filters in its middle."""
    return FusionCNN(2, layers=(Layer(48, 9), Layer(24, 5), Layer(1, 5)))
