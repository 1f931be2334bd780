"""What a command shows: lines, remarks, bars. Nothing writes to the terminal but through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from port.interrupts import Stopped, heard
from port.remaining import Remaining

out = Console()
err = Console(stderr=True)


class StageProgress:
    """A bar for each stage on a terminal; elsewhere, such as in a log, a line for each tenth of it, with the time left.

    The time left is that of what is still to be done, at the rate of what was done since the stage began.
    """

    def __init__(self, *, remaining: bool = True) -> None:
        columns = [TextColumn("{task.description:9}"), BarColumn(), MofNCompleteColumn()]
        columns += [TextColumn("{task.fields[left]}")] if remaining else []  # an ablation tells its own
        self._bars = Progress(*columns, TextColumn("{task.fields[word]}"), console=err, disable=not err.is_terminal)
        self._remaining = remaining
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}
        self._left: dict[str, Remaining] = {}

    def __enter__(self) -> "StageProgress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def remark(self, text: str) -> None:
        """Print a remark above the bars."""
        remark(text)

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Show that `done` of `total` steps of a stage are over."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, word=word, left="")
            self._left[stage] = Remaining(done)
        left = self._left[stage].told(done, total) if self._remaining else ""
        self._bars.update(self._tasks[stage], completed=done, total=total, word=word, left=left)
        tenth = 10 * done // total
        if not err.is_terminal and tenth > self._tenths.get(stage, 0):
            self._tenths[stage] = tenth
            plain(err, f"{stage:9} {done}/{total} {word}" + (f", {left}" if left else ""))


def remark(text: str) -> None:
    """Something the user should know, if there is something."""
    if text:
        plain(err, f"note: {text}", style="yellow")


def last_line(text: str) -> None:
    """What was produced, and where."""
    plain(out, text, style="bold")


def plain(console: Console, text: str, style: str = "") -> None:
    """Print a text as it is: no markup, no line broken inside a path."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def stoppable(*kept: str) -> Iterator[None]:
    """Where Ctrl-C or SIGTERM stops a command, say what is kept, and what the exception notes; exit code 130, 143."""
    try:
        with heard():
            yield
    except Stopped as stop:
        plain(err, "; ".join((f"stopped by {stop}", *kept, *getattr(stop, "__notes__", ()))))
        raise typer.Exit(stop.exit_code) from None
