"""Nothing has become worse than what was recorded, and the baselines are what they were."""

from gate_tests.records import PREDICTION, Record, judge, judge_baseline
from gate_tests.trainings import Trainings
from gate_tests.verdicts import Verdicts


def test_prediction_is_as_accurate_as_recorded(
    record: Record, metric: str, trainings: Trainings, verdicts: Verdicts
) -> None:
    """In the mean over the runs, within four standard errors; better is said, not failed."""
    allowed = record.tolerance(metric, len(record.row.seeds))
    expected = f"{record.mean(PREDICTION, metric):.4f}, worse by {allowed:.4f} at most"
    why = f"recorded over {len(record.runs)} seeds in {record.place}"
    with verdicts.gated(f"{record.name}: {metric}", expected, why) as line:
        runs = trainings.of(record.row)
        line.actual = Record(record.row, runs).mean(PREDICTION, metric)
        line.why += f"; {judge(record, metric, runs)}"


def test_baseline_is_as_recorded(
    record: Record, baseline: str, metric: str, trainings: Trainings, verdicts: Verdicts
) -> None:
    """Within rounding: nothing is trained."""
    expected, why = record.mean(baseline, metric), f"baselines recorded in {record.place}"
    with verdicts.gated(f"{record.row.scene}: baseline {metric}.{baseline}", expected, why) as line:
        runs = trainings.of(record.row)
        line.actual = runs[0][baseline][metric]
        judge_baseline(record, baseline, metric, runs)
