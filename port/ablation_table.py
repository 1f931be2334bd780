"""An ablation's table tells each method's accuracy over the seeds, and what each source gains, paired by seed.

A gain is positive where the source pays: MAE and RMSE fall, CC, PSNR and SSIM rise. Spread is the standard deviation
over the seeds (divisor n - 1).
"""

import csv
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from port.ablation_store import PREDICTION, Outcome
from port.bands import VARIANTS
from port.files import replacing
from port.metrics import Metrics

METRICS = tuple(field.name for field in fields(Metrics) if field.name != "pixels")
_ERRORS = ("mae", "rmse")  # the smaller the better; of all others the larger
STEPS = (
    ("SAR", "OPTI", "SOPTI"),
    ("SAR", "OPTII", "SOPTII"),
    ("DEM", "SAR", "SARp"),
    ("DEM", "SOPTI", "SOPTIp"),
    ("DEM", "SOPTII", "SOPTIIp"),
    ("second date", "OPTI", "OPTII"),
    ("second date", "SOPTI", "SOPTII"),
)
"""What is added, to which variant, giving which; the last step adds the radar of the second date too."""
COLUMNS = ("method, or what is added", "MAE or gain", "spread", "seeds, or those that gain")

Values = Mapping[int, Mapping[str, float | None]]
"""Numbers by seed and metric; None where not a number."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a variant, a baseline, or a gain, on one scene, with its numbers by seed."""

    scene: str
    kind: str
    name: str
    values: Values

    def numbers(self, metric: str) -> list[float]:
        """A metric's values, seed by seed; NaN where not a number."""
        return [math.nan if (value := found[metric]) is None else value for found in self.values.values()]

    def mean(self, metric: str) -> float:
        """Over the seeds."""
        return statistics.fmean(self.numbers(metric))

    def spread(self, metric: str) -> float:
        """Standard deviation over the seeds; NaN for a single one."""
        numbers = self.numbers(metric)
        return statistics.stdev(numbers) if len(numbers) > 1 and not math.isnan(sum(numbers)) else math.nan


def table(outcomes: Iterable[Outcome]) -> list[Row]:
    """Scene by scene: the variants, the baselines, the gains of those steps both of whose variants were run."""
    scenes: dict[str, dict[str, dict[int, Outcome]]] = {}
    for outcome in outcomes:
        settings = outcome.job.settings
        scenes.setdefault(outcome.job.scene, {}).setdefault(settings.variant, {})[settings.seed] = outcome
    return [row for scene, variants in scenes.items() for row in _of_scene(scene, variants)]


def _of_scene(scene: str, variants: Mapping[str, Mapping[int, Outcome]]) -> list[Row]:
    ran = [name for name in VARIANTS if name in variants]
    first = variants[ran[0]]  # a baseline knows no variant
    of = {name: _values(variants[name], PREDICTION) for name in ran}
    baselines = [name for name in next(iter(first.values())).methods if name != PREDICTION]
    return [
        *(Row(scene, "variant", name, values) for name, values in of.items()),
        *(Row(scene, "baseline", name, _values(first, name)) for name in baselines),
        *(
            Row(scene, "gain", f"{source}: {without} to {with_it}", _gains(of[without], of[with_it]))
            for source, without, with_it in STEPS
            if without in of and with_it in of
        ),
    ]


def _values(outcomes: Mapping[int, Outcome], method: str) -> Values:
    """A method's metrics by seed."""
    return {seed: {metric: found.methods[method][metric] for metric in METRICS} for seed, found in outcomes.items()}


def _gains(without: Values, with_it: Values) -> Values:
    """What was gained with each seed."""
    return {
        seed: {metric: _gain(metric, without[seed][metric], with_it[seed][metric]) for metric in METRICS}
        for seed in without
    }


def _gain(metric: str, without: float | None, with_it: float | None) -> float | None:
    if without is None or with_it is None:
        return None
    return without - with_it if metric in _ERRORS else with_it - without


def write_tables(stem: Path, rows: Sequence[Row]) -> None:
    """The same table as STEM.csv, STEM.json (with every seed's numbers) and STEM.md.

    Raises:
        OutputError: the folder cannot be written to.
    """
    with replacing(stem.with_suffix(".csv")) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_cells(rows))
    with replacing(stem.with_suffix(".json")) as beside:
        lines = ",\n".join(json.dumps(_as_json(row)) for row in rows)
        beside.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    with replacing(stem.with_suffix(".md")) as beside:
        beside.write_text(markdown(rows), encoding="utf-8")


def _cells(rows: Sequence[Row]) -> Iterable[Sequence[object]]:
    """The CSV's lines; an empty cell for what is not a number."""
    yield "scene", "kind", "name", "seeds", *(f"{metric}_{of}" for metric in METRICS for of in ("mean", "spread"))
    for row in rows:
        numbers = (number for metric in METRICS for number in (row.mean(metric), row.spread(metric)))
        yield row.scene, row.kind, row.name, len(row.values), *("" if math.isnan(n) else repr(n) for n in numbers)


def _as_json(row: Row) -> dict[str, Any]:
    """A row with each seed's numbers."""
    return {
        "scene": row.scene,
        "kind": row.kind,
        "name": row.name,
        "seeds": list(row.values),
        **{metric: [None if math.isnan(number) else number for number in row.numbers(metric)] for metric in METRICS},
    }


def sections(rows: Iterable[Row]) -> dict[str, list[tuple[str, ...]]]:
    """The lines of each scene, as text for COLUMNS."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        sign = "+" if row.kind == "gain" else ""
        numbers = _number(row.mean("mae"), sign=sign), _number(row.spread("mae"))
        found.setdefault(row.scene, []).append((row.name, *numbers, _seeds(row)))
    return found


def _seeds(row: Row) -> str:
    """The number of seeds; of a gain, how many of them gain."""
    numbers = row.numbers("mae")
    return f"{sum(number > 0 for number in numbers)} of {len(numbers)}" if row.kind == "gain" else str(len(numbers))


def markdown(rows: Sequence[Row]) -> str:
    """Two tables: accuracies, and gains in MAE with the number of seeds that gained."""
    methods = [
        "Mean and spread (standard deviation) over the seeds of split, start and order; a synthetic scene is made anew "
        "from each seed. MAE and RMSE in NDVI, PSNR in dB.",
        "",
        f"| scene | method | seeds | {' | '.join(metric.upper() for metric in METRICS)} |",
        "|---|---|--:|" + "--:|" * len(METRICS),
    ]
    gains = [
        "What each source is worth in MAE (positive: it pays), paired by seed.",
        "",
        "| scene | added | gain | in % | seeds that gain |",
        "|---|---|--:|--:|--:|",
    ]
    before = {(row.scene, row.name): row.mean("mae") for row in rows if row.kind == "variant"}
    for row in rows:
        if row.kind == "gain":
            share = 100 * row.mean("mae") / before[row.scene, row.name.split(": ")[1].split(" to ")[0]]
            gains.append(f"| {row.scene} | {row.name} | {_text(row, 'mae', sign='+')} | {share:+.0f} | {_seeds(row)} |")
        else:
            numbers = " | ".join(_text(row, metric) for metric in METRICS)
            methods.append(f"| {row.scene} | {row.name} | {len(row.values)} | {numbers} |")
    return "\n".join([*methods, "", *gains, ""])


def _text(row: Row, metric: str, *, sign: str = "") -> str:
    """Mean and, where there is any, spread of a metric; a dash for what is not a number."""
    digits = 2 if metric == "psnr" else 4
    spread = row.spread(metric)
    mean = _number(row.mean(metric), digits, sign)
    return mean if not spread > 0 else f"{mean} ± {_number(spread, digits)}"


def _number(value: float, digits: int = 4, sign: str = "") -> str:
    """A number with so many decimals, a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:{sign}.{digits}f}"
