"""Nothing has become worse than what was recorded, and the baselines are what they were."""

from benchmarks.accuracy import Row
from gate_tests.records import Record, judge, judge_baseline, recorded
from gate_tests.trainings import Trainings
from gate_tests.verdicts import Verdicts


def test_prediction_is_as_accurate_as_recorded(
    row: Row, method: str, metric: str, trainings: Trainings, verdicts: Verdicts
) -> None:
    """In the mean over the runs, within four standard errors; better is said, not failed."""
    record, runs = recorded(row), trainings.of(row)
    allowed = record.tolerance(metric, len(runs))
    expected = f"{record.mean(method, metric):.4f}, {allowed:.4f} worse at most"
    with verdicts.gated(f"{record.name}: {metric}", expected, f"recorded over {len(record.runs)} seeds") as line:
        line.actual = Record(row, runs).mean(method, metric)
        line.why += f": {judge(record, metric, runs)}"


def test_baseline_is_as_recorded(
    row: Row, baseline: str, metric: str, trainings: Trainings, verdicts: Verdicts
) -> None:
    """Within rounding: nothing is trained."""
    record, runs = recorded(row), trainings.of(row)
    with verdicts.gated(f"{row.scene}: {baseline}", record.mean(baseline, metric), "recorded baselines") as line:
        line.actual = runs[0][baseline][metric]
        judge_baseline(record, baseline, metric, runs)
