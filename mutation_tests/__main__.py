"""Try the mutants of some modules, or of all; keep what became of them."""

import argparse

from mutation_tests.mutants import Mutant, read, write
from mutation_tests.trial import MODULES, trial


def main() -> None:
    """`python -m mutation_tests [MODULE ...] [--survivors]`."""
    parser = argparse.ArgumentParser(prog="python -m mutation_tests", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all when left out")
    parser.add_argument("--survivors", action="store_true", help="try only those that no test noticed the last time")
    told = parser.parse_args()
    for module in told.modules or MODULES:
        print(f"{module}: {_try(module, told.survivors)} survive", flush=True)


def _try(module: str, survivors: bool) -> int:
    tried = {_key(mutant): mutant for mutant in read(module)} if survivors else {}
    only = {key for key, mutant in tried.items() if mutant.survives} if survivors else None
    for mutant in trial(module, only):
        tried[_key(mutant)] = mutant
        write(module, tried.values())
    return sum(mutant.survives for mutant in tried.values())


def _key(mutant: Mutant) -> tuple[str, int]:
    return f"core/{mutant.operator}", mutant.occurrence


if __name__ == "__main__":
    main()
