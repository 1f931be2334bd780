"""An `.npz` from outside is held to limits before memory is taken for it; its names are labels and never paths.

Nothing is unpacked to a disk, and nothing is unpickled. What an archive promises (its directory, the sizes of its
members, each member's header) is checked against what is there, and against what is allowed, before it is believed.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

SIZE_LIMIT_BYTES = 4 << 30
"""All members together; also the file itself."""
PACKED_LIMIT_BYTES = 256 << 20
"""All deflated members together, of which a few bytes can promise a thousand times as many."""
DIRECTORY_LIMIT_BYTES = 8 << 20
"""The archive's list of members: room for 80 000 stages."""
HEADER_LIMIT_BYTES = 10_000
"""A member's own header."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_END_BYTES = 1 << 17  # where zipfile looks for the end of the directory: 64 KiB of comment, and 22 bytes


def read_arrays(file: io.BufferedIOBase) -> dict[str, np.ndarray]:
    """Every member of an archive by its name without `.npy`, in the order of its directory.

    Raises:
        ValueError: it asks for more than is allowed, or its members are not distinct arrays of numbers, whole.
        Exception: one of the dozen kinds that zipfile, its codec and numpy's parser of headers raise.
    """
    size_bytes = file.seek(0, io.SEEK_END)
    limited = _Limited(file, DIRECTORY_LIMIT_BYTES)
    with zipfile.ZipFile(limited) as archive:
        members = archive.infolist()
        _check_members(members, size_bytes)
        limited.most_bytes = SIZE_LIMIT_BYTES
        return {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members}


def _check_members(members: Sequence[zipfile.ZipInfo], size_bytes: int) -> None:
    """Raise ValueError unless the directory alone shows that all can be read within the limits."""
    total = sum(member.file_size for member in members)
    packed = sum(member.file_size for member in members if member.compress_type != zipfile.ZIP_STORED)
    for found, limit in ((total, SIZE_LIMIT_BYTES), (packed, PACKED_LIMIT_BYTES)):
        if found > limit:
            raise ValueError(f"unpacks to {found} bytes, over the limit of {limit}; it is not read")
    held = sum(member.compress_size for member in members)
    if held > size_bytes:
        raise ValueError(f"its members take {held} bytes of a file of {size_bytes}: they overlap")
    names = Counter(member.filename for member in members)
    repeated = sorted(name for name, count in names.items() if count > 1)
    if repeated or not all(name.endswith(".npy") and name.isprintable() for name in names):
        raise ValueError(f"entries must be distinct and end in .npy; found {(repeated or list(names))[:8]!a:.300}")
    for member in members:
        if member.compress_type not in _METHODS:
            raise ValueError(f"entry {member.filename} is packed by method {member.compress_type}, not deflated")
        if member.flag_bits & _ENCRYPTED:
            raise ValueError(f"entry {member.filename} is encrypted")


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One entry, whose header must promise just the bytes that the archive holds for it."""
    with archive.open(member) as stream:
        shape, fortran, dtype, header_bytes = _read_header(stream, member.filename)
        count = int(np.prod(shape, dtype=object)) if shape else 1
        promised, held = count * dtype.itemsize, member.file_size - header_bytes
        if promised != held or min(shape, default=0) < 0:
            raise ValueError(f"entry {member.filename} holds {held} bytes, its header says {promised}")
        array = np.frombuffer(stream.read(held), dtype)
        if stream.read(1):
            raise ValueError(f"entry {member.filename} holds more than its {member.file_size} bytes")
    return array.reshape(shape, order="F" if fortran else "C")


def _read_header(stream: io.BufferedIOBase | IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order and type that a member tells, and the length of its header, which is checked before it is read."""
    version = np.lib.format.read_magic(stream)
    first = version == (1, 0)
    length = stream.read(2 if first else 4)
    size_bytes = int.from_bytes(length, "little")
    if size_bytes > HEADER_LIMIT_BYTES:
        raise ValueError(f"entry {name} has a header of {size_bytes} bytes, over the limit of {HEADER_LIMIT_BYTES}")
    header = io.BytesIO(length + stream.read(size_bytes))
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(header, max_header_size=HEADER_LIMIT_BYTES)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise ValueError(f"entry {name} has dtype {str(dtype)[:80]}, not a number")
    return shape, fortran, dtype, np.lib.format.MAGIC_LEN + len(length) + size_bytes


class _Limited:
    """A file of which at most so many bytes are read at once: zipfile reads a directory whole, of whatever size."""

    def __init__(self, file: io.BufferedIOBase, most_bytes: int) -> None:
        self._file, self.most_bytes = file, most_bytes

    def read(self, size: int = -1) -> bytes:
        """So many bytes.

        Raises:
            ValueError: they are more than allowed.
        """
        if size > self.most_bytes:
            raise ValueError(f"its directory takes {size} bytes, over the limit of {self.most_bytes}")
        return self._file.read(_END_BYTES if size < 0 else size)

    def __getattr__(self, name: str) -> Any:
        """Whatever else a file can do."""
        return getattr(self._file, name)
