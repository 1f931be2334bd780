"""The ledger: every intended difference between a port and its original, each with what proves it.

An entry tells what the original does, what the port does and why, the switch between the two, and the first stage that
shows it with the node the port computes there on its own terms. `parity.ledger_proof` holds two runs of the port to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from parity import ledger_text
from parity.errors import LedgerError

Value = str | int | float | bool
"""What a switch can be set to."""
PLANTED = "planted:"
"""Begins a switch that no user has: its own value is a mistake planted for the proof."""
TRAINING = "training."
"""Begins a field of the manifest's `training` among an entry's changes."""
MANIFEST = "manifest."
"""Begins a field of the manifest among an entry's changes."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One intended difference.

    Attributes:
        id: its name, words joined by hyphens.
        title: what it is about.
        original: what the original does.
        port: what the port does.
        reason: why.
        switch: of the port's recipe, or `planted:NAME`.
        as_original: the switch's value that makes the port do as the original.
        own: the value that makes the port do as it does.
        case: the request that shows the difference.
        stage: the first stage that differs when the port does as it does.
        node: that stage's operation, and what else of it is not the original's: attributes, `inputs`.
        changes: the other stages whose nodes change too (patterns), `training.FIELD` and `manifest.FIELD`.
        differs: the difference at that stage, in a sentence.
        method: the number of the fact it follows from; None where it was found later.
        found: where it was found, for an entry without a number.
        tried: values of the switch that stand for the two where those would run too long.
        contains: stages of which the original's value is the central part of the port's.
        keeps: stages (patterns) that follow from the change and yet are the original's.
        also: what other changed nodes (patterns) have of their own, as `node`; the value of each changed setting.
    """

    id: str
    title: str
    original: str
    port: str
    reason: str
    switch: str
    as_original: Value
    own: Value
    case: str
    stage: str
    node: Mapping[str, Any]
    changes: tuple[str, ...]
    differs: str
    method: int | None = None
    found: str = ""
    tried: Mapping[str, Value] = field(default_factory=dict)
    contains: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    also: Mapping[str, Any] = field(default_factory=dict)

    @property
    def planted(self) -> str | None:
        """The name of the mistake that stands for a switch; None where the port has one."""
        return self.switch.removeprefix(PLANTED) if self.switch.startswith(PLANTED) else None

    @property
    def run_as_original(self) -> Value:
        """The switch's value in the run that does as the original."""
        return self.tried.get("as_original", self.as_original)

    @property
    def run_own(self) -> Value:
        """The switch's value in the run that does as the port."""
        return self.tried.get("own", self.own)

    def names(self, place: str) -> bool:
        """Whether a stage, or a `training.` or `manifest.` field, is among those that the entry says change."""
        return place == self.stage or _matches(place, self.changes)

    def spares(self, stage: str) -> bool:
        """Whether the entry says that a stage, although it follows from the change, is the original's."""
        return _matches(stage, self.keeps)

    def told_of(self, place: str) -> Any:
        """What the entry tells of a changed stage's node, or the value of a changed setting; None where nothing."""
        if place == self.stage:
            return self.node
        return next((told for pattern, told in self.also.items() if fnmatchcase(place, pattern)), None)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True)
class Ledger:
    """The entries, in the order of the file."""

    deviations: tuple[Deviation, ...]

    def __iter__(self) -> Iterator[Deviation]:
        return iter(self.deviations)

    def __getitem__(self, id: str) -> Deviation:
        """The entry of that name (KeyError if there is none)."""
        return {entry.id: entry for entry in self.deviations}[id]

    def of_case(self, case: str) -> list[Deviation]:
        """The entries that a request shows."""
        return [entry for entry in self.deviations if entry.case == case]

    def without_entry(self, recipes: Mapping[str, Mapping[str, Any]], *, original: str) -> list[str]:
        """Each switch of a recipe whose value is not the original's, where no entry has it at that value.

        Args:
            recipes: recipe to switch to value.
            original: the recipe that the others are held against.
        """
        known = {(entry.switch, _told(value)) for entry in self for value in (entry.as_original, entry.own)}
        return [
            f"{recipe}: {switch} is {value!r}, not {recipes[original][switch]!r}, and no entry says why"
            for recipe, switches in recipes.items()
            for switch, value in switches.items()
            if value != recipes[original][switch] and (switch, _told(value)) not in known
        ]

    def without_number(self, numbers: Iterable[int]) -> list[int]:
        """The numbers that no entry follows from."""
        known = {entry.method for entry in self}
        return [number for number in numbers if number not in known]


def _told(value: Any) -> tuple[str, Any]:
    """A value with its kind, so that True is not 1; None, which TOML lacks, is the word."""
    return ("str", "none") if value is None else (type(value).__name__, value)


def read_ledger(path: Path) -> Ledger:
    """Read a ledger: `[[deviation]]` tables with the fields of `Deviation`.

    Raises:
        LedgerError: missing, not TOML, no entry, or an entry with an unknown, missing, empty, doubled or wrong field.
    """
    try:
        content = ledger_text.read(path)
    except (OSError, ValueError) as error:
        raise LedgerError(f"{path} cannot be read as a ledger: {error}; mend it or name another file") from error
    tables = content.pop("deviation", [])
    if content or not isinstance(tables, list) or not tables:
        found = f"{sorted(content)[0]!r}" if content else "no entry"
        raise LedgerError(f"{path} holds {found}; a ledger is a list of [[deviation]] tables and nothing else")
    if not all(isinstance(table, dict) for table in tables):
        raise LedgerError(f"{path}: deviation is a list of other things than tables; write [[deviation]]")
    entries = tuple(_entry(table, f"{path}, entry {number}") for number, table in enumerate(tables, start=1))
    ids = [entry.id for entry in entries]
    doubled = [id for id in ids if ids.count(id) > 1]
    if doubled:
        raise LedgerError(
            f"{path}: the id {doubled[0]!r} stands {ids.count(doubled[0])} times; give each entry its own"
        )
    return Ledger(entries)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "as_original": (str, int, float, bool),
    "own": (str, int, float, bool),
    "node": (dict,),
    "changes": (list,),
    "method": (int,),
    "tried": (dict,),
    "contains": (list,),
    "keeps": (list,),
    "also": (dict,),
}
"""The kinds of the fields that are no text."""


def _entry(table: Mapping[str, Any], where: str) -> Deviation:
    """An entry from its table."""
    where = f"{where} ({table.get('id', 'no id')})"
    known = {one.name: one for one in fields(Deviation)}
    required = [n for n, one in known.items() if one.default is MISSING and one.default_factory is MISSING]
    _refuse(where, "has unknown field", [name for name in table if name not in known], f"known are {', '.join(known)}")
    _refuse(where, "lacks", [name for name in required if name not in table], "no entry does without")
    for name, value in table.items():
        allowed = _TYPES.get(name, (str,))
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed) or value == "":
            kinds = " or ".join(kind.__name__ for kind in allowed)
            raise LedgerError(f"{where}: {name} is {value!r}, expected {kinds}, not empty")
    _check_parts(where, table)
    lists = {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
    return Deviation(**{**table, **lists})


def _check_parts(where: str, table: Mapping[str, Any]) -> None:
    """Raise LedgerError unless the fields fit together."""
    if ("method" in table) is ("found" in table):
        raise LedgerError(f"{where}: needs either method, a number, or found, a text; it has both or neither")
    if set(table["node"]) - {"inputs"} != {"operation", "attributes"} or not _is_node(table["node"]):
        raise LedgerError(f"{where}: node has {sorted(table['node'])}, expected operation and a table of attributes")
    if set(table.get("tried", {})) not in (set(), {"as_original", "own"}):
        raise LedgerError(f"{where}: tried has {sorted(table['tried'])}, expected as_original and own")
    if table["as_original"] == table["own"]:
        raise LedgerError(f"{where}: as_original and own are both {table['own']!r}; a switch has two sides")
    for name in ("changes", "contains", "keeps"):
        if not all(isinstance(place, str) and place for place in table.get(name, [])):
            raise LedgerError(f"{where}: {name} is {table[name]}, expected names of stages")

    for place, told in table.get("also", {}).items():
        if not place.startswith((TRAINING, MANIFEST)) and not _is_node(told):
            raise LedgerError(f"{where}: also tells {told} of {place}, expected operation, inputs or attributes")


def _is_node(told: Any) -> bool:
    """Whether it is part of a node: its operation, inputs or attributes."""
    kinds = {"operation": str, "inputs": list, "attributes": dict}
    return isinstance(told, dict) and all(isinstance(value, kinds.get(name, ())) for name, value in told.items())


def _refuse(where: str, problem: str, names: Sequence[str], advice: str) -> None:
    if names:
        raise LedgerError(f"{where} {problem} {', '.join(names)}; {advice}")
