"""A pool does an ablation's jobs side by side, in processes with a fixed number of threads.

A run's numbers do not depend on how many run beside it. The processes end with their parent, however that ends.
"""

import os
import tempfile
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path

import torch

from port.ablation_run import Measured, measure
from port.ablation_store import Job
from port.errors import Sar2NdviError, SettingError
from port.heap import keep_freed
from port.interrupts import unheard


def runs_of(
    missing: Sequence[Job], *, jobs: int, scratch: Path
) -> Generator[tuple[Job, Measured | Sar2NdviError], None, None]:
    """What each job gave, in the order they end; `jobs` processes write into `scratch`.

    Where it is closed, or anything but a run's own failure is raised, the runs under way are stopped.

    Raises:
        SettingError: a run's process was ended from outside.
    """
    pool = ProcessPoolExecutor(
        min(jobs, len(missing)),
        mp_context=get_context("spawn"),  # a fork would share PyTorch's threads
        initializer=_begin,
        initargs=(missing[0].threads, scratch),
    )
    try:
        with unheard():  # Ctrl-C reaches the whole group; the parent alone answers
            waiting = {pool.submit(measure, job): job for job in missing}
        for future in as_completed(waiting):
            error = future.exception()
            if error is not None and not isinstance(error, Sar2NdviError):
                raise error
            yield waiting[future], error or future.result()
    except BrokenProcessPool as problem:
        raise SettingError(
            f"a run's process was ended from outside, as happens where memory is short; what is done stays in --out: "
            f"lower --jobs (now {jobs}) and go on"
        ) from problem
    except BaseException:
        for process in active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(threads: int, scratch: Path) -> None:
    """Set a run's process up: its threads, its folder for what is temporary; it ends with its parent, not before."""
    keep_freed()
    torch.set_num_threads(threads)
    tempfile.tempdir = str(scratch)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end, however it comes, then end at once."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
