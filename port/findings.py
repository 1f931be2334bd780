"""A finding is one thing that a band holds and its sensor or unit does not allow, by a stable name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found in which file, or channel; `error` is sure, `warning` may be meant.

    `text` says what was found, what was expected, and what to do.
    """

    id: str
    severity: Severity
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.id}: {self.where} {self.text}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The sure ones."""
    return [finding for finding in findings if finding.severity == "error"]


def warnings(findings: Iterable[Finding]) -> list[Finding]:
    """Those that may be meant."""
    return [finding for finding in findings if finding.severity == "warning"]


def told(findings: Iterable[Finding]) -> list[str]:
    """One sentence for each name: the first finding of it in full, and where else it was found."""
    places: dict[str, list[str]] = {}
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.id, finding)
        places.setdefault(finding.id, []).append(finding.where)
    return [
        f"{finding}" + (f" (also {', '.join(places[name][1:])})" if len(places[name]) > 1 else "")
        for name, finding in first.items()
    ]
