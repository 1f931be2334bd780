"""Under load nothing grows and nothing changes: a few predictions side by side, some hundred epochs."""

import json
from pathlib import Path

import pytest

from benchmarks import load


def test_predictions_side_by_side_are_those_of_one_alone(tmp_path: Path) -> None:
    """The same bytes, whoever runs beside; and a short training holds no more at its end than at its beginning."""
    path = tmp_path / "load.json"
    load.main(["--predictions", "4", "--epochs", "400", "--results", str(path)])
    results = json.loads(path.read_text(encoding="utf-8"))
    assert max(alive for _, alive, _ in results["predictions"]["together"]["looks"]) == 4
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    looks = results["training"]["looks"]
    assert [epoch for epoch, *_ in looks] == list(range(2, 401, 2))
    assert load.growth(looks, 1) < 20e6
    assert load.growth(looks, 2) <= 0
    assert load.growth(looks, 3) <= 0


def test_growth_is_seen() -> None:
    """What leaks a file an epoch is told; a jump at the very start is not."""
    looks = [(epoch, 100 if epoch else 0, epoch, 2) for epoch in range(100)]
    assert [load.growth(looks, column) for column in (1, 2, 3)] == [0, 80, 0]


def test_prediction_that_fails_is_told() -> None:
    """With what it said."""
    with pytest.raises(RuntimeError, match="predict ended with 3:\nno luck"):
        load._watched([["python3", "-c", "import sys; sys.stderr.write('no luck'); sys.exit(3)"]])
