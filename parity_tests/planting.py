"""A port with a mistake of the zoo, recorded in a process of the product's; the mistake is undone in the end."""

from contextlib import nullcontext
from pathlib import Path

from parity_tests.mutation import Mutation
from parity_tests.zoo import ZOO
from port.record import record


def mutation_of(name: str) -> Mutation:
    """The mistake of that name."""
    return next(mutation for mutation in ZOO if mutation.id == name)


def record_planted(mistake: str, request: Path, trace: Path, teacher: Path) -> None:
    """Record the port with a mistake; with none for an empty name."""
    with mutation_of(mistake).plant() if mistake else nullcontext():
        record(request, trace, teacher)
