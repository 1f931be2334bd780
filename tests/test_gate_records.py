"""What became worse than recorded fails, with both figures; what became better is said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gate_outcomes import RECORD, ROW, outcome

from benchmarks import accuracy
from benchmarks.accuracy import METRICS, ONE_SYNTHETIC, Row
from gate_tests.chosen import chosen
from gate_tests.errors import GateError
from gate_tests.record_files import ablated, recorded
from gate_tests.records import judge, judge_baseline


@pytest.mark.parametrize(("maes", "said"), [((0.073, 0.074), "as recorded"), ((0.065, 0.066), "better: record again")])
@pytest.mark.parametrize("metric", ["mae", "cc"])
def test_no_regression_holds(maes: tuple[float, ...], said: str, metric: str) -> None:
    """An improvement beyond the spread is said, not failed."""
    assert judge(RECORD, metric, [outcome(mae) for mae in maes]) == said


@pytest.mark.parametrize("metric", ["mae", "cc"])
@pytest.mark.parametrize("maes", [(0.078, 0.077), (0.09,), (float("nan"), 0.07)])
def test_regression_fails_with_both_figures(maes: tuple[float, ...], metric: str) -> None:
    """Today's and the recorded, and what was allowed."""
    recorded_as = r"0\.0720" if metric == "mae" else r"0\.9280"
    message = (
        rf"place SOPTII corrected: {metric} .* over {len(maes)} runs, recorded {recorded_as} over 5 seeds .*; worse by"
    )
    with pytest.raises(GateError, match=message):
        judge(RECORD, metric, [outcome(mae) for mae in maes])


def test_tolerance_is_four_standard_errors() -> None:
    """Of the difference between a mean of k runs and one of n seeds."""
    assert RECORD.tolerance("mae", 2) == pytest.approx(4 * 0.0015811 * (1 / 2 + 1 / 5) ** 0.5, rel=1e-4)


def test_baseline_is_held_to_its_record() -> None:
    """Within rounding; another number, or one never recorded, fails."""
    judge_baseline(RECORD, "interpolation", "mae", [outcome(0.07, interpolation=0.09 * (1 + 1e-6))])
    with pytest.raises(GateError, match=r"mae of interpolation is 0\.0901, recorded 0\.09; to be equal within 0\.0001"):
        judge_baseline(RECORD, "interpolation", "mae", [outcome(0.07), outcome(0.07, interpolation=0.0901)])
    with pytest.raises(GateError, match=r"mae of causal is 0\.1, recorded nan"):
        judge_baseline(RECORD, "causal", "mae", [outcome(0.07, causal=0.1)])


def test_run_that_is_not_recorded_is_refused(tmp_path: Path) -> None:
    """Or with too few seeds to know the spread."""
    path = tmp_path / "accuracy.json"
    entry = {"scene": "place", "variant": "SOPTII", "run": "corrected", "methods": outcome(0.07)}
    path.write_text(json.dumps([entry, entry, entry | {"run": "tuned"}]), encoding="utf-8")
    with pytest.raises(GateError, match=r"place SOPTII corrected is recorded with 2 seeds in accuracy\.json"):
        recorded(ROW, path)
    path.write_text(json.dumps([entry] * 3), encoding="utf-8")
    assert recorded(ROW, path).values("prediction", "mae") == [0.07] * 3


def test_ablation_is_a_record_too(tmp_path: Path) -> None:
    """A variant's seeds, with the baselines of its scene and recipe; another scene, recipe or variant is none."""
    path = tmp_path / "ablation.json"
    numbers = {metric: [0.1, 0.2, 0.3] for metric in METRICS}
    entry = numbers | {"scene": "place", "kind": "variant", "name": "SOPTII", "recipe": "corrected", "seeds": [0, 1, 2]}
    others = [{"name": "causal", "kind": "baseline"}, {"name": "SAR: OPTII to SOPTII", "kind": "gain"}]
    path.write_text(json.dumps([entry, *(entry | other for other in others)]), encoding="utf-8")
    record = ablated(ROW, path)
    assert record is not None
    assert record.values("prediction", "mae") == record.values("causal", "cc") == [0.1, 0.2, 0.3]
    assert (record.baselines, record.place) == (["causal"], "ablation.json")
    for changed in ({"scene": "elsewhere"}, {"variant": "OPTII"}, {"recipe": "tuned"}):
        assert ablated(replace(ROW, **changed), path) is None
    path.write_text(json.dumps([entry | {"seeds": [0]}]), encoding="utf-8")
    with pytest.raises(GateError, match=r"recorded with 1 seeds in ablation\.json, .*benchmarks\.ablation"):
        ablated(ROW, path)


def test_missing_record_file_fails(tmp_path: Path) -> None:
    """It is restored or recorded again, not passed over."""
    for read in (recorded, ablated):
        with pytest.raises(GateError, match=r"none\.json cannot be read: .*; restore it"):
            read(ROW, tmp_path / "none.json")


def test_all_that_is_run_again_is_recorded() -> None:
    """With those very seeds among others, every metric of every method."""
    for row in chosen():
        record = recorded(row)
        assert max(row.seeds) < len(record.runs)
        assert all({*METRICS} <= {*run[name]} for run in record.runs for name in ("prediction", *record.baselines))


def test_what_is_measured_is_what_is_recorded() -> None:
    """The benchmark's entry holds every method's metrics, as the gate reads them."""
    row = Row(ONE_SYNTHETIC, "OPTI", "corrected", (0,), {"epochs": 1, "stride_px": 32})
    entry = accuracy.measure(row, 0)
    assert entry["mae"]["all"]["prediction"] == entry["methods"]["prediction"]["mae"]
    assert {"prediction", "interpolation", "causal"} <= {*entry["methods"]}
