"""A file appears under its name only when it is whole: written beside, flushed to the disk, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from port.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; renamed to `path` at the end, removed if anything is raised.

    Raises:
        OutputError: the folder is missing or cannot be written to, or the disk is full.
    """
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as problem:
        raise OutputError(
            f"cannot write {path}: {problem.strerror or problem}; give a path in an existing folder you may write to"
        ) from problem
    finally:
        if beside.exists():
            beside.unlink()


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
