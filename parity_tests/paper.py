"""A number of the paper is a value with its source, and is gated by asking the port for its own, or says why it is not.

`paper.toml` holds them all; this reads it, refuses what is incomplete, and compares.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from port.errors import RegionError
from port.regions import Region

PAPER = Path(__file__).with_name("paper.toml")
EXACT = "exact"
STATUSES = ("gated", "not-gated")
TRIPLES = (1, 2, 3, 4, 5)
"""The first dates of the paper's five triples."""
_ALWAYS = frozenset({"source", "status"})
_FIELDS = {
    "gated": _ALWAYS | {"check", "tolerance"},
    "not-gated": _ALWAYS | {"reason"},
}
"""What an entry must have, beside value or values; `tolerance_why` goes with a tolerance that is a number."""
_CELLS = frozenset({"methods", "metrics", "source", "reason", "check", "known"})
_KNOWN = frozenset({"value", "tolerance", "tolerance_why", "source"})

Check = Callable[..., Any]


class PaperError(Exception):
    """An entry that cannot be used, or a port that gives another number: what, where, both values, what to do."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number: gated where it has a check, not gated where it has a reason; `key` is what its check is asked for."""

    id: str
    value: Any
    source: str
    check: str = ""
    tolerance: float = 0.0  # 0 is exact
    reason: str = ""
    key: Any = None

    @property
    def gated(self) -> bool:
        """Whether the port is asked for it."""
        return not self.reason


@dataclass(frozen=True)
class Cell:
    """What a filled-in cell of the accuracy tables asks for: a method's metric, the mean over triples' first dates."""

    method: str
    metric: str
    triples: tuple[int, ...]


@dataclass(frozen=True)
class PaperScene:
    """The geometry of the authors' scene: (rows, columns), and the region kept for testing."""

    shape_px: tuple[int, int]
    test_region: Region


def read(path: Path = PAPER) -> dict[str, Any]:
    """The file's tables.

    Raises:
        PaperError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PaperError(f"{path} cannot be read: {error}; restore it") from error


def scene(path: Path = PAPER) -> PaperScene:
    """The geometry that counts of patches and predicted pixels follow from.

    Raises:
        PaperError: [scene] is not of the form shape_px = [rows, columns], test_region = "R0:R1,C0:C1".
    """
    found = read(path).get("scene", {})
    try:
        rows, cols = found["shape_px"]
        return PaperScene((rows, cols), Region.parse(found["test_region"]))
    except (KeyError, TypeError, ValueError, RegionError) as error:
        raise PaperError(f"{path} [scene] is {found}, expected shape_px and test_region: {error}") from error


def numbers(checks: Mapping[str, Check], path: Path = PAPER) -> list[Number]:
    """Every number, one for each key of a family and each cell of the tables.

    Raises:
        PaperError: an entry lacks a field or has one too many, or names a check that is not among these.
    """
    tables = read(path)
    found = [number for name, entry in tables["number"].items() for number in _of_entry(name, entry)]
    found += _of_cells(tables["cells"])
    for number in found:
        if number.gated and number.check not in checks:
            raise PaperError(
                f"{number.id} names the check {number.check!r}, which does not exist; write it in "
                f"parity_tests/measured or name one of {', '.join(sorted(checks))}"
            )
    return found


def judge(number: Number, checks: Mapping[str, Check]) -> Any:
    """Ask the port for a gated number, and give what it says.

    Raises:
        PaperError: the port gives another number.
    """
    check = checks[number.check]
    actual = check() if number.key is None else check(number.key)
    if not equal(expected=number.value, actual=actual, tolerance=number.tolerance):
        allowed = "exactly" if number.tolerance == 0 else f"within {number.tolerance:g}"
        raise PaperError(
            f"{number.id}: the paper has {number.value} ({number.source}), the port {actual}, to be equal {allowed}; "
            f"measured by {number.check}: mend the port, or paper.toml where its source says otherwise"
        )
    return actual


def equal(*, expected: Any, actual: Any, tolerance: float) -> bool:
    """Whether two numbers, words or nested lists of them are of one form, and all numbers within the tolerance."""
    if isinstance(expected, list) or isinstance(actual, list):
        return (
            isinstance(expected, list)
            and isinstance(actual, list)
            and len(expected) == len(actual)
            and all(equal(expected=e, actual=a, tolerance=tolerance) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, str) or isinstance(actual, str):
        return bool(expected == actual)
    return bool(abs(actual - expected) <= tolerance)


def _of_entry(name: str, entry: Mapping[str, Any]) -> Iterator[Number]:
    """The numbers of [number.NAME]."""
    status = entry.get("status")
    if status not in STATUSES:
        raise PaperError(f"{name} has status {status!r}; choose {' or '.join(STATUSES)}")
    family = "values" in entry
    wanted = _FIELDS[status] | {"values" if family else "value"}
    if "tolerance" in entry and entry["tolerance"] != EXACT:
        wanted |= {"tolerance_why"}
    _check_fields(f"{name} ({status})", entry, wanted)
    common = {field: entry[field] for field in ("source", "check", "reason") if field in entry}
    common["tolerance"] = _tolerance(name, entry.get("tolerance", EXACT))
    if not family:
        yield Number(id=name, value=entry["value"], **common)
        return
    for key, value in entry["values"].items():
        yield Number(id=f"{name}.{key}", value=value, key=key, **common)


def _of_cells(table: Mapping[str, Any]) -> Iterator[Number]:
    """One number for each method and metric: gated where [cells.known] has it."""
    _check_fields("cells", table, _CELLS)
    known = {f"{method}.{metric}": cell for method, row in table["known"].items() for metric, cell in row.items()}
    for method in table["methods"]:
        for metric in table["metrics"]:
            cell = known.pop(f"{method}.{metric}", None)
            yield _of_cell(method, metric, table, cell)
    if known:
        raise PaperError(f"cells.known has {', '.join(known)}, which no method and metric of [cells] names; correct it")


def _of_cell(method: str, metric: str, table: Mapping[str, Any], cell: Mapping[str, Any] | None) -> Number:
    """A cell that is not known is not gated; a known one is."""
    name = f"cells.{method}.{metric}"
    if cell is None:
        return Number(id=name, value="not at hand", source=table["source"], reason=table["reason"])
    _check_fields(name, {field: value for field, value in cell.items() if field != "triples"}, _KNOWN)
    triples = tuple(cell.get("triples", TRIPLES))
    if not triples or not set(triples) <= set(TRIPLES):
        raise PaperError(
            f"{name} has triples {list(triples)}; choose some of {list(TRIPLES)}, or leave them out for all"
        )
    return Number(
        id=name,
        value=cell["value"],
        source=cell["source"],
        check=table["check"],
        tolerance=_tolerance(name, cell["tolerance"]),
        key=Cell(method, metric, triples),
    )


def _tolerance(name: str, given: Any) -> float:
    """0 for "exact"; else the number, which must be above 0."""
    if given == EXACT:
        return 0.0
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
        raise PaperError(f"{name} has tolerance {given!r}; give {EXACT!r}, or a number above 0 with tolerance_why")
    return float(given)


def _check_fields(name: str, entry: Mapping[str, Any], wanted: frozenset[str]) -> None:
    """Raise PaperError unless the entry has just these fields, none of them empty."""
    missing = sorted(wanted - set(entry)) + sorted(f for f in wanted & set(entry) if entry[f] == "")
    unknown = sorted(set(entry) - wanted)
    if missing or unknown:
        raise PaperError(
            f"{name} lacks {', '.join(missing) or 'nothing'} and has {', '.join(unknown) or 'nothing'} too many; "
            f"expected {', '.join(sorted(wanted))}"
        )
