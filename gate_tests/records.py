"""A record is a run's accuracies over all its seeds, as measured when the README's tables were made."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.accuracy import Row
from gate_tests.errors import GateError

PREDICTION = "prediction"
ERRORS = ("mae", "rmse")
"""The smaller the better; of all other metrics the larger."""
STANDARD_ERRORS = 4
"""Of the difference of two means that a regression must exceed."""
BASELINE_SHARE = 1e-4
"""By which a baseline may differ: nothing is trained, only sums are rounded otherwise."""

Methods = Mapping[str, Mapping[str, float]]
"""A run's metrics by method and metric."""


@dataclass(frozen=True)
class Record:
    """What a run gave with each of its seeds, and the file that says so; `row` has the seeds to be run again."""

    row: Row
    runs: Sequence[Methods]
    place: str = "now"

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.row.scene} {self.row.variant} {self.row.name}"

    @property
    def baselines(self) -> list[str]:
        """The names of the methods it is compared with."""
        return [name for name in self.runs[0] if name != PREDICTION]

    def values(self, method: str, metric: str) -> list[float]:
        """A method's metric, seed by seed."""
        return [run[method][metric] for run in self.runs]

    def mean(self, method: str, metric: str) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values(method, metric))

    def spread(self, metric: str) -> float:
        """Standard deviation of the prediction's metric over the seeds."""
        return statistics.stdev(self.values(PREDICTION, metric))

    def tolerance(self, metric: str, runs: int) -> float:
        """By how much a mean of so many runs may be worse: so many standard errors of the difference of both means."""
        return STANDARD_ERRORS * self.spread(metric) * math.sqrt(1 / runs + 1 / len(self.runs))


def judge(record: Record, metric: str, runs: Sequence[Methods]) -> str:
    """`as recorded`, or `better` where an improvement stands clear of the spread.

    Raises:
        GateError: the prediction is worse than recorded by more than the tolerance.
    """
    mean, before = Record(record.row, runs).mean(PREDICTION, metric), record.mean(PREDICTION, metric)
    tolerance = record.tolerance(metric, len(runs))
    worse = mean - before if metric in ERRORS else before - mean
    if not worse <= tolerance:
        raise GateError(
            f"{record.name}: {metric} {mean:.4f} over {len(runs)} runs, recorded {before:.4f} over {len(record.runs)} "
            f"seeds ({record.place}); worse by {worse:.4f}, allowed {tolerance:.4f}: find what changed the port, or "
            f"record again and say why in CHANGES.md"
        )
    return "better: record again" if worse < -tolerance else "as recorded"


def judge_baseline(record: Record, method: str, metric: str, runs: Sequence[Methods]) -> None:
    """Hold a baseline to its record, on a scene that all seeds share.

    Raises:
        GateError: it is not recorded, or another number.
    """
    before = record.runs[0].get(method, {}).get(metric, math.nan)
    for run in runs:
        if not abs(run[method][metric] - before) <= BASELINE_SHARE * abs(before):
            raise GateError(
                f"{record.name}: {metric} of {method} is {run[method][metric]:.6g}, recorded {before:.6g}; to be equal "
                f"within {BASELINE_SHARE:g} of it: find what changed the scene, the baseline or the metric, or record "
                f"again and say why in CHANGES.md"
            )
