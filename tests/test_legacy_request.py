"""The witness's reader and writer, apart from Theano: what it refuses, and that the judge reads what it writes."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from legacy import graph, trace
from legacy.request import Request
from parity.trace import code_sha256, read_trace, write_request

LEGACY = Path(trace.__file__).parent
Manifest = dict[str, Any]
Arrays = dict[str, np.ndarray]


def _content() -> tuple[Manifest, Arrays]:
    """A small sound request: two layers, two of nine channels, seven patches."""
    generator = np.random.default_rng(1)
    arrays = {
        "weight/conv1/W": generator.normal(size=(3, 2, 3, 3)),
        "weight/conv1/b": generator.normal(size=3),
        "weight/conv2/W": generator.normal(size=(1, 3, 5, 5)),
        "weight/conv2/b": generator.normal(size=1),
        "patches/raw": generator.normal(size=(7, 9, 11, 12)),
        "targets/raw": generator.normal(size=(7, 1, 5, 6)),
    }
    training = {"steps": 4, "recorded": [1, 2, 4], "batch_size": 3, "learning_rate": 0.005, "momentum": 0.9}
    manifest = {"kind": "network", "channels": [2, 3], "dtype": "float32", "divisor": 1000.0, "output": "linear"}
    return {**manifest, "seed": 7, "training": training}, arrays


def test_a_sound_request_is_cast_and_kept_in_order(tmp_path: Path) -> None:
    """Given arrays come in trace order, in the request's dtype."""
    manifest, arrays = _content()
    write_request(tmp_path / "r.npz", manifest, dict(reversed(arrays.items())))
    request = Request(str(tmp_path / "r.npz"))
    assert list(request.given) == list(arrays)
    assert {array.dtype for array in request.given.values()} == {np.dtype("float32")}
    assert request.batches == 2


Change = Callable[[Manifest, Arrays], Any]
REFUSED: dict[str, tuple[Change, str]] = {
    "dtype": (lambda m, a: m.update(dtype="float16"), "dtype is .*float16.*, expected float64 or float32"),
    "format": (lambda m, a: m.update(format="parity-trace/1"), "format is .*expected parity-request/1"),
    "output": (lambda m, a: m.update(output="sigmoid"), "output is .*expected linear or rectify"),
    "divisor": (lambda m, a: m.update(divisor=0), "divisor is 0, expected a number above 0"),
    "channels": (lambda m, a: m.update(channels=[2, -3]), "channels is .*expected a list of band indices"),
    "channel count": (lambda m, a: m.update(channels=[2]), r"conv1/W's shape is \(3, 2, 3, 3\), expected .*1"),
    "steps": (lambda m, a: m["training"].update(steps=0), "training.steps is 0"),
    "recorded": (lambda m, a: m["training"].update(recorded=[1, 5]), r"training.recorded is \[1, 5\].*1 to 4"),
    "batch": (
        lambda m, a: m["training"].update(batch_size=8),
        "number of patches is 7, expected at least a batch of 8",
    ),
    "missing": (lambda m, a: a.pop("weight/conv1/b"), "list of entries"),
    "extra": (lambda m, a: a.update(surplus=np.zeros(1)), "list of entries .*surplus"),
    "integers": (lambda m, a: a.update({"patches/raw": np.ones((7, 9, 11, 12), int)}), "dtype is .*expected a float"),
    "bias": (lambda m, a: a.update({"weight/conv2/b": np.zeros(2)}), r"conv2/b's shape is \(2,\), expected \(1,\)"),
    "target": (
        lambda m, a: a.update({"targets/raw": np.zeros((7, 1, 5, 5))}),
        r"\(7, 1, 5, 5\), expected \(7, 1, 5, 6\)",
    ),
    "bands": (lambda m, a: a.update({"patches/raw": np.zeros((7, 3, 11, 12))}), "patches/raw's shape"),
    "small": (lambda m, a: a.update({"patches/raw": np.zeros((7, 9, 6, 12))}), "patches/raw's shape"),
    "tampered": (lambda m, a: m.update(content_sha256="0"), "content has sha256 .*manifest says 0"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused_with_both_values(tmp_path: Path, change: Change, message: str) -> None:
    """Every error names the file, what was found and what was expected."""
    manifest, arrays = _content()
    change(manifest, arrays)
    write_request(tmp_path / "r.npz", manifest, arrays)
    with pytest.raises(trace.BadInput, match=message) as caught:
        Request(str(tmp_path / "r.npz"))
    assert "r.npz" in str(caught.value)


@pytest.mark.parametrize(
    "content", [None, b"", b"PK\x03\x04 torn", b"no archive"], ids=["none", "empty", "torn", "text"]
)
def test_a_file_that_is_no_request_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing or damaged file gets one paragraph, not a traceback."""
    path = tmp_path / "r.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(trace.BadInput, match="cannot be read as a request"):
        Request(str(path))


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    """An object array is refused when read."""
    np.savez(tmp_path / "r.npz", manifest=np.array([{}], dtype=object))
    with pytest.raises(trace.BadInput, match="cannot be read as a request"):
        Request(str(tmp_path / "r.npz"))


def test_the_judge_reads_what_the_witness_writes(tmp_path: Path) -> None:
    """Two independent writers of the format agree on order, values, scalars and the hash over the content."""
    arrays = {"z": np.arange(6.0, dtype=">f4").reshape(2, 3).T, "a": np.asarray(0.1), "b/c": np.zeros(0, np.int64)}
    trace.write(str(tmp_path / "t.npz"), {"format": "parity-trace/1"}, arrays)
    record = read_trace(tmp_path / "t.npz")
    assert list(record.arrays) == ["z", "a", "b/c"]
    for name, expected in arrays.items():
        np.testing.assert_array_equal(record[name], expected, strict=False)
        assert record[name].shape == expected.shape


def test_an_array_that_needs_pickle_leaves_no_file(tmp_path: Path) -> None:
    """A failed write leaves neither the trace nor its part."""
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        trace.write(str(tmp_path / "t.npz"), {}, {"good": np.zeros(2), "bad": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


def test_both_sides_hash_the_code_alike() -> None:
    """The staleness check compares like with like."""
    assert trace.code_sha256(str(LEGACY)) == code_sha256(LEGACY)


def test_the_graph_tells_each_stage_once_and_in_order(tmp_path: Path) -> None:
    """Every input of a node stands before it, and a rectified output is told apart from a linear one."""
    manifest, arrays = _content()
    for output, operation in (("linear", "identity"), ("rectify", "rectify_gradient")):
        write_request(tmp_path / "r.npz", manifest | {"output": output}, arrays)
        nodes = graph.describe(Request(str(tmp_path / "r.npz")), ["conv1/W", "conv1/b", "conv2/W", "conv2/b"])
        seen: set[str] = set()
        for node in nodes:
            assert node["stage"] not in seen
            assert set(node["inputs"]) <= seen
            seen.add(node["stage"])
        told = {node["stage"]: node["operation"] for node in nodes}
        assert told["grad/conv2/pre"] == operation


def test_the_source_is_python_2_and_3() -> None:
    """No f-string, annotation, keyword-only argument or other syntax that Python 2.7 lacks."""
    newer = (ast.JoinedStr, ast.AnnAssign, ast.Nonlocal, ast.NamedExpr, ast.AsyncFunctionDef, ast.YieldFrom)
    for path in LEGACY.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="ascii"))):
            assert not isinstance(node, newer), f"{path.name}: {ast.unparse(node)}"
            if isinstance(node, ast.FunctionDef):
                assert not node.args.kwonlyargs, f"{path.name}: {node.name}"
                assert node.returns is None, f"{path.name}: {node.name}"
