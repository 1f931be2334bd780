"""An added source saves MAE, seed by seed, as the ablation recorded it; gated is what stands clear of its spread."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import REAL, Row
from gate_tests.claims import SPREADS
from gate_tests.errors import GateError
from gate_tests.record_files import ABLATION, FEWEST, read_entries

TRAINED_AGAIN = tuple(Row(REAL, variant, "corrected", (0, 1)) for variant in ("OPTI", "SOPTI"))
"""The one gain that is tried anew: without the source, then with it."""
_ROUNDING = 1e-9  # in MAE, whose largest is about 1


@dataclass(frozen=True)
class AddedSource:
    """A source added to a variant on one scene: what it saved, and what both variants' own rows say, a seed each."""

    what: str
    gains: tuple[float, ...]
    without: tuple[float, ...]
    including: tuple[float, ...]

    @property
    def mean(self) -> float:
        """MAE saved in the mean over the seeds."""
        return statistics.fmean(self.gains)

    @property
    def needed(self) -> float:
        """What it must exceed."""
        return SPREADS * statistics.stdev(self.gains)

    @property
    def clear(self) -> bool:
        """Whether it stands clear of its spread, over seeds enough to know it."""
        return len(self.gains) >= FEWEST and self.mean > self.needed

    @property
    def figures(self) -> str:
        """Mean and spread, for the table."""
        spread = f", standard deviation {self.needed / SPREADS:.4f}" if len(self.gains) > 1 else ""
        verdict = "a clear loss" if spread and self.mean < -self.needed else "no clear gain"
        return f"saves {self.mean:+.4f} of MAE{spread} over {len(self.gains)} seeds: {verdict}"


def added_sources(path: Path = ABLATION) -> list[AddedSource]:
    """Every gain of ablation.json.

    Raises:
        GateError: the file cannot be read, or lacks a variant that a gain is of.
    """
    entries = read_entries(path)
    maes = {
        (entry["scene"], entry["recipe"], entry["name"], seed): mae
        for entry in entries
        if entry["kind"] == "variant"
        for seed, mae in zip(entry["seeds"], entry["mae"], strict=True)
    }
    try:
        return [_of_entry(entry, maes) for entry in entries if entry["kind"] == "gain"]
    except KeyError as error:
        raise GateError(
            f"{path.name} has a gain, but not what it is of: {error}; record it again (python -m benchmarks.ablation)"
        ) from error


def trained_again(path: Path = ABLATION) -> AddedSource:
    """The record of the gain that is tried anew.

    Raises:
        GateError: it is not recorded.
    """
    what = _what(TRAINED_AGAIN[0].scene, TRAINED_AGAIN[0].name, "SAR: " + " to ".join(r.variant for r in TRAINED_AGAIN))
    found = next((added for added in added_sources(path) if added.what == what), None)
    if found is None:
        raise GateError(f"{path.name} has no {what}; record it (python -m benchmarks.ablation)")
    return found


def judge_record(added: AddedSource) -> None:
    """Hold a recorded gain to both variants' recorded accuracies.

    Raises:
        GateError: they differ by something else than what is told, or not clearly.
    """
    told = zip(added.gains, added.without, added.including, strict=True)
    if not all(abs(gain - (without - including)) <= _ROUNDING for gain, without, including in told):
        raise GateError(
            f"{added.what}: told are gains of {added.gains}, but the variants' MAEs are {added.without} and "
            f"{added.including}; record it again (python -m benchmarks.ablation)"
        )
    judge(added, added.without, added.including)


def judge(added: AddedSource, without: Sequence[float], including: Sequence[float]) -> float:
    """What the source saves in the mean over these pairs of MAEs, once it is known to be clear.

    Raises:
        GateError: it does not exceed the recorded spread.
    """
    saved = statistics.fmean(without) - statistics.fmean(including)
    if not saved > added.needed:
        raise GateError(
            f"{added.what}: saves {saved:+.4f} of MAE, recorded {added.mean:+.4f}, to exceed {added.needed:.4f} "
            f"({SPREADS} standard deviations over the recorded seeds); find what changed the port, or record again and "
            f"say why in CHANGES.md"
        )
    return saved


def _what(scene: str, recipe: str, name: str) -> str:
    """What the table calls it."""
    return f"{scene} {recipe}, {name}"


def _of_entry(entry: Mapping[str, Any], maes: Mapping[tuple[str, str, str, int], float]) -> AddedSource:
    """One gain, its two variants found by its name, `SOURCE: WITHOUT to WITH`."""
    variants = entry["name"].split(": ")[1].split(" to ")
    without, including = (
        tuple(maes[entry["scene"], entry["recipe"], variant, seed] for seed in entry["seeds"]) for variant in variants
    )
    what = _what(entry["scene"], entry["recipe"], entry["name"])
    return AddedSource(what, tuple(entry["mae"]), without, including)
