"""A file that is no sound trace is refused: one TraceError that names the file and the reason."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import archive, trace
from parity.errors import TraceError
from parity.trace import content_sha256, read_request, read_trace, write_trace

Files = dict[str, bytes]
ENTRIES = {"batch/raw": np.arange(6, dtype=np.float32).reshape(2, 3), "loss": np.array(0.25)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound trace."""
    path = tmp_path / "sound.npz"
    write_trace(path, {"dtype": "float64"}, ENTRIES)
    return path


def rewritten(path: Path, change: Callable[[Files], Files | Iterable[tuple[str, bytes]]]) -> Path:
    """The archive with other members, but the manifest of before."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in changed.items() if isinstance(changed, dict) else changed:
            archive.writestr(name, content)
    return path


def npy(array: np.ndarray) -> bytes:
    """The bytes of a `.npy` file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_promising(header: str, content: bytes = b"") -> bytes:
    """A `.npy` file with a header of one's own."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def manifest_of(text: str | bytes) -> bytes:
    """A manifest entry with any text."""
    return npy(np.frombuffer(text if isinstance(text, bytes) else text.encode(), np.uint8))


def refused(path: Path, reason: str) -> None:
    """Reading raises a TraceError of one paragraph that names the file and the reason."""
    with pytest.raises(TraceError, match=reason) as caught:
        read_trace(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there is named."""
    refused(tmp_path / "absent.npz", "No such file")


def test_folder_is_refused(tmp_path: Path) -> None:
    """A folder is no trace."""
    refused(tmp_path, "directory")


@pytest.mark.parametrize("content", [b"", b"not a zip", npy(np.arange(3.0))], ids=["empty", "text", "npy"])
def test_file_that_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    """Only zip archives are read."""
    (tmp_path / "other.npz").write_bytes(content)
    refused(tmp_path / "other.npz", "not a zip file")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file_is_refused(path: Path, share: float) -> None:
    """A file cut anywhere is refused."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(path, "cannot be read as a trace or request")


def test_request_is_no_trace(path: Path) -> None:
    """Another format is refused, both formats told."""
    with pytest.raises(TraceError, match=r"format is 'parity-trace/1', expected 'parity-request/1'"):
        read_request(path)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (manifest_of(""), "manifest is not JSON"),
        (manifest_of("{'format'}"), "manifest is not JSON"),
        (manifest_of(b"\xff\xfe\x00"), "manifest is not JSON"),
        (manifest_of("[" * 100_000), "manifest is not JSON"),
        (manifest_of("[1, 2]"), "manifest is a list, expected an object"),
        (manifest_of("null"), "manifest is a NoneType, expected an object"),
        (manifest_of("{}"), "format is None"),
        (manifest_of('{"format": "parity-trace/2"}'), "format is 'parity-trace/2', expected 'parity-trace/1'"),
        (manifest_of('{"format": "parity-trace/1"}'), "entries are not the manifest's"),
        (manifest_of('{"format": "parity-trace/1", "order": 7}'), "entries are not the manifest's"),
        (npy(np.zeros((2, 2), np.uint8)), "no manifest"),
        (npy(np.array([1.5])), "no manifest"),
    ],
    ids=["empty", "quotes", "not UTF-8", "deep", "list", "null", "none", "format", "no order", "order", "2-D", "float"],
)
def test_malformed_manifest_is_refused(path: Path, entry: bytes, reason: str) -> None:
    """A manifest that is no JSON object of this format is refused."""
    refused(rewritten(path, lambda members: members | {"manifest.npy": entry}), reason)


def test_large_manifest_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is parsed."""
    monkeypatch.setattr(trace, "MANIFEST_LIMIT_BYTES", 10)
    refused(path, r"the manifest has \d+ bytes, over the limit of 10")


def without(name: str) -> Callable[[Files], Files]:
    """Drop a member."""
    return lambda members: {key: content for key, content in members.items() if key != name}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("manifest.npy"), "no manifest"),
        (without("loss.npy"), r"missing \['loss'\], extra \[\]"),
        (lambda members: members | {"output.npy": npy(np.ones(2))}, r"missing \[\], extra \['output'\]"),
        (
            lambda members: without("loss.npy")(members) | {"cost.npy": members["loss.npy"]},
            r"\['loss'\], .* \['cost'\]",
        ),
        (lambda members: dict(reversed(members.items())), "or moved"),
        (lambda members: members | {"loss.npy": npy(np.array(0.2500000001))}, "content has sha256"),
        (lambda members: members | {"loss.npy": npy(np.array(0.25, np.float32))}, "content has sha256"),
        (lambda members: members | {"loss.npy": npy(np.array([0.25]))}, "content has sha256"),
        (lambda members: members | {"readme.txt": b"hello"}, "must be distinct and end in .npy"),
    ],
    ids=["no manifest", "removed", "added", "renamed", "reordered", "value", "dtype", "shape", "another file"],
)
def test_tampering_is_refused(path: Path, change: Callable[[Files], Files], reason: str) -> None:
    """Entries removed, added, renamed, reordered or changed after writing are seen."""
    refused(rewritten(path, change), reason)


def test_manifest_hash_that_is_wrong_is_refused(path: Path) -> None:
    """A hash written over the right one is told beside it."""
    write_trace(path, {"content_sha256": "0" * 64}, ENTRIES)
    refused(path, f"content has sha256 {content_sha256(ENTRIES)}, the manifest says {'0' * 64}")


def test_repeated_name_is_refused(path: Path) -> None:
    """Of two entries of one name neither is taken."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        rewritten(path, lambda members: [*members.items(), ("loss.npy", npy(np.array(9.0)))])
    refused(path, r"must be distinct and end in .npy; found \['loss.npy'\]")


def test_pickle_is_refused_unopened(path: Path) -> None:
    """An entry of Python objects is never unpickled."""

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return pytest.fail, ("a pickle was opened",)

    file = io.BytesIO()
    np.save(file, np.array([Bomb()]), allow_pickle=True)
    refused(rewritten(path, lambda members: members | {"loss.npy": file.getvalue()}), "dtype object, not a number")


@pytest.mark.parametrize("dtype", ["U3", "M8[s]", "V8", "c16", [("a", "f8")]], ids=str)
def test_entry_that_is_no_number_is_refused(path: Path, dtype: Any) -> None:
    """Only booleans, integers and floating-point numbers are compared."""
    entry = npy(np.zeros(2, np.dtype(dtype)))
    refused(rewritten(path, lambda members: members | {"loss.npy": entry}), "not a number")


HEADER = "{{'descr': '<f8', 'fortran_order': False, 'shape': {}, }}\n"


@pytest.mark.parametrize("shape", ["(2,)", "(1000000000000,)", "(10**9, 10**9)", "(4294967296, 4294967296)", "(0,)"])
def test_header_that_promises_other_bytes_is_refused(path: Path, shape: str) -> None:
    """A header is believed only if the archive holds just the bytes that it promises; no memory is taken before."""
    entry = npy_promising(HEADER.format(shape), b"\0" * 8)
    rewritten(path, lambda members: members | {"loss.npy": entry})
    tracemalloc.start()
    refused(path, "cannot be read as a trace or request")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2**20


@pytest.mark.parametrize("shape", ["(-1,)", "(-1, -1)", "(-2, -1)", "'many'", "((1,),)", "(1.0,)"])
def test_shape_that_is_none_is_refused(path: Path, shape: str) -> None:
    """Negative lengths and what is no tuple of integers are refused."""
    entry = npy_promising(HEADER.format(shape), b"\0" * 8)
    refused(rewritten(path, lambda members: members | {"loss.npy": entry}), "cannot be read as a trace or request")


@pytest.mark.parametrize(
    "header",
    ["", "\n", "{", "(" * 2000, "{'a': 1}", "[1L]", "'\\x", "__import__('os')", "\0", "{[]: 3}"],
    ids="{:.9}".format,
)
def test_header_that_is_none_is_refused(path: Path, header: str) -> None:
    """Whatever stands in place of a header is refused as any other malformed entry."""
    refused(rewritten(path, lambda members: members | {"loss.npy": npy_promising(header)}), "cannot be read as a trace")


def test_more_than_the_limit_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unpacks to more than the limit is refused by its directory alone."""
    monkeypatch.setattr(archive, "SIZE_LIMIT_BYTES", 500)
    refused(path, r"unpacks to \d{3} bytes, over the limit of 500; it is not read")


def test_encrypted_entry_is_refused(path: Path) -> None:
    """An archive whose entries ask for a password is refused as any other malformed file."""
    content = path.read_bytes()
    directory = content.rindex(b"PK\x01\x02")  # the last entry's record in the directory; its flags stand 8 bytes on
    path.write_bytes(content[: directory + 8] + bytes([content[directory + 8] | 1]) + content[directory + 9 :])
    refused(path, "is encrypted")


@given(st.data())
def test_flipped_bit_never_passes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """With any one bit flipped a trace is refused, or has the same content."""
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    write_trace(path, {"dtype": "float64"}, ENTRIES)
    content, sound = bytearray(path.read_bytes()), read_trace(path)
    position = data.draw(st.integers(0, 8 * len(content) - 1))
    content[position // 8] ^= 1 << position % 8
    path.write_bytes(content)
    try:
        flipped = read_trace(path)
    except TraceError:
        return
    assert content_sha256(flipped.arrays) == content_sha256(sound.arrays)
    assert flipped.manifest == sound.manifest
