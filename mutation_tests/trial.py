"""Every mutant of one module, and whether a test notices it; the module is spoilt in a copy, never here."""

import multiprocessing
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import chdir
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import beartype  # noqa: F401
import hypothesis  # noqa: F401
import jaxtyping  # noqa: F401
import numpy as np  # noqa: F401
import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec

from mutation_tests.mutants import HERE, UNTRIED, Mutant

SETTINGS = tomllib.loads((HERE / "modules.toml").read_text(encoding="utf-8"))
MODULES: dict[str, list[str]] = SETTINGS["tests"]
TIMEOUT_S = 120.0
"""After so long a test that never ends has noticed too: the slowest sound run takes a tenth of it."""
PYTEST = "-q -x --tb=no --assert=plain -p no:cacheprovider --hypothesis-profile=ci --confcutdir=tests/parity"
"""Stops at the first test that notices; leaves out the fixtures of the port, which cost seconds of import."""
FORK = multiprocessing.get_context("fork")
"""Each run is a child of this process, which has imported all that is foreign, and nothing of the judge."""


class TrialError(RuntimeError):
    """The tests fail without any mutant, so that they would notice whatever they are given."""


def trial(module: str, only: Collection[tuple[str, int]]) -> Iterator[Mutant]:
    """The mutants of `parity/MODULE.py`, as they are tried.

    Args:
        module: its name, one of `modules.toml`.
        only: operator and occurrence of those to try.

    Raises:
        TrialError: the tests fail on the module as it is.
    """
    with TemporaryDirectory() as name, chdir(_copy(Path(name))):
        tests = [f"tests/parity/{test}" for test in MODULES[module]]
        if noticed := _noticed(tests):
            raise TrialError(f"{module}: without any mutant {noticed} fails: {Path('log').read_text(encoding='utf-8')}")
        for spec in _specs(Path("parity") / f"{module}.py"):
            if (_operator(spec), spec.occurrence) in only:
                yield _mutant(module, spec, partial(_noticed, tests, keep_bytecode=False))


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module, untried."""
    with TemporaryDirectory() as name, chdir(_copy(Path(name))):
        return [_mutant(module, spec) for spec in _specs(Path("parity") / f"{module}.py")]


def _mutant(module: str, spec: MutationSpec, test: Callable[[], str] = lambda: UNTRIED) -> Mutant:
    """A mutant, and what a test says while it stands in the module's place."""
    for cached in Path("parity").rglob(f"{module}.*.pyc"):
        cached.unlink()  # a mutant of the same second and size would pass for it
    with use_mutation(spec.module_path, get_operator(spec.operator_name)(), spec.occurrence) as (sound, spoilt):
        noticed = test()
    lines = [code.splitlines() for code in (sound, spoilt or sound)]
    apart = ((one.strip(), other.strip()) for one, other in zip(*lines, strict=False) if one != other)
    where = (module, spec.start_pos[0], spec.definition_name or "", _operator(spec), spec.occurrence)
    return Mutant(*where, noticed, *next(apart, ("", "")))


def _operator(spec: MutationSpec) -> str:
    return spec.operator_name.removeprefix("core/")


def _copy(folder: Path) -> Path:
    root = HERE.parent
    shutil.copy(root / "pyproject.toml", folder)
    for room in ("parity", "tests/parity"):
        shutil.copytree(root / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _specs(path: Path) -> list[MutationSpec]:
    left_out = re.compile("|".join(SETTINGS["leave_out"]))
    with use_db("mutants.sqlite") as work:
        init([path], work, {})
        specs = [spec for item in work.work_items for spec in item.mutations]
    kept = [spec for spec in specs if not left_out.fullmatch(spec.operator_name)]
    return sorted(kept, key=lambda spec: (spec.start_pos, spec.operator_name, spec.occurrence))


def _noticed(tests: list[str], *, keep_bytecode: bool = True) -> str:
    """The first test that fails; "import" where none could be collected, "timeout" where none ended; else nothing."""
    log = Path("log").resolve()
    child = FORK.Process(target=_test, args=(tests, log, keep_bytecode))
    child.start()
    child.join(TIMEOUT_S)
    if child.is_alive():
        child.kill()
        child.join()
        return "timeout"
    if child.exitcode == 0:
        return ""
    found = re.search(
        r"^(?:FAILED|ERROR) tests/parity/(\S+?)(?:\[|\s|$)", log.read_text(encoding="utf-8"), re.MULTILINE
    )
    return found[1] if found and "::" in found[1] else "import"


def _test(tests: list[str], log: Path, keep_bytecode: bool) -> None:
    """In a child: the tests of the copy that it stands in."""
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.dont_write_bytecode = not keep_bytecode
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(int(pytest.main([*PYTEST.split(), *tests])))
