"""Try the mutants of some modules, or of all; keep what became of them, and write the page about them."""

import argparse

from mutation_tests.mutants import UNTRIED, Mutant, read, remembered, write
from mutation_tests.page import PAGE, page
from mutation_tests.trial import MODULES, mutants, trial


def main() -> None:
    """`python -m mutation_tests [MODULE ...] [--survivors | --rest | --page]`."""
    parser = argparse.ArgumentParser(prog="python -m mutation_tests", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all when left out")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--survivors", action="store_true", help="try only those that no test noticed the last time")
    which.add_argument("--rest", action="store_true", help="try only those that were never tried")
    which.add_argument("--page", action="store_true", help="try none: only write the page")
    told = parser.parse_args()
    for module in () if told.page else told.modules or MODULES:
        again = "" if told.survivors else UNTRIED if told.rest else None
        print(f"{module}: {_try(module, again)} survive", flush=True)
    PAGE.write_text(page(), encoding="utf-8")


def _try(module: str, again: str | None) -> int:
    """Try the mutants of which that was noticed the last time, or all; how many survive."""
    found: dict[tuple[str, int], Mutant] = {one.key: one for one in mutants(module)}
    if again is not None:
        found = {one.key: one for one in remembered(found.values(), read(module))}
    only = {key for key, mutant in found.items() if again is None or mutant.noticed == again}
    for mutant in trial(module, only):
        found[mutant.key] = mutant
        write(module, found.values())
    return sum(mutant.survives for mutant in found.values())


if __name__ == "__main__":
    main()
