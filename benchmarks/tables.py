"""The tables of README and case study, made from the measurements: `python -m benchmarks.tables` writes them.

With `--check` it only compares. A table stands between `<!-- table NAME -->` and `<!-- end -->`.
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks import case_study_tables, scale_tables, scene_tables, speed_tables, zoo_tables
from benchmarks.accuracy import METRICS, ROWS
from benchmarks.batching import BATCHINGS
from benchmarks.load import load_table
from gate_tests.chosen import chosen
from gate_tests.claims import claims
from gate_tests.record_files import recorded
from parity.ledger import read_ledger
from parity_tests import paper
from parity_tests.measured import CHECKS
from port.recipes import RECIPES, Recipe

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = (README, *(ROOT / "docs" / f"{name}.md" for name in ("bad-scenes", "case-study", "scale")))
RESULTS = Path(__file__).parent / "results"
LEDGER = ROOT / "parity_tests" / "ledger.toml"
MARK = re.compile(r"(<!-- table (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def accuracy() -> str:
    """MAE of each row of `benchmarks.accuracy` over its seeds: mean, lowest and highest; interpolation beside it."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for entry in json.loads((RESULTS / "accuracy.json").read_text(encoding="utf-8")):
        groups.setdefault((entry["scene"], entry["variant"], entry["run"]), []).append(entry["mae"]["all"])
    lines = [
        "| scene | variant | recipe | seeds | interpolation | MAE | lowest to highest | gain |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for (scene, variant, run), found in groups.items():
        ours, base = ([entry[method] for entry in found] for method in ("prediction", "interpolation"))
        gain = statistics.mean(100 * (1 - o / b) for o, b in zip(ours, base, strict=True))
        lines.append(
            f"| {scene} | {variant} | {run} | {len(found)} | {statistics.mean(base):.4f} | {statistics.mean(ours):.4f} "
            f"| {min(ours):.4f} to {max(ours):.4f} | {gain:+.0f} % |"
        )
    return "\n".join(lines)


def changes() -> str:
    """MAE on the synthetic scene by what happened to the field, over the seeds of the default run."""
    chosen = [
        entry["mae"]
        for entry in json.loads((RESULTS / "accuracy.json").read_text(encoding="utf-8"))
        if (entry["scene"], entry["variant"], entry["run"]) == ("synthetic", "SOPTIIp", "corrected")
    ]
    lines = ["| field | interpolation | SOPTIIp | gain |", "|---|--:|--:|--:|"]
    for kind in ("harvested", "sown", "stable"):
        base, ours = (statistics.mean(entry[kind][m] for entry in chosen) for m in ("interpolation", "prediction"))
        lines.append(f"| {kind} | {base:.3f} | {ours:.3f} | {100 * (1 - ours / base):+.0f} % |")
    return "\n".join(lines)


def leakage() -> str:
    """Losses of the last epoch and the error in the test region by kind of split, over the seeds."""
    entries = json.loads((RESULTS / "leakage.json").read_text(encoding="utf-8"))
    lines = ["| split | seeds | training | validation | test region |", "|---|--:|--:|--:|--:|"]
    for split in ("random", "blocks"):
        found = [entry for entry in entries if entry["split"] == split]
        means = [statistics.mean(entry[of] for entry in found) for of in ("training", "validation", "test")]
        lines.append(f"| {split} | {len(found)} | {' | '.join(f'{mean:.4f}' for mean in means)} |")
    return "\n".join(lines)


def ablation() -> str:
    """MAE of the best baseline and of each variant, and paired gains, a column for each scene: mean and spread.

    A gain on which all seeds agree in sign is bold.
    """
    entries = json.loads((RESULTS / "ablation.json").read_text(encoding="utf-8"))
    scenes: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in entries:
        scenes.setdefault(entry["scene"], {})[entry["name"]] = entry
    lines = [f"| | {' | '.join(scenes)} |", "|---" + "|--:" * len(scenes) + "|"]
    bases = (min(_of("baseline", rows), key=lambda row: statistics.mean(row["mae"])) for rows in scenes.values())
    lines.append("| best baseline | " + " | ".join(f"{_spread(row)} {row['name']}" for row in bases) + " |")
    for name in (row["name"] for kind in ("variant", "gain") for row in _of(kind, next(iter(scenes.values())))):
        lines.append(f"| {name} | {' | '.join(_spread(rows[name]) for rows in scenes.values())} |")
    return "\n".join(lines)


def _of(kind: str, rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a scene that are variants, baselines or gains."""
    return [row for row in rows.values() if row["kind"] == kind]


def _spread(row: dict[str, Any]) -> str:
    """Mean and standard deviation of a row's MAE; a gain with its sign."""
    mean, numbers = statistics.mean(row["mae"]), row["mae"]
    if row["kind"] == "baseline" and len(set(numbers)) == 1:
        return f"{mean:.4f}"
    sign = "+" if row["kind"] == "gain" else ""
    text = f"{mean:{sign}.4f} ± {statistics.stdev(numbers):.4f}"
    agree = all(number > 0 for number in numbers) or all(number < 0 for number in numbers)
    return f"**{text}**" if sign and agree else text


def parity() -> str:
    """What each witness and the port agreed on, and the largest share of a bound."""
    lines = [
        "| witness | cases | tensors | numbers | verdict | largest share, float64 | largest share, float32 |",
        "|---|--:|--:|--:|---|--:|--:|",
    ]
    for path in sorted(RESULTS.glob("parity-*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        shares = [f"{max(found['largest'][dtype].values()):.2g}" for dtype in ("float64", "float32")]
        lines.append(
            f"| {found['witness']} | {found['cases']} | {found['tensors']} | {found['numbers']} | {found['verdict']} "
            f"| {shares[0]} | {shares[1]} |"
        )
    return "\n".join(lines)


def gate() -> str:
    """What `tox -e gate` holds the port to, and what it does not, with the reason."""
    numbers = paper.numbers(CHECKS)
    lines = ["| what | gated | not gated | because |", "|---|--:|--:|---|"]
    lines.append(f"| numbers of the paper and its program | {sum(number.gated for number in numbers)} | | |")
    for reason in dict.fromkeys(number.reason for number in numbers if not number.gated):
        found = [number.id.split(".")[0] for number in numbers if number.reason == reason]
        lines.append(f"| {', '.join(dict.fromkeys(found))} | | {len(found)} | {reason} |")
    for claim in claims():
        baselines = recorded(claim.row).baselines
        pairs = {(m, over): claim.reason(m, over) for m in claim.metrics for over in baselines}
        exempt = [f"{metric}, {over}: {reason}" for (metric, over), reason in pairs.items() if reason]
        counts = f"{len(pairs) - len(exempt)} | {len(exempt) or ''}"
        lines.append(f"| gain over a baseline, {claim.name} | {counts} | {'; '.join(exempt)} |".replace("  ", " "))
    again = {f"{row.scene} {row.variant} {row.name}" for row in chosen()}
    lines += [f"| recorded accuracy, {name} | {len(METRICS)} | | |" for name in sorted(again)]
    left = sum(f"{row.scene} {row.variant} {row.name}" not in again for row in ROWS)
    lines.append(f"| recorded accuracy, the other rows | | {left} | not trained again: it would take too long |")
    return "\n".join(lines)


def recipes() -> str:
    """Every switch of every recipe that is not the same in all."""
    names = list(RECIPES)
    lines = [f"| switch | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for field in fields(Recipe):
        values = [getattr(RECIPES[name], field.name) for name in names]
        if field.name != "name" and len(set(values)) > 1:
            lines.append(f"| `{field.name}` | {' | '.join(map(str, values))} |")
    return "\n".join(lines)


def ledger() -> str:
    """Every entry of the ledger: what either does and why, the switch between them, the first stage that shows it."""
    lines = ["| what | original | port | why | switch: as the original, own | first seen at |", "|---" * 6 + "|"]
    for entry in read_ledger(LEDGER):
        switch = f"`{entry.switch}`: {entry.as_original}, {entry.own}"
        cells = (entry.title, entry.original, entry.port, entry.reason, switch, f"`{entry.stage}`")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def batching() -> str:
    """MAE of training by patches and by blocks, of the same batch size: mean and spread over the seeds."""
    entries = json.loads((RESULTS / "batching.json").read_text(encoding="utf-8"))
    lines = [
        f"| scene | variant | batch | seeds | interpolation | {' | '.join(f'by {kind}' for kind in BATCHINGS)} |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for key in dict.fromkeys((entry["scene"], entry["variant"], entry["batch_size"]) for entry in entries):
        found = [entry for entry in entries if (entry["scene"], entry["variant"], entry["batch_size"]) == key]
        base = statistics.mean(entry["interpolation"] for entry in found)
        errors = [[entry["mae"] for entry in found if entry["batching"] == kind] for kind in BATCHINGS]
        cells = [f"{statistics.mean(error):.4f} ± {statistics.stdev(error):.4f}" for error in errors]
        lines.append(f"| {' | '.join(map(str, key))} | {len(errors[1])} | {base:.4f} | {' | '.join(cells)} |")
    return "\n".join(lines)


_MAKERS = (ablation, accuracy, batching, changes, gate, leakage, ledger, parity, recipes)
TABLES: Mapping[str, Callable[[], str]] = {
    **{table.__name__: table for table in _MAKERS},
    "load": load_table,
    **case_study_tables.TABLES,
    **scale_tables.TABLES,
    **scene_tables.TABLES,
    **speed_tables.TABLES,
    **zoo_tables.TABLES,
}


def updated(text: str) -> str:
    """The text with every table made anew.

    Raises:
        KeyError: a table nobody makes.
    """
    return MARK.sub(lambda match: f"{match[1]}{TABLES[match['name']]()}\n{match[3]}", text)


def main() -> int:
    """Write the tables, or with --check say whether they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a table is out of date")
    check = parser.parse_args().check
    stale = 0
    for document in DOCUMENTS:
        before = document.read_text(encoding="utf-8")
        after = updated(before)
        stale |= before != after
        if not check:
            document.write_text(after, encoding="utf-8")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
