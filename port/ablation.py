"""An ablation runs every variant with every seed on every scene, side by side, and does no run twice.

Each run is the product's own (`port.runs.run`). What is done is kept run by run (`port.ablation_store`), so an ablation
that was stopped goes on where it was.
"""

import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from port import ablation_cluster, ablation_pool, ablation_store
from port.ablation_run import Measured
from port.ablation_store import PREDICTION, Job, Outcome
from port.ablation_table import Row, table, write_tables
from port.audit import check_scale
from port.bands import VARIANTS
from port.cluster import Place
from port.digests import code_digest, scene_digest
from port.errors import Sar2NdviError, SettingError
from port.files import folder_name, made_folder
from port.network import make_network
from port.observer import Observer, Silent
from port.pace import Pace
from port.recipes import Recipe
from port.regions import Region
from port.runs import plan
from port.scenes import Scene
from port.settings import Settings
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


def ablate(
    study: Study, out: Path, *, jobs: int = 1, place: Place | None = None, observer: Observer | None = None
) -> Ablation:
    """Do the runs that are missing, `jobs` at a time; write ablation.csv, .json, .md and .png into `out`.

    They are done in processes of this computer, or on the cluster at a place; the numbers are the same. What is done
    stays in `out`/runs whatever happens.

    Raises:
        Sar2NdviError: a variant, scene, region or recipe that cannot be used, before anything is trained; or a run that
            failed, after all others are done.
    """
    from port.ablation_figure import ablation_figure  # as in `port.runs`: matplotlib is slow to load

    _check(study, jobs)
    observer = observer or Silent()
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-") as scratch:
        planned = _planned(study, Path(scratch), observer)
        runs = made_folder(out / "runs")
        keys = {job: job.key for job in planned}  # two scenes of one content share their runs
        known = {key: ablation_store.read(runs, job) for job, key in keys.items()}
        missing = list({keys[job]: job for job in planned if known[keys[job]] is None}.values())
        if missing:
            coming = _coming(missing, study, jobs, place, Path(scratch), observer)
            known |= {keys[outcome.job]: outcome for outcome in _gathered(coming, missing, runs, observer)}
    outcomes = ((job, known[key]) for job, key in keys.items())
    rows = table([replace(outcome, job=job) for job, outcome in outcomes if outcome is not None])
    write_tables(out / STEM, rows)
    ablation_figure(out / f"{STEM}.png", rows)
    return Ablation(rows, done=len(missing), kept=len(planned) - len(missing))


Coming = Generator[tuple[Job, Measured | Sar2NdviError], None, None]


def _coming(
    missing: Sequence[Job], study: Study, jobs: int, place: Place | None, scratch: Path, observer: Observer
) -> Coming:
    """What the runs give, as they end."""
    if place is None:
        return ablation_pool.runs_of(missing, jobs=jobs, scratch=scratch)
    local = (job for job in missing if job.settings.data and job.settings.data.is_relative_to(scratch))
    return ablation_cluster.runs_of(missing, dict.fromkeys(local, study.size_px), place, observer)


def _gathered(coming: Coming, missing: Sequence[Job], runs: Path, observer: Observer) -> list[Outcome]:
    """The outcomes, each kept in the folder `runs` and told as it comes; then the first failure, if there is one."""
    pace = Pace("ablate", len(missing), sum(job.patches for job in missing), observer)
    found: list[Outcome] = []
    failed: list[tuple[Job, Sar2NdviError]] = []
    with closing(coming):
        for job, result in coming:
            if isinstance(result, Sar2NdviError):
                failed.append((job, result))
                continue
            found.append(ablation_store.write(runs, job, result.comparison, result.seconds))
            pace.tell(f"{job}: MAE {found[-1].methods[PREDICTION]['mae']:.4f}", job.patches)
    if failed:
        job, first = failed[0]
        raise type(first)(f"{len(failed)} of {len(missing)} runs failed, the others are kept; first {job}: {first}")
    return found


def _check(study: Study, jobs: int) -> None:
    """Raise SettingError for a study without runs, or one of whose runs would be two."""
    for variant in study.variants:
        make_network(variant, study.recipe)
    for what, given in (("variant", study.variants), ("scene", [_name(data, study) for data in study.data])):
        twice = sorted({one for one in given if list(given).count(one) > 1})
        if not given or twice:
            found = f"{what} {twice[0]!r} is given twice" if twice else f"no {what} is given"
            raise SettingError(
                f"{found}; give at least one, and none twice (scenes are told apart by their folder's name)"
            )
    for what, number in (("seeds", study.seeds), ("jobs", jobs), ("threads", study.threads)):
        if number < 1:
            raise SettingError(f"{what} is {number}; it must be at least 1")


def _name(data: str, study: Study) -> str:
    """What the table calls a scene."""
    return f"{SYNTHETIC} {study.size_px[0]}x{study.size_px[1]}" if data == SYNTHETIC else folder_name(Path(data))


def _planned(study: Study, scratch: Path, observer: Observer) -> list[Job]:
    """All runs of a study, scene by scene, seed by seed; every one is checked as far as it can be before it trains."""
    planned, remarks, judged = [], dict[str, None](), set[str]()
    code = code_digest()
    for data in study.data:
        name = _name(data, study)
        for seed, scene, digest in _scenes(data, study, scratch):
            settings = [_settings(study, scene, seed, variant) for variant in study.variants]
            patches = len(plan(settings[0], scene)[1].training)  # a split knows no variant
            planned += [Job(name, digest, one, study.threads, patches, code) for one in settings]
            if digest not in judged:
                remarks |= {f"{name}: {remark}": None for remark in _scale_remarks(study, scene)}
                judged.add(digest)
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
    nodata = study.recipe.nodata
    if data != SYNTHETIC:
        scene = Scene.open(Path(data).absolute(), first_date=study.first_date, nodata=nodata)
        digest = scene_digest(scene)
        yield from ((seed, scene, digest) for seed in range(study.seeds))
        return
    for seed in range(study.seeds):
        folder = write_synthetic_scene(scratch / f"scene-{seed}", size_px=study.size_px, seed=seed)
        scene = Scene.open(folder, nodata=nodata)
        yield seed, scene, scene_digest(scene)
