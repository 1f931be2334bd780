"""The trainings the gate needs run side by side, one thread each, as many at a time as there are cores."""

import os
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import torch

from benchmarks.accuracy import DATA, ONE_SYNTHETIC, SYNTHETIC, Row, compared, methods
from gate_tests.errors import GateError
from gate_tests.records import Methods

Asked = tuple[str, str, str, int]
"""Scene, variant, recipe, seed."""


class Trainings:
    """Runs that are under way or done, each once however many ask for it.

    Raises:
        GateError: a real scene is not at hand.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        asked = {_asked(row, seed): row for row in rows for seed in row.seeds}
        for row in asked.values():
            _require(row.scene)
        longest_first = sorted(asked, key=lambda run: not run[0].startswith(SYNTHETIC))
        self._pool = ProcessPoolExecutor(
            cores(), mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
        )
        self._found: dict[Asked, Future[Methods]] = {
            run: self._pool.submit(_trained, asked[run], run[-1]) for run in longest_first
        }

    def of(self, row: Row) -> list[Methods]:
        """What the row's runs gave, seed by seed; waits for them."""
        return [self._found[_asked(row, seed)].result() for seed in row.seeds]

    def done(self, row: Row) -> bool:
        """Whether all of the row's runs ended well."""
        runs = [self._found[_asked(row, seed)] for seed in row.seeds]
        return all(run.done() and not run.cancelled() and run.exception() is None for run in runs)

    def stop(self) -> None:
        """Begin no other run."""
        self._pool.shutdown(cancel_futures=True)


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


def _asked(row: Row, seed: int) -> Asked:
    return row.scene, row.variant, row.name, seed


def _trained(row: Row, seed: int) -> Methods:
    """One run, in a process of the pool."""
    return methods(compared(row, seed)["all"])


def _require(scene: str) -> None:
    """Raise GateError unless a scene is made here or lies with the real ones."""
    if scene not in (SYNTHETIC, ONE_SYNTHETIC) and not (DATA / scene).is_dir():
        raise GateError(
            f"there is no scene {scene} in {DATA.absolute()}, where the real ones should be; set SAR2NDVI_DATA to the "
            f"folder that holds them"
        )
