"""An ablation runs every variant with every seed on every scene, side by side, and does no run twice.

Each run is the product's own (`port.runs.run`), in a process of its own with a fixed number of threads, so its numbers
do not depend on how many run beside it. What is done is kept run by run (`port.ablation_store`); an ablation that was
stopped goes on where it was.
"""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from time import perf_counter

import torch

from port import ablation_store
from port.ablation_figure import ablation_figure
from port.ablation_store import PREDICTION, Job, Outcome, scene_digest
from port.ablation_table import Row, table, write_tables
from port.audit import check_scale
from port.bands import VARIANTS, variant_bands
from port.errors import OutputError, Sar2NdviError, SettingError
from port.observer import Observer, Silent
from port.recipes import Recipe
from port.regions import Region
from port.runs import Settings, plan, run
from port.scenes import Scene
from port.synthetic import write_synthetic_scene

SYNTHETIC = "synthetic"
"""In place of a scene's folder: a scene made up for each seed."""
STEM = "ablation"


@dataclass(frozen=True, kw_only=True)
class Study:
    """What an ablation is asked for: each variant with seeds 0 to `seeds` - 1 on each scene, by one recipe.

    On the synthetic scene (of `size_px`) the seed is the scene's too. `test_region` None: the lower 40 % of each scene.
    """

    data: Sequence[str]
    recipe: Recipe
    variants: Sequence[str] = tuple(VARIANTS)
    seeds: int = 5
    test_region: Region | None = None
    first_date: int = 1
    size_px: tuple[int, int] = (256, 256)
    threads: int = 1
    force: bool = False  # train although the audit finds a sure error


@dataclass(frozen=True)
class Ablation:
    """What came of it: the table's rows, how many of its runs were done now, and how many had been before."""

    rows: list[Row]
    done: int
    kept: int


def ablate(study: Study, out: Path, *, jobs: int = 1, observer: Observer | None = None) -> Ablation:
    """Do the runs that are missing, `jobs` at a time; write ablation.csv, .json, .md and .png into `out`.

    What is done stays in `out`/runs whatever happens.

    Raises:
        Sar2NdviError: a variant, scene, region or recipe that cannot be used, before anything is trained; or a run that
            failed, after all others are done.
    """
    _check(study, jobs)
    observer = observer or Silent()
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-") as scratch:
        planned = _planned(study, Path(scratch), observer)
        runs = _made(out / "runs")
        known = {job: ablation_store.read(runs, job) for job in planned}
        missing = [job for job, outcome in known.items() if outcome is None]
        pace = _Pace(missing, observer)
        known |= {outcome.job: outcome for outcome in _run_all(missing, runs, jobs, pace, Path(scratch))}
    rows = table([outcome for outcome in known.values() if outcome is not None])
    write_tables(out / STEM, rows)
    ablation_figure(out / f"{STEM}.png", rows)
    return Ablation(rows, done=len(missing), kept=len(planned) - len(missing))


def _check(study: Study, jobs: int) -> None:
    """Raise SettingError for a study without runs, or one of whose runs would be two."""
    for variant in study.variants:
        variant_bands(variant)
    for what, given in (("variant", study.variants), ("scene", [_name(data, study) for data in study.data])):
        twice = sorted({one for one in given if list(given).count(one) > 1})
        if not given or twice:
            found = f"{what} {twice[0]!r} is given twice" if twice else f"no {what} is given"
            raise SettingError(f"{found}; give each {what} once, at least one")
    for what, number in (("seeds", study.seeds), ("jobs", jobs), ("threads", study.threads)):
        if number < 1:
            raise SettingError(f"{what} is {number}; it must be at least 1")


def _name(data: str, study: Study) -> str:
    """What the table calls a scene."""
    return f"{SYNTHETIC} {study.size_px[0]}x{study.size_px[1]}" if data == SYNTHETIC else Path(data).resolve().name


def _planned(study: Study, scratch: Path, observer: Observer) -> list[Job]:
    """All runs of a study, scene by scene, seed by seed; every one is checked as far as it can be before it trains."""
    planned, remarks = [], dict[str, None]()
    for data in study.data:
        name = _name(data, study)
        for seed, scene, digest in _scenes(data, study, scratch):
            for settings in (_settings(study, scene, seed, variant) for variant in study.variants):
                patches = len(plan(settings, scene)[1].training)
                planned.append(Job(name, digest, settings, study.threads, patches))
            remarks |= {f"{name}: {remark}": None for remark in _scale_remarks(study, scene)}
    for remark in remarks:
        observer.remark(remark)
    return planned


def _scale_remarks(study: Study, scene: Scene) -> Iterator[str]:
    """What the audit finds in a scene's scale; a sure error is raised unless forced."""
    for variant in study.variants:
        yield from check_scale(scene, variant=variant, recipe=study.recipe, force=study.force)


def _settings(study: Study, scene: Scene, seed: int, variant: str) -> Settings:
    """One run of a study."""
    return Settings(
        variant=variant,
        recipe=study.recipe,
        data=scene.directory,
        test_region=study.test_region,
        first_date=scene.first_date,
        seed=seed,
        force=study.force,
    )


def _scenes(data: str, study: Study, scratch: Path) -> Iterator[tuple[int, Scene, str]]:
    """Each seed's scene and its digest: one scene for all seeds, or one made up for each."""
    if data != SYNTHETIC:
        scene = Scene.open(Path(data).absolute(), first_date=study.first_date)
        digest = scene_digest(scene)
        yield from ((seed, scene, digest) for seed in range(study.seeds))
        return
    for seed in range(study.seeds):
        scene = Scene.open(write_synthetic_scene(scratch / f"scene-{seed}", size_px=study.size_px, seed=seed))
        yield seed, scene, scene_digest(scene)


def _made(folder: Path) -> Path:
    """The folder, made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"cannot make {folder}: {problem.strerror}; give --out a folder you may write to"
        ) from problem
    return folder


def _run_all(missing: Sequence[Job], runs: Path, jobs: int, pace: "_Pace", scratch: Path) -> list[Outcome]:
    """Their outcomes, in the order they came; where anything else is raised, the runs under way are stopped.

    Raises:
        Sar2NdviError: a run failed; the others are done first.
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
        return _gathered(waiting, pace)
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
