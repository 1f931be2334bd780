"""A claim says that the network gains over every baseline, on one scene; gated is what stands clear of the spread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import Row
from gate_tests.errors import GateError
from gate_tests.records import ERRORS, PREDICTION, Methods, Record
from parity_tests import paper

SPREADS = 2
"""Standard deviations over the recorded seeds that a gain must exceed: then nearly every single run gains."""
EVERY = "every baseline"
_FIELDS = frozenset({"scene", "variant", "recipe", "seeds", "metrics", "source", "not_gated"})
_EXEMPTION_FIELDS = frozenset({"metric", "over", "reason"})


@dataclass(frozen=True)
class Exemption:
    """What a claim is not gated for, and why; `over` is a baseline's name, or every baseline."""

    metric: str
    over: str
    reason: str


@dataclass(frozen=True)
class Claim:
    """A gain of one way of running over every baseline, in these metrics, unless it says why not."""

    row: Row
    metrics: tuple[str, ...]
    source: str
    exemptions: tuple[Exemption, ...]

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.row.scene} {self.row.variant} {self.row.name}"

    def reason(self, metric: str, over: str) -> str:
        """Why a gain is not gated; empty if it is."""
        found = [e.reason for e in self.exemptions if e.metric == metric and e.over in (over, EVERY)]
        return found[0] if found else ""


@dataclass(frozen=True)
class Gain:
    """How much better the prediction is than a baseline in the mean over the runs, and what it must exceed."""

    claim: Claim
    metric: str
    over: str
    ours: float
    theirs: float
    needed: float

    @property
    def gain(self) -> float:
        """Above 0 where the prediction is better."""
        return self.theirs - self.ours if self.metric in ERRORS else self.ours - self.theirs

    @property
    def clear(self) -> bool:
        """Whether it stands clear of the spread."""
        return self.gain > self.needed


def claims(path: Path = paper.PAPER) -> list[Claim]:
    """The claims of paper.toml.

    Raises:
        GateError: a claim lacks a field or has one too many, or an exemption without a reason.
    """
    return [_of_entry(entry) for entry in paper.read(path)["claim"]]


def gains(claim: Claim, record: Record, runs: Sequence[Methods]) -> Iterator[Gain]:
    """Each metric against each baseline the runs report.

    Raises:
        GateError: the runs report other baselines than the record, or the claim exempts one that is not reported.
    """
    now = Record(claim.row, runs)
    if now.baselines != record.baselines:
        raise GateError(
            f"{claim.name} reports the baselines {', '.join(now.baselines)}, recorded {', '.join(record.baselines)}; "
            f"record it again (python -m benchmarks.accuracy)"
        )
    for exemption in claim.exemptions:
        if exemption.over not in (EVERY, *now.baselines):
            raise GateError(
                f"{claim.name} exempts {exemption.over!r}, expected one of {', '.join(now.baselines)} or {EVERY!r}; "
                f"correct paper.toml"
            )
    for metric in claim.metrics:
        for over in now.baselines:
            ours, theirs = now.mean(PREDICTION, metric), now.mean(over, metric)
            yield Gain(claim, metric, over, ours, theirs, SPREADS * record.spread(metric))


def judge(gain: Gain) -> None:
    """Hold the prediction to its claim.

    Raises:
        GateError: the gain does not stand clear of the spread.
    """
    if not gain.clear:
        raise GateError(
            f"{gain.claim.name}: {gain.metric} {gain.ours:.4f}, {gain.over} {gain.theirs:.4f}: a gain of "
            f"{gain.gain:+.4f}, to exceed {gain.needed:.4f} ({SPREADS} standard deviations over the recorded seeds); "
            f"mend the port, or say in paper.toml why the claim does not hold there"
        )


def _of_entry(entry: Mapping[str, Any]) -> Claim:
    """The claim of one [[claim]]."""
    _check_fields("claim", entry, _FIELDS)
    exemptions = []
    for given in entry["not_gated"]:
        _check_fields(f"claim on {entry['scene']}, not_gated", given, _EXEMPTION_FIELDS)
        exemptions.append(Exemption(**given))
    row = Row(entry["scene"], entry["variant"], entry["recipe"], tuple(entry["seeds"]))
    return Claim(row, tuple(entry["metrics"]), entry["source"], tuple(exemptions))


def _check_fields(name: str, entry: Mapping[str, Any], wanted: frozenset[str]) -> None:
    """Raise GateError unless the entry has just these fields, and no empty word."""
    wrong = sorted(wanted ^ set(entry)) + sorted(field for field in wanted & set(entry) if entry[field] == "")
    if wrong:
        raise GateError(
            f"{name}: {', '.join(wrong)} missing, empty or unknown; expected {', '.join(sorted(wanted))}, none empty"
        )
