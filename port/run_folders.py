"""A run's folder is named by the second it began, UTC, and its variant; it appears when the run is whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from port.errors import OutputError


@dataclass(frozen=True)
class RunFolder:
    """Where a run writes while it lasts (`partial`), and where all of that is afterwards (`path`)."""

    path: Path
    partial: Path


@contextmanager
def new_folder(out: Path, variant: str) -> Iterator[RunFolder]:
    """A folder never used before; it appears in `out` at the end, or not at all if anything is raised.

    Raises:
        OutputError: `out` cannot be made or written to.
    """
    existed = out.exists()
    folder: RunFolder | None = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = _reserve(out, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{variant}")
        yield folder
        folder.partial.rename(folder.path)
    except OSError as problem:
        raise OutputError(
            f"cannot write a run into {out}: {problem.strerror or problem}; give --out a folder you may write to, on a "
            f"disk with space"
        ) from problem
    finally:
        if folder is not None and folder.partial.exists():
            shutil.rmtree(folder.partial, ignore_errors=True)
        if not existed and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def _reserve(out: Path, name: str) -> RunFolder:
    """Make the hidden folder of the first name, among NAME, NAME-2, NAME-3, ..., that no run has or is writing."""
    for number in count(1):
        path = out / (name if number == 1 else f"{name}-{number}")
        partial = path.with_name(f".{path.name}.partial")
        if not path.exists():
            try:
                partial.mkdir()
            except FileExistsError:
                continue
            return RunFolder(path, partial)
    raise AssertionError("count() does not end")
