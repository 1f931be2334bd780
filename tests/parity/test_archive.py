"""An archive is held to its limits before memory is taken, and its names are labels that lead nowhere."""

import io
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity import archive
from parity.archive import read_arrays
from parity.errors import TraceError
from parity.trace import read_trace, write_trace

ROOT = Path(__file__).parents[2]
ROOM_MB = 160
"""Of address space beyond what the child has when it begins to read."""
CHILD = f"""
import resource, sys
from pathlib import Path
from parity.errors import TraceError
from parity.trace import read_trace
held_kb = int(open("/proc/self/status").read().split("VmSize:")[1].split()[0])
resource.setrlimit(resource.RLIMIT_AS, ((held_kb << 10) + ({ROOM_MB} << 20),) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_trace(Path(sys.argv[1]))
except TraceError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, error)
"""


def npy(array: np.ndarray) -> bytes:
    """The bytes of a `.npy` file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def packed(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """An archive of these members."""
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in members:
            made.writestr(name, content)
    return bytearray(path.read_bytes())


def zeros(path: Path) -> None:
    """300 MB of zeros in 300 kB."""
    packed(path, ("loss.npy", npy(np.zeros(300 << 17))))


def many_zeros(path: Path) -> None:
    """Ten members of 100 MB each."""
    content = npy(np.zeros(100 << 17))
    packed(path, *((f"{number}.npy", content) for number in range(10)))


def lying_size(path: Path) -> None:
    """A member that tells 136 bytes and unpacks to 300 MB."""
    content = packed(path, ("loss.npy", npy(np.zeros(1)) + bytes(300 << 20)))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 136)
    content[22:26] = struct.pack("<I", 136)
    path.write_bytes(content)


def promised_terabytes(path: Path) -> None:
    """A directory that tells 4 GB less one byte."""
    content = packed(path, ("loss.npy", npy(np.zeros(1))))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)


def long_header(path: Path) -> None:
    """A header of 200 MB of blanks."""
    start = b"\x93NUMPY\x02\x00" + struct.pack("<I", 200 << 20)
    packed(path, ("loss.npy", start + b" " * (200 << 20)))


def long_directory(path: Path) -> None:
    """200 000 members of nothing: a directory of 10 MB, which takes a hundred in memory."""
    record = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    directory = b"".join(record + b"%05x" % number for number in range(200_000))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(directory), 0, 0)
    path.write_bytes(directory + end)


def overlapping(path: Path) -> None:
    """Fifty members, all of the one piece of the file."""
    content = packed(path, ("a.npy", npy(np.zeros(1 << 20))), method=zipfile.ZIP_STORED)
    start = content.rindex(b"PK\x01\x02")
    record, end = bytes(content[start:-22]), bytes(content[-22:])
    directory = b"".join(record[:46] + b"%05d" % number for number in range(50))
    path.write_bytes(content[:start] + directory + end[:8] + struct.pack("<2HL", 50, 50, len(directory)) + end[16:])


def other_codec(path: Path) -> None:
    """A codec whose header may ask for gigabytes."""
    packed(path, ("loss.npy", npy(np.zeros(1))), method=zipfile.ZIP_LZMA)


BOMBS = {
    zeros: "unpacks to 314572928 bytes, over the limit of 268435456",
    many_zeros: "unpacks to 1048577280 bytes, over the limit",
    lying_size: "Bad CRC-32|holds more than|sha256|no manifest",
    promised_terabytes: "unpacks to 4294967294 bytes, over the limit",
    long_header: "has a header of 209715200 bytes, over the limit of 10000",
    long_directory: "its directory takes 10200000 bytes, over the limit of 8388608",
    overlapping: "they overlap",
    other_codec: "is packed by method 14, not deflated",
}


@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_bomb_is_refused_in_little_memory(make: Callable[[Path], None], tmp_path: Path) -> None:
    """In a process that could not hold it: the reason is told, and less than 64 MB were taken."""
    make(tmp_path / "bomb.npz")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "bomb.npz")],
        env=environment, capture_output=True, encoding="utf-8", timeout=120, check=True,
    )  # fmt: skip
    megabytes, told = done.stdout.split(" ", 1)
    assert "MemoryError" not in told
    assert any(reason in told for reason in BOMBS[make].split("|")), told
    assert int(megabytes) < 64


@pytest.mark.parametrize(
    "name", ["../../outside.npy", "/tmp/outside.npy", "C:\\outside.npy", "a/../../outside.npy", "~/outside.npy"]
)
def test_name_is_no_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that would lead out of a folder is the name of an array; no file appears."""
    (tmp_path / "within" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "within" / "deep")
    path = tmp_path / "within" / "deep" / "trace.npz"
    write_trace(path, {}, {name.removesuffix(".npy"): np.ones(2)})
    assert list(read_trace(path).arrays) == [name.removesuffix(".npy")]
    assert [left for left in tmp_path.rglob("*") if left.is_file()] == [path]


def test_link_in_an_archive_is_an_entry(tmp_path: Path) -> None:
    """A member that an unpacker would make a symbolic link is not even an array."""
    link = zipfile.ZipInfo("loss.npy")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.npz", "w") as made:
        made.writestr(link, "/etc/passwd")
    with pytest.raises(TraceError, match="magic string is not correct"):
        read_trace(tmp_path / "link.npz")


@pytest.mark.parametrize("name", ["\x1b[2J.npy", "a\nb.npy", "\u2028.npy", "x", ".NPY"])
def test_name_that_cannot_be_shown_is_refused(name: str) -> None:
    """It would steer the terminal that its error is shown on."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, npy(np.ones(1)))
    with pytest.raises(ValueError, match=r"distinct and end in \.npy"):
        read_arrays(file)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_a_file_is_read(kind: str, tmp_path: Path) -> None:
    """A pipe would be waited for, a device has no end."""
    path = tmp_path / "trace.npz"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(TraceError, match="a directory, pipe or device"):
        read_trace(path)


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    """By its size alone, before it is hashed."""
    with (tmp_path / "trace.npz").open("wb") as file:
        file.truncate(archive.SIZE_LIMIT_BYTES + 1)
    with pytest.raises(TraceError, match="has 4294967297 bytes, over the limit of 4294967296; it is not read"):
        read_trace(tmp_path / "trace.npz")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(make, BOMBS[make]) for make in (long_header, long_directory, overlapping, other_codec)],
    ids=lambda part: str(part)[:20],
)
def test_bomb_is_refused_before_it_goes_off(make: Callable[[Path], None], reason: str, tmp_path: Path) -> None:
    """In this process, which could hold it: the same reason."""
    make(tmp_path / "bomb.npz")
    with pytest.raises(TraceError, match=reason):
        read_trace(tmp_path / "bomb.npz")


def test_member_that_holds_more_than_it_tells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """However its codec lets the rest through."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("loss.npy", npy(np.zeros(1)))
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda stream, size: bytes(size))
    monkeypatch.setattr(archive, "_read_header", lambda stream, name: ((1,), False, np.dtype(float), 128))
    with pytest.raises(ValueError, match=r"entry loss\.npy holds more than its 136 bytes"):
        read_arrays(file)
