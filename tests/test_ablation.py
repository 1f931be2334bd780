"""An ablation does each run once, however stopped or spread over processes; its table tells what the runs gave."""

import csv
import json
import math
import shutil
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from port import ablation_store, digests
from port.ablation import Ablation, Study, ablate
from port.ablation_store import Job, Outcome
from port.ablation_table import METRICS, STEPS, Row, markdown, sections, table
from port.bands import VARIANTS
from port.digests import code_digest, scene_digest
from port.errors import OutputError, PatchError, RegionError, SceneError, SettingError
from port.recipes import recipe
from port.regions import Region
from port.runs import run
from port.scenes import Scene
from port.settings import Settings
from port.synthetic import write_synthetic_scene

QUICK = recipe(epochs=1, patch_side_px=21, batch_size=3)
PAIR = ("OPTII", "SOPTII")


class Listener:
    """Keeps the steps it is told of."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int, str]] = []
        self.remarks: list[str] = []

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Keep a step."""
        self.steps.append((stage, done, total, word))

    def remark(self, text: str) -> None:
        """Keep a remark."""
        self.remarks.append(text)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic scene of 64 x 64 px."""
    return write_synthetic_scene(tmp_path_factory.mktemp("small") / "field", size_px=(64, 64), seed=1)


@pytest.fixture(scope="module")
def study(small: Path) -> Study:
    """Two variants, two seeds, one scene, one epoch."""
    return Study(data=[str(small)], recipe=QUICK, variants=PAIR, seeds=2)


@pytest.fixture(scope="module")
def made(study: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ablation, Path, Listener]:
    """That study, done one run at a time."""
    out, listener = tmp_path_factory.mktemp("made"), Listener()
    return ablate(study, out, observer=listener), out, listener


def kept(out: Path) -> dict[str, bytes]:
    """The done runs' files."""
    return {path.name: path.read_bytes() for path in sorted((out / "runs").iterdir())}


def copied(out: Path, to: Path) -> Path:
    """A folder with the same done runs and nothing else."""
    (to / "runs").mkdir(parents=True)
    for name, content in kept(out).items():
        (to / "runs" / name).write_bytes(content)
    return to


def test_every_run_is_done_and_kept(made: tuple[Ablation, Path, Listener]) -> None:
    """A file a run, the tables, the figure, and nothing else."""
    done, out, _ = made
    assert (done.done, done.kept) == (4, 0)
    assert len(kept(out)) == 4
    names = ["ablation.csv", "ablation.json", "ablation.md", "ablation.png", "runs"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "ablation.png").read_bytes().startswith(b"\x89PNG")


def test_each_run_is_told_as_it_ends(made: tuple[Ablation, Path, Listener]) -> None:
    """How many are over, which one it was, its error, and what is left."""
    steps = made[2].steps
    assert [(stage, done, total) for stage, done, total, _ in steps] == [("ablate", n, 4) for n in (1, 2, 3, 4)]
    assert {word.split(":")[0] for *_, word in steps} == {
        f"field {name} seed {seed}" for name in PAIR for seed in (0, 1)
    }
    assert steps[-1][3].endswith("about 0 s left")


def test_a_run_is_the_product_s_own(made: tuple[Ablation, Path, Listener], small: Path, tmp_path: Path) -> None:
    """The table's numbers are those of `port.runs.run` in this process, to the last bit."""
    found = run(Settings(variant="SOPTII", recipe=QUICK, data=small, seed=1, out=tmp_path)).comparisons["all"]
    rows = {row.name: row for row in made[0].rows}
    assert rows["SOPTII"].values[1]["mae"] == found.prediction.mae
    for name, metrics in found.baselines.items():
        assert rows[name].values[1] == {metric: getattr(metrics, metric) for metric in METRICS}


def test_what_is_done_is_not_done_again(study: Study, made: tuple[Ablation, Path, Listener], tmp_path: Path) -> None:
    """No run is told, no kept file changes, and the tables are the same bytes."""
    out, listener = copied(made[1], tmp_path / "again"), Listener()
    again = ablate(study, out, observer=listener)
    assert (again.done, again.kept, listener.steps) == (0, 4, [])
    assert kept(out) == kept(made[1])
    for name in ("ablation.csv", "ablation.json", "ablation.md"):
        assert (out / name).read_bytes() == (made[1] / name).read_bytes()


def test_a_scene_under_two_names_is_trained_once(
    study: Study, made: tuple[Ablation, Path, Listener], small: Path, tmp_path: Path
) -> None:
    """Both stand in the table, with the same numbers; the runs are kept once."""
    other = shutil.copytree(small, tmp_path / "other")
    done = ablate(replace(study, data=[str(small), str(other)]), tmp_path / "out")
    assert (done.done, done.kept) == (4, 4)
    assert len(kept(tmp_path / "out")) == 4
    rows = {scene: [row.values for row in done.rows if row.scene == scene] for scene in ("field", "other")}
    assert rows["field"] == rows["other"] == [row.values for row in made[0].rows]


def test_only_what_is_missing_is_done(study: Study, made: tuple[Ablation, Path, Listener], tmp_path: Path) -> None:
    """After a stop: the one run that is lost, and no other, is done, and it comes out the same."""
    out, listener = copied(made[1], tmp_path / "stopped"), Listener()
    lost = sorted((out / "runs").iterdir())[2]
    lost.unlink()
    again = ablate(study, out, observer=listener)
    assert (again.done, again.kept, len(listener.steps)) == (1, 3, 1)
    assert again.rows == made[0].rows
    assert lost.name in kept(out)


def test_side_by_side_gives_the_same_bits(
    study: Study, made: tuple[Ablation, Path, Listener], small: Path, tmp_path: Path
) -> None:
    """Two processes, and the scene lying elsewhere: the same rows, under the same names."""
    moved = write_synthetic_scene(tmp_path / "field", size_px=(64, 64), seed=1)
    two = ablate(replace(study, data=[str(moved)]), tmp_path / "two", jobs=2)
    assert two.rows == made[0].rows
    assert kept(tmp_path / "two").keys() == kept(made[1]).keys()


def test_more_seeds_and_variants_add_only_theirs(
    study: Study, made: tuple[Ablation, Path, Listener], tmp_path: Path
) -> None:
    """A third variant on two seeds is two runs more."""
    out = copied(made[1], tmp_path / "more")
    more = ablate(replace(study, variants=("SAR", *PAIR)), out)
    assert (more.done, more.kept) == (2, 4)
    assert {row.name for row in more.rows} - {row.name for row in made[0].rows} == {"SAR"}


@pytest.fixture(scope="module")
def job(small: Path) -> Job:
    """A run's description."""
    settings = Settings(variant="SOPTII", recipe=QUICK, data=small, test_region=Region(40, 64, 0, 64))
    return Job("field", scene_digest(Scene.open(small)), settings, 1, 4, code_digest())


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, digest="0" * 64),
        lambda job: replace(job, threads=2),
        lambda job: replace(job, code="0" * 64),
        lambda job: replace(job, settings=replace(job.settings, variant="OPTII")),
        lambda job: replace(job, settings=replace(job.settings, seed=1)),
        lambda job: replace(job, settings=replace(job.settings, first_date=2)),
        lambda job: replace(job, settings=replace(job.settings, test_region=Region(41, 64, 0, 64))),
        lambda job: replace(job, settings=replace(job.settings, recipe=replace(QUICK, epochs=2))),
    ],
    ids=["scene", "threads", "code", "variant", "seed", "first date", "test region", "recipe"],
)
def test_whatever_a_number_depends_on_changes_the_key(change: Callable[[Job], Job], job: Job) -> None:
    """Such a run is another run."""
    assert change(job).key != job.key


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, scene="another name"),
        lambda job: replace(job, settings=replace(job.settings, data=Path("elsewhere"))),
        lambda job: replace(job, settings=replace(job.settings, out=Path("elsewhere"))),
    ],
    ids=["name", "folder", "out"],
)
def test_where_things_lie_does_not_change_the_key(change: Callable[[Job], Job], job: Job) -> None:
    """The same run under another name or elsewhere is the same run."""
    assert change(job).key == job.key


def test_other_libraries_change_the_key(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs under another PyTorch are done again."""
    before = job.key
    monkeypatch.setattr(ablation_store, "versions", lambda: {"torch": "0"})
    assert job.key != before


@pytest.mark.parametrize(("name", "counts"), [("training.py", True), ("new.py", True), ("figures.py", False)])
def test_code_is_known_by_its_content(name: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edited or added file counts, unless it only prints or draws."""
    for path in Path(digests.__file__).parent.glob("*.py"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(digests, "__file__", str(tmp_path / "digests.py"))
    before = code_digest()
    with (tmp_path / name).open("a", encoding="utf-8") as file:
        file.write("# another\n")
    assert (code_digest() != before) == counts


@pytest.mark.parametrize("name", ["002_VH.tif", "DEM.tif", "003_MASK.tif", "CHANGES.tif"])
def test_one_other_pixel_changes_the_scene(name: str, altered: Callable[..., Path], synthetic_folder: Path) -> None:
    """A scene is known by its content."""

    def one_pixel(stored: np.ndarray) -> np.ndarray:
        changed = stored.copy()
        changed[5, 5] = 1 - changed[5, 5]
        return changed

    assert scene_digest(Scene.open(altered(name, one_pixel))) != scene_digest(Scene.open(synthetic_folder))


def test_damaged_run_is_named(job: Job, tmp_path: Path) -> None:
    """A kept file that is not one says which, and what to do."""
    (tmp_path / f"{job.key}.json").write_text("{", encoding="utf-8")
    with pytest.raises(OutputError, match=f"{job.key}.json is not a done run .*remove it, and its run is done again"):
        ablation_store.read(tmp_path, job)


def outcomes(job: Job, seeds: int = 3) -> list[Outcome]:
    """Made-up outcomes of all variants: reproducible numbers, one baseline, one metric that is not a number."""
    generator = np.random.default_rng(5)
    found = []
    for variant in VARIANTS:
        for seed in range(seeds):
            ours = {metric: float(generator.uniform()) for metric in METRICS} | {"ssim": None}
            base = {metric: float(seed) for metric in METRICS}
            mine = replace(job, settings=replace(job.settings, variant=variant, seed=seed))
            found.append(Outcome(mine, {"prediction": ours, "interpolation": base}, 1.0))
    return found


def mae(found: list[Outcome], variant: str) -> np.ndarray:
    """A variant's MAE by seed."""
    return np.array([o.methods["prediction"]["mae"] for o in found if o.job.settings.variant == variant])


def test_table_is_the_mean_and_spread_over_seeds(job: Job) -> None:
    """Against numpy, for each variant and the baseline."""
    found = outcomes(job)
    rows = {row.name: row for row in table(found)}
    for variant in VARIANTS:
        assert math.isclose(rows[variant].mean("mae"), mae(found, variant).mean(), rel_tol=1e-12)
        assert math.isclose(rows[variant].spread("mae"), mae(found, variant).std(ddof=1), rel_tol=1e-12)
        assert math.isnan(rows[variant].mean("ssim"))
    assert (rows["interpolation"].mean("mae"), rows["interpolation"].spread("mae")) == (1.0, 1.0)


@pytest.mark.parametrize(("source", "without", "with_it"), STEPS, ids=[f"{a}-{b}-{c}" for a, b, c in STEPS])
def test_gain_is_paired_by_seed(source: str, without: str, with_it: str, job: Job) -> None:
    """Errors fall, correlation rises: both are gains; the spread is that of the differences."""
    found = outcomes(job)
    row = next(row for row in table(found) if row.name == f"{source}: {without} to {with_it}")
    difference = mae(found, without) - mae(found, with_it)
    assert row.numbers("mae") == difference.tolist()
    assert math.isclose(row.spread("mae"), statistics.stdev(difference.tolist()), rel_tol=1e-12)
    before, after = (
        next(o.methods["prediction"]["cc"] for o in found if o.job.settings.variant == name)
        for name in (without, with_it)
    )
    assert row.values[0]["cc"] == after - before


def test_spread_of_one_seed_is_not_a_number(job: Job) -> None:
    """One seed tells no spread: a dash, not a zero."""
    row = table(outcomes(job, seeds=1))[0]
    assert math.isnan(row.spread("mae"))
    assert sections([row])["field"] == [("SAR", f"{row.mean('mae'):.4f}", "-", "1")]


def test_three_forms_hold_the_same_numbers(made: tuple[Ablation, Path, Listener]) -> None:
    """CSV, JSON and Markdown tell each row's mean MAE; JSON every seed's."""
    done, out, _ = made
    with (out / "ablation.csv").open(encoding="utf-8") as file:
        lines = {line["name"]: line for line in csv.DictReader(file)}
    listed = {entry["name"]: entry for entry in json.loads((out / "ablation.json").read_text(encoding="utf-8"))}
    text = (out / "ablation.md").read_text(encoding="utf-8")
    for row in done.rows:
        assert float(lines[row.name]["mae_mean"]) == row.mean("mae")
        assert listed[row.name]["mae"] == row.numbers("mae")
        assert listed[row.name]["seeds"] == [0, 1]
        assert f"| field | {row.name} | " in text
        spread = f" ± {row.spread('mae'):.4f}" if row.kind != "baseline" else ""  # one scene: a baseline knows no seed
        assert f"{row.mean('mae'):.4f}{spread} |" in text
    assert text == markdown(done.rows)


def test_gain_counts_the_seeds_that_gain() -> None:
    """Two of three seeds gain; the share is of the MAE before."""
    before = Row("field", "variant", "OPTII", {n: dict.fromkeys(METRICS, 0.1) for n in range(3)})
    gains = [{"mae": value} for value in (0.02, 0.03, -0.02)]
    gain = Row("field", "gain", "SAR: OPTII to SOPTII", dict(enumerate(gains)))
    assert "| field | SAR: OPTII to SOPTII | +0.0100 ± 0.0265 | +10 | 2 of 3 |" in markdown([before, gain])


def test_synthetic_scene_is_one_a_seed(tmp_path: Path) -> None:
    """Named with its size; the baselines, which know no seed, differ between seeds, so the scenes do."""
    study = Study(data=["synthetic"], recipe=QUICK, variants=("SAR",), seeds=2, size_px=(64, 64))
    rows = {row.name: row for row in ablate(study, tmp_path / "o", jobs=2).rows}
    assert rows["SAR"].scene == "synthetic 64x64"
    first, second = rows["interpolation"].numbers("mae")
    assert first != second
    assert ablate(study, tmp_path / "o").done == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"variants": ("SAR", "SOPTIII")}, SettingError, "unknown variant 'SOPTIII'; choose one of SAR, SARp"),
        ({"variants": ("SAR", "SAR")}, SettingError, "variant 'SAR' is given twice"),
        ({"variants": ()}, SettingError, "no variant is given"),
        ({"data": ["nowhere"]}, SceneError, "nowhere is not a folder"),
        ({"data": []}, SettingError, "no scene is given"),
        ({"data": ["synthetic", "synthetic"]}, SettingError, "scene 'synthetic 256x256' is given twice"),
        ({"seeds": 0}, SettingError, "seeds is 0; it must be at least 1"),
        ({"threads": 0}, SettingError, "threads is 0; it must be at least 1"),
        ({"test_region": Region(40, 65, 0, 64)}, RegionError, "region 40:65,0:64 is not inside the scene of 64 rows"),
        ({"recipe": replace(QUICK, batch_size=99)}, PatchError, "training patches are fewer than one batch of 99"),
        ({"recipe": recipe("tuned", patch_side_px=21), "variants": ("OPTI",)}, SettingError, "change"),
    ],
)
def test_bad_studies_fail_before_anything_is_done(
    change: dict[str, object], error: type[Exception], message: str, study: Study, tmp_path: Path
) -> None:
    """One paragraph, and no folder is made."""
    with pytest.raises(error, match=message):
        ablate(replace(study, **change), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_failed_runs_leave_the_others(study: Study, altered: Callable[..., Path], tmp_path: Path) -> None:
    """A learning rate that diverges fails each run; the error counts them and names the first."""
    wild = replace(study, recipe=replace(QUICK, epochs=3, learning_rate=1e30), variants=("SAR",), seeds=2)
    with pytest.raises(
        SettingError, match=r"2 of 2 runs failed, the others are kept; first field SAR seed \d: the tra"
    ):
        ablate(wild, tmp_path / "out")
    assert kept(tmp_path / "out") == {}
