"""Nothing that is read can run: no pickle, no text executed, told by reading the source of every room.

Beside each rule stands a test that it can fail.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("port", "parity", "legacy", "parity_tests", "benchmarks", "gate_tests", "fuzz_tests", "browser_tests",
         "mutation_tests", "tests", "examples", "docs")  # fmt: skip
MODULES = frozenset(
    {"pickle", "cPickle", "_pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal", "yaml", "tarfile"}
)
"""Not to be imported: they run what they read, or, the last, write to where an archive says."""
CALLS = frozenset({"eval", "exec", "compile"})
METHODS = frozenset({"extract", "extractall", "unpack_archive", "read_pickle", "loads_pickle", "load_pickle"})
PROGRAMS = {("legacy/observe.py", "exec"), ("legacy/observe.py", "compile"), ("port/engines.py", "compile")}
"""What is meant: an original is a program that its user names; `torch.compile` takes no text."""
NUMPY = frozenset({"np", "numpy"})


def findings(tree: ast.AST) -> Iterator[str]:
    """What in a source could run what it reads."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"imports {each.name}" for each in names if each.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                yield f"imports {module}"
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield f"calls {name}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="load"), keywords=given) if owner in NUMPY:
                if not _says(given, "allow_pickle", False):
                    yield "calls np.load without allow_pickle=False"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load"), keywords=given):
                if not _says(given, "weights_only", True):
                    yield "calls torch.load without weights_only=True"
            case ast.Call(func=ast.Attribute(attr="read_array"), keywords=given):
                if not _says(given, "allow_pickle", False):
                    yield "calls read_array without allow_pickle=False"
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS:
                yield f"calls {name}"


def _says(given: list[ast.keyword], name: str, value: bool) -> bool:
    """Whether an argument is that very constant."""
    return any(
        each.arg == name and isinstance(each.value, ast.Constant) and each.value.value is value for each in given
    )


def sources() -> Mapping[str, str]:
    """The text of every file of every room, by its path."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_nothing_runs_what_it_reads() -> None:
    """In no room, tests and benchmarks too, but where a program of the user's own is meant."""
    found = {(path, each) for path, text in sources().items() for each in findings(ast.parse(text))}
    meant = {(path, f"calls {call}") for path, call in PROGRAMS}
    assert sorted(found - meant) == []
    assert len(sources()) > 200


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import os, yaml", "np.load(path)", "numpy.load(path, 'r')",
        "np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=given)", "torch.load(path)",
        "torch.load(path, weights_only=False)", "eval(text)", "exec(compile(text, 'x', 'exec'))",
        "np.lib.format.read_array(file, allow_pickle=True)", "archive.extractall(folder)", "archive.extract('a', '/')",
    ],
)  # fmt: skip
def test_each_is_found(source: str) -> None:
    """The rule above can fail."""
    assert list(findings(ast.parse(source)))


def test_what_is_right_is_not_found() -> None:
    """And it can hold."""
    right = "np.load(path, allow_pickle=False); torch.load(path, weights_only=True); model.eval(); json.load(file)"
    assert list(findings(ast.parse(right))) == []
