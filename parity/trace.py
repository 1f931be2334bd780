"""Requests and traces: `.npz` files of named arrays with a JSON manifest, read and written without pickle.

A request holds weights, inputs, targets and settings; a trace holds what one program computed from it, entry by entry
in the order computed. Both sides read the same bytes. A file is refused unless every entry it promises is there,
nothing else is, and the manifest's hash over the entries is right.
"""

import hashlib
import json
import os
import sys
import uuid
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from parity.errors import TraceError
from parity.graph import Graph

REQUEST_FORMAT = "parity-request/1"
TRACE_FORMAT = "parity-trace/1"
FORCED = "forced/"
"""Prefix of what a program computed at a stage from the other side's recorded inputs (teacher-forced)."""
SIZE_LIMIT_BYTES = 4 << 30
"""A header that asks for more than this is refused before any memory is taken."""

_PROCESS = {"id": uuid.uuid4().hex, "pid": os.getpid(), "started": datetime.now(UTC).isoformat(timespec="seconds")}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip can hold: the same request is the same bytes


@dataclass(frozen=True)
class Record:
    """The entries and the manifest of one request or trace.

    Attributes:
        path: the file it was read from.
        manifest: the JSON manifest.
        arrays: name to array, in the order of the file.
        sha256: of the file's bytes.
    """

    path: Path
    manifest: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    sha256: str

    def __getitem__(self, name: str) -> np.ndarray:
        """The entry of that name.

        Raises:
            TraceError: there is none.
        """
        if name not in self.arrays:
            raise TraceError(f"{self.path}: no entry {name!r}; it has {', '.join(self.arrays) or 'none'}")
        return self.arrays[name]

    @cached_property
    def graph(self) -> Graph:
        """The stages, their operations and inputs, as the manifest tells them (traces only)."""
        return Graph.from_manifest(self.manifest, where=str(self.path))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type the program computed in."""
        return np.dtype(str(self.manifest["dtype"]))

    @property
    def forced(self) -> dict[str, np.ndarray]:
        """Stage to teacher-forced value; empty when the program was given no teacher."""
        return {name.removeprefix(FORCED): array for name, array in self.arrays.items() if name.startswith(FORCED)}


def content_sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """The hash over names, types, shapes and little-endian C-order bytes of all entries, in their order."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        header = "\0".join([name, little.dtype.str, ",".join(str(length) for length in array.shape), ""])
        digest.update(header.encode())
        digest.update(np.ascontiguousarray(little).data)
    return digest.hexdigest()


def code_sha256(*directories: Path) -> str:
    """The hash over the names and bytes of each room's own `*.py` files, sorted by name."""
    digest = hashlib.sha256()
    for directory in directories:
        for path in sorted(directory.glob("*.py"), key=lambda path: path.name):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def write_request(path: Path, manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a request; the same manifest and arrays give the same bytes on any machine (stored, not compressed)."""
    content = {"format": REQUEST_FORMAT, "order": list(arrays), "content_sha256": content_sha256(arrays), **manifest}
    _write(path, content, arrays)


def write_trace(path: Path, manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a trace with the hash of its content and the identity of this process in the manifest.

    Stored: deflating a scene's numbers takes 40 % of the time of recording it, and saves at most half their bytes.
    """
    own = {"format": TRACE_FORMAT, "order": list(arrays), "content_sha256": content_sha256(arrays), "process": _PROCESS}
    _write(path, {**own, **manifest}, arrays)


def read_request(path: Path) -> Record:
    """Read a request.

    Raises:
        TraceError: missing, malformed, of another format, or its hash does not match its content.
    """
    return _read(path, REQUEST_FORMAT)


def read_trace(path: Path) -> Record:
    """Read a trace.

    Raises:
        TraceError: missing, malformed, of another format, or its hash does not match its content.
    """
    return _read(path, TRACE_FORMAT)


def _write(path: Path, manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write beside, then rename, so that the file appears whole or not at all."""
    text = json.dumps(manifest, sort_keys=True, allow_nan=False).encode()
    entries = {**arrays, "manifest": np.frombuffer(text, np.uint8)}
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(beside, "w") as archive:
            for name, array in entries.items():
                info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
                with archive.open(info, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), version=(1, 0), allow_pickle=False)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path, expected_format: str) -> Record:
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            arrays = _read_entries(file, path)
    except TraceError:
        raise
    except Exception as error:  # zipfile, its codecs and numpy's parser of headers raise a dozen unrelated kinds
        raise TraceError(f"{path}: cannot be read as a trace or request ({error}); record it again") from error
    manifest = _manifest(arrays.pop("manifest", None), path)
    if manifest.get("format") != expected_format:
        raise TraceError(f"{path}: format is {manifest.get('format')!r}, expected {expected_format!r}; record it again")
    _check_content(path, manifest, arrays)
    return Record(path, manifest, arrays, sha256)


def _read_entries(file: IO[bytes], path: Path) -> dict[str, np.ndarray]:
    """All members as arrays; sizes are checked in the headers before memory is taken."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if total > SIZE_LIMIT_BYTES:
            raise TraceError(f"{path}: unpacks to {total} bytes, over the limit of {SIZE_LIMIT_BYTES}; it is not read")
        names = [member.filename for member in members]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated or not all(name.endswith(".npy") for name in names):
            raise TraceError(f"{path}: entries must be distinct and end in .npy; found {repeated or names}")
        return {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members}


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One entry, whose header must promise just the bytes that the archive holds for it."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream, max_header_size=10_000)
        if dtype.hasobject or dtype.kind not in "biuf":
            raise ValueError(f"entry {member.filename} has dtype {dtype}, not a number")
        count = int(np.prod(shape, dtype=object)) if shape else 1
        promised = member.file_size - stream.tell()
        if count * dtype.itemsize != promised:
            raise ValueError(
                f"entry {member.filename} holds {promised} bytes, its header says {count * dtype.itemsize}"
            )
        array = np.frombuffer(stream.read(), dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def _manifest(array: np.ndarray | None, path: Path) -> dict[str, Any]:
    if array is None or array.dtype != np.uint8 or array.ndim != 1:
        raise TraceError(f"{path}: no manifest (a JSON text as a one-dimensional uint8 entry); record it again")
    try:
        manifest = json.loads(array.tobytes())
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path}: the manifest is not JSON ({error}); record it again") from error
    if not isinstance(manifest, dict):
        raise TraceError(f"{path}: the manifest is a {type(manifest).__name__}, expected an object; record it again")
    return manifest


def _check_content(path: Path, manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise TraceError unless the entries are those, in the order and with the hash, that the manifest tells."""
    order = manifest.get("order")
    if order != list(arrays):
        missing, extra = _differences(order if isinstance(order, list) else [], arrays)
        raise TraceError(
            f"{path}: entries are not the manifest's: missing {missing}, extra {extra}, or moved; record it again"
        )
    actual = content_sha256(arrays)
    if manifest.get("content_sha256") != actual:
        raise TraceError(
            f"{path}: content has sha256 {actual}, the manifest says {manifest.get('content_sha256')}; record it again"
        )


def _differences(expected: Iterable[Any], actual: Iterable[str]) -> tuple[list[Any], list[str]]:
    expected, actual = list(expected), list(actual)
    return [name for name in expected if name not in actual], [name for name in actual if name not in expected]


def software_versions(*modules: str) -> dict[str, str]:
    """The versions of Python and of the named, already imported modules, for a manifest's `stack`."""
    versions = {"python": sys.version.split()[0]}
    return versions | {name: str(sys.modules[name].__version__) for name in modules}
