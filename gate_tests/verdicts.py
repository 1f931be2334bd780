"""A verdict is a line of the gate's table: what was asked, what was expected, what the port said, and how it ended."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HELD, FAILED, NOT_GATED = "held", "FAILED", "not gated"
COLUMNS = ("", "what", "expected", "the port", "why so")
_WIDEST = 36  # characters of a value


@dataclass
class Line:
    """One line; `why` is a source or a reason."""

    what: str
    expected: Any
    why: str
    actual: Any = ""
    verdict: str = FAILED


class Verdicts:
    """All lines of a session, in order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    @contextmanager
    def gated(self, what: str, expected: Any, why: str) -> Iterator[Line]:
        """A line that holds unless what is done under it raises."""
        line = Line(what, expected, why)
        self.lines.append(line)
        yield line
        line.verdict = HELD

    def not_gated(self, what: str, expected: Any, why: str, actual: Any = "") -> None:
        """A line that nothing hangs on."""
        self.lines.append(Line(what, expected, why, actual, NOT_GATED))

    def count(self, verdict: str) -> int:
        """The lines that ended so."""
        return sum(line.verdict == verdict for line in self.lines)

    def closing(self, asked: int, errors: int = 0) -> str:
        """One sentence: how many were to be gated, and how they ended; `errors` are those outside of all lines."""
        failed = self.count(FAILED)
        without = asked - self.count(HELD) - failed
        found = {"FAILED": failed, "WITHOUT A VERDICT": without, "ERRORS": errors}
        amiss = ", ".join(f"{number} {what}" for what, number in found.items() if number)
        ending = amiss or ("all hold" if asked else "nothing was held")
        return f"gate: {asked} gated, {ending}; {self.count(NOT_GATED)} not gated, each with its reason"


def write_json(path: Path, verdicts: Verdicts) -> None:
    """Write every line, and how many ended how, for the report's page."""
    counts = {"held": HELD, "failed": FAILED, "not_gated": NOT_GATED}
    rows = [
        {"id": line.what, "value": _word(line.expected), "measured": _word(line.actual), "verdict": line.verdict}
        for line in verdicts.lines
    ]
    content = {**{name: verdicts.count(verdict) for name, verdict in counts.items()}, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def table(lines: Iterable[Line]) -> list[str]:
    """The lines as aligned text, families and cells of one ending in one; what failed first, what is not gated last."""
    order = (FAILED, HELD, NOT_GATED)
    told = sorted(_families(lines), key=lambda row: order.index(row[0]))
    rows = [COLUMNS, *told]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def _families(lines: Iterable[Line]) -> list[tuple[str, ...]]:
    """One row for all lines of one verdict, name before the last dot, and reason."""
    families: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        families.setdefault((line.verdict, line.what.split(".")[0], line.why), []).append(line)
    return [_row(verdict, name, why, found) for (verdict, name, why), found in families.items()]


def _row(verdict: str, name: str, why: str, found: Sequence[Line]) -> tuple[str, ...]:
    """The cells of a family's row: its numbers joined, cut where they are too long."""
    what = found[0].what if len(found) == 1 else f"{name} ({len(found)})"
    return (verdict, what, *(_joined(getattr(line, of) for line in found) for of in ("expected", "actual")), why)


def _joined(values: Iterable[Any]) -> str:
    """Values in a row, one where all are the same."""
    words = list(dict.fromkeys(_word(value) for value in values))
    return _cut(" ".join(words))


def _word(value: Any) -> str:
    """A number with the digits it needs."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    """Text no longer than a column."""
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
