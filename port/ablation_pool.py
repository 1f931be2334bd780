"""A pool runs an ablation's jobs side by side, in processes with a fixed number of threads, and keeps what is done.

A run's numbers do not depend on how many run beside it. The processes end with their parent, however that ends.
"""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from time import perf_counter

import torch

from port import ablation_store
from port.ablation_store import PREDICTION, Job, Outcome
from port.errors import OutputError, Sar2NdviError, SettingError
from port.observer import Observer
from port.runs import run


def run_all(missing: Sequence[Job], runs: Path, *, jobs: int, observer: Observer, scratch: Path) -> list[Outcome]:
    """The outcomes, in the order they come, each kept in the folder `runs`; `jobs` processes write into `scratch`.

    Where anything but a run's own failure is raised, Ctrl-C included, the runs under way are stopped.

    Raises:
        Sar2NdviError: a run failed (the others are done first), or its process was ended from outside.
    """
    if not missing:
        return []
    pool = ProcessPoolExecutor(
        min(jobs, len(missing)),
        mp_context=get_context("spawn"),  # a fork would share PyTorch's threads
        initializer=_begin,
        initargs=(missing[0].threads, scratch),
    )
    try:
        with _unheard(signal.SIGINT):  # Ctrl-C reaches the whole group; the parent alone answers
            waiting = {pool.submit(_run, job, runs): job for job in missing}
        return _gathered(waiting, _Pace(missing, observer))
    except BrokenProcessPool as problem:
        raise SettingError(
            f"a run's process was ended from outside, as happens where memory is short; what is done stays in {runs}: "
            f"lower --jobs (now {jobs}) and go on"
        ) from problem
    except BaseException:
        for process in active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _gathered(waiting: Mapping[Future[Outcome], Job], pace: "_Pace") -> list[Outcome]:
    """What the runs gave, each told as it comes; then the first failure, if there is one."""
    found: list[Outcome] = []
    failed: list[tuple[Job, Sar2NdviError]] = []
    for future in as_completed(waiting):
        try:
            found.append(future.result())
            pace.tell(found[-1])
        except Sar2NdviError as error:
            failed.append((waiting[future], error))
    if failed:
        job, first = failed[0]
        raise type(first)(f"{len(failed)} of {len(waiting)} runs failed, the others are kept; first {job}: {first}")
    return found


@contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """Ignore a signal meanwhile; processes started then ignore it for good. Only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


def _begin(threads: int, scratch: Path) -> None:
    """Set a run's process up: its threads, its folder for what is temporary; it ends with its parent, not before."""
    torch.set_num_threads(threads)
    tempfile.tempdir = str(scratch)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end, however it comes, then end at once."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(job: Job, runs: Path) -> Outcome:
    """One run, in its own process; only its numbers are kept."""
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        comparison = run(replace(job.settings, out=Path(folder))).comparisons["all"]
    ablation_store.write(runs, job, comparison, perf_counter() - began)
    outcome = ablation_store.read(runs, job)
    if outcome is None:
        raise OutputError(f"{runs} lost the run {job} that was just written there; give --out another folder")
    return outcome


class _Pace:
    """Tells the observer of each run that is done, and how long the others will take at the pace so far."""

    def __init__(self, missing: Sequence[Job], observer: Observer) -> None:
        self._observer = observer
        self._runs, self._patches = len(missing), sum(job.patches for job in missing)
        self._done, self._done_patches, self._began = 0, 0, perf_counter()

    def tell(self, outcome: Outcome) -> None:
        """One more is done; a run's time is taken to go with its patches."""
        self._done += 1
        self._done_patches += outcome.job.patches
        left = (self._patches / self._done_patches - 1) * (perf_counter() - self._began)
        word = f"{outcome.job}: MAE {outcome.methods[PREDICTION]['mae']:.4f}; about {_duration(left)} left"
        self._observer.step("ablate", self._done, self._runs, word)


def _duration(seconds: float) -> str:
    """Seconds up to two minutes, minutes up to two hours, then hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
