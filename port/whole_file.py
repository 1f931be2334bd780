"""A file that is read whole is one on a disk and within a limit: a pipe would be waited for, a device has no end."""

import stat
from pathlib import Path
from typing import IO


def open_file(path: Path, limit_bytes: int) -> IO[bytes]:
    """The file, open for reading.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is a folder, pipe or device, or larger than the limit.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name} is a folder, pipe or device, not a file")
    if found.st_size > limit_bytes:
        raise ValueError(f"{path.name} has {found.st_size} bytes, over the limit of {limit_bytes}; it is not read")
    return path.open("rb")


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """All of the file.

    Raises:
        OSError: it cannot be read.
        ValueError: as `open_file`.
    """
    with open_file(path, limit_bytes) as file:
        return file.read(limit_bytes)
