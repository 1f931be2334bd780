"""Weights from outside are held to limits before memory is taken: the original's .npz, and safetensors files."""

import io
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from port import npz, tensor_file, training_state
from port.errors import WeightsError
from port.lasagne_weights import read_npz
from port.tensor_file import loaded

FLOAT = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def archive(path: Path, content: bytes, *, name: str = "arr_0.npy", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive of one member."""
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr(name, content)
    return path


def npy(shape: str, content: bytes = b"", descr: str = "<f8") -> bytes:
    """A `.npy` that promises a shape."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize(
    ("content", "method", "reason"),
    [
        (bytes(80 << 20), zipfile.ZIP_DEFLATED, "unpacks to 83886080 bytes, over the limit"),
        (npy("(10000000000,)", bytes(8)), zipfile.ZIP_DEFLATED, "holds 8 bytes, its header says 80000000000"),
        (npy("(-1,)", bytes(8)), zipfile.ZIP_STORED, "holds 8 bytes"),
        (npy("()", bytes(8), "|O"), zipfile.ZIP_STORED, "nothing is unpickled"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", zipfile.ZIP_STORED, "EOF"),
        (npy("(1,)", bytes(8)), zipfile.ZIP_LZMA, "is packed in another way"),
    ],
    ids=["bomb", "terabytes", "negative", "pickle", "header", "codec"],
)
def test_archive_is_refused_in_little_memory(content: bytes, method: int, reason: str, tmp_path: Path) -> None:
    """The original's file is not trusted in what it promises."""
    path = archive(tmp_path / "w.npz", content, method=method)
    del content
    tracemalloc.start()
    with pytest.raises(WeightsError, match=reason):
        read_npz(path, "SAR")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 4 << 20


def test_member_that_unpacks_to_more_than_it_tells_is_cut(tmp_path: Path) -> None:
    """A member that tells 136 bytes, and has 100 MB of zeros in 100 kB."""
    sound = io.BytesIO()
    np.save(sound, np.zeros(1))
    path = archive(tmp_path / "w.npz", sound.getvalue() + bytes(100 << 20))
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = content[22:26] = struct.pack("<I", 136)
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(WeightsError, match=r"no \.npz of plain arrays"):
        read_npz(path, "SAR")
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_names_are_no_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is unpacked to where a name says."""
    monkeypatch.chdir(tmp_path)
    path = archive(tmp_path / "w.npz", npy("(1,)", bytes(8)), name="../outside.npy")
    assert list(npz.read_arrays(path)) == ["../outside"]
    assert list(tmp_path.iterdir()) == [path]
    assert not (tmp_path.parent / "outside.npy").exists()


def safetensors(header: str | Mapping[str, Any], tensors: bytes = bytes(8), length: int | None = None) -> bytes:
    """A file with a header of one's own, and a length told for it."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + tensors


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "tells a header of 0 bytes in a file of 0"),
        (safetensors({"a": FLOAT}, length=2**63), "tells a header of 9223372036854775808 bytes"),
        (safetensors("{}" + " " * (5 << 20)), "at most 4194304"),
        (safetensors('{"a": ' + json.dumps(FLOAT) + ', "a": ' + json.dumps(FLOAT) + "}"), "'a' stands twice"),
        (safetensors({"a": FLOAT, "b": FLOAT}), "begins at byte 0, expected 8: tensors overlap or leave a gap"),
        (safetensors({"a": {**FLOAT, "data_offsets": [4, 12]}}, bytes(12)), "begins at byte 4, expected 0"),
        (safetensors({"a": {**FLOAT, "data_offsets": [0, 80]}}), "has 80 bytes, which do not fit"),
        (safetensors({"a": {**FLOAT, "shape": [2**40]}}), "has 8 bytes, which do not fit"),
        (safetensors({"a": {**FLOAT, "shape": [-2], "data_offsets": [0, -8]}}), "whole numbers"),
        (safetensors({"a": {**FLOAT, "dtype": "I64"}}), "expected float32 or float64"),
        (safetensors({"a": {**FLOAT, "dtype": {}}}), "expected float32 or float64"),
        (safetensors({"a": FLOAT}, bytes(16)), "its tensors take 8 bytes, the file holds 16"),
        (safetensors('{"a":' * 5000), "nested more than 64 deep"),
        (safetensors("[1]"), "its header is a list"),
        (safetensors({"a": 7}), "lacks its dtype, shape or place"),
        (safetensors({"a": FLOAT, "__metadata__": {"x": 1}}), "its metadata is not texts"),
    ],
    ids=["nothing", "length", "long", "twice", "overlap", "gap", "outside", "shape", "negative", "dtype", "no dtype",
         "left over", "deep", "list", "number", "metadata"],
)  # fmt: skip
def test_header_is_refused(content: bytes, reason: str) -> None:
    """Before the library sees it."""
    with pytest.raises(ValueError, match=reason):
        loaded(content)


def test_sound_header_is_taken() -> None:
    """Two floats, and a text."""
    tensors, told = loaded(safetensors({"a": FLOAT, "__metadata__": {"x": "y"}}))
    assert (tensors["a"].tolist(), told) == ([0.0, 0.0], {"x": "y"})


def test_large_file_and_pipe_are_refused(tmp_path: Path) -> None:
    """Neither is read."""
    os.mkfifo(tmp_path / "pipe.safetensors")
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.truncate(tensor_file.SIZE_LIMIT_BYTES + 1)
    for name, reason in (("pipe", "pipe or device"), ("large", "has 67108865 bytes, over the limit")):
        with pytest.raises(WeightsError, match=reason):
            training_state.read(tmp_path / f"{name}.safetensors", {})


@pytest.mark.parametrize(
    "told",
    [
        None, "7", "{}",
        '{"engine": "eager", "settings": 1, "losses": []}',
        '{"engine": "eager", "settings": {}, "losses": [[1, 2]]}',
        '{"engine": "eager", "settings": {}, "losses": 3}',
        '{"engine": "eager", "settings": {}, "losses": [["1", 0.5, null]]}',
        '{"engine": "eager", "settings": {}, "losses": [[1, "x", null]]}',
        '{"engine": 1, "settings": {}, "losses": []}',
        "[" * 50_000,
    ],
    ids=["nothing", "7", "empty", "settings", "two", "3", "epoch", "loss", "engine", "deep"],
)  # fmt: skip
def test_state_that_tells_no_losses_is_refused(told: str | None, tmp_path: Path) -> None:
    """What stands in a training state's header is checked too."""
    metadata = {"format": training_state.FORMAT} | ({} if told is None else {"state": told})
    (tmp_path / "s.safetensors").write_bytes(safetensors({"a": FLOAT, "__metadata__": metadata}))
    with pytest.raises(WeightsError, match="tells no settings, losses and engine of a training"):
        training_state.read(tmp_path / "s.safetensors", {})
