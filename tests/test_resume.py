"""A run that was stopped, or failed on its way, goes on to the same bits; nothing else goes on in its name."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from killed_runs import command, forking

from port import run_record
from port.errors import DivergenceError, OutputError, SceneError, SettingError, WeightsError
from port.interrupts import Stopped
from port.recipes import Recipe, recipe
from port.run_folders import RunFolder, resumed_folder, unfinished
from port.runs import resume, run
from port.settings import Settings
from port.synthetic import write_synthetic_scene
from port.training_state import epochs_in

EPOCHS = 4
SAME = ("checkpoint.safetensors", "checkpoint.json", "loss.csv", "metrics.json", "prediction.tif", "config.json")
TINY = recipe("tuned", epochs=EPOCHS, patch_side_px=21, stride_px=4, batch_size=4)
Act = Callable[[], None]
pytestmark = pytest.mark.usefixtures("quick_runs")


class At:
    """Does something once a stage has come so far, and keeps all remarks."""

    def __init__(self, stage: str = "", done: int = 0, act: Act = lambda: None) -> None:
        self.at, self.act = (stage, done), act
        self.remarks: list[str] = []

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Act, if it is time."""
        if (stage, done) == self.at:
            self.act()

    def remark(self, text: str) -> None:
        """Keep a remark."""
        self.remarks.append(text)


def stop() -> None:
    """As Ctrl-C does."""
    raise Stopped(signal.SIGINT)


@pytest.fixture(scope="module")
def scene(tiny_folder: Path) -> Path:
    """The scene of all runs."""
    return tiny_folder


def asked(scene: Path, out: Path, chosen: Recipe = TINY, engine: str = "channels-last") -> Settings:
    """A run of the tiny scene; forced, for some recipes scale it wrongly."""
    return Settings(variant="OPTII", recipe=chosen, data=scene, out=out, engine=engine, force=True)


@pytest.fixture(scope="module")
def expected(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    torch.set_num_threads(1)
    return run(asked(scene, tmp_path_factory.mktemp("expected"))).folder


def stopped(settings: Settings, stage: str = "train", done: int = 2, act: Act = stop) -> RunFolder:
    """The folder of a run that was stopped, after two epochs unless said otherwise."""
    with pytest.raises(Stopped):
        run(settings, At(stage, done, act))
    (partial,) = settings.out.glob(".*.partial")
    return unfinished(partial, settings.out)


def assert_same(one: Path, other: Path) -> None:
    """The same files, of the same bytes but for the figures; nothing hidden beside."""
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in other.iterdir())
    assert not list(other.parent.glob(".*"))
    for name in SAME:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize(
    ("chosen", "engine"),
    [
        (recipe("original", epochs=EPOCHS, patch_side_px=21, batch_size=4), "eager"),
        (replace(TINY, optimiser_state="lost"), "channels-last"),
        (replace(TINY, momentum_form="lasagne", precision="float64"), "channels-last"),
        (replace(TINY, batching="blocks"), "bfloat16"),
        (TINY, "auto"),
    ],
    ids=["original", "lost", "lasagne-float64", "blocks-bfloat16", "auto"],
)
def test_whatever_the_recipe_and_engine(chosen: Recipe, engine: str, scene: Path, tmp_path: Path) -> None:
    """Velocities are resumed where checkpoints lose them too; the engine once measured is not measured again."""
    folder = stopped(asked(scene, tmp_path / "stopped", chosen, engine))
    listener = At()
    done = resume(folder.path, tmp_path, {}, listener).folder
    assert listener.remarks[-1] == f"training goes on after epoch 2 of {EPOCHS}"
    taken = json.loads((done / "config.json").read_text())["engine"]
    alone = run(asked(scene, tmp_path / "alone", chosen, taken)).folder
    assert_same(alone, done)


@pytest.mark.parametrize(
    ("stage", "done"), [("train", 0), ("train", EPOCHS), ("predict", 0), ("summary", 1), ("figures", 1), ("figures", 2)]
)
def test_stopped_at_any_stage(stage: str, done: int, expected: Path, scene: Path, tmp_path: Path) -> None:
    """Whatever was written by then is kept or made again."""
    folder = stopped(asked(scene, tmp_path), stage, done)
    assert epochs_in(folder.state) == (0 if (stage, done) == ("train", 0) else EPOCHS)
    assert_same(expected, resume(Path(folder.path.name), tmp_path, {}).folder)


def test_synthetic_scene_goes_on(tmp_path: Path) -> None:
    """The scene in the run's folder is kept; were it lost, the same would be made again from the seed."""
    chosen = recipe(epochs=2, stride_px=32)
    first, second = (Settings(variant="OPTI", recipe=chosen, out=tmp_path / name) for name in ("kept", "lost"))
    kept, lost = stopped(first, done=1), stopped(second, done=1)
    before = (kept.partial / "scene" / "DEM.tif").stat().st_mtime_ns
    shutil.rmtree(lost.partial / "scene")
    one, other = (resume(folder.path, tmp_path, {}).folder for folder in (kept, lost))
    assert (one / "scene" / "DEM.tif").stat().st_mtime_ns == before
    assert_same(one, other)


def test_stale_files_are_removed(expected: Path, scene: Path, tmp_path: Path) -> None:
    """What a write that was killed left, of a file or of a scene."""
    folder = stopped(asked(scene, tmp_path))
    (folder.partial / ".17-state.safetensors").write_bytes(b"half")
    (folder.partial / ".scene.17.partial").mkdir()
    (folder.partial / ".scene.17.partial" / "DEM.tif").write_bytes(b"half")
    assert_same(expected, resume(folder.path, tmp_path, {}).folder)


@pytest.mark.parametrize("spelt", ["{0}", "runs/{0}", "runs/.{0}.partial", ".{0}.partial", "{1}/runs/{0}/"])
def test_a_run_is_named_in_many_ways(spelt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name or path, of the folder to be or of the hidden one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / ".2016-SAR.partial").mkdir(parents=True)
    found = unfinished(Path(spelt.format("2016-SAR", tmp_path)), Path("runs"))
    assert found.path.absolute() == tmp_path / "runs" / "2016-SAR"


def test_only_unfinished_runs_are_resumed(expected: Path, scene: Path, tmp_path: Path) -> None:
    """A finished one, none, and a folder in which nothing was recorded are told apart."""
    with pytest.raises(SettingError, match=r"is finished, nothing is left to resume"):
        resume(expected, tmp_path, {})
    folder = stopped(asked(scene, tmp_path))
    with pytest.raises(SettingError, match=rf"no run nix to resume: neither .* unfinished in .*: {folder.path.name}$"):
        resume(Path("nix"), tmp_path, {})
    (folder.partial / "config.json").unlink()
    with pytest.raises(SettingError, match=r"holds no config.json: it is no run, or was stopped before anything"):
        resume(folder.path, tmp_path, {})


@pytest.mark.parametrize(
    ("content", "message"), [("{", "cannot be read"), ("[]", "does not tell variant"), ("{}", "does not tell variant")]
)
def test_a_damaged_record_is_refused(content: str, message: str, scene: Path, tmp_path: Path) -> None:
    """One clear error, and the folder stays."""
    folder = stopped(asked(scene, tmp_path))
    (folder.partial / "config.json").write_text(content)
    with pytest.raises(SettingError, match=message):
        resume(folder.path, tmp_path, {})
    assert folder.state.is_file()


def test_a_damaged_state_is_refused(scene: Path, tmp_path: Path) -> None:
    """As no write of ours leaves it; the folder stays."""
    folder = stopped(asked(scene, tmp_path))
    folder.state.write_bytes(folder.state.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"state.safetensors cannot be read .* remove it to train from the start"):
        resume(folder.path, tmp_path, {})
    assert folder.state.is_file()


def test_another_scene_is_refused(expected: Path, scene: Path, tmp_path: Path) -> None:
    """Other pixels under the same path; with the right ones back the run goes on."""
    own = tmp_path / "scene"
    shutil.copytree(scene, own)
    folder = stopped(asked(own, tmp_path / "runs"))
    own.rename(tmp_path / "kept")
    write_synthetic_scene(own, size_px=(72, 64), seed=4)
    with pytest.raises(SceneError, match=r"holds another scene \(sha256 \w{16}\.\.\.\) than the run was begun with"):
        resume(folder.path, tmp_path, {})
    shutil.rmtree(own)
    with pytest.raises(SceneError, match="is not a folder"):
        resume(folder.path, tmp_path, {})
    (tmp_path / "kept").rename(own)
    done = resume(folder.path, tmp_path, {}).folder
    assert (done / "checkpoint.safetensors").read_bytes() == (expected / "checkpoint.safetensors").read_bytes()


def test_two_never_resume_one_run(scene: Path, tmp_path: Path) -> None:
    """Who comes second is refused, and disturbs nothing; also one who looked before the first had ended."""
    folder = stopped(asked(scene, tmp_path))
    with resumed_folder(folder):
        with pytest.raises(SettingError, match=r"another process works on run .*; wait for its end, or stop it"):
            resume(folder.path, tmp_path, {})
        assert folder.state.is_file()
    with pytest.raises(SettingError, match="nothing is left to resume"):
        unfinished(folder.path, tmp_path)


def test_other_conditions_are_told_and_recorded(scene: Path, tmp_path: Path) -> None:
    """Other versions are no reason not to go on, but the bits may be others."""
    folder = stopped(asked(scene, tmp_path))
    record = run_record.read(folder.partial)
    record["versions"]["torch"] = "1.0"
    run_record.write(folder.partial, record)
    listener = At()
    done = resume(folder.path, tmp_path, {}, listener).folder
    told = f"torch 1.0 then, {torch.__version__} now"
    assert listener.remarks[0] == f"not the conditions it began in, so the last bits may differ: {told}"
    assert json.loads((done / "config.json").read_text())["resumed"] == [[told]]


def test_errors_after_an_epoch_leave_it(expected: Path, scene: Path, tmp_path: Path) -> None:
    """The error says what is kept, and how it goes on."""
    settings = asked(scene, tmp_path)

    def fail() -> None:
        raise SceneError("gone")

    with pytest.raises(SceneError, match="gone") as raised:
        run(settings, At("train", 3, fail))
    (partial,) = tmp_path.iterdir()
    name = partial.name.removeprefix(".").removesuffix(".partial")
    note = rf"kept in {re.escape(str(partial))}: 3 epochs; go on with: .* train --resume {tmp_path / name}"
    assert re.fullmatch(note, raised.value.__notes__[0])
    assert_same(expected, resume(partial, tmp_path, {}).folder)


def test_errors_before_an_epoch_leave_nothing(scene: Path, tmp_path: Path) -> None:
    """There is nothing to go on from."""

    def fail() -> None:
        raise SceneError("gone")

    with pytest.raises(SceneError):
        run(asked(scene, tmp_path / "runs"), At("train", 0, fail))
    assert not (tmp_path / "runs").exists()


def test_divergence_leaves_nothing_even_after_epochs(scene: Path, tmp_path: Path) -> None:
    """Whoever went on would end there again."""

    def fail() -> None:
        raise DivergenceError("the training loss is nan")

    with pytest.raises(DivergenceError):
        run(asked(scene, tmp_path / "runs"), At("train", 2, fail))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("stage", "done", "name", "epochs"),
    [
        ("train", 2, "state.safetensors", 2),
        ("train", EPOCHS, "loss.csv", EPOCHS),
        ("train", EPOCHS, "checkpoint.safetensors", EPOCHS),
        ("train", EPOCHS, "checkpoint.json", EPOCHS),
        ("baseline", 1, "config.json", EPOCHS),
        ("baseline", 1, "metrics.json", EPOCHS),
        ("baseline", 1, "summary.txt", EPOCHS),
        ("summary", 1, "loss.png", EPOCHS),
        ("summary", 1, "map.png", EPOCHS),
    ],
)
def test_a_full_disk_under_any_file(
    stage: str, done: int, name: str, epochs: int, expected: Path, scene: Path, tmp_path: Path
) -> None:
    """The file's place leads to /dev/full, whose every write finds no space; the error names it, the run goes on."""

    def fill() -> None:
        (partial,) = tmp_path.glob(".*.partial")
        (partial / f".{os.getpid()}-{name}").symlink_to("/dev/full")

    message = rf"cannot write .*\.partial/{name}: No space left on device; free some space there"
    with pytest.raises(OutputError, match=message) as raised:
        run(asked(scene, tmp_path), At(stage, done, fill))
    assert f": {epochs} epochs; go on with: " in raised.value.__notes__[0]
    (partial,) = tmp_path.iterdir()
    assert not (partial / name).exists() or name in ("state.safetensors", "config.json")
    assert_same(expected, resume(partial, tmp_path, {}).folder)


class Disk:
    """A folder on a file system of 8 MiB, or, where none may be mounted, one of whose files none may grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
        self.mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Leave no space."""
        if not self.mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, self._limits[1]))
            return
        with (self.folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def free(self) -> None:
        """Give the space back."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
        (self.folder / "ballast").unlink(missing_ok=True)

    def end(self) -> None:
        """Leave nothing mounted."""
        self.free()
        if self.mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk."""
    (tmp_path / "disk").mkdir()
    found = Disk(tmp_path / "disk")
    yield found
    found.end()


@pytest.mark.parametrize(
    ("stage", "done", "names"),
    [
        ("train", 1, "state.safetensors"),
        ("train", EPOCHS, r"(loss.csv|checkpoint.safetensors)"),
        ("predict", 0, "prediction.tif"),
        ("summary", 1, "loss.png"),
    ],
)
def test_a_full_disk_loses_nothing(
    stage: str, done: int, names: str, disk: Disk, expected: Path, scene: Path, tmp_path: Path
) -> None:
    """One error names the path and the cause; once there is space the run goes on from the last good state."""
    out = disk.folder / "runs"
    with pytest.raises(OutputError, match=rf"\.partial/{names}.*(No space left|too large|as happens on a full disk)"):
        run(asked(scene, out), At(stage, done, disk.fill))
    (partial,) = out.iterdir()
    assert epochs_in(partial / "state.safetensors") == (done if stage == "train" else EPOCHS)
    assert not [path.name for path in partial.iterdir() if path.name.startswith(".")]
    disk.free()
    assert_same(expected, resume(partial, out, {}).folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_a_training_in_order(
    number: signal.Signals, code: int, scene: Path, port: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """One message says what is kept and which command goes on, which does; no traceback, nothing half written."""
    words = ["train", "--data", str(scene), "--variant", "OPTII", "--threads", "1", "--epochs", "60"]
    words += ["--patch-side-px", "21", "--stride-px", "4", "--batch-size", "4"]
    said = tmp_path / "said"
    with forking() as context:
        process = context.Process(target=command, args=(words, tmp_path, said))
        process.start()
        while not list(tmp_path.glob("runs/.*.partial/state.safetensors")):
            assert process.is_alive(), said.read_text()
            time.sleep(0.002)
        os.kill(process.pid, number)
        process.join()
    assert process.exitcode == code
    text = said.read_text()
    found = re.search(
        rf"^stopped by {number.name}; kept in (\S+): (\d+) epochs?; go on with: sar2ndvi (train --resume (\S+))$",
        text,
        re.MULTILINE,
    )
    assert found, text
    assert text.endswith(found[0] + "\n")
    assert "Traceback" not in text
    partial = tmp_path / found[1]
    assert epochs_in(partial / "state.safetensors") == int(found[2]) >= 1
    assert sorted(path.name for path in partial.iterdir()) == ["config.json", "lock", "state.safetensors"]
    assert port(*found[3].split())[0] == 0
    assert port(*words)[0] == 0
    resumed, alone = sorted((tmp_path / "runs").iterdir())
    assert_same(alone, resumed)


def test_all_is_taken_from_the_record(
    expected: Path, scene: Path, port: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """No option is needed beside --resume, nor does one do harm that says the same."""
    for words in ((), ("--variant", "OPTII", "--epochs", EPOCHS, "--data", scene, "--threads", 1, "--force")):
        folder = stopped(asked(scene, tmp_path / "runs"))
        code, out, err = port("train", "--resume", folder.path.name, *words)
        assert code == 0, err
        assert out.splitlines()[-1].startswith(f"runs/{folder.path.name}: ")
        assert f"training goes on after epoch 2 of {EPOCHS}" in err
        assert_same(expected, folder.path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--variant", "SAR"), "--variant SAR contradicts run .*, which was begun with OPTII"),
        (("--seed", "1"), "--seed 1 contradicts run .*, which was begun with 0"),
        (("--epochs", "5"), f"--epochs 5 contradicts run .*, which was begun with {EPOCHS}"),
        (("--recipe", "corrected"), "--recipe corrected contradicts run .*, which was begun with tuned"),
        (("--scaling", "none"), "--scaling none contradicts run .*, which was begun with per-channel"),
        (("--no-reshuffle",), "--reshuffle False contradicts run .*, which was begun with True"),
        (("--patch-limit", "7"), "--patch-limit 7 contradicts run .*, which was begun with None"),
        (("--data", "nowhere"), "--data .*nowhere contradicts run .*, which was begun with .*tiny"),
        (("--test-region", "1:40,0:64"), "--test-region 1:40,0:64 contradicts run .*, which was begun with 43:72,0:64"),
        (("--engine", "eager"), "--engine eager contradicts run .*, which was begun with channels-last"),
        (("--threads", "2"), "--threads 2 contradicts run .*, which was begun with 1"),
        (("--first-date", "2"), "--first-date 2 contradicts run .*, which was begun with 1"),
    ],
)
def test_contradictions_are_refused(
    words: tuple[str, ...], message: str, scene: Path, port: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """With both values, in one paragraph; the run stays as it is."""
    folder = stopped(asked(scene, tmp_path / "runs"), done=1)
    code, out, err = port("train", "--resume", folder.path, *words)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: {message}; leave the option away.*\n", err), err
    assert folder.state.is_file()
