"""The tables of the zoo: which wrong ports were caught, where and by what name, and the smallest doses."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "zoo.json"
OURS = "more"


def _found() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return told


def zoo() -> str:
    """For each published mistake its wrong ports: where they are blamed, how many, and how many are named."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for mutation in _found()["mutations"]:
        for row in mutation["rows"] or [OURS]:
            rows.setdefault(row, []).append(mutation)
    lines = ["| | wrong ports | blamed at | caught | at the right stage | named |", "|---|---|---|--:|--:|--:|"]
    lines += [_row(name, rows[name]) for name in sorted(rows, key=lambda name: (name == OURS, name))]
    every = _found()["mutations"]
    return "\n".join([*lines, f"| all | | | {_counts(every)} |"])


def _row(name: str, mutations: Sequence[Mapping[str, Any]]) -> str:
    titles = "; ".join(mutation["title"].rstrip(".") for mutation in mutations)
    stages = list(dict.fromkeys(mutation["stage"] for mutation in mutations))
    shown = f"{len(stages)} stages" if name == OURS else ", ".join(f"`{stage}`" for stage in stages)
    return f"| {name} | {titles} | {shown} | {_counts(mutations)} |"


def _counts(mutations: Sequence[Mapping[str, Any]]) -> str:
    """Caught, at the right stage, and named of those whose name is known; each of how many."""
    known = [mutation for mutation in mutations if mutation["known"]]
    caught, right = (sum(mutation[what] for mutation in mutations) for what in ("caught", "right_stage"))
    named = f"{sum(mutation['diagnosed'] for mutation in known)} of {len(known)}" if known else ""
    return f"{caught} of {len(mutations)} | {right} | {named}"


def zoo_score() -> str:
    """The zoo's score, the score of the unseen, and the false alarms."""
    found = _found()
    lines = [
        "| | tried | caught | at the right stage | named | for certain | misnamed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    score, unseen, pairs, sound = (found[part] for part in ("score", "unseen_score", "pairs", "sound"))
    lines.append(
        f"| the zoo | {score['mutations']} | {score['caught']} | {score['right_stage']} "
        f"| {score['diagnosed']} of {score['known']} | {score['certain']} | {score['misnamed']} |"
    )
    named, misnamed = (sum(pair[what] for pair in pairs) for what in ("diagnosed", "misnamed"))
    lines.append(f"| random pairs | {len(pairs)} | | | {named} of {len(pairs)} | | {misnamed} |")
    counts = " | ".join(str(unseen[what]) for what in ("mutations", "caught", "right_stage"))
    lines.append(f"| unseen | {counts} | | {unseen['certain']} | |")
    ways = len(sound["equivalent"])
    lines.append(f"| sound ports | {sound['comparisons']}, and {ways} in other ways | {sound['alarms']} | | | | |")
    return "\n".join(lines)


def unseen() -> str:
    """Each mistake that the judge had not seen: where it is blamed, and what the diagnosis says of it."""
    lines = ["| mistake | blamed at | what the diagnosis says |", "|---|---|---|"]
    for one in _found()["unseen"]:
        stage = f"`{one['stage']}`" if one["caught"] else "**survived**"
        certain = " (certain)" if one["certain"] else ""
        lines.append(f"| {one['title']} | {stage} | {'; or '.join(one['names']) or 'unknown'}{certain} |")
    return "\n".join(lines)


def doses() -> str:
    """Of each graded mistake the smallest dose caught in either dtype, and in brackets the largest missed."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for dose in _found()["doses"]:
        found.setdefault(dose["id"], {})[dose["dtype"]] = dose
    lines = ["| mistake | part | float64 | first seen at | float32 | first seen at |", "|---|---|--:|---|--:|---|"]
    for by_dtype in found.values():
        cells = " | ".join(_dose(by_dtype[dtype]) for dtype in ("float64", "float32"))
        one = by_dtype["float64"]
        lines.append(f"| {one['title']} | {one['unit']} | {cells} |")
    return "\n".join(lines)


def _dose(found: Mapping[str, Any]) -> str:
    smallest, missed = (found[name] for name in ("smallest_caught", "largest_missed"))
    if smallest is None:
        return f"none up to {missed:.2g} | "
    return f"{smallest:.2g} ({'none' if missed is None else f'{missed:.2g}'}) | `{found['stage']}`"


TABLES: Mapping[str, Callable[[], str]] = {"zoo": zoo, "zoo-score": zoo_score, "unseen": unseen, "doses": doses}
