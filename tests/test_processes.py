"""Processes that torchrun starts train as one: the same weights, no patch twice, on from any number of processes."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from port.bands import variant_bands
from port.blocks import BlockDataset
from port.conditions import threads_for
from port.dataset import SentinelPatchDataset
from port.patches import patch_grid
from port.processes import Processes, joined_processes
from port.recipes import recipe
from port.scenes import Scene
from port.shares import Shares
from port.stacks import BandStack

ROOT = Path(__file__).parents[1]
EPOCHS = 10
"""Of 45 patches in batches of 8: 60 updates."""


def command(out: Path, folder: Path, *words: str, processes: int = 1) -> list[str]:
    """The words that train on a scene by so many processes of one thread each."""
    train = ["train", "--data", str(folder), "--variant", "OPTII", "--precision", "float64", "--epochs", str(EPOCHS)]
    return started_by(processes, *train, "--threads", "1", "--out", str(out), *words)


def started_by(processes: int, *words: str) -> list[str]:
    """A command of the port, by so many processes."""
    start = [] if processes == 1 else ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [sys.executable, *start, "-m", "port", *words]


def done(words: Sequence[str]) -> str:
    """What a command says, once it has ended well."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=600
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout + ended.stderr


def assert_same(one: Path, other: Path) -> None:
    """Weights and velocities that two folders' only runs end with agree to 1e-12 of each tensor's maximum."""
    first, second = (load_file(next(out.glob("*/checkpoint.safetensors"))) for out in (one, other))
    assert first.keys() == second.keys()
    assert len(first) == 12
    for name, value in first.items():
        assert (second[name] - value).abs().max() <= 1e-12 * value.abs().max(), name


@pytest.fixture(scope="module")
def alone(synthetic_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the run of one process."""
    out = tmp_path_factory.mktemp("alone")
    done(command(out, synthetic_folder))
    return out


def test_two_processes_give_the_weights_of_one(alone: Path, synthetic_folder: Path, tmp_path: Path) -> None:
    """60 updates in float64; one run's folder, told once."""
    said = done(command(tmp_path, synthetic_folder, processes=2))
    assert_same(alone, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert said.count("checkpoint.safetensors") == 1


def test_blocks_are_shared_out_too(synthetic_folder: Path, tmp_path: Path) -> None:
    """Three processes, in whose batches of two or three blocks some have nothing left to do."""
    folders = [tmp_path / f"{count}" for count in (1, 3)]
    for count, out in zip((1, 3), folders, strict=True):
        done(command(out, synthetic_folder, "--batching", "blocks", processes=count))
    assert_same(*folders)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_training_goes_on_by_another_number_of_processes(
    before: int, after: int, alone: Path, synthetic_folder: Path, tmp_path: Path
) -> None:
    """Killed once some epochs are kept, resumed it ends in the same weights, and its losses are all there.

    The threads of all processes together are as many as before.
    """
    killed_when(command(tmp_path, synthetic_folder, processes=before), tmp_path)
    (partial,) = tmp_path.iterdir()
    said = done(started_by(after, "train", "--resume", str(partial)))
    assert re.search(rf"training goes on after epoch \d+ of {EPOCHS}\n", said)
    assert f"processes {before} then, {after} now" in said
    assert ("threads 1 then, 2 now" in said) is (after < before)
    assert_same(alone, tmp_path)
    (run,) = tmp_path.iterdir()
    assert len((run / "loss.csv").read_text().splitlines()) == EPOCHS + 1


@pytest.mark.parametrize(
    ("recorded", "count", "threads"),
    [({"threads": 16, "processes": 1}, 16, 1), ({"threads": 1, "processes": 4}, 2, 2), ({"threads": 3}, 2, 1)],
    ids=["spread", "gathered", "processes not told"],
)
def test_other_processes_share_the_threads_out(recorded: dict[str, int], count: int, threads: int) -> None:
    """As many in all as before, whole ones, at least one each; a record without processes is of one."""
    assert threads_for(recorded, count) == threads


def test_one_s_error_is_told_once(synthetic_folder: Path, tmp_path: Path) -> None:
    """What the first process is refused ends the others too, and none of them calls it a mistake of the program."""
    words = command(tmp_path, synthetic_folder, "--test-region", "0:8,0:8", processes=2)
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=600)
    assert ended.returncode == 1  # torchrun's own
    assert re.search(r"^error: region 0:8,0:8 lies within 8 px", ended.stderr, re.MULTILINE), ended.stderr
    assert ended.stderr.count("error: process 1 of 2 has lost another") <= 1  # torchrun may end it before it says so
    assert "mistake of the program" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def killed_when(words: Sequence[str], out: Path) -> None:
    """Start a command, and end all of its processes at once when a training's state is there."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = subprocess.Popen(words, cwd=ROOT, env=environment, **silent)
    try:
        while not list(out.glob(".*.partial/state.safetensors")):
            assert started.poll() is None
            time.sleep(0.002)
    finally:
        for process in told(str(out)):
            os.kill(process, signal.SIGKILL)
        started.wait()


def told(word: str) -> list[int]:
    """The processes among whose words this is: torchrun, and those that it started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            if word.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("batching", ["patches", "blocks"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_meet_nowhere(
    batching: str, count: int, synthetic_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each patch of a batch is asked for by one process alone, but for those that have no weight in their share."""
    chosen = recipe(batch_size=16, precision="float64", batching=batching)
    with BandStack(synthetic_scene) as stack:
        patches = patch_grid(synthetic_scene.shape, side_px=33, stride_px=8, origin_px=0)[:90]
        dataset = SentinelPatchDataset(stack, patches, bands=variant_bands("SAR"), recipe=chosen, border_px=8)
        whole = BlockDataset(dataset) if batching == "blocks" else dataset
        asked: list[list[int]] = []
        batch = whole.batch
        monkeypatch.setattr(whole, "batch", lambda items: asked.append([int(item) for item in items]) or batch(items))
        shares = [list(Shares(whole, Processes(rank, count)).batches(4)) for rank in range(count)]
        batches = [items.tolist() for items in whole.batch_items(4)]
    of = [asked[rank * len(batches) : (rank + 1) * len(batches)] for rank in range(count)]
    for number, items in enumerate(batches):
        parts = [share[number].weights.sum().item() for share in shares]
        assert abs(sum(parts) - count) < 1e-12
        given = [item for rank in range(count) if parts[rank] for item in of[rank][number]]
        assert given == items
        assert all(of[rank][number] == items[:1] for rank in range(count) if not parts[rank])
        assert len({share[number].patches for share in shares}) == 1
    assert sum(share.patches for share in shares[0]) == 90


def test_without_torchrun_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It computes on the processor, wraps nothing, and means are the value."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    network = torch.nn.Linear(1, 1)
    with joined_processes() as processes:
        assert processes == Processes()
        assert processes.joined(network) is network
        assert processes.mean(0.25) == 0.25
        assert processes.told("word") == "word"
        assert processes.device == torch.device("cpu")
