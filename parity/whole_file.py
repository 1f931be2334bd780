"""A file appears under its name only when it is whole: written beside, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parity.errors import ParityError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; renamed to `path` at the end, removed if anything is raised.

    The folder is made where there is none.

    Raises:
        ParityError: a folder, pipe or device is there, which a file would take the place of.
    """
    if path.exists() and not path.is_file():
        raise ParityError(f"{path} is a folder, pipe or device, expected the name of a file to write; give another")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, or replace the one that is there; ParityError as `replacing`."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
