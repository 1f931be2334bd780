"""Requests and traces: `.npz` files of named arrays with a JSON manifest, read and written without pickle.

A request holds weights, inputs, targets and settings; a trace holds what one program computed from it, entry by entry
in the order computed. Both sides read the same bytes. A file is refused unless every entry it promises is there,
nothing else is, and the manifest's hash over the entries is right.
"""

import hashlib
import json
import os
import stat
import sys
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from parity.archive import SIZE_LIMIT_BYTES, read_arrays
from parity.errors import TraceError
from parity.graph import Graph
from parity.json_text import parse
from parity.whole_file import replacing

REQUEST_FORMAT = "parity-request/1"
TRACE_FORMAT = "parity-trace/1"
REASON_LIMIT = 400
"""Letters of a message that a file's own content may fill."""
FORCED = "forced/"
"""Prefix of what a program computed at a stage from the other side's recorded inputs (teacher-forced)."""
MANIFEST_LIMIT_BYTES = 16 << 20
"""A hundred times a manifest of today; JSON takes twenty times its length in memory."""

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


def code_sha256(*directories: Path, below: bool = False) -> str:
    """The hash over the names and bytes of each directory's own `*.py` files, sorted by name.

    Args:
        directories: of code.
        below: whether files of packages below count too, by their paths; where there are none it is the same hash.
    """
    digest = hashlib.sha256()
    for directory in directories:
        paths = [*directory.glob("*.py"), *(_packages(directory) if below else ())]
        for name, path in sorted((path.relative_to(directory).as_posix(), path) for path in paths):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _packages(directory: Path) -> Iterator[Path]:
    """The `*.py` files of all folders below a directory, but of none that `_is_passed_over`."""
    for folder, names, _ in os.walk(directory):
        names[:] = [name for name in names if not _is_passed_over(Path(folder, name))]
        for name in names:
            yield from Path(folder, name).glob("*.py")


def _is_passed_over(folder: Path) -> bool:
    """Whether it is hidden, a cache, a link or a virtual environment."""
    hidden = folder.name.startswith(".") or folder.name == "__pycache__"
    return hidden or folder.is_symlink() or (folder / "pyvenv.cfg").exists()


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
    """The file appears whole or not at all."""
    text = json.dumps(manifest, sort_keys=True, allow_nan=False).encode()
    entries = {**arrays, "manifest": np.frombuffer(text, np.uint8)}
    with replacing(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        for name, array in entries.items():
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), version=(1, 0), allow_pickle=False)


def _read(path: Path, expected_format: str) -> Record:
    try:
        with _opened(path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            arrays = read_arrays(file)
    except TraceError:
        raise
    except Exception as error:  # zipfile, its codecs and numpy's parser of headers raise a dozen unrelated kinds
        told = f"{type(error).__name__}: {error}" if isinstance(error, MemoryError | RecursionError) else f"{error}"
        reason = " ".join(told.split())[:REASON_LIMIT]
        raise TraceError(f"{path}: cannot be read as a trace or request ({reason}); record it again") from error
    manifest = _manifest(arrays.pop("manifest", None), path)
    if manifest.get("format") != expected_format:
        found = repr(manifest.get("format"))[:REASON_LIMIT]
        raise TraceError(f"{path}: format is {found}, expected {expected_format!r}; record it again")
    _check_content(path, manifest, arrays)
    return Record(path, manifest, arrays, sha256)


def _opened(path: Path) -> BufferedReader:
    """The file, which must be one on a disk: a pipe would be waited for, a device may have no end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise TraceError(f"{path}: cannot be read as a trace or request (a directory, pipe or device); name a file")
    if found.st_size > SIZE_LIMIT_BYTES:
        raise TraceError(f"{path}: has {found.st_size} bytes, over the limit of {SIZE_LIMIT_BYTES}; it is not read")
    return path.open("rb")


def _manifest(array: np.ndarray | None, path: Path) -> dict[str, Any]:
    if array is None or array.dtype != np.uint8 or array.ndim != 1:
        raise TraceError(f"{path}: no manifest (a JSON text as a one-dimensional uint8 entry); record it again")
    if array.size > MANIFEST_LIMIT_BYTES:
        raise TraceError(f"{path}: the manifest has {array.size} bytes, over the limit of {MANIFEST_LIMIT_BYTES}")
    try:
        manifest = parse(array.tobytes())
    except ValueError as error:
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
