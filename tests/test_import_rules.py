"""The rooms keep apart: what each may import, told by reading its source, and by loading it in a fresh interpreter.

Beside each rule stands a test that the rule can fail.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN: Mapping[str, frozenset[str]] = {
    "parity": frozenset({"torch", "theano", "lasagne", "port", "legacy", "parity_tests"}),
    "port": frozenset({"theano", "lasagne", "legacy", "parity_tests"}),
    "legacy": frozenset({"torch", "port", "parity", "parity_tests"}),
    "tests/parity": frozenset({"torch", "theano", "lasagne", "port", "legacy", "parity_tests"}),
}
"""What no file of a room may import."""
JUDGES_FORMAT = {
    "record",
    "requested",
    "recording",
    "data_path_recording",
    "scene_recording",
    "layer_recording",
    "step_recording",
    "prediction_recording",
    "tape",
}
"""The files of the port that write its trace, and so know the judge's format."""
DASK = frozenset({"dask", "distributed"})
ROOMS = pytest.mark.parametrize("room", FORBIDDEN)
Sources = Mapping[str, str]


def sources(room: str) -> Sources:
    """The text of each file of a room, by its name without `.py`."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / room).glob("*.py"))}
    assert found, f"no Python file in {ROOT / room}"
    return found


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Every module that is imported below a node, in functions too, by statement or by name at run time."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join(part for part in (package if level else "", module) if part)
                yield from (base, *(f"{base}.{alias.name}" for alias in names))
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def violations(files: Sources, package: str, forbidden: frozenset[str]) -> list[str]:
    """`file imports module`, for each that is forbidden, or lies in a package that is."""
    return [
        f"{file} imports {module}"
        for file, text in files.items()
        for module in imports(ast.parse(text), package)
        if module.split(".")[0] in forbidden
    ]


def cycle(files: Sources, package: str) -> list[str]:
    """The files of a room that import each other in a circle; empty when there is none."""
    known = {f"{package}.{file}": file for file in files}
    edges = {file: {known.get(name) for name in imports(ast.parse(text), package)} for file, text in files.items()}
    try:
        TopologicalSorter({file: found - {None} for file, found in edges.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def at_the_top(text: str) -> list[str]:
    """Modules imported when the file is, outside any function."""
    body = [node for node in ast.parse(text).body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for node in body for name in imports(node, "")]


def loaded(module: str, folder: Path = ROOT) -> set[str]:
    """The top-level packages that importing a module loads, in a fresh interpreter."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=300)
    return {name.split(".")[0] for name in done.stdout.split()}


@ROOMS
def test_room_imports_nothing_forbidden(room: str) -> None:
    """Neither at the top of a file nor in a function, neither by statement nor by name."""
    assert violations(sources(room), room, FORBIDDEN[room]) == []


@ROOMS
@pytest.mark.parametrize(
    "text",
    [
        "import {0}",
        "import os, {0}.x as y",
        "from {0} import x",
        "from {0}.x import y",
        "def late():\n    import {0}",
        "if False:\n    from {0} import x",
        "import importlib\nimportlib.import_module('{0}.x')",
        "from importlib import import_module\nimport_module('{0}')",
        "__import__('{0}')",
    ],
    ids=["import", "second", "from", "submodule", "function", "branch", "importlib", "import_module", "__import__"],
)
def test_forbidden_import_is_seen(room: str, text: str) -> None:
    """Each way to import each forbidden package is a violation."""
    for package in FORBIDDEN[room]:
        assert violations({"wrong": text.format(package)}, room, FORBIDDEN[room])


@pytest.mark.parametrize(
    "text", ["import numpy", "from parity import trace", "from . import port", "torch = 'import torch'"]
)
def test_allowed_import_is_no_violation(text: str) -> None:
    """Other packages, the room itself and a mere word are not."""
    assert violations({"right": text}, "parity", FORBIDDEN["parity"]) == []


def test_only_the_recording_knows_the_judge() -> None:
    """Of the port only what writes its trace imports `parity`; a user's command never does."""
    found = violations(sources("port"), "port", frozenset({"parity"}))
    assert {line.split()[0] for line in found} <= JUDGES_FORMAT


def test_port_that_knows_the_judge_is_seen() -> None:
    """The network importing the judge would be a violation."""
    assert violations({"network": "from parity.trace import Record"}, "port", frozenset({"parity"})) == [
        "network imports parity.trace",
        "network imports parity.trace.Record",
    ]


def test_recording_is_imported_by_its_command_only() -> None:
    """No file of the port but the recording's own imports it at the top; the command does in a function."""
    names = {f"port.{name}" for name in JUDGES_FORMAT}
    others = {file: text for file, text in sources("port").items() if file not in JUDGES_FORMAT}
    assert {file for file, text in others.items() if names & {*imports(ast.parse(text), "port")}} == {"file_commands"}
    assert not names & {*at_the_top(others["file_commands"])}


@pytest.mark.parametrize(
    "text", ["from port.record import record_all", "from port import record", "if True:\n    import port.record"]
)
def test_recording_imported_at_the_top_is_seen(text: str) -> None:
    """Outside a function it would be loaded with every command."""
    assert "port.record" in at_the_top(text)


def test_recording_imported_in_a_function_is_not_at_the_top() -> None:
    """Within a function it is loaded when that runs."""
    assert at_the_top("def command():\n    from port.record import record_all") == []


def test_only_a_cluster_s_worker_imports_dask_at_its_top() -> None:
    """Everywhere else it is imported in a function: it is an extra, and slow to load."""
    tops = {file: {name.split(".")[0] for name in at_the_top(text)} for file, text in sources("port").items()}
    assert {file for file, names in tops.items() if names & DASK} == {"cluster_worker"}


def test_command_line_loads_no_dask() -> None:
    """No command that needs no cluster loads it."""
    assert loaded("port.__main__") & DASK == set()


def test_loaded_dask_is_seen() -> None:
    """The worker's file loads it."""
    assert loaded("port.cluster_worker") >= DASK


@pytest.mark.parametrize("room", ["parity", "port", "legacy"])
def test_no_files_import_each_other_in_a_circle(room: str) -> None:
    """Floors are built from the ground up: a file imports only what lies below it."""
    assert cycle(sources(room), room) == []


@pytest.mark.parametrize(
    "files",
    [
        {"a": "from room import b", "b": "import room.c", "c": "def late():\n    from room.a import x"},
        {"a": "from . import b", "b": "from .a import x"},
        {"a": "import room.a"},
    ],
    ids=["three", "relative", "itself"],
)
def test_circle_is_seen(files: Sources) -> None:
    """A circle of any length is found, also where one of its imports waits in a function."""
    assert cycle(files, "room")


def test_shared_floor_is_no_circle() -> None:
    """Two files that both stand on a third are none."""
    assert cycle({"a": "from room import b, c", "b": "from room.c import x", "c": ""}, "room") == []


@pytest.mark.parametrize("module", ["parity.compare", "parity.report", "parity.witness", "parity.__main__"])
def test_judge_loads_no_framework(module: str) -> None:
    """What the judge imports does not bring a framework, or another room, with it."""
    assert loaded(module) & FORBIDDEN["parity"] == set()


def test_command_line_of_the_port_loads_no_judge() -> None:
    """A user who trains or predicts loads neither the judge nor the original."""
    assert loaded("port.__main__") & (FORBIDDEN["port"] | {"parity"}) == set()


def test_loaded_framework_is_seen(tmp_path: Path) -> None:
    """A package that another import brings along, which no source of ours names, is found."""
    (tmp_path / "helper.py").write_text("import theano", encoding="utf-8")
    (tmp_path / "theano.py").write_text("", encoding="utf-8")
    (tmp_path / "judge.py").write_text("import helper", encoding="utf-8")
    assert loaded("judge", tmp_path) & FORBIDDEN["parity"] == {"theano"}
