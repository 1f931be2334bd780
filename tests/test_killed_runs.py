"""A run that is killed at any moment and resumed gives the bits of one that never was."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from killed_runs import HALF, forking, started

from port.errors import SettingError
from port.recipes import Recipe, recipe
from port.run_folders import unfinished
from port.settings import Settings
from port.training_state import epochs_in

KILLS = 40
EPOCHS = 12
NEVER = 10**9
LATEST_S = 300  # by then any of these runs has ended
SAME = ("checkpoint.safetensors", "checkpoint.json", "loss.csv", "metrics.json", "prediction.tif", "config.json")
TINY = recipe("tuned", epochs=EPOCHS, patch_side_px=21, stride_px=4, batch_size=4)


@dataclass(frozen=True)
class Kill:
    """What was told last, how many epochs were kept, and what lay half written, when a run was killed."""

    stage: str
    epochs: int
    half: tuple[str, ...]


@pytest.fixture(scope="module")
def context() -> Iterator[ForkServerContext]:
    """Processes that start at once."""
    with forking() as found:
        yield found


@pytest.fixture(scope="module")
def scene(tiny_folder: Path) -> Path:
    """The scene of all runs."""
    return tiny_folder


def asked(scene: Path, out: Path, chosen: Recipe = TINY) -> Settings:
    """A run of the tiny scene."""
    return Settings(variant="OPTII", recipe=chosen, data=scene, out=out)


def whole(context: ForkServerContext, settings: Settings) -> Path:
    """The folder of a run that is left alone."""
    process, _reports = started(context, settings)
    process.join()
    assert process.exitcode == 0
    (folder,) = settings.out.iterdir()
    return folder


def partial(out: Path) -> Path | None:
    """The folder of the unfinished run, if there is one."""
    return next(out.glob(".*.partial"), None)


def killed(process: BaseProcess, reports: Connection, out: Path, *, epochs: int, delay_s: float) -> Kill | None:
    """Kill a process so long after it has told so many epochs, or at once if it ends before by itself."""
    stage, told = "", -1
    until: float | None = None
    latest = time.perf_counter() + LATEST_S
    try:
        while until is None or time.perf_counter() < until:
            assert time.perf_counter() < latest
            if reports.poll(0.001 if until is None else max(0.0, until - time.perf_counter())):
                stage, _ = reports.recv()
                told += stage == "train"
                if told >= epochs and until is None:
                    until = time.perf_counter() + delay_s
    except EOFError:  # it has ended
        pass
    process.kill()
    process.join()
    if process.exitcode == 0:
        return None
    assert process.exitcode == -9
    folder = partial(out)
    if folder is None:
        return Kill(stage, 0, ())
    half = tuple(path.name for path in folder.iterdir() if path.name.startswith("."))
    return Kill(stage, epochs_in(folder / "state.safetensors"), half)


def assert_same(one: Path, other: Path) -> None:
    """The same files, of the same bytes; a figure may tell its time, so it need only be there."""
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in other.iterdir())
    for name in SAME:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("seed", [20261127])
def test_killed_at_any_moment(seed: int, context: ForkServerContext, scene: Path, tmp_path: Path) -> None:
    """Between and in epochs, while files are written, while it predicts and draws: resumed, all bits are the same.

    Two kills of five come some epochs and a random time later, one before a random dealing with any file, one before a
    random dealing with the training's state, one in the middle of writing such a state, or the checkpoint.
    """
    expected = whole(context, asked(scene, tmp_path / "alone"))
    draw = random.Random(seed)
    kills: list[Kill] = []
    finished = 0
    while len(kills) < KILLS or partial(tmp_path / f"{finished}"):
        settings = asked(scene, tmp_path / f"{finished}")
        settings.out.mkdir(exist_ok=True)
        folder = partial(settings.out)
        name = folder if folder and (folder / "config.json").is_file() else None  # killed before it was recorded
        files = ("", draw.randint(1, 90)), ("state.safetensors", draw.randint(1, 12)), (HALF, draw.randint(1, 6))
        killing = (None, None, *files)[len(kills) % 5]
        enough = len(kills) >= KILLS
        process, reports = started(context, settings, name, killing=None if enough else killing)
        epochs, delay_s = NEVER if enough or killing else draw.randint(0, 6), draw.random() * 0.2
        if kill := killed(process, reports, settings.out, epochs=epochs, delay_s=delay_s):
            kills.append(kill)
            print(len(kills), killing or "by time", kill)  # noqa: T201 (shown where the test fails)
        if not (done := next(settings.out.glob("[!.]*"), None)):
            continue
        if kill:  # as it appeared
            with pytest.raises(SettingError, match="is finished, nothing is left to resume"):
                unfinished(Path(done.name), settings.out)
        assert_same(expected, done)
        finished += 1
    assert finished >= 2
    assert len({kill.epochs for kill in kills} & set(range(1, EPOCHS))) >= 4
    assert any(kill.epochs == EPOCHS for kill in kills)
    assert any("state.safetensors" in name for kill in kills for name in kill.half)
    assert any(kill.stage == "train" and not kill.half for kill in kills)
