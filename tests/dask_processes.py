"""A scheduler and workers started as a user does, by Dask's own command line; each is a process that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_S = 120.0  # on a machine that does much else


class DaskProcesses:
    """A scheduler on 127.0.0.1 and its workers; `folder` is for what they write."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **settings, "OMP_NUM_THREADS": "1"}
        self._file = folder / "scheduler.json"
        self._log = (folder / "dask.log").open("wb")
        ends = ("--idle-timeout", "15 minutes")  # should the tests be ended before they end it
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file), *ends)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._wait_for_address()

    @property
    def address(self) -> str:
        """The scheduler's."""
        return str(json.loads(self._file.read_text(encoding="utf-8"))["address"])

    def _wait_for_address(self) -> None:
        """Wait until the scheduler has written its file, and to the end."""
        until = time.monotonic() + START_S
        while True:
            try:
                self.address  # noqa: B018
            except (FileNotFoundError, json.JSONDecodeError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return

    def add(self, count: int = 1, *, threads: int = 1, source: Path = ROOT) -> None:
        """Start workers, which import the program from a folder; without a nanny, so nothing starts them again."""
        own = ("--no-nanny", "--nthreads", str(threads), "--local-directory", str(self._folder))
        command = ("worker", self.address, *own)
        self.workers += [self._start(*command, source=source) for _ in range(count)]

    def kill(self, worker: int = 0) -> None:
        """End a worker at once, as the system does where memory is short."""
        process = self.workers.pop(worker)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End all."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()

    def _start(self, *words: str, source: Path = ROOT) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", *words, "--host", "127.0.0.1", "--no-dashboard"]
        paths = os.pathsep.join(map(str, (source, ROOT / "tests")))
        environment = self._environment | {"PYTHONPATH": paths}
        return subprocess.Popen(command, cwd=source, env=environment, stdout=self._log, stderr=self._log)


@contextmanager
def dask_processes(folder: Path, workers: int, **settings: str) -> Iterator[DaskProcesses]:
    """A scheduler with so many workers and settings of Dask's (variables of the environment), ended afterwards."""
    processes = DaskProcesses(folder, settings)
    try:
        processes.add(workers)
        yield processes
    finally:
        processes.close()
