"""The network gains over every baseline, wherever that stands clear of the spread over seeds."""

from gate_tests.claims import Claim, gains, judge
from gate_tests.record_files import recorded
from gate_tests.trainings import Trainings
from gate_tests.verdicts import Verdicts


def test_network_gains(claim: Claim, metric: str, over: str, trainings: Trainings, verdicts: Verdicts) -> None:
    """In the mean over the runs, by more than two standard deviations over the recorded seeds."""
    with verdicts.gated(f"{claim.name}: {metric} against {over}", "a gain", claim.source) as line:
        found = gains(claim, recorded(claim.row), trainings.of(claim.row))
        gain = next(gain for gain in found if (gain.metric, gain.over) == (metric, over))
        line.expected, line.actual = f"{gain.theirs:.4f}, better by {gain.needed:.4f}", gain.ours
        judge(gain)
