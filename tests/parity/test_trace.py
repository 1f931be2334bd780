"""Requests and traces come back as they were written, whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.errors import TraceError
from parity.trace import code_sha256, content_sha256, read_request, read_trace, write_request, write_trace

ENTRIES = {
    "weight/conv1/W": np.linspace(-1, 1, 24).reshape(2, 3, 2, 2),
    "loss": np.array(0.25),
    "batch/raw": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "patches/index": np.array([[1, -9]], dtype=np.int64),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 3), dtype=np.float32),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound trace."""
    path = tmp_path / "sound.npz"
    write_trace(path, {"dtype": "float64"}, ENTRIES)
    return path


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_comes_back(path: Path, name: str) -> None:
    """Every entry has its dtype, shape and values again, the scalar and the empty one too."""
    actual, expected = read_trace(path)[name], ENTRIES[name]
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert np.array_equal(actual, expected)


def test_order_comes_back(path: Path) -> None:
    """Entries stand in the order written, which is the order computed."""
    assert list(read_trace(path).arrays) == list(ENTRIES)


def test_manifest_comes_back(path: Path) -> None:
    """The manifest has what was told and who wrote it."""
    manifest = read_trace(path).manifest
    assert manifest["dtype"] == "float64"
    assert manifest["order"] == list(ENTRIES)
    assert len(manifest["process"]["id"]) == 32


def test_big_endian_entry_has_the_same_hash() -> None:
    """The content's hash is over little-endian bytes, but over another dtype it is another."""
    assert content_sha256({"a": np.arange(3.0)}) == content_sha256({"a": np.arange(3.0).astype(">f8")})
    assert content_sha256({"a": np.arange(3.0)}) != content_sha256({"a": np.arange(3)})


@pytest.mark.parametrize(
    "other",
    [
        {"b": np.arange(6.0)},
        {"a": np.arange(6.0).reshape(2, 3)},
        {"a": np.arange(6.0)[::-1]},
        {"a": np.arange(6.0), "b": np.arange(0)},
        {"a": np.array([-0.0, 1, 2, 3, 4, 5])},
    ],
    ids=["name", "shape", "order of numbers", "one entry more", "sign of zero"],
)
def test_another_content_has_another_hash(other: dict[str, np.ndarray]) -> None:
    """Names, shapes, order, number of entries and every bit count."""
    assert content_sha256(other) != content_sha256({"a": np.arange(6.0)})


def test_code_hash_sees_names_and_bytes(tmp_path: Path) -> None:
    """A renamed or changed file of a room changes its hash; a file that is no Python does not."""
    (tmp_path / "a.py").write_text("x = 1", encoding="utf-8")
    first = code_sha256(tmp_path)
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert code_sha256(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    renamed = code_sha256(tmp_path)
    (tmp_path / "b.py").write_text("x = 2", encoding="utf-8")
    assert len({first, renamed, code_sha256(tmp_path)}) == 3


def test_code_hash_sees_packages_below(tmp_path: Path) -> None:
    """Content, path and number of their files count; where there are none, the hash is that of the folder's own."""
    (tmp_path / "a.py").write_text("x = 1", encoding="utf-8")
    own = code_sha256(tmp_path)
    hashes = [own]
    assert code_sha256(tmp_path, below=True) == own
    for path, text in (("net/b.py", "1"), ("net/b.py", "2"), ("net/deep/b.py", "2")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
        hashes.append(code_sha256(tmp_path, below=True))
    (tmp_path / "net").rename(tmp_path / "acts")
    assert len({*hashes, code_sha256(tmp_path, below=True)}) == 5
    assert code_sha256(tmp_path) == own


@pytest.mark.parametrize("folder", [".hidden", "__pycache__", "venv", "net/.hidden", "net/venv", "linked"])
def test_code_hash_passes_over_what_is_no_code_of_the_port(tmp_path: Path, folder: str) -> None:
    """Hidden folders, caches, virtual environments and links, and all that lies in them."""
    room = tmp_path / "room"
    for path in (room / "net", room / folder / "lib" if folder != "linked" else tmp_path / "elsewhere"):
        path.mkdir(parents=True)
    if folder == "linked":
        (room / folder).symlink_to(tmp_path / "elsewhere")
    (room / "net" / "b.py").write_text("x = 1", encoding="utf-8")
    if "venv" in folder:
        (room / folder / "pyvenv.cfg").touch()
    before = code_sha256(room, below=True)
    (room / folder / "c.py").write_text("x = 2", encoding="utf-8")
    if folder != "linked":
        (room / folder / "lib" / "c.py").write_text("x = 2", encoding="utf-8")
    assert code_sha256(room, below=True) == before


def test_request_is_the_same_bytes_twice(tmp_path: Path) -> None:
    """A request depends on its content only: no date, no process, no order of the manifest's keys."""
    one, other = tmp_path / "one.npz", tmp_path / "other.npz"
    write_request(one, {"seed": 7, "dtype": "float64"}, ENTRIES)
    write_request(other, {"dtype": "float64", "seed": 7}, ENTRIES)
    assert one.read_bytes() == other.read_bytes()
    assert read_request(one).sha256 == read_request(other).sha256


def test_no_entry_of_that_name(path: Path) -> None:
    """Asking for an entry that is not there tells what is."""
    with pytest.raises(TraceError, match=r"no entry 'output'; it has weight/conv1/W, loss"):
        read_trace(path)["output"]


class _DiskFullError(RuntimeError):
    """What a disk that is full raises here."""


@pytest.mark.parametrize("write", [write_trace, write_request])
def test_failed_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]
) -> None:
    """A write that fails half-way leaves neither a new file nor a piece of one, and the old file whole."""
    path = tmp_path / "trace.npz"
    write(path, {}, ENTRIES)
    before, written = path.read_bytes(), np.lib.format.write_array

    def fails_late(file: Any, array: np.ndarray, **options: Any) -> None:
        if array.dtype == np.uint8:  # the manifest, the last entry
            raise _DiskFullError
        written(file, array, **options)

    monkeypatch.setattr(np.lib.format, "write_array", fails_late)
    with pytest.raises(_DiskFullError):
        write(path, {}, {"loss": np.array(1.0)})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_reader_of_the_old_file_reads_it_whole(tmp_path: Path) -> None:
    """A new trace takes the place of the old one at once; whoever has that open still reads it to its end."""
    path = tmp_path / "trace.npz"
    write_trace(path, {}, ENTRIES)
    before = path.read_bytes()
    with path.open("rb", buffering=0) as file:
        first = file.read(10)
        write_trace(path, {}, {"loss": np.array(1.0)})
        assert first + file.read() == before


def test_nan_in_a_manifest_is_not_written(tmp_path: Path) -> None:
    """NaN is no JSON: such a manifest is refused and nothing is left."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_trace(tmp_path / "trace.npz", {"seed": float("nan")}, ENTRIES)
    assert not list(tmp_path.iterdir())


def test_objects_are_not_written(tmp_path: Path) -> None:
    """An array of Python objects would need a pickle: it is refused and nothing is left."""
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_trace(tmp_path / "trace.npz", {"content_sha256": ""}, {"loss": np.array([json])})
    assert not list(tmp_path.iterdir())
