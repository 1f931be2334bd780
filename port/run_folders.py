"""A run's folder is named by the second it began, UTC, and its variant; it appears when the run is whole.

Until then all is in a hidden folder beside it, `.NAME.partial`. There it stays where the run is killed, stopped, or
fails after an epoch, and from there it is resumed.
"""

import fcntl
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from port import run_record
from port.errors import DivergenceError, OutputError, SettingError, WeightsError
from port.files import cause, flush, remedy
from port.training_state import epochs_in

_STATE, _LOCK, _SCENE = "state.safetensors", "lock", run_record.SYNTHETIC


@dataclass(frozen=True)
class RunFolder:
    """Where all of a run is once it is whole (`path`), and where it writes until then (`partial`)."""

    path: Path

    @property
    def partial(self) -> Path:
        """Hidden, beside `path`."""
        return self.path.with_name(f".{self.path.name}.partial")

    @property
    def state(self) -> Path:
        """The training's state, for as long as the run lasts."""
        return self.partial / _STATE

    @property
    def resuming(self) -> str:
        """The command that goes on with the run."""
        program = "sar2ndvi" if Path(sys.argv[0]).stem == "sar2ndvi" else "python -m port"
        return f"{program} train --resume {shlex.quote(str(self.path))}"


@contextmanager
def new_folder(out: Path, variant: str) -> Iterator[RunFolder]:
    """A folder never used before; it appears in `out` at the end.

    If anything is raised nothing is left, unless the run can be resumed.

    Raises:
        OutputError: `out` cannot be made or written to.
    """
    existed = True
    try:
        with _told(out):
            existed = out.exists()
            out.mkdir(parents=True, exist_ok=True)
            folder = _reserve(out, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{variant}")
        with _filled(folder):
            yield folder
    finally:
        if not existed and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


@contextmanager
def resumed_folder(folder: RunFolder) -> Iterator[RunFolder]:
    """The folder of an unfinished run, emptied of all but what it goes on from; it appears at the end.

    Raises:
        SettingError: another process works on the run.
        OutputError: it cannot be written to.
    """
    with _filled(folder, resumed=True):
        for path in folder.partial.iterdir():
            if path.name not in (_STATE, _LOCK, _SCENE, run_record.NAME):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield folder


def unfinished(run: Path, out: Path) -> RunFolder:
    """The unfinished run of a name or path, of its folder to be or of the hidden one; a name is looked for in `out`.

    Raises:
        SettingError: there is none, or it is finished.
    """
    name = run.absolute().name
    visible = run.absolute() if not run.name else run.with_name(name.removeprefix(".").removesuffix(".partial"))
    places = list(dict.fromkeys((RunFolder(visible), RunFolder(out / visible))))
    for folder in places:
        if folder.partial.is_dir():
            return folder
    for folder in places:
        if (folder.path / run_record.NAME).is_file():
            _tidy(folder)
            raise SettingError(f"run {folder.path} is finished, nothing is left to resume; its results are there")
    others = sorted(path.name[1:].removesuffix(".partial") for path in out.glob(".*.partial"))
    raise SettingError(
        f"there is no run {run} to resume: neither {' nor '.join(str(folder.partial) for folder in places)} is a "
        f"folder; unfinished in {out}: {', '.join(others) or 'none'}"
    )


@contextmanager
def _filled(folder: RunFolder, *, resumed: bool = False) -> Iterator[None]:
    """Lock the folder while it is filled, then let it appear; where it is not, keep it if it can be resumed."""
    with _told(folder.path.parent), _locked(folder):
        try:
            yield
            folder.partial.rename(folder.path)
            flush(folder.path.parent)
            _tidy(folder)
        except BaseException as error:
            if folder.partial.is_dir() and (resumed or _can_be_resumed(folder, error)):
                error.add_note(_kept(folder))
            else:
                shutil.rmtree(folder.partial, ignore_errors=True)
            raise


def _tidy(folder: RunFolder) -> None:
    """Remove from a whole run what only an unfinished one needs."""
    for name in (_STATE, _LOCK):
        (folder.path / name).unlink(missing_ok=True)


def _can_be_resumed(folder: RunFolder, error: BaseException) -> bool:
    """Whether there is anything to go on from, and any use in it."""
    if isinstance(error, KeyboardInterrupt):  # nothing is wrong with the run
        return (folder.partial / run_record.NAME).is_file()
    return folder.state.is_file() and not isinstance(error, DivergenceError)


def _kept(folder: RunFolder) -> str:
    """What is left of a run, and how it goes on."""
    try:
        epochs = epochs_in(folder.state)
    except WeightsError:  # which is what was raised
        return f"what was done is in {folder.partial}"
    done = f"{epochs} epoch{'s' * (epochs != 1)}" if epochs else "no whole epoch yet, but what was asked"
    return f"kept in {folder.partial}: {done}; go on with: {folder.resuming}"


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """An error of the system as one that says what to do."""
    try:
        yield
    except OSError as problem:
        help = remedy(problem, "give --out a folder you may write to")
        told = OutputError(f"cannot write a run into {out}: {cause(problem)}; {help}")
        for note in getattr(problem, "__notes__", ()):
            told.add_note(note)
        raise told from problem


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """Hold the run; the system lets go of it with the process, however that ends.

    Raises:
        SettingError: another process holds it.
    """
    with (folder.partial / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingError(
                f"another process works on run {folder.path} at this moment; wait for its end, or stop it"
            ) from None
        if not folder.partial.is_dir():  # the one that held it has just finished
            raise SettingError(f"run {folder.path} is finished, nothing is left to resume; its results are there")
        yield


def _reserve(out: Path, name: str) -> RunFolder:
    """Make the hidden folder of the first name, among NAME, NAME-2, NAME-3, ..., that no run has or is writing."""
    for number in count(1):
        folder = RunFolder(out / (name if number == 1 else f"{name}-{number}"))
        if not folder.path.exists():
            try:
                folder.partial.mkdir()
            except FileExistsError:
                continue
            return folder
    raise AssertionError("count() does not end")
