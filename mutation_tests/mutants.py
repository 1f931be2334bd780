"""A mutant: one place of one module spoilt, and the test that noticed; the committed files that hold them."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
UNTRIED = "untried"


@dataclass(frozen=True)
class Mutant:
    """One mutant and what became of it.

    Attributes:
        module: of `parity`.
        line: where it is.
        function: what it is in; empty at the top of the module.
        operator: what was done.
        occurrence: the how-manieth such place of the module.
        noticed: the first test that fails, "import", "timeout" or "untried"; empty where it survives.
        before: the line as it is.
        after: the line as it was spoilt.
    """

    module: str
    line: int
    function: str
    operator: str
    occurrence: int
    noticed: str
    before: str
    after: str

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from the module's other mutants."""
        return self.operator, self.occurrence

    @property
    def survives(self) -> bool:
        """Whether no test noticed."""
        return not self.noticed


def source(module: str) -> Path:
    """The file of a module of the judge."""
    return HERE.parent / "parity" / f"{module}.py"


def read(module: str) -> list[Mutant]:
    """The committed results of a module; none where it was not tried."""
    path = RESULTS / f"{module}.tsv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return [Mutant(m, int(line), f, o, int(at), n, b, a) for m, line, f, o, at, n, b, a in rows]


def write(module: str, mutants: Iterable[Mutant]) -> None:
    """Keep them, by line."""
    ordered = sorted(mutants, key=lambda each: (each.line, each.operator, each.occurrence))
    with (RESULTS / f"{module}.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(field.name for field in fields(Mutant))
        writer.writerows(map(astuple, ordered))


def remembered(mutants: Iterable[Mutant], earlier: Iterable[Mutant]) -> Iterator[Mutant]:
    """Each with what noticed the same mutant earlier, wherever it stands now; as it is where there was none.

    A mutant is the same if its function, its line and what became of it are; of several alike, in their order.
    """
    known: dict[tuple[str, ...], deque[str]] = {}
    for mutant in earlier:
        known.setdefault(_place(mutant), deque()).append(mutant.noticed)
    for mutant in mutants:
        noticed = known.get(_place(mutant))
        yield replace(mutant, noticed=noticed.popleft()) if noticed else mutant


def _place(mutant: Mutant) -> tuple[str, ...]:
    return mutant.function, mutant.operator, mutant.before, mutant.after
