"""Runs in processes that are killed: forked from one that has loaded the product once, so each starts at once."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import matplotlib.backends.backend_agg  # noqa: F401 (what a run loads on its way is loaded before the fork)
import scipy.ndimage  # noqa: F401
import skimage.metrics  # noqa: F401
import torch
import torch._dynamo

from port import __main__, figures, runs, terminal
from port.settings import Settings

ROOT = Path(__file__).parents[1]
FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir")
"""What Python tells of its dealings with files, each before it is done (PEP 578)."""
HALF = "half"
"""In place of a file's name: killed in the middle of writing bytes, not before a dealing with a file."""


class Reporter:
    """Tells another process of each step."""

    def __init__(self, reports: Connection) -> None:
        self.reports = reports

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Send a step."""
        self.reports.send((stage, done))

    def remark(self, text: str) -> None:
        """Keep a remark to itself."""


def work(settings: Settings, name: Path | None, reports: Connection, killing: tuple[str, int] | None) -> None:
    """Begin a run, or resume the one of a name; killed at the dealing of that number with files of such a name."""
    torch.set_num_threads(1)
    figures._DPI = 50  # they are not compared, and take most of the time
    if killing is not None and killing[0] == HALF:
        _write_half(killing[1])
    elif killing is not None:
        sys.addaudithook(_killing(settings.out, *killing))
    if name is None:
        runs.run(settings, Reporter(reports))
    else:
        runs.resume(name, settings.out, {}, Reporter(reports))


def command(words: Sequence[str], folder: Path, said: Path) -> None:
    """Do a command in a folder; what it says goes into a file."""
    os.chdir(folder)
    figures._DPI = 50
    sys.argv = ["sar2ndvi", *words]
    with said.open("w", encoding="utf-8", buffering=1) as file:
        terminal.out.file = terminal.err.file = file
        __main__.main()


def _killing(folder: Path, part: str, event: int) -> Any:
    """A hook that kills the process before the event of that number, from 1, with files in a folder so named."""
    seen = 0

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if name in FILE_EVENTS and str(arguments[0]).startswith(str(folder)) and part in str(arguments[0]):
            seen += 1
            if seen == event:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _write_half(number: int) -> None:
    """Kill the process in the middle of writing bytes for the time of that number, from 1."""
    write, times = Path.write_bytes, count(1)

    def write_bytes(path: Path, content: bytes) -> int:
        if next(times) < number:
            return write(path, content)
        write(path, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    Path.write_bytes = write_bytes


@contextmanager
def forking() -> Iterator[ForkServerContext]:
    """A context whose processes are forked from one that has loaded this file."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    try:
        yield context
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def started(
    context: ForkServerContext,
    settings: Settings,
    name: Path | None = None,
    *,
    killing: tuple[str, int] | None = None,
) -> tuple[BaseProcess, Connection]:
    """A process that begins or resumes a run, and what it reports."""
    reports, end = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(settings, name, end, killing))
    process.start()
    end.close()
    return process, reports
