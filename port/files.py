"""A file appears under its name only when it is whole: written beside, flushed to the disk, then renamed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from port.errors import OutputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; renamed to `path` at the end, removed if anything is raised.

    Both the content and the new name are on the disk when the context ends, and until then what `path` held before.

    Raises:
        OutputError: the folder is missing or cannot be written to, the disk is full, or a folder, pipe or device is
            there, which a file would take the place of.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is a folder, pipe or device, expected the name of a file to write; give another")
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        flush(beside)
        beside.replace(path)
        flush(path.parent)
    except OSError as problem:
        raise OutputError(f"cannot write {path}: {cause(problem)}; {remedy(problem)}") from problem
    finally:
        if beside.exists():
            beside.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a file, or replace the one that is there.

    Raises:
        OutputError: see `replacing`.
    """
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """See that a file's content, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # a file system that keeps no names back has nothing to flush
            raise
    finally:
        os.close(handle)


def folder_name(path: Path) -> str:
    """The name of the folder that a path leads to; of the path itself where its links lead nowhere."""
    return Path(os.path.realpath(path)).name


def cause(problem: OSError) -> str:
    """What went wrong, in the system's words."""
    return problem.strerror or str(problem)


def remedy(problem: OSError, otherwise: str = "give a path in an existing folder you may write to") -> str:
    """What helps against it."""
    return "free some space there, or choose a disk that has it" if problem.errno in _FULL else otherwise


def made_folder(folder: Path) -> Path:
    """The folder, made if need be.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"cannot make {folder}: {problem.strerror}; give --out a folder you may write to"
        ) from problem
    return folder
